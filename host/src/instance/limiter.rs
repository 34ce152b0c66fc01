//! The ceilings of one life's memory: linear memories, tables and what the host keeps for the life, together, and with all
//! other lives of the host.

use std::sync::Arc;

use thiserror::Error;
use wasmtime::ResourceLimiter;

use crate::budget::{Budget, Held};
use crate::dispatch::LifeContext;
use crate::exit::MemoryRefused;
use crate::observe::Counters;

/// What one entry of a table takes. An engine's pointer and its share of bookkeeping.
const TABLE_ENTRY_BYTES: usize = 16;
/// What the host keeps for a call or another wait that goes on: its future, its message, its place in line. 90,000 asks of an
/// actor that does not come to them took 390 MiB.
pub(super) const WAIT_BYTES: usize = 4 << 10;
/// Memory for waits is taken so much at once, so that one more wait mostly costs no more than a comparison.
const WAITS_STEP_BYTES: usize = 64 << 10;
/// How many core instances a component is made of. Those of languages with shared libraries have some dozens.
const INSTANCES_MAX: usize = 1_000;
/// How many memories. Each takes some GiB of addresses, of which a process has 128 TiB, used or not.
const MEMORIES_MAX: usize = 16;
/// How many tables.
const TABLES_MAX: usize = 1_000;

/// The end of a life that is refused memory, and goes on as if it could do without.
#[derive(Debug, Error)]
#[error("it went on asking")]
pub(super) struct OutOfMemory;

/// Counts the memory of one life and refuses what is over a ceiling.
pub(super) struct Limiter {
    held: Held,
    /// What of it is no memory or table.
    kept_bytes: usize,
    /// What of that is for waits.
    waits_bytes: usize,
    /// A clone for each wait that goes on.
    waits: Arc<()>,
    max_bytes: usize,
    host: Budget,
    refused: Option<MemoryRefused>,
    counters: Arc<Counters>,
    context: LifeContext,
    /// Whether the last growth was granted, and has not failed since.
    is_granted: bool,
}

impl Limiter {
    /// The ceiling of one life's own limit, under that of the `host`.
    pub(super) fn new(host: Budget, counters: Arc<Counters>, context: LifeContext) -> Self {
        Self {
            held: host.nothing(),
            kept_bytes: 0,
            waits_bytes: 0,
            waits: Arc::default(),
            max_bytes: context.limits().memory_max_bytes(),
            host,
            refused: None,
            counters,
            context,
            is_granted: false,
        }
    }

    /// The ceiling, if the guest ran into one: it explains the trap that mostly follows.
    pub(super) fn refused(&self) -> Option<MemoryRefused> {
        self.refused
    }

    /// Takes memory that the host needs for the life, until its end.
    ///
    /// # Errors
    ///
    /// A trap, where it is over a ceiling.
    pub(super) fn keep(&mut self, bytes: usize) -> wasmtime::Result<()> {
        let kept_bytes = self.kept_bytes.saturating_add(bytes);
        if !self.take(bytes) {
            wasmtime::bail!("the host needs {kept_bytes} bytes for it beside its memory");
        }
        self.kept_bytes = kept_bytes;
        self.say();
        Ok(())
    }

    /// Counts one more wait, until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// As of [`Self::keep`].
    pub(super) fn begin_wait(&mut self) -> wasmtime::Result<Waiting> {
        let waiting = Waiting { _count: Arc::clone(&self.waits) };
        self.keep_for_waits((Arc::strong_count(&self.waits) - 1).saturating_mul(WAIT_BYTES))?;
        Ok(waiting)
    }

    /// Sees to it that there is memory for waits that take so many bytes. What is taken for them stays so until the life ends,
    /// as its own memory does: the most that there were at once.
    ///
    /// # Errors
    ///
    /// As of [`Self::keep`].
    pub(super) fn keep_for_waits(&mut self, bytes: usize) -> wasmtime::Result<()> {
        if bytes <= self.waits_bytes {
            return Ok(());
        }
        let more = (bytes - self.waits_bytes).next_multiple_of(WAITS_STEP_BYTES);
        self.keep(more)?;
        self.waits_bytes += more;
        Ok(())
    }

