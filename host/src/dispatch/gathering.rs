//! Whether a life that was woken lets others go first, so that it finds their messages too.
//!
//! A life that takes several messages at once gains most where several wait. But a sender wakes it with the first one, and
//! the runtime then runs it next, before the senders that are ready to send more. So its owner goes to the end of the run
//! queue, once, before it begins the first message after a rest. Where that has brought nothing, as with a single sender
//! that waits for each answer, it is tried less and less often.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// After so many rests at the latest, it is tried again.
const PASSED_OVER_MAX: u32 = 64;

/// Written by whoever polls the life, one at a time: the lock of the cell orders them, so that relaxed accesses do.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// Whether the life takes several messages at once.
    is_wanted: AtomicBool,
    /// Whether the life had nothing to do when it last looked.
    rested: AtomicBool,
    /// Whether others were let go first, and what that brings is not known yet.
    is_tried: AtomicBool,
    /// How many rests are passed over before it is tried again.
    left: AtomicU32,
    /// How many were, the last time that it brought nothing.
    passed_over: AtomicU32,
}

impl Gathering {
    /// A life begins, which takes one message after another unless it says otherwise.
    pub(super) fn begin_life(&self) {
        self.is_wanted.store(false, Ordering::Relaxed);
    }

    /// The life takes several messages at once.
    pub(super) fn want(&self) {
        self.is_wanted.store(true, Ordering::Relaxed);
    }

    /// The life has nothing to do.
    pub(super) fn rest(&self) {
        self.rested.store(true, Ordering::Relaxed);
    }

    /// Whether others go first now. To be asked by the owner of a life, before it takes a message.
    pub(super) fn lets_others_first(&self) -> bool {
        if !self.rested.load(Ordering::Relaxed) || !self.is_wanted.load(Ordering::Relaxed) {
            return false;
        }
        self.rested.store(false, Ordering::Relaxed);
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        self.is_tried.store(left == 0, Ordering::Relaxed);
        left == 0
    }

    /// The life takes so many messages beside the first.
    pub(super) fn gathered(&self, more: usize) {
        if !self.is_tried.load(Ordering::Relaxed) {
            return;
        }
        self.is_tried.store(false, Ordering::Relaxed);
        let passed_over = self.passed_over.load(Ordering::Relaxed);
        let pass_over = if more == 0 { (2 * passed_over + 1).min(PASSED_OVER_MAX) } else { 0 };
        self.passed_over.store(pass_over, Ordering::Relaxed);
        self.left.store(pass_over, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many rests, each followed by a message and so many more, those in which others went first.
    fn tries(gathering: &Gathering, rests: u32, more: usize) -> Vec<u32> {
        let tries = (0..rests).filter(|_| {
            gathering.rest();
            let first = gathering.lets_others_first();
            assert!(!gathering.lets_others_first(), "once");
            gathering.gathered(more);
            first
        });
        tries.collect()
    }

    #[test]
    fn others_go_first_after_each_rest_where_that_brings_messages() {
        let gathering = Gathering::default();
        assert!(tries(&gathering, 3, 5).is_empty(), "nobody wants it");
        gathering.want();
        assert!(gathering.lets_others_first(), "since its last rest");
        gathering.gathered(1);
        assert_eq!(tries(&gathering, 3, 5), [0, 1, 2]);
        assert!(!gathering.lets_others_first(), "it did not rest");
        gathering.begin_life();
        assert!(tries(&gathering, 3, 5).is_empty());
    }

    #[test]
    fn where_it_brings_nothing_it_is_tried_less_and_less_often() {
        let gathering = Gathering::default();
        gathering.want();
        assert_eq!(tries(&gathering, 300, 0), [0, 2, 6, 14, 30, 62, 126, 191, 256]);
        assert!(!tries(&gathering, 65, 3).is_empty(), "and once it does, always");
        assert_eq!(tries(&gathering, 3, 3), [0, 1, 2]);
    }
}
