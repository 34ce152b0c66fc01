//! What the handlers wait for: the host gives each wait a number, and says with the work that it is over.
//!
//! | event | the wait |
//! |---|---|
//! | begun | is known here |
//! | `ended` | wakes who polled it last |
//! | polled after that | takes its result, and is forgotten |
//! | dropped before that | is given up, and forgotten |
//! | `ended` after that | was on its way: nothing |

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::bindings::waits;

thread_local! {
    /// At most 65,536, which the host sees to.
    static OPEN: RefCell<BTreeMap<u64, State>> = const { RefCell::new(BTreeMap::new()) };
}

enum State {
    /// Nobody has polled it yet.
    Begun,
    Watched(Waker),
    Ended,
}

/// A wait that has begun. Dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Wait<T> {
    id: u64,
    /// Takes its result from the host, once.
    take: fn(u64) -> T,
    give_up: fn(u64),
    is_over: bool,
}

impl<T> Wait<T> {
    /// The wait that the host calls `id`, and whose result comes from `take`.
    pub(crate) fn new(id: u64, take: fn(u64) -> T) -> Self {
        Self::given_up_by(id, take, waits::give_up)
    }

    fn given_up_by(id: u64, take: fn(u64) -> T, give_up: fn(u64)) -> Self {
        OPEN.with_borrow_mut(|open| open.insert(id, State::Begun));
        Self { id, take, give_up, is_over: false }
    }
}

impl<T> Future for Wait<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // Wakers are cloned and dropped outside of the table: they may be those of others, whose code may come back here.
        let watched = State::Watched(cx.waker().clone());
        let before = OPEN.with_borrow_mut(|open| {
            let state = open.get_mut(&self.id).expect("a wait that is over is not polled");
            if let State::Ended = state {
                open.remove(&self.id)
            } else {
                Some(std::mem::replace(state, watched))
            }
        });
        if !matches!(before, Some(State::Ended)) {
            return Poll::Pending;
        }
        self.is_over = true;
        Poll::Ready((self.take)(self.id))
    }
}

impl<T> Drop for Wait<T> {
    fn drop(&mut self) {
        if !self.is_over {
            OPEN.with_borrow_mut(|open| open.remove(&self.id));
            (self.give_up)(self.id);
        }
    }
}

/// The host says that a wait is over.
pub(crate) fn ended(id: u64) {
    let known = OPEN.with_borrow_mut(|open| {
        let state = open.get_mut(&id)?;
        Some(std::mem::replace(state, State::Ended))
    });
    if let Some(State::Watched(waker)) = known {
        waker.wake();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    thread_local! {
        static GIVEN_UP: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    }

    /// A wait of which no host knows. Its result is its number.
    pub(crate) fn wait(id: u64) -> Wait<u64> {
        Wait::given_up_by(id, |id| id, |id| GIVEN_UP.with_borrow_mut(|given_up| given_up.push(id)))
    }

    /// Those that were given up until now.
    pub(crate) fn given_up() -> Vec<u64> {
        GIVEN_UP.take()
    }

    fn poll(wait: &mut Wait<u64>) -> Poll<u64> {
        Pin::new(wait).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_wait_is_over_once_the_host_says_so() {
        let (mut first, mut second) = (wait(1), wait(2));
        assert!(poll(&mut first).is_pending());
        ended(2);
        assert!(poll(&mut first).is_pending());
        assert_eq!(poll(&mut second), Poll::Ready(2));
        ended(1);
        assert_eq!(poll(&mut first), Poll::Ready(1));
        drop((first, second));
        assert!(given_up().is_empty());
        OPEN.with_borrow(|open| assert!(open.is_empty()));
    }

    #[test]
    fn a_wait_or_its_result_that_nobody_wants_any_more_is_given_up() {
        let (mut first, second) = (wait(1), wait(2));
        assert!(poll(&mut first).is_pending());
        drop(first);
        ended(2);
        drop(second);
        assert_eq!(given_up(), [1, 2]);
        // It was on its way.
        ended(1);
        OPEN.with_borrow(|open| assert!(open.is_empty()));
    }
}
