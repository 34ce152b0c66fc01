//! How much of a thread an actor has used of late, and whether that makes it *busy*.
//!
//! Each of these makes it busy: handlers that compute for long, at once; short ones, once they have kept a core for a
//! while, also where the life waits in between; and lives that fail all the time, since their ends and beginnings take
//! the host's time. The ledger is the actor's, not that of one life: an actor that crashes does not begin anew as one
//! that behaves. Nothing here is measured; times are passed in.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::observe::nanos;

/// Half of a slice: less is the end of one that began before. Time is counted in pieces of this length.
const USED_UP_MIN: Duration = Duration::from_micros(2_500);
/// A slice: a life that computes longer without a break was preempted in the midst of a handler.
const LONG: Duration = Duration::from_millis(5);
/// How many slices in the midst of handlers, one within [`CALM`] of the other, are too many.
const LONG_MAX: u32 = 2;
/// How much time on threads is too much. Half of the time that goes by is not counted.
const SHORT_MAX: Duration = Duration::from_millis(250);
/// What a failed life is counted as: more than its end and the next one's beginning take of a thread, since what the
/// system does for them is not preempted. A hundred in a second are too many.
const FAILURE: Duration = Duration::from_millis(5);
/// For how long an actor has to behave.
pub(super) const CALM: Duration = Duration::from_secs(1);

/// For how long a turn is fair to others, whoever polls: shorter ones are not counted, since work comes in portions.
pub(super) const FAIR: Duration = Duration::from_micros(100);

/// The time on threads that an actor has used of late.
#[derive(Debug, Default)]
pub(super) struct CpuLedger {
    recent: Mutex<Recent>,
    /// Time on a thread that is not counted yet. Only whoever polls the life stores it, one at a time.
    uncounted_nanos: AtomicU64,
    /// Whether it was busy when that was last looked at.
    busy: AtomicBool,
}

#[derive(Debug, Default)]
struct Recent {
    /// Slices that ended in the midst of a handler, and when the last one did.
    long: u32,
    last_long: Option<Instant>,
    /// Time on threads, and when it was last counted.
    short: Duration,
    last_short: Option<Instant>,
    busy_until: Option<Instant>,
}

impl Recent {
    /// Counts a slice that ended in the midst of a handler. Returns whether there were too many.
    fn count_long(&mut self, now: Instant) -> bool {
        let is_near = self.last_long.replace(now).is_some_and(|last| now.duration_since(last) < CALM);
        self.long = if is_near { self.long.saturating_add(1) } else { 1 };
        self.long >= LONG_MAX
    }

    /// Counts time on a thread. Returns whether it was too much.
    fn count_short(&mut self, computed: Duration, now: Instant) -> bool {
        let gone_by = self.last_short.replace(now).map_or(Duration::ZERO, |last| now.duration_since(last));
        self.short = self.short.saturating_sub(gone_by / 2).saturating_add(computed).min(SHORT_MAX);
        self.short >= SHORT_MAX
    }

    fn is_busy(&self, now: Instant) -> bool {
        self.busy_until.is_some_and(|until| now < until)
    }
}

impl CpuLedger {
    /// Counts a turn in which the life `computed`. Where it was preempted, its `burst` has lasted that long by now. Returns
    /// whether it used up a slice.
    pub(super) fn end_turn(
        &self,
        computed: Duration,
        burst: Option<Duration>,
        now: impl FnOnce() -> Instant,
    ) -> bool {
        if computed < FAIR && burst.is_none() {
            return false;
        }
        let uncounted = Duration::from_nanos(self.uncounted_nanos.load(Ordering::Relaxed)) + computed;
        // A thread of low priority is kept waiting in the midst of a slice: there, only the sum shows.
        let is_long = burst.is_some_and(|burst| burst >= LONG);
        if uncounted < USED_UP_MIN && !is_long {
            self.uncounted_nanos.store(nanos(uncounted), Ordering::Relaxed);
            return false;
        }
        self.uncounted_nanos.store(0, Ordering::Relaxed);
        let (mut recent, now) = (self.recent(), now());
        let too_long = is_long && recent.count_long(now);
        if recent.count_short(uncounted, now) || too_long {
            recent.busy_until = Some(now + CALM);
            self.busy.store(true, Ordering::Relaxed);
        }
        is_long || (burst.is_some() && computed >= USED_UP_MIN)
    }

