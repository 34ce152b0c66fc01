//! Stopping a handler that waits: its work is raced against the host's word that the call is told to stop.

use std::future::{Future, poll_fn};
use std::task::{Context, Poll};

use futures::future::LocalBoxFuture;

use crate::Error;

/// The host's word that one call is told to stop, which is not asked for before [`start`](Self::start).
pub(crate) struct Cancelled {
    call: u64,
    wait: fn(call: u64) -> LocalBoxFuture<'static, ()>,
    waiting: Option<LocalBoxFuture<'static, ()>>,
}

impl Cancelled {
    pub(crate) fn new(call: u64, wait: fn(u64) -> LocalBoxFuture<'static, ()>) -> Self {
        Self { call, wait, waiting: None }
    }

    pub(crate) fn start(&mut self) {
        self.waiting.get_or_insert_with(|| (self.wait)(self.call));
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.waiting {
            Some(waiting) => waiting.as_mut().poll(cx),
            None => Poll::Pending,
        }
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
        if let Poll::Ready(output) = std::pin::Pin::new(&mut work).poll(cx) {
            return Poll::Ready(Ok(output));
        }
        cancelled.start();
        cancelled.poll(cx).map(|()| Err(Error::cancelled()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    fn poll<T>(work: impl Future<Output = T> + Unpin, cancelled: Cancelled) -> Poll<Result<T, Error>> {
        pin!(unless_cancelled(work, cancelled)).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn work_that_is_ready_at_once_never_asks_the_host() {
        let cancelled = Cancelled::new(1, |_| unreachable!("asked the host"));
        assert_eq!(poll(std::future::ready(5), cancelled), Poll::Ready(Ok(5)));
    }

    #[test]
    fn work_that_waits_ends_with_its_call() {
        let cancelled = Cancelled::new(1, |call| {
            assert_eq!(call, 1);
            Box::pin(std::future::ready(()))
        });
        assert_eq!(poll(std::future::pending::<()>(), cancelled), Poll::Ready(Err(Error::cancelled())));
    }
}
