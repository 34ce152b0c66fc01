//! What a resident guest whose handlers overlap waits for.
//!
//! A wait has a number. It is polled with the life, and once it is over, the life is told; then the guest takes its result.
//! Sleeps are many and alike: they share one timer. Bounded: [`WAITS_MAX`] waits, and results that nobody has taken count
//! against the budget that the guest's messages do. Waits that were given up are let go of with the next poll: [`HELD_MAX`].

use std::collections::BTreeSet;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{AbortHandle, Abortable, BoxFuture};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use rustc_hash::FxHashMap;
use tokio::time::{Instant, Sleep};

use super::bindings::http_types::{Error as HttpError, ResponseHead};
use super::bindings::types::{CallError, Payload, RuntimeError};
use super::limiter::WAIT_BYTES;
use super::peer_streams::Source;
use crate::budget::{Budget, Held};
use crate::stream::Batch;
use crate::wire;

/// How many waits a guest has open at once, those included whose results it has not taken. More is a trap.
const WAITS_MAX: usize = 65_536;

/// How many waits the host holds at once, those included that were given up since it last looked at them.
const HELD_MAX: usize = 2 * WAITS_MAX;

/// How many waits a life is told of at once.
const TOLD_MAX: usize = 4_096;

/// About how many bytes of results a life is told of at once.
const KEPT_AT_ONCE_BYTES: usize = 1 << 20;

/// What came of a wait.
pub(super) enum Ended {
    Asked(Result<Payload, CallError>),
    Told(Result<(), RuntimeError>),
    Opened(Result<Source, wire::CallError>),
    /// And of which stream.
    Drawn(u64, Result<Batch, wire::CallError>),
    Written(Result<(), HttpError>),
    Responded(Result<ResponseHead, HttpError>),
    Read(Result<Option<Vec<u8>>, HttpError>),
}

/// The waits that have ended.
#[derive(Default)]
pub(super) struct Ends {
    /// Their numbers.
    pub(super) waits: Vec<u64>,
    /// Whether one of them took a while: what the guest computed before was not without a break.
    pub(super) waited: bool,
}

/// What a guest waits for.
pub(super) struct PendingWaits {
    open: FxHashMap<u64, Open>,
    running: FuturesUnordered<Abortable<BoxFuture<'static, (u64, Ended)>>>,
    sleeping: BTreeSet<(Instant, u64)>,
    /// For the first of them.
    alarm: Option<Pin<Box<Sleep>>>,
    next: u64,
    /// Waits that have ended, and of which the life is yet to be told.
    untold: Vec<u64>,
    /// For results that nobody has taken.
    budget: Budget,
}

enum Open {
    Running(AbortHandle),
    Sleeping {
        /// Without end where there is no such time.
        until: Option<Instant>,
        /// It takes no time: others get a turn, but it is no wait of the guest's.
        is_none: bool,
    },
    /// With what it takes of the budget until it is taken.
    Over(Ended, Held),
    /// Its result was more than the guest may leave with the host.
    Lost,
}

impl PendingWaits {
    pub(super) fn new(budget: Budget) -> Self {
        Self {
            open: FxHashMap::default(),
            running: FuturesUnordered::new(),
            sleeping: BTreeSet::new(),
            alarm: None,
            next: 1,
            untold: Vec::new(),
            budget,
        }
    }

    /// Begins to wait for `work`.
    ///
    /// # Errors
    ///
    /// A trap, where the guest waits for too much.
    pub(super) fn begin(
        &mut self,
        work: impl Future<Output = Ended> + Send + 'static,
    ) -> wasmtime::Result<u64> {
        let wait = self.number()?;
        let mut work: BoxFuture<'static, _> = Box::pin(async move { (wait, work.await) });
        // Now, so that what it sends takes its place in line before what the guest sends next. Nobody is to be woken: it is
        // polled again.
        if let Some((_, ended)) = (&mut work).now_or_never() {
            self.keep(wait, ended);
            self.untold.push(wait);
            return Ok(wait);
        }
        let (handle, registration) = AbortHandle::new_pair();
        self.running.push(Abortable::new(work, registration));
        self.open.insert(wait, Open::Running(handle));
        Ok(wait)
    }

    /// Begins to sleep.
    ///
    /// # Errors
    ///
    /// A trap, where the guest waits for too much.
    pub(super) fn sleep(&mut self, duration: Duration) -> wasmtime::Result<u64> {
        let wait = self.number()?;
        let until = Instant::now().checked_add(duration);
        self.sleeping.extend(until.map(|until| (until, wait)));
        self.open.insert(wait, Open::Sleeping { until, is_none: duration.is_zero() });
        Ok(wait)
    }

    /// About how much the host keeps for all of them, but for results.
    pub(super) fn kept_bytes(&self) -> usize {
        /// A row of a table, and one of the sleeps in their order.
        const ROW_BYTES: usize = 256;
        self.running
            .len()
            .saturating_mul(WAIT_BYTES)
            .saturating_add(self.open.len().saturating_mul(ROW_BYTES))
    }

    fn number(&mut self) -> wasmtime::Result<u64> {
        if self.open.len() >= WAITS_MAX {
            wasmtime::bail!("it waits for {WAITS_MAX} things already");
        }
        // What is given up goes when it is polled, which a guest that never calls `next` puts off.
        if self.running.len() + self.untold.len() >= HELD_MAX {
            wasmtime::bail!("it has given up too much without calling `next`");
        }
        let wait = self.next;
        self.next += 1;
        Ok(wait)
    }

