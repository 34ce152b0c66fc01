//! Tells that a guest handles one after another, without a call of the host between them: it counts in its memory when it goes
//! on to the next.
//!
//! What the guest may do wrong is to go on to more than it was given, which ends its life; to go on from what it has not done
//! concerns nobody else.
//!
//! Rows grow while they are short and whole, and begin anew after one that was not: what goes before messages (a stop, a stream) waits for
//! the whole row.

use std::time::Duration;

use tokio::time::Instant;
use wasmtime::component::WasmList;

use crate::dispatch::Ahead;

/// How long a row may take for the next one to be longer: so little that nobody notices it (as of an inline run).
const SHORT: Duration = Duration::from_micros(100);

/// The most tells of a row beside the first: a portion.
const MORE_MAX: usize = 63;

/// The rows of one life.
pub(super) struct Rows {
    /// Where the guest counts, once it has said so.
    counter: Option<WasmList<u8>>,
    /// What the counter said when it was last read.
    counted: u32,
    /// How many tells of the row have not begun. 0 also while there is no row.
    left: usize,
    /// How many tells the next row has beside the first.
    more_max: usize,
    /// When the row was handed out.
    since: Option<Instant>,
}

impl Rows {
    pub(super) const fn new() -> Self {
        Self { counter: None, counted: 0, left: 0, more_max: 1, since: None }
    }

    /// Takes note of where the guest counts, and what is there now.
    ///
    /// # Errors
    ///
    /// A trap, in the midst of a row.
    pub(super) fn count_in(&mut self, counter: WasmList<u8>, counted: u32) -> wasmtime::Result<()> {
        if self.left > 0 {
            wasmtime::bail!("it offered another counter in the midst of a row");
        }
        (self.counter, self.counted) = (Some(counter), counted);
        Ok(())
    }

    /// Makes a row of what is ahead of a tell that has begun. Returns how many tells of that it has; 0 for no row.
    pub(super) fn begin(&mut self, ahead: &[Ahead]) -> usize {
        if self.counter.is_none() {
            return 0;
        }
        let more = ahead.iter().take(self.more_max).take_while(|ahead| !ahead.is_ask).count();
        if more > 0 {
            self.left = more;
            self.since = Some(Instant::now());
        }
        more
    }

    /// Where the guest counts, while it may go on to another tell.
    pub(super) fn counter(&self) -> Option<&WasmList<u8>> {
        self.counter.as_ref().filter(|_| self.left > 0)
    }

    /// The counter says this before the guest is given its row: what it has counted since the last one was nothing.
    pub(super) fn count_from(&mut self, counted: u32) {
        self.counted = counted;
    }

    /// The counter says this now. Returns how many tells the guest has gone on to since it was last read.
    ///
    /// # Errors
    ///
    /// A trap, where these are more than there were.
    pub(super) fn gone_on(&mut self, counted: u32) -> wasmtime::Result<usize> {
        let more = counted.wrapping_sub(self.counted);
        let left = usize::try_from(more).ok().and_then(|more| self.left.checked_sub(more));
        let Some(left) = left else {
            wasmtime::bail!("it went on to {more} more tells of a row, and was given {}", self.left);
        };
        self.counted = counted;
        Ok(std::mem::replace(&mut self.left, left) - left)
    }

    /// There is no row any more.
    pub(super) fn end(&mut self) {
        let is_whole = std::mem::take(&mut self.left) == 0;
        if let Some(since) = self.since.take() {
            let is_short = is_whole && since.elapsed() <= SHORT;
            self.more_max = if is_short { (2 * self.more_max).min(MORE_MAX) } else { 1 };
        }
    }
}
