//! What a life may do in one poll.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How many pieces of work are begun in a turn of their owner, before others get theirs.
const PORTION: u32 = 64;

/// Who polls a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PolledBy {
    /// Its owner: a portion of the work that waits is begun.
    Owner,
    /// A caller who wants one message handled: its own.
    Caller,
}

/// One poll of a life. Written by whoever polls, one at a time: the lock of the cell orders them, so that relaxed
/// accesses do.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Whether no work was taken yet.
    fresh: AtomicBool,
    /// How many pieces of work may still be begun.
    left: AtomicU32,
    inline: AtomicBool,
}

impl Turn {
    pub(super) fn begin(&self, polled_by: PolledBy) {
        let is_inline = polled_by == PolledBy::Caller;
        self.fresh.store(true, Ordering::Relaxed);
        self.left.store(if is_inline { 1 } else { PORTION }, Ordering::Relaxed);
        self.inline.store(is_inline, Ordering::Relaxed);
    }

    pub(super) fn work_left(&self) -> bool {
        self.left() > 0
    }

    pub(super) fn left(&self) -> u32 {
        self.left.load(Ordering::Relaxed)
    }

    pub(super) fn begin_work(&self) {
        self.left.store(self.left().saturating_sub(1), Ordering::Relaxed);
    }

    pub(super) fn is_inline(&self) -> bool {
        self.inline.load(Ordering::Relaxed)
    }

    /// Whether this is asked for the first time in this turn.
    pub(super) fn take_fresh(&self) -> bool {
        let fresh = self.fresh.load(Ordering::Relaxed);
        self.fresh.store(false, Ordering::Relaxed);
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_work_of_a_turn_has_a_slice_of_its_own() {
        let turn = Turn::default();
        turn.begin(PolledBy::Owner);
        assert_eq!([turn.take_fresh(), turn.take_fresh()], [true, false]);
        turn.begin(PolledBy::Owner);
        assert!(turn.take_fresh());
    }

    #[test]
    fn an_owner_begins_a_portion_and_a_caller_one_piece_of_work() {
        let turn = Turn::default();
        let begun_by = |polled_by| {
            turn.begin(polled_by);
            (0..).take_while(|_| turn.work_left()).inspect(|_| turn.begin_work()).count()
        };
        assert_eq!([PolledBy::Owner, PolledBy::Caller].map(begun_by), [64, 1]);
    }
}