    /// Takes the result of a wait that is over; none where the host could not keep it.
    ///
    /// # Errors
    ///
    /// A trap, where there is none.
    pub(super) fn take(&mut self, wait: u64) -> wasmtime::Result<Option<Ended>> {
        match self.open.remove(&wait) {
            Some(Open::Over(ended, _held)) => Ok(Some(ended)),
            Some(Open::Lost) => Ok(None),
            Some(Open::Running(_) | Open::Sleeping { .. }) | None => {
                wasmtime::bail!("there is no result of a wait {wait}")
            }
        }
    }

    /// Gives a wait up, or its result.
    pub(super) fn give_up(&mut self, wait: u64) {
        match self.open.remove(&wait) {
            Some(Open::Running(handle)) => handle.abort(),
            Some(Open::Sleeping { until: Some(until), .. }) => drop(self.sleeping.remove(&(until, wait))),
            Some(Open::Sleeping { until: None, .. } | Open::Over(..) | Open::Lost) | None => {}
        }
    }

    /// The waits that have ended since this was last called.
    pub(super) fn poll_ended(&mut self, context: &mut Context<'_>) -> Ends {
        let mut ended = std::mem::take(&mut self.untold);
        let at_once = ended.len();
        let kept_before = self.budget.used();
        while ended.len() < TOLD_MAX
            // What is large comes a little at a time, so that the guest can take it before there is too much.
            && self.budget.used() <= kept_before.saturating_add(KEPT_AT_ONCE_BYTES)
            && let Poll::Ready(Some(end)) = self.running.poll_next_unpin(context)
        {
            // What was given up brings nothing.
            if let Ok((wait, end)) = end
                && self.open.contains_key(&wait)
            {
                self.keep(wait, end);
                ended.push(wait);
            }
        }
        let mut waited = ended.len() > at_once;
        waited |= self.poll_sleeping(context, &mut ended);
        Ends { waits: ended, waited }
    }

    /// Something else came first: [`Self::poll_ended`] is to name these again.
    pub(super) fn tell_again(&mut self, ended: &[u64]) {
        self.untold.extend_from_slice(ended);
    }

    fn keep(&mut self, wait: u64, ended: Ended) {
        let kept = match self.budget.take(ended.kept_bytes()) {
            Some(held) => Open::Over(ended, held),
            None => Open::Lost,
        };
        self.open.insert(wait, kept);
    }

    /// Returns whether a sleep that took a while is over.
    fn poll_sleeping(&mut self, context: &mut Context<'_>, ended: &mut Vec<u64>) -> bool {
        while let Some((first, _)) = self.sleeping.first().copied() {
            let slept = self.wake_until(Instant::now(), ended);
            if !ended.is_empty() {
                return slept;
            }
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(first)));
            if alarm.deadline() != first {
                alarm.as_mut().reset(first);
            }
            if alarm.as_mut().poll(context).is_pending() {
                return false;
            }
        }
        false
    }

    fn wake_until(&mut self, now: Instant, ended: &mut Vec<u64>) -> bool {
        let mut slept = false;
        while ended.len() < TOLD_MAX
            && let Some((_, wait)) = self.sleeping.first().copied().filter(|(until, _)| *until <= now)
        {
            self.sleeping.pop_first();
            slept |= !matches!(self.open.remove(&wait), Some(Open::Sleeping { is_none: true, .. }));
            ended.push(wait);
        }
        slept
    }
}

impl Ended {
    /// About what the host keeps for it.
    fn kept_bytes(&self) -> usize {
        /// A row of a table, and what errors say.
        const EACH: usize = 256;
        let bytes = match self {
            Self::Asked(Ok(payload)) => payload.body.len(),
            Self::Drawn(_, Ok(batch)) => batch.items.iter().map(|item| item.payload.kept_bytes()).sum(),
            Self::Read(Ok(Some(piece))) => piece.len(),
            Self::Responded(Ok(head)) => {
                head.headers.iter().map(|header| header.name.len() + header.value.len()).sum()
            }
            Self::Asked(Err(error)) => error_bytes(error),
            Self::Opened(Err(error)) | Self::Drawn(_, Err(error)) => error.text_bytes(),
            Self::Told(_)
            | Self::Opened(Ok(_))
            | Self::Written(_)
            | Self::Responded(Err(_))
            | Self::Read(Ok(None) | Err(_)) => 0,
        };
        EACH + bytes
    }
}

/// The texts of an actor, which may be as long as a message.
fn error_bytes(error: &CallError) -> usize {
    use super::bindings::types::ActorError;
    match error {
        CallError::Actor(ActorError::Business(error)) => {
            error.message.len() + error.details.as_ref().map_or(0, String::len)
        }
        CallError::Actor(ActorError::System(error)) => error.message.len(),
        CallError::Actor(ActorError::Timeout(error)) => error.operation.len(),
        CallError::Actor(ActorError::Unsupported(error)) => {
            error.operation.len() + error.nearest.as_ref().map_or(0, String::len)
        }
        CallError::Actor(ActorError::Cancelled) => 0,
        CallError::Runtime(error) => error.message.len(),
    }
}
