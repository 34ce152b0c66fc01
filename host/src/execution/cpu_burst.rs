//! How long a life computes without a break.
//!
//! A break is the end of a piece of work, or a wait. A preemption is no break: the guest goes on afterwards. So a burst
//! may last for many turns, and its length is what `handler_max_cpu` bounds.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::id::CallId;
use crate::observe::nanos;

/// What one life has computed since its last break.
/// Written by whoever polls the life, one at a time: the lock of the cell orders them, so that relaxed accesses do.
#[derive(Debug, Default)]
pub(super) struct CpuBurst {
    nanos: AtomicU64,
    /// Whether the life gave up its thread in the midst of its computing.
    preempted: AtomicBool,
    /// Whether there was a break since the life got its turn.
    had_break: AtomicBool,
    /// The last call that was begun since the last break; 0 for none.
    begun: AtomicU64,
}

impl CpuBurst {
    /// The life was preempted: it does not wait.
    pub(super) fn preempted(&self) {
        self.preempted.store(true, Ordering::Relaxed);
    }

    /// The life gets its turn.
    pub(super) fn begin_turn(&self) {
        self.had_break.store(false, Ordering::Relaxed);
    }

    /// A piece of work ended, or a new life begins.
    pub(super) fn broken(&self) {
        self.had_break.store(true, Ordering::Relaxed);
        self.nanos.store(0, Ordering::Relaxed);
        self.begun.store(CallId::NONE.0, Ordering::Relaxed);
    }

    /// A call was begun.
    pub(super) fn begin(&self, call: CallId) {
        self.begun.store(call.0, Ordering::Relaxed);
    }

    /// The call that was begun since the last break, if any.
    pub(super) fn begun(&self) -> CallId {
        CallId(self.begun.load(Ordering::Relaxed))
    }

    /// Ends a turn in which the life `computed`. Returns how long it has computed without a break if it was preempted, and
    /// none if it waits.
    pub(super) fn yielded(&self, computed: Duration) -> Option<Duration> {
        if !self.preempted.load(Ordering::Relaxed) {
            self.broken();
            return None;
        }
        self.preempted.store(false, Ordering::Relaxed);
        // What came before a break in this turn is no part of it; how much that was is not known.
        let counts = !self.had_break.load(Ordering::Relaxed);
        let computed = if counts { nanos(computed) } else { 0 };
        // A load and a store do: only whoever polls the life adds.
        let nanos = self.nanos.load(Ordering::Relaxed).saturating_add(computed);
        self.nanos.store(nanos, Ordering::Relaxed);
        Some(Duration::from_nanos(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_add_up_until_the_life_waits_or_ends_its_work() {
        let (burst, slice) = (CpuBurst::default(), Duration::from_millis(1));
        let preempted = || {
            burst.begin_turn();
            burst.preempted();
            burst.yielded(slice)
        };
        assert_eq!([preempted(), preempted()], [Some(slice), Some(slice * 2)]);
        assert_eq!(burst.yielded(slice), None);
        assert_eq!(preempted(), Some(slice));
        burst.broken();
        assert_eq!(preempted(), Some(slice));
        burst.begin_turn();
        burst.broken();
        burst.preempted();
        assert_eq!(burst.yielded(slice), Some(Duration::ZERO), "work ended in this turn");
    }
}