    /// Takes what a growth needs, if it may.
    fn charge(&mut self, current_bytes: usize, desired_bytes: usize) -> bool {
        let may_grow = self.take(desired_bytes.saturating_sub(current_bytes));
        self.say();
        may_grow
    }

    fn take(&mut self, more: usize) -> bool {
        if self.held.bytes().saturating_add(more) > self.max_bytes {
            self.refused = Some(MemoryRefused::Own(self.max_bytes));
            return false;
        }
        let Some(held) = self.host.take(more) else {
            self.refused = Some(MemoryRefused::Host(self.host.max()));
            return false;
        };
        self.held.merge(held);
        true
    }

    fn say(&self) {
        self.counters.set_memory(self.held.bytes() - self.kept_bytes, self.kept_bytes);
    }

    /// Passes on whether a growth is granted.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`], which traps, where the life was refused memory too often in a row.
    fn decided(&mut self, granted: bool) -> wasmtime::Result<bool> {
        // Whether the one before has failed after all is known only now.
        if std::mem::replace(&mut self.is_granted, granted) {
            self.context.memory_granted();
        }
        if granted { Ok(true) } else { self.count_refusal().map(|()| false) }
    }

    /// A growth that was granted has failed after all, or was beyond what the kind of memory can have. What it was charged
    /// stays charged: the engine does not say which of the two it is.
    fn failed(&mut self) -> wasmtime::Result<()> {
        self.is_granted = false;
        self.count_refusal()
    }

    fn count_refusal(&self) -> wasmtime::Result<()> {
        if self.context.memory_refused() { Err(OutOfMemory.into()) } else { Ok(()) }
    }
}

/// A wait that goes on.
pub(super) struct Waiting {
    _count: Arc<()>,
}

