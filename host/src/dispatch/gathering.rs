//! Whether a life that was woken lets others go first, so that it finds their messages too.
//!
//! A life that takes several messages at once gains most where several wait. But a sender wakes it with the first one, and
//! the runtime then runs it next, before the senders that are ready to send more. So its owner goes to the end of the run
//! queue, once, before it begins the first message after a rest. Where that has brought little, as with a single sender
//! that waits for each answer, it is tried less and less often.
//!
//! A caller that could run the idle life itself leaves its message to the owner for the same reason, where the owner was
//! polled on the caller's own thread: to wake it costs little there, and it comes after the callers that are ready. On
//! another thread, it would cost more than is gained.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// After so many rests at the latest, it is tried again.
const PASSED_OVER_MAX: u32 = 64;

/// So many messages beside the first make up for a change of tasks. A task that waits for many answers at once sends a
/// few messages in each of its turns (four, with `FuturesUnordered`): for so few it does not.
const WORTH_IT: usize = 7;

thread_local! {
    /// Its address stands for the thread.
    static THREAD: u8 = const { 0 };
}

/// Written by whoever polls the life, one at a time: the lock of the cell orders them, so that relaxed accesses do. Callers
/// read what may be a moment old: it decides who polls the life, not whether somebody does.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// The thread on which the owner was last polled; 0 for none.
    owners_thread: AtomicUsize,
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

    /// Whether a caller leaves its message to the owner, though it could run the life itself.
    pub(super) fn is_left_to_owner(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
            && self.is_wanted.load(Ordering::Relaxed)
            && self.owners_thread.load(Ordering::Relaxed) == this_thread()
    }

    /// A caller runs the life itself.
    pub(super) fn run_by_caller(&self) {
        let _is_due = self.end_rest();
    }

    /// Whether others go first now. To be asked by the owner of a life, before it takes a message.
    pub(super) fn lets_others_first(&self) -> bool {
        self.owners_thread.store(this_thread(), Ordering::Relaxed);
        if !self.is_wanted.load(Ordering::Relaxed) {
            return false;
        }
        let Some(is_tried) = self.end_rest() else { return false };
        self.is_tried.store(is_tried, Ordering::Relaxed);
        is_tried
    }

    /// Ends a rest, if there was one. Returns whether others may go first after it: whether it is passed over no more.
    fn end_rest(&self) -> Option<bool> {
        if !self.rested.load(Ordering::Relaxed) {
            return None;
        }
        self.rested.store(false, Ordering::Relaxed);
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        Some(left == 0)
    }

    /// The life takes so many messages beside the first.
    pub(super) fn gathered(&self, more: usize) {
        if !self.is_tried.load(Ordering::Relaxed) {
            return;
        }
        self.is_tried.store(false, Ordering::Relaxed);
        let passed_over = self.passed_over.load(Ordering::Relaxed);
        let pass_over = if more < WORTH_IT { (2 * passed_over + 1).min(PASSED_OVER_MAX) } else { 0 };
        self.passed_over.store(pass_over, Ordering::Relaxed);
        self.left.store(pass_over, Ordering::Relaxed);
    }
}

fn this_thread() -> usize {
    THREAD.with(|thread| std::ptr::from_ref(thread).addr())
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
        assert!(tries(&gathering, 3, 7).is_empty(), "nobody wants it");
        gathering.want();
        assert!(gathering.lets_others_first(), "since its last rest");
        gathering.gathered(7);
        assert_eq!(tries(&gathering, 3, 7), [0, 1, 2]);
        assert!(!gathering.lets_others_first(), "it did not rest");
        gathering.begin_life();
        assert!(tries(&gathering, 3, 7).is_empty());
    }

    #[test]
    fn a_caller_leaves_messages_to_the_owner_on_its_own_thread_where_that_brings_messages() {
        let gathering = Gathering::default();
        gathering.want();
        assert!(!gathering.is_left_to_owner(), "the owner was polled on no thread");
        assert_eq!(tries(&gathering, 1, 7), [0]);
        assert!(gathering.is_left_to_owner());
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(!gathering.is_left_to_owner()));
        });
        assert_eq!(tries(&gathering, 3, 0), [0, 2]);
        let runs = (0..9).take_while(|_| !gathering.is_left_to_owner());
        let runs = runs.inspect(|_| {
            gathering.rest();
            gathering.run_by_caller();
        });
        assert_eq!(runs.count(), 3, "and tries again, less and less often, where it does not");
    }

    #[test]
    fn where_it_brings_little_it_is_tried_less_and_less_often() {
        let gathering = Gathering::default();
        gathering.want();
        assert_eq!(tries(&gathering, 300, 6), [0, 2, 6, 14, 30, 62, 126, 191, 256]);
        assert!(!tries(&gathering, 65, 7).is_empty(), "and once it does, always");
        assert_eq!(tries(&gathering, 3, 7), [0, 1, 2]);
    }
}
