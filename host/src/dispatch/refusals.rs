//! Whether a life is refused memory again and again, and gets on with nothing.
//!
//! A guest whose growth is refused mostly traps. One whose language makes an exception of it goes on, and may fail at every
//! message from then on: its memory does not shrink. So the host ends a life that is refused [`IN_A_ROW_MAX`] times in a
//! row what a new life would be granted: that is all that its end can mend. Others do not come here, such as what is more
//! than any life of the actor may have, or than its neighbours leave it. The row ends with a success:
//!
//! | success | which is |
//! |---|---|
//! | memory that was granted | a growth of any size, also where the guest asked for more before |
//! | work that needed none | a handler or a draw, from whose begin to whose end nothing was refused, however it ended |
//! | work that was done | a handler that returned what it was asked for, or that it is the caller's fault; a draw with items |
//!
//! So a guest may ask for too much and be content with less, may make room and try again, and may work on with the memory
//! that it has.

/// At how many refusals in a row a life ends. A guest that halves what it asks for, from the 4 GiB of an address space down
/// to a page, is refused 16 times; this is twice that. With more, a guest that is full fails at more messages first.
pub(crate) const IN_A_ROW_MAX: u32 = 32;

/// The refusals of one life.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Of the whole life. It wraps around: what is compared is near.
    total: u32,
    /// Since the last success.
    in_a_row: u32,
}

/// How many refusals there were when a piece of work began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Before(u32);

impl Refusals {
    /// To be kept by a piece of work that begins.
    pub(super) fn before(&self) -> Before {
        Before(self.total)
    }

    /// A piece of work has ended, and whether the guest got on with it.
    pub(super) fn ended(&mut self, before: Before, was_done: bool) {
        if was_done || before == self.before() {
            self.in_a_row = 0;
        }
    }

    /// Memory was granted.
    pub(super) fn granted(&mut self) {
        self.in_a_row = 0;
    }

    /// Memory was refused. Returns whether that was once too often.
    pub(super) fn refused(&mut self) -> bool {
        self.total = self.total.wrapping_add(1);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.in_a_row >= IN_A_ROW_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many refusals it takes now.
    fn left(refusals: &mut Refusals) -> u32 {
        (1..).find(|_| refusals.refused()).unwrap()
    }

    fn refused(times: u32) -> Refusals {
        let mut refusals = Refusals::default();
        assert!((0..times).all(|_| !refusals.refused()));
        refusals
    }

    #[test]
    fn the_thirty_second_refusal_in_a_row_is_one_too_many() {
        assert_eq!(left(&mut Refusals::default()), 32);
        let mut refusals = refused(IN_A_ROW_MAX - 1);
        assert!(refusals.refused() && refusals.refused(), "and so is each that follows");
    }

    #[test]
    fn memory_that_is_granted_ends_the_row() {
        let mut refusals = refused(IN_A_ROW_MAX - 1);
        refusals.granted();
        assert_eq!(left(&mut refusals), IN_A_ROW_MAX);
    }

    #[test]
    fn work_that_was_refused_nothing_ends_the_row_and_work_that_was_does_not() {
        let mut refusals = refused(1);
        let (within, before) = (refusals.before(), refusals.before());
        refusals.refused();
        refusals.ended(within, false);
        let after = refusals.before();
        refusals.ended(before, false);
        assert_eq!(left(&mut refusals), IN_A_ROW_MAX - 2, "two were in the row");
        refusals.ended(after, false);
        assert!(refusals.refused(), "it saw those, too");
        let clean = refusals.before();
        refusals.ended(clean, false);
        assert_eq!(left(&mut refusals), IN_A_ROW_MAX);
    }

    #[test]
    fn work_that_was_done_ends_the_row_whatever_it_was_refused_meanwhile() {
        let mut refusals = Refusals::default();
        let before = refusals.before();
        assert_eq!(left(&mut refusals), IN_A_ROW_MAX);
        refusals.ended(before, true);
        assert_eq!(left(&mut refusals), IN_A_ROW_MAX);
    }

    #[test]
    fn the_count_of_a_long_life_wraps_around() {
        let mut refusals = Refusals { total: u32::MAX, in_a_row: 0 };
        let before = refusals.before();
        assert!(!refusals.refused());
        refusals.ended(before, false);
        assert_eq!(left(&mut refusals), IN_A_ROW_MAX - 1);
    }
}
