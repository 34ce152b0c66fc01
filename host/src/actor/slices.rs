//! Whether an actor uses up its slices: how much of them it has taken of late.
//!
//! Each of these makes it busy: handlers that compute for long, at once; many short ones, one after the other, once
//! they have kept a core for a while; and lives that fail, since their ends and beginnings take the host's time. Of
//! the actor, not of one life: whoever crashes does not begin anew as one that
//! behaves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Half of a slice: less is the end of one that began before.
const USED_UP_MIN: Duration = Duration::from_micros(2_500);
/// A slice: who computes longer without a break has been preempted amid a handler.
const LONG: Duration = Duration::from_millis(5);
/// How many slices amid handlers, one within [`CALM`] of the other, are too many.
const LONG_MAX: u32 = 2;
/// How much time in short handlers is too much. Half of the time that goes by is not counted.
const SHORT_MAX: Duration = Duration::from_millis(250);
/// For how long an actor uses up no slice before it behaves again.
const CALM: Duration = Duration::from_secs(1);

/// The slices that an actor used up of late.
#[derive(Debug, Default)]
pub(super) struct Slices {
    recent: Mutex<Recent>,
    /// Whether it was busy when it last used up a slice.
    busy: AtomicBool,
    /// Whether no work was taken yet since the life was polled.
    fresh: AtomicBool,
}

#[derive(Debug, Default)]
struct Recent {
    /// Slices that ended amid a handler.
    long: u32,
    /// Time in slices that were filled with short handlers.
    short: Duration,
    last: Option<Instant>,
}

impl Recent {
    fn is_calm(&self, now: Instant) -> bool {
        self.last.is_none_or(|last| now.duration_since(last) >= CALM)
    }

    /// Counts a slice. Answers whether the actor is busy.
    fn count(&mut self, computed: Duration, burst: Duration, now: Instant) -> bool {
        if self.is_calm(now) {
            *self = Self::default();
        }
        let gone_by = self.last.map_or(Duration::ZERO, |last| now.duration_since(last));
        self.last = Some(now);
        self.short = self.short.saturating_sub(gone_by / 2);
        if burst >= LONG {
            self.long = self.long.saturating_add(1);
        } else {
            self.short = self.short.saturating_add(computed);
        }
        self.long >= LONG_MAX || self.short >= SHORT_MAX
    }
}

impl Slices {
    /// The life gets its turn.
    pub(super) fn begin(&self) {
        self.fresh.store(true, Ordering::Relaxed);
    }

    /// Whether this is the first work since the life got its turn.
    pub(super) fn take_fresh(&self) -> bool {
        // A life is polled by one task: nothing else stores.
        let fresh = self.fresh.load(Ordering::Relaxed);
        self.fresh.store(false, Ordering::Relaxed);
        fresh
    }

    /// The life was preempted after it `computed`, and has now computed for `burst` without a break. Answers
    /// whether it used up a slice.
    pub(super) fn preempted(&self, computed: Duration, burst: Duration, now: Instant) -> bool {
        // A thread of low priority is kept waiting amid a slice: there, only the sum shows.
        if computed < USED_UP_MIN && burst < LONG {
            return false;
        }
        let busy = self.recent().count(computed, burst, now);
        // Who was busy stays so until it is calm.
        self.busy.fetch_or(busy, Ordering::Relaxed);
        true
    }

    /// The life failed.
    pub(super) fn failed(&self, now: Instant) {
        self.recent().last = Some(now);
        self.busy.store(true, Ordering::Relaxed);
    }

    /// Whether the actor is one that uses up its slices. Asks for the time only where it matters.
    pub(super) fn is_busy(&self, now: impl FnOnce() -> Instant) -> bool {
        if !self.busy.load(Ordering::Relaxed) {
            return false;
        }
        let busy = !self.recent().is_calm(now());
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
        let (slices, start) = (Slices::default(), Instant::now());
        let long = |at| slices.preempted(SLICE, SLICE, at);
        assert!(long(start));
        assert!(!slices.is_busy(|| start));
        let much_later = start + CALM;
        long(much_later);
        assert!(!slices.is_busy(|| much_later));
        let soon = much_later + CALM / 2;
        long(soon);
        assert!(slices.is_busy(|| soon + CALM / 2));
        assert!(!slices.is_busy(|| soon + CALM));
        long(soon + CALM);
        assert!(!slices.is_busy(|| soon + CALM), "it begins anew");
    }

    #[test]
    fn busy_is_who_fills_a_core_with_short_handlers_for_a_while() {
        let slices = |every: Duration| {
            let (slices, start) = (Slices::default(), Instant::now());
            let at = |n| start + every * n;
            (0..1000).find(|n| {
                slices.preempted(SLICE, LITTLE, at(*n));
                slices.is_busy(|| at(*n))
            })
        };
        assert_eq!(slices(SLICE), Some(98), "half of the time is forgiven");
        assert_eq!(slices(SLICE * 2), None);
    }

    #[test]
    fn busy_is_whose_life_failed_a_moment_ago() {
        let (slices, now) = (Slices::default(), Instant::now());
        slices.failed(now);
        assert!(slices.is_busy(|| now));
        assert!(!slices.is_busy(|| now + CALM));
    }

    #[test]
    fn the_end_of_a_tick_is_no_slice_unless_it_is_one_of_many() {
        let (slices, now) = (Slices::default(), Instant::now());
        assert!(!slices.preempted(LITTLE, LITTLE, now));
        assert!(!slices.preempted(LITTLE, LITTLE * 2, now));
        assert!(slices.preempted(LITTLE, SLICE + LITTLE, now));
    }

    #[test]
    fn only_the_first_work_of_a_turn_has_a_slice_of_its_own() {
        let slices = Slices::default();
        slices.begin();
        assert_eq!([slices.take_fresh(), slices.take_fresh()], [true, false]);
        slices.begin();
        assert!(slices.take_fresh());
    }
}
