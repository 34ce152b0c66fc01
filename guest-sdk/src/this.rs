//! An actor's state, shared by its handlers.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// The actor's state, for methods that wait or stream: `async fn fetch(this: This<Self>, …)`.
///
/// Cheap to clone. While a handler waits others run, so the state is only lent for the time of one closure, and
/// whatever was read before an `.await` may have changed after it.
pub struct This<A> {
    state: Rc<RefCell<A>>,
}

impl<A> This<A> {
    pub(crate) fn new(state: A) -> Self {
        Self { state: Rc::new(RefCell::new(state)) }
    }

    /// Lends the state to `work`: one step, which no other handler sees in between.
    ///
    /// # Panics
    ///
    /// When called within the `work` of another `with` of the same actor: pass on the `&mut` that it was given.
    #[track_caller]
    pub fn with<R>(&self, work: impl FnOnce(&mut A) -> R) -> R {
        let mut state = self.state.try_borrow_mut().expect(
            "`This::with` inside another `with` of the same actor: pass on the `&mut` you were given",
        );
        work(&mut state)
    }
}

impl<A> Clone for This<A> {
    fn clone(&self) -> Self {
        Self { state: Rc::clone(&self.state) }
    }
}

impl<A: fmt::Debug> fmt::Debug for This<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("This").field(&self.state).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_state() {
        let this = This::new(1);
        let other = this.clone();
        this.with(|value| *value += 1);
        assert_eq!(other.with(|value| *value), 2);
    }

    #[test]
    #[should_panic(expected = "`This::with` inside another `with`")]
    fn a_second_loan_inside_the_first_panics_in_plain_words() {
        let this = This::new(1);
        this.with(|_| this.with(|_| ()));
    }
}
