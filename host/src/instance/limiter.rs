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
    /// What it held when it began to take messages: what every life of the actor needs.
    at_first_bytes: usize,
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
            at_first_bytes: 0,
            counters,
            context,
            is_granted: false,
        }
    }

    /// The ceiling, if the guest ran into one: it explains the trap that mostly follows.
    pub(super) fn refused(&self) -> Option<MemoryRefused> {
        self.refused
    }

    /// The life begins to take messages: what it has taken until now, another one would take, too.
    pub(super) fn begin_work(&mut self) {
        self.at_first_bytes = self.held.bytes();
    }

    /// Takes memory that the host needs for the life, until its end.
    ///
    /// # Errors
    ///
    /// A trap, where it is over a ceiling.
    pub(super) fn keep(&mut self, bytes: usize) -> wasmtime::Result<()> {
        let kept_bytes = self.kept_bytes.saturating_add(bytes);
        if self.take(bytes).is_err() {
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

    /// Takes what a growth needs, if it may, and passes that on.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`], which traps, where the life was refused memory too often in a row.
    fn grow(&mut self, growth: &Growth) -> wasmtime::Result<bool> {
        let refused = if growth.fits() { self.take(growth.more()).err() } else { None };
        self.say();
        let is_granted = growth.fits() && refused.is_none();
        // Whether the one before has failed after all is known only now.
        if std::mem::replace(&mut self.is_granted, is_granted) {
            self.context.memory_granted();
        }
        // What the host's limit or the machine has no memory for, a new life would not get either: its neighbours have it.
        let is_by_neighbours = matches!(refused, Some(MemoryRefused::Host(_)));
        let would_fit =
            self.at_first_bytes.saturating_add(growth.more()) <= growth.maximum.min(self.max_bytes);
        if !is_granted && !is_by_neighbours && would_fit && self.context.memory_refused() {
            return Err(OutOfMemory.into());
        }
        Ok(is_granted)
    }

    fn take(&mut self, more: usize) -> Result<(), MemoryRefused> {
        let taken = if self.held.bytes().saturating_add(more) > self.max_bytes {
            Err(MemoryRefused::Own(self.max_bytes))
        } else {
            self.host.take(more).ok_or_else(|| MemoryRefused::Host(self.host.max()))
        };
        let held = taken.inspect_err(|refused| self.refused = Some(*refused))?;
        self.held.merge(held);
        Ok(())
    }

    fn say(&self) {
        self.counters.set_memory(self.held.bytes() - self.kept_bytes, self.kept_bytes);
    }

    /// A growth that was granted has failed after all, or was beyond what the kind of memory can have. What it was charged
    /// stays charged: the engine does not say which of the two it is.
    fn failed(&mut self) {
        self.is_granted = false;
    }
}

/// A wait that goes on.
pub(super) struct Waiting {
    _count: Arc<()>,
}

/// A growth of a memory or a table, in bytes.
struct Growth {
    current: usize,
    desired: usize,
    maximum: usize,
}

impl Growth {
    /// Of so many elements of this size.
    fn of(current: usize, desired: usize, maximum: Option<usize>, element_bytes: usize) -> Self {
        let bytes = |elements: usize| elements.saturating_mul(element_bytes);
        let (current, desired) = (bytes(current), bytes(desired));
        Self { current, desired, maximum: maximum.map_or(usize::MAX, bytes) }
    }

    /// Whether the guest itself allows so much: the engine asks that only after us.
    fn fits(&self) -> bool {
        self.desired <= self.maximum
    }

    fn more(&self) -> usize {
        self.desired.saturating_sub(self.current)
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(&Growth::of(current, desired, maximum, 1))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.failed();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(&Growth::of(current, desired, maximum, TABLE_ENTRY_BYTES))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.failed();
        Ok(())
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

    /// A limiter that is full, of which a new life would have half.
    fn full(host: &Budget) -> Limiter {
        let mut limiter = limiter(host, &Arc::default());
        assert!(limiter.memory_growing(0, MAX / 2, None).unwrap());
        limiter.begin_work();
        assert!(limiter.memory_growing(MAX / 2, MAX, None).unwrap());
        limiter
    }

    #[test]
    fn a_life_that_is_refused_memory_again_and_again_traps_and_one_that_gets_some_meanwhile_does_not() {
        let mut limiter = full(&Budget::new(usize::MAX));
        for granted in 1..=3 {
            for _ in 1..IN_A_ROW_MAX {
                assert!(!limiter.memory_growing(MAX, MAX + 1, None).unwrap());
            }
            assert!(limiter.memory_growing(MAX, MAX, None).unwrap(), "{granted}");
        }
        for _ in 1..IN_A_ROW_MAX {
            assert!(!limiter.table_growing(0, 1, None).unwrap());
        }
        let trap = limiter.memory_growing(0, MAX / 2, None).unwrap_err();
        assert!(trap.is::<OutOfMemory>(), "{trap:?}");
        assert_eq!(limiter.refused(), Some(MemoryRefused::Own(MAX)));
    }

    #[test]
    fn a_refusal_at_a_maximum_of_the_components_own_counts_where_a_new_life_would_have_room() {
        let mut limiter = full(&Budget::new(usize::MAX));
        for _ in 0..2 * IN_A_ROW_MAX {
            assert!(!limiter.memory_growing(0, MAX / 2, Some(1)).unwrap(), "more than any life may have");
        }
        for _ in 1..IN_A_ROW_MAX {
            assert!(!limiter.memory_growing(MAX, MAX + 1, Some(MAX)).unwrap());
        }
        assert_eq!(limiter.refused(), None, "none of the host's limits");
        let trap = limiter.table_growing(MAX, MAX + 1, Some(MAX)).unwrap_err();
        assert!(trap.is::<OutOfMemory>(), "{trap:?}");
    }

    #[test]
    fn what_a_new_life_would_not_be_granted_either_is_refused_for_ever_and_ends_nothing() {
        let host = Budget::new(MAX);
        let mut limiter = full(&host);
        for _ in 0..2 * IN_A_ROW_MAX {
            assert!(
                !limiter.memory_growing(MAX, MAX + MAX / 2 + 1, None).unwrap(),
                "more than there ever is"
            );
        }
        drop(limiter);
        let (_neighbour, mut limiter) = (full(&host), self::limiter(&host, &Arc::default()));
        for _ in 0..2 * IN_A_ROW_MAX {
            assert!(!limiter.memory_growing(0, 1, None).unwrap(), "the neighbour has all");
        }
        assert_eq!(limiter.refused(), Some(MemoryRefused::Host(MAX)));
        let mut limiter = self::limiter(&Budget::new(usize::MAX), &Arc::default());
        for _ in 0..2 * IN_A_ROW_MAX {
            // The machine: what was granted has failed.
            assert!(limiter.memory_growing(0, 1, None).unwrap());
            limiter.memory_grow_failed(wasmtime::format_err!("no address")).unwrap();
            limiter.table_grow_failed(wasmtime::format_err!("no memory")).unwrap();
        }
    }
}