/// Whether the guest itself allows so much: the engine asks that only after us.
fn fits(desired: usize, maximum: Option<usize>) -> bool {
    maximum.is_none_or(|maximum| desired <= maximum)
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = fits(desired, maximum) && self.charge(current, desired);
        self.decided(granted)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.failed()
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = |entries: usize| entries.saturating_mul(TABLE_ENTRY_BYTES);
        let granted = fits(desired, maximum) && self.charge(bytes(current), bytes(desired));
        self.decided(granted)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.failed()
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;
    use crate::actor::context_of_nobody;
    use crate::dispatch::IN_A_ROW_MAX;
    use crate::limits::Limits;
    use crate::wire::Lane;

    const MAX: usize = 1 << 20;

    fn limiter(host: &Budget, counters: &Arc<Counters>) -> Limiter {
        limiter_of(MAX, host, counters)
    }

    fn limiter_of(max_bytes: usize, host: &Budget, counters: &Arc<Counters>) -> Limiter {
        let limits = Limits { memory_max: ByteSize::b(max_bytes as u64), ..Limits::default() };
        let context = context_of_nobody("a".parse().unwrap(), Lane::Serial, limits, counters);
        Limiter::new(host.clone(), Arc::clone(counters), context)
    }

    #[test]
    fn memories_and_tables_share_one_ceiling() {
        let (host, counters) = (Budget::new(usize::MAX), Arc::new(Counters::default()));
        let mut limiter = limiter(&host, &counters);
        assert!(limiter.memory_growing(0, 1 << 19, None).unwrap());
        assert!(limiter.memory_growing(0, 1 << 18, None).unwrap());
        assert_eq!(limiter.refused(), None);
        assert!(!limiter.memory_growing(1 << 18, 1 << 20, None).unwrap());
        assert!(!limiter.table_growing(0, 1 << 20, None).unwrap());
        assert_eq!(limiter.refused(), Some(MemoryRefused::Own(1 << 20)));
        assert_eq!(counters.read().memory_bytes, 3 << 18);
        assert!(limiter.table_growing(0, 16, None).unwrap());
        assert!(!limiter.memory_growing(0, 2, Some(1)).unwrap(), "it would not grow, and is not charged");
        assert_eq!(counters.read().memory_bytes, (3 << 18) + 256);
    }

    #[test]
    fn what_the_host_keeps_for_a_life_is_under_the_ceiling_of_its_memory() {
        let (host, counters) = (Budget::new(1 << 20), Arc::new(Counters::default()));
        let mut limiter = limiter(&host, &counters);
        limiter.keep(1 << 18).unwrap();
        assert!(limiter.memory_growing(0, 1 << 19, None).unwrap());
        let counted = counters.read();
        assert_eq!((counted.memory_bytes, counted.overhead_bytes), (1 << 19, 1 << 18));
        assert!(!limiter.memory_growing(1 << 19, 1 << 20, None).unwrap());
        let error = limiter.keep((1 << 18) + 1).unwrap_err().to_string();
        assert_eq!(error, "the host needs 524289 bytes for it beside its memory");
        assert_eq!(limiter.refused(), Some(MemoryRefused::Own(1 << 20)));
        assert_eq!(host.used(), 3 << 18);
        drop(limiter);
        assert_eq!(host.used(), 0);
    }

    #[test]
    fn waits_take_memory_for_as_many_as_there_were_at_once() {
        let host = Budget::new(usize::MAX);
        let mut limiter = limiter_of(2 * WAITS_STEP_BYTES, &host, &Arc::default());
        let step = WAITS_STEP_BYTES / WAIT_BYTES;
        let mut waits: Vec<_> = (0..step).map(|_| limiter.begin_wait().unwrap()).collect();
        assert_eq!(host.used(), WAITS_STEP_BYTES);
        waits.pop();
        waits.push(limiter.begin_wait().unwrap());
        assert_eq!(host.used(), WAITS_STEP_BYTES);
        waits.extend((0..step).map(|_| limiter.begin_wait().unwrap()));
        assert!(limiter.begin_wait().is_err());
        assert_eq!(limiter.refused(), Some(MemoryRefused::Own(2 * WAITS_STEP_BYTES)));
        drop(waits);
        limiter.begin_wait().unwrap();
        assert_eq!(host.used(), 2 * WAITS_STEP_BYTES);
    }

    #[test]
    fn lives_share_the_ceiling_of_the_host_and_give_back_what_they_had() {
        let host = Budget::new(1 << 20);
        let limiter = || limiter(&host, &Arc::default());
        let (mut first, mut second) = (limiter(), limiter());
        assert!(first.memory_growing(0, 1 << 19, None).unwrap());
        assert!(!second.memory_growing(0, (1 << 19) + 1, None).unwrap());
        assert_eq!(second.refused(), Some(MemoryRefused::Host(1 << 20)));
        drop(first);
        assert!(second.memory_growing(0, 1 << 20, None).unwrap());
        drop(second);
        assert_eq!(host.used(), 0);
    }

    #[test]
    fn a_life_that_is_refused_memory_again_and_again_traps_and_one_that_gets_some_meanwhile_does_not() {
        let (host, counters) = (Budget::new(usize::MAX), Arc::default());
        let mut limiter = limiter(&host, &counters);
        for granted in 1..=3 {
            for _ in 1..IN_A_ROW_MAX {
                assert!(!limiter.memory_growing(0, MAX + 1, None).unwrap());
            }
            assert!(limiter.memory_growing(0, 1, None).unwrap(), "{granted} bytes");
        }
        for _ in 1..IN_A_ROW_MAX {
            assert!(!limiter.table_growing(0, MAX, None).unwrap());
        }
        let trap = limiter.memory_growing(0, MAX, None).unwrap_err();
        assert!(trap.is::<OutOfMemory>(), "{trap:?}");
        assert_eq!(limiter.refused(), Some(MemoryRefused::Own(MAX)));
    }

    #[test]
    fn a_refusal_counts_whoever_it_is_that_refuses() {
        let (host, counters) = (Budget::new(usize::MAX), Arc::default());
        let mut limiter = limiter(&host, &counters);
        for _ in 1..IN_A_ROW_MAX / 2 {
            assert!(!limiter.memory_growing(0, 2, Some(1)).unwrap(), "the guest's own maximum");
            // The machine: what was granted has failed.
            assert!(limiter.memory_growing(0, 1, None).unwrap());
            limiter.memory_grow_failed(wasmtime::format_err!("no address")).unwrap();
        }
        assert!(!limiter.table_growing(0, 2, Some(1)).unwrap());
        assert_eq!(limiter.refused(), None, "none of the host's limits");
        let trap = limiter.table_grow_failed(wasmtime::format_err!("no memory")).unwrap_err();
        assert!(trap.is::<OutOfMemory>(), "{trap:?}");
    }
}
