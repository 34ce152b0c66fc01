//! How much one cause may have logged: so many bytes a second, and as many at once. Pure: time is an argument.

use std::time::{Duration, Instant};

/// How often it is said what was left out.
const SAID_EVERY: Duration = Duration::from_secs(1);

/// What of the allowance may be used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// All of it.
    Whole,
    /// The last quarter of what there is at once is for others.
    ThreeQuarters,
}

/// What one cause may have logged. In any time it is no more than `bytes_a_second` of it, and once as many, and one line
/// that says what was left out.
#[derive(Debug)]
pub(super) struct Allowance {
    bytes_a_second: usize,
    left: usize,
    /// What was charged without being there.
    debt: usize,
    at: Instant,
    left_out: u64,
    said_at: Instant,
}

impl Allowance {
    pub(super) fn new(bytes_a_second: usize, now: Instant) -> Self {
        Self { bytes_a_second, left: bytes_a_second, debt: 0, at: now, left_out: 0, said_at: now }
    }

    /// Whether a line of so many bytes can be had.
    pub(super) fn has_room(&mut self, bytes: usize, share: Share, now: Instant) -> bool {
        self.earn(now);
        let kept = match share {
            Share::Whole => 0,
            Share::ThreeQuarters => self.bytes_a_second / 4,
        };
        self.debt == 0 && self.left.checked_sub(bytes).is_some_and(|left| left >= kept)
    }

    /// Takes a line's bytes, where they are there.
    pub(super) fn take(&mut self, bytes: usize, share: Share, now: Instant) -> bool {
        let has_room = self.has_room(bytes, share, now);
        if has_room {
            self.left -= bytes;
        }
        has_room
    }

    /// Counts a line that could not be had.
    pub(super) fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// How many lines were left out, where it is time to say so.
    pub(super) fn due(&mut self, now: Instant) -> u64 {
        if now.duration_since(self.said_at) < SAID_EVERY { 0 } else { self.left_out(now) }
    }

    /// How many lines were left out since that was said last.
    pub(super) fn left_out(&mut self, now: Instant) -> u64 {
        self.said_at = now;
        std::mem::take(&mut self.left_out)
    }

    /// Takes bytes that are logged whether they are there or not.
    pub(super) fn charge(&mut self, bytes: usize) {
        let paid = bytes.min(self.left);
        self.left -= paid;
        self.debt = self.debt.saturating_add(bytes - paid);
    }

    fn earn(&mut self, now: Instant) {
        let millis = usize::try_from(now.duration_since(self.at).as_millis()).unwrap_or(usize::MAX);
        let earned = self.bytes_a_second.saturating_mul(millis) / 1000;
        if earned > 0 {
            let paid = earned.min(self.debt);
            self.debt -= paid;
            self.left = self.left.saturating_add(earned - paid).min(self.bytes_a_second);
            self.at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_over_the_allowance_are_left_out_and_counted() {
        let now = Instant::now();
        let mut allowance = Allowance::new(100, now);
        assert!(allowance.take(60, Share::Whole, now));
        for _ in 0..2 {
            assert!(!allowance.take(60, Share::Whole, now));
            allowance.leave_out();
        }
        let later = now + Duration::from_millis(500);
        assert!(allowance.take(60, Share::Whole, later));
        assert_eq!(allowance.due(later), 0, "it is not said more often than once a second");
        assert!(!allowance.take(60, Share::Whole, later));
        allowance.leave_out();
        let much_later = now + Duration::from_secs(3600);
        assert!(allowance.take(100, Share::Whole, much_later), "no more is saved up than a second's");
        assert_eq!(allowance.due(much_later), 3);
        assert!(!allowance.take(1, Share::Whole, much_later));
        assert_eq!(allowance.left_out(much_later), 0);
    }

    #[test]
    fn what_floods_leaves_a_quarter_to_others() {
        let now = Instant::now();
        let mut allowance = Allowance::new(100, now);
        while allowance.take(10, Share::ThreeQuarters, now) {}
        assert!(allowance.take(20, Share::Whole, now));
        assert!(!allowance.take(20, Share::Whole, now));
    }

    #[test]
    fn what_is_said_anyway_is_paid_for_later() {
        let now = Instant::now();
        let mut allowance = Allowance::new(100, now);
        allowance.charge(150);
        let later = now + Duration::from_millis(500);
        assert!(!allowance.take(1, Share::Whole, later));
        assert!(allowance.take(10, Share::Whole, later + Duration::from_millis(100)));
    }
}
