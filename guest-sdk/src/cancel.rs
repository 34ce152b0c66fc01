//! Stopping a handler that waits: its work is raced against the host's word that the call is told to stop.
//!
//! The host gives its word once, also when the call has simply ended. So whoever waits for it may outlive the
//! handler and is never given up: to give up an import blocks the whole actor for a moment, which a thousand
//! handlers that end together would notice.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::Error;

/// Whether one call is told to stop. The host is not asked before [`watch`](Self::watch).
pub(crate) struct Cancelled {
    call: u64,
    /// Waits for the host's word, in the background.
    ask_host: fn(call: u64, word: Word),
    word: Option<Word>,
}

/// The host's word, where it will be found.
#[derive(Clone, Default)]
pub(crate) struct Word {
    state: Rc<WordState>,
}

#[derive(Default)]
struct WordState {
    is_given: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Word {
    pub(crate) fn give(&self) {
        self.state.is_given.set(true);
        if let Some(waiting) = self.state.waiting.take() {
            waiting.wake();
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.state.is_given.get() {
            return Poll::Ready(());
        }
        self.state.waiting.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Cancelled {
    pub(crate) fn new(call: u64, ask_host: fn(u64, Word)) -> Self {
        Self { call, ask_host, word: None }
    }

    /// Asks the host, if that has not been done.
    pub(crate) fn watch(&mut self) {
        if self.word.is_none() {
            let word = Word::default();
            (self.ask_host)(self.call, word.clone());
            self.word = Some(word);
        }
    }

    /// Ready once the call is told to stop, as far as that is watched.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.word.as_ref().map_or(Poll::Pending, |word| word.poll(cx))
    }
}

/// Runs `work` to its end, or until its call is told to stop: then `work` is dropped where it waits.
///
/// Work that is ready at once costs the host nothing.
///
/// # Errors
///
/// `cancelled`.
pub(crate) async fn unless_cancelled<W: Future + Unpin>(
    mut work: W,
    mut cancelled: Cancelled,
) -> Result<W::Output, Error> {
    poll_fn(move |cx| {
        if let Poll::Ready(output) = Pin::new(&mut work).poll(cx) {
            return Poll::Ready(Ok(output));
        }
        cancelled.watch();
        cancelled.poll(cx).map(|()| Err(Error::cancelled()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn poll<T>(work: impl Future<Output = T> + Unpin, cancelled: Cancelled) -> Poll<Result<T, Error>> {
        pin!(unless_cancelled(work, cancelled)).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn work_that_is_ready_at_once_never_asks_the_host() {
        let cancelled = Cancelled::new(1, |_, _| unreachable!("asked the host"));
        assert_eq!(poll(std::future::ready(5), cancelled), Poll::Ready(Ok(5)));
    }

    #[test]
    fn work_that_waits_ends_with_its_call() {
        let cancelled = Cancelled::new(1, |call, word| {
            assert_eq!(call, 1);
            word.give();
        });
        assert_eq!(poll(std::future::pending::<()>(), cancelled), Poll::Ready(Err(Error::cancelled())));
    }

    #[test]
    fn the_word_wakes_who_waits_for_it() {
        let (waker, word) = (futures::task::noop_waker(), Word::default());
        assert!(word.poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(word.state.waiting.borrow().as_ref().is_some_and(|waiting| waiting.will_wake(&waker)));
        word.give();
        assert!(word.poll(&mut Context::from_waker(&waker)).is_ready());
    }
}
