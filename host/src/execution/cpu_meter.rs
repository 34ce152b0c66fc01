//! How much a life computes in one turn.
//!
//! What a thread has computed is known to the system, and costs a call of it to ask. What the wall says costs little, but
//! goes on while the thread is kept waiting: by other threads, by a quota of its cgroup, by whoever stops the process. So
//! the wall is believed where a turn was short, and the thread is asked at the end of a long one. For the difference, it
//! would have to be asked at each beginning, too, since nobody knows there how long the turn will be. Instead, each thread
//! keeps the last answer that it had, and one of a moment ago does for a beginning:
//!
//! | a turn that lasts, by the wall | counts as |
//! |---|---|
//! | less than [`FAIR`] | what it lasts |
//! | [`FAIR`] or longer | what the thread computed since the answer that is kept, and no more than it lasts |
//!
//! That is never less than what the life computed. It is more by what the wall says of a short turn, hence less than
//! [`FAIR`]; and by what the thread computed between the answer and the beginning of a long one, hence less than
//! [`ANSWER_AGE_MAX`], as a thread computes no more than goes by. The system is asked once in each long turn, and at most
//! once in [`ANSWER_AGE_MAX`] besides.
//!
//! The answers are the thread's, whoever's turn it is: a caller's in an inline run, too. Where the system counts coarsely,
//! what one turn counts as is as coarse; the sum is right.

use std::cell::Cell;
use std::time::Duration;

use super::clock::{monotonic_time, thread_time};
use super::cpu_ledger::FAIR;

/// How old an answer may be for it to be taken at the beginning of a turn. A fifth of a slice: with so much more, no turn of
/// a life that waits is long. With less, more turns ask the system at their beginnings: each one of a thread that has a turn
/// now and then.
const ANSWER_AGE_MAX: Duration = Duration::from_millis(1);

thread_local! {
    /// The last answer that this thread had.
    static LAST: Cell<Option<Answer>> = const { Cell::new(None) };
}

/// What the system said a thread had computed, and when it was about to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    at: Duration,
    computed: Duration,
}

/// What a turn took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TurnTime {
    /// How long others of its thread waited for it.
    pub(super) wall: Duration,
    /// How long the life computed.
    pub(super) computed: Duration,
}

/// A turn that has begun.
#[derive(Debug, Clone, Copy)]
struct Metered {
    begun: Duration,
    before: Answer,
}

impl Metered {
    /// `last` is the last answer of this thread, and `ask` what the system answers now.
    fn begin(last: Option<Answer>, now: Duration, ask: impl FnOnce() -> Duration) -> Self {
        let recent = last.filter(|last| now.saturating_sub(last.at) < ANSWER_AGE_MAX);
        Self { begun: now, before: recent.unwrap_or_else(|| Answer { at: now, computed: ask() }) }
    }

    /// Returns the answer that the thread keeps, too.
    fn end(self, now: Duration, ask: impl FnOnce() -> Duration) -> (TurnTime, Answer) {
        let wall = now.saturating_sub(self.begun);
        if wall < FAIR {
            return (TurnTime { wall, computed: wall }, self.before);
        }
        let answer = Answer { at: now, computed: ask() };
        let computed = answer.computed.saturating_sub(self.before.computed).min(wall);
        (TurnTime { wall, computed }, answer)
    }
}

/// Meters a turn of this thread.
pub(super) fn meter<T>(turn: impl FnOnce() -> T) -> (T, TurnTime) {
    let metered = Metered::begin(LAST.get(), monotonic_time(), thread_time);
    // Kept at once, so that a turn within this one takes it as well, and nothing is lost where this one unwinds.
    LAST.set(Some(metered.before));
    let result = turn();
    let (time, answer) = metered.end(monotonic_time(), thread_time);
    LAST.set(Some(answer));
    (result, time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    /// When the turns of these tests begin, and what their thread has computed by then.
    const BEGUN: Duration = Duration::from_secs(100);
    const BEFORE: Duration = Duration::from_secs(7);

    fn not_asked() -> Duration {
        panic!("the system is asked")
    }

    /// A turn whose thread was asked `age` ago and has computed `other` since.
    fn turn(age: Duration, other: Duration, wall: Duration, computed: Duration) -> TurnTime {
        let last = Answer { at: BEGUN - age, computed: BEFORE - other };
        let metered = Metered::begin(Some(last), BEGUN, || BEFORE);
        metered.end(BEGUN + wall, || BEFORE + computed).0
    }

    #[test]
    fn a_short_turn_counts_as_what_it_lasts_and_does_not_ask_the_system() {
        let last = Answer { at: BEGUN - MS / 2, computed: BEFORE };
        let wall = FAIR - Duration::from_nanos(1);
        let metered = Metered::begin(Some(last), BEGUN, not_asked);
        let (time, kept) = metered.end(BEGUN + wall, not_asked);
        assert_eq!((time, kept), (TurnTime { wall, computed: wall }, last));
    }

    #[test]
    fn a_long_turn_counts_as_what_its_thread_computed() {
        for wall in [FAIR, MS * 5, MS * 50] {
            for computed in [Duration::ZERO, wall / 3, wall] {
                assert_eq!(turn(Duration::ZERO, Duration::ZERO, wall, computed), TurnTime { wall, computed });
            }
        }
    }

    #[test]
    fn what_the_thread_did_before_the_turn_is_less_than_the_age_of_an_answer_and_than_what_the_turn_lasts() {
        let nearly = ANSWER_AGE_MAX - Duration::from_nanos(1);
        assert_eq!(turn(nearly, nearly, MS * 50, MS).computed, MS + nearly);
        assert_eq!(turn(nearly, nearly, FAIR, FAIR / 2).computed, FAIR);
        assert_eq!(turn(ANSWER_AGE_MAX, ANSWER_AGE_MAX, MS * 50, MS).computed, MS, "it is asked again");
    }

    #[test]
    fn the_system_is_asked_again_once_the_answer_is_old() {
        let first = Metered::begin(None, BEGUN, || BEFORE).before;
        assert_eq!(first, Answer { at: BEGUN, computed: BEFORE });
        let soon = BEGUN + ANSWER_AGE_MAX - Duration::from_nanos(1);
        assert_eq!(Metered::begin(Some(first), soon, not_asked).before, first);
        let later = Metered::begin(Some(first), BEGUN + ANSWER_AGE_MAX, || BEFORE + MS).before;
        assert_eq!(later, Answer { at: BEGUN + ANSWER_AGE_MAX, computed: BEFORE + MS });
    }

    #[test]
    fn a_long_turn_leaves_its_answer_to_the_next_one() {
        let (_, kept) = Metered::begin(None, BEGUN, || BEFORE).end(BEGUN + MS * 50, || BEFORE + MS);
        assert_eq!(kept, Answer { at: BEGUN + MS * 50, computed: BEFORE + MS });
    }

    #[test]
    fn what_is_within_a_turn_is_metered_by_itself_and_as_part_of_it() {
        let compute = |time: Duration| {
            let begun = thread_time();
            while thread_time() - begun < time {}
        };
        let ((), outer) = meter(|| {
            compute(MS * 2);
            let ((), inner) = meter(|| compute(MS * 2));
            assert!(inner.computed >= MS * 2, "{inner:?}");
        });
        assert!(outer.computed >= MS * 4, "{outer:?}");
    }
}