    /// Counts a life that failed.
    pub(super) fn failed(&self, now: Instant) {
        let mut recent = self.recent();
        if recent.count_short(FAILURE, now) {
            recent.busy_until = Some(now + CALM);
            self.busy.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the actor was busy when that was last looked at. Costs no more than a load.
    pub(super) fn may_be_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Whether the actor is busy. Asks for the time only where it matters.
    pub(super) fn is_busy(&self, now: impl FnOnce() -> Instant) -> bool {
        if !self.busy.load(Ordering::Relaxed) {
            return false;
        }
        let busy = self.recent().is_busy(now());
        self.busy.store(busy, Ordering::Relaxed);
        busy
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE: Duration = Duration::from_millis(5);
    const LITTLE: Duration = Duration::from_micros(10);

    #[test]
    fn busy_is_who_computes_for_long_until_calm_again() {
        let (ledger, start) = (CpuLedger::default(), Instant::now());
        let long = |at| ledger.end_turn(SLICE, Some(SLICE), || at);
        assert!(long(start));
        assert!(!ledger.is_busy(|| start));
        let much_later = start + CALM;
        long(much_later);
        assert!(!ledger.is_busy(|| much_later));
        let soon = much_later + CALM / 2;
        long(soon);
        assert!(ledger.is_busy(|| soon + CALM / 2));
        assert!(!ledger.is_busy(|| soon + CALM));
        long(soon + CALM);
        assert!(!ledger.is_busy(|| soon + CALM), "it begins anew");
    }

    #[test]
    fn busy_is_who_fills_a_core_with_short_handlers_for_a_while() {
        // Preempted with a handler that has just begun, or waiting after each.
        for burst in [Some(Duration::ZERO), None] {
            let turns_until_busy = |computed: Duration, every: Duration| {
                let (ledger, start) = (CpuLedger::default(), Instant::now());
                (0..10_000_u32).find(|n| {
                    ledger.end_turn(computed, burst, || start + every * *n);
                    ledger.is_busy(|| start + every * *n)
                })
            };
            assert_eq!(turns_until_busy(SLICE, SLICE), Some(98), "half of the time is forgiven");
            assert_eq!(turns_until_busy(SLICE, SLICE * 2), None);
            let brief = Duration::from_millis(1);
            assert!(
                turns_until_busy(brief, brief).is_some_and(|turns| turns < 1_000),
                "however short each is"
            );
            assert_eq!(turns_until_busy(brief, brief * 3), None);
        }
    }

    #[test]
    fn who_was_busy_and_does_a_little_now_and_then_is_so_no_more() {
        let (ledger, start) = (CpuLedger::default(), Instant::now());
        crash_often(&ledger, start);
        for n in 0..1_000 {
            ledger.end_turn(SLICE / 5, None, || start + SLICE * n);
        }
        assert!(!ledger.is_busy(|| start + CALM));
    }

    /// Until it is too often.
    fn crash_often(ledger: &CpuLedger, now: Instant) {
        (0..50).for_each(|_| ledger.failed(now));
        assert!(ledger.is_busy(|| now));
    }

    #[test]
    fn busy_is_whose_lives_fail_all_the_time() {
        let (ledger, now) = (CpuLedger::default(), Instant::now());
        ledger.failed(now);
        assert!(!ledger.is_busy(|| now), "anybody fails once");
        crash_often(&ledger, now);
        assert!(!ledger.is_busy(|| now + CALM));
        let busy_if_every = |every: Duration| {
            let ledger = CpuLedger::default();
            (0..1_000).any(|n| {
                ledger.failed(now + every * n);
                ledger.is_busy(|| now + every * n)
            })
        };
        assert!(busy_if_every(Duration::from_millis(5)));
        assert!(!busy_if_every(Duration::from_millis(10)));
    }

    #[test]
    fn the_end_of_a_tick_is_no_slice_unless_it_is_one_of_many() {
        let (ledger, now) = (CpuLedger::default(), Instant::now());
        let ends = |burst| ledger.end_turn(LITTLE, Some(burst), || now);
        assert_eq!([ends(LITTLE), ends(LITTLE * 2), ends(SLICE + LITTLE)], [false, false, true]);
    }
}
