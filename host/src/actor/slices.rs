//! Whether an actor uses up its slices: how much of them it has taken of late.
//!
//! Of the actor, not of one life: whoever crashes does not begin anew as one that behaves.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Half of the shortest time after which a guest is preempted: less is the end of a tick that began before.
const USED_UP_MIN: Duration = Duration::from_micros(2_500);
/// How many slices an actor uses up, one within [`CALM`] of the other, before it counts as busy.
const BUSY_SLICES: u32 = 2;
/// For how long an actor uses up no slice before it behaves again.
const CALM: Duration = Duration::from_secs(1);

/// The slices that an actor used up of late.
#[derive(Debug, Default)]
pub(super) struct Slices {
    /// One within [`CALM`] of the other.
    used_up: AtomicU32,
    last: Mutex<Option<Instant>>,
    /// Whether no work was taken yet since the life was polled.
    fresh: AtomicBool,
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
        if computed < USED_UP_MIN && burst < USED_UP_MIN * 2 {
            return false;
        }
        let before = self.last().replace(now);
        let used_up = if is_calm(before, now) { 0 } else { self.used_up.load(Ordering::Relaxed) };
        self.used_up.store(used_up.saturating_add(1), Ordering::Relaxed);
        true
    }

    /// Whether the actor is one that uses up its slices. Asks for the time only where it matters.
    pub(super) fn is_busy(&self, now: impl FnOnce() -> Instant) -> bool {
        self.used_up.load(Ordering::Relaxed) >= BUSY_SLICES && !is_calm(*self.last(), now())
    }

    fn last(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_calm(last: Option<Instant>, now: Instant) -> bool {
    last.is_none_or(|last| now.duration_since(last) >= CALM)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE: Duration = Duration::from_millis(5);
    const LITTLE: Duration = Duration::from_micros(10);

    #[test]
    fn busy_is_who_uses_up_slices_one_after_the_other_until_calm_again() {
        let (slices, start) = (Slices::default(), Instant::now());
        assert!(slices.preempted(SLICE, SLICE, start));
        assert!(!slices.is_busy(|| start));
        let much_later = start + CALM;
        slices.preempted(SLICE, SLICE, much_later);
        assert!(!slices.is_busy(|| much_later));
        let soon = much_later + CALM / 2;
        slices.preempted(SLICE, SLICE, soon);
        assert!(slices.is_busy(|| soon + CALM / 2));
        assert!(!slices.is_busy(|| soon + CALM));
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
