//! A stream whose items may have to be waited for.
//!
//! | event | the stream |
//! |---|---|
//! | draw | is polled until the draw is full or it waits; with no item yet, the draw waits with it |
//! | woken, and a draw waits | is polled on |
//! | woken, and nobody draws | nothing: the next draw polls it |
//! | close, or the call is cancelled | is dropped |

use std::task::{Context, Poll};

use futures::stream::{LocalBoxStream, Stream};

use super::{Batch, at_least_one, is_exhausted};
use crate::answer::Item;
use crate::bindings::types::StreamBatch;
use crate::{Call, Error};

/// How many items a stream that is taken up again skips before other handlers get a turn.
const SKIP_STEP: u64 = 1024;

/// An open stream. It is polled, and dropped, as a part of the call that opened it.
pub(crate) struct WaitingStream {
    /// None once it is dropped.
    source: Option<LocalBoxStream<'static, Item>>,
    call: Call,
    /// How many items the reader already has.
    skip: u64,
    /// What ends the stream at the next draw, because the items before it had to be handed over first.
    failed: Option<Error>,
}

impl WaitingStream {
    pub(crate) fn new(source: LocalBoxStream<'static, Item>, call: Call, skip: u64) -> Self {
        Self { source: Some(source), call, skip, failed: None }
    }

    /// The next items: waits for the first, then takes those that are ready. Whoever stops polling this has lost
    /// nothing.
    ///
    /// # Errors
    ///
    /// What the method's own error was: the stream has ended.
    pub(crate) fn poll_draw(
        &mut self,
        max_items: u32,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StreamBatch, Error>> {
        let Self { source, call, skip, failed } = self;
        if let Some(error) = failed.take() {
            return Poll::Ready(Err(error));
        }
        let Some(open) = source else { return Poll::Ready(Err(Error::cancelled())) };
        let drawn = call.scope(|| poll(open, skip, failed, at_least_one(max_items), cx));
        if failed.is_some() {
            // It ends here, and not when the reader comes for the error.
            call.scope(|| *source = None);
        }
        drawn
    }
}

impl Drop for WaitingStream {
    fn drop(&mut self) {
        let Self { source, call, .. } = self;
        call.scope(|| *source = None);
    }
}

fn poll(
    source: &mut LocalBoxStream<'static, Item>,
    skip: &mut u64,
    failed: &mut Option<Error>,
    max: usize,
    cx: &mut Context<'_>,
) -> Poll<Result<StreamBatch, Error>> {
    let mut batch = Batch::default();
    let mut done = false;
    while !done && batch.has_room(max) {
        match source.as_mut().poll_next(cx) {
            Poll::Pending if batch.items.is_empty() => return Poll::Pending,
            Poll::Pending => break,
            Poll::Ready(None) => done = true,
            Poll::Ready(Some(Err(error))) if batch.items.is_empty() => return Poll::Ready(Err(error)),
            Poll::Ready(Some(Err(error))) => {
                *failed = Some(error);
                break;
            }
            Poll::Ready(Some(Ok(_))) if *skip > 0 => {
                *skip -= 1;
                if *skip > 0 && skip.is_multiple_of(SKIP_STEP) {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            Poll::Ready(Some(Ok(item))) => {
                batch.push(item);
                done = is_exhausted(source.size_hint());
            }
        }
    }
    Poll::Ready(Ok(StreamBatch { items: batch.items, done }))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::task::Waker;

    use futures::channel::mpsc;
    use futures::stream::StreamExt;

    use super::*;
    use crate::IntoPayload;
    use crate::call::tests::call;

    /// A stream, and what feeds it.
    struct Setup {
        stream: WaitingStream,
        feed: mpsc::UnboundedSender<Result<i64, Error>>,
        /// The call within which the stream was dropped.
        dropped_in: Rc<Cell<Option<u64>>>,
    }

    struct NoteDrop(Rc<Cell<Option<u64>>>);

    impl Drop for NoteDrop {
        fn drop(&mut self) {
            self.0.set(Some(Call::current_id()));
        }
    }

    fn setup(skip: u64) -> Setup {
        let (feed, items) = mpsc::unbounded();
        let dropped_in = Rc::new(Cell::new(None));
        let guard = NoteDrop(Rc::clone(&dropped_in));
        let source = items.map(move |item: Result<i64, Error>| {
            let _ = &guard;
            assert_eq!(Call::current_id(), 1);
            item?.into_payload()
        });
        Setup { stream: WaitingStream::new(source.boxed_local(), call(1), skip), feed, dropped_in }
    }

    impl Setup {
        fn send(&self, items: impl IntoIterator<Item = i64>) {
            items.into_iter().for_each(|item| self.feed.unbounded_send(Ok(item)).unwrap());
        }

        fn draw(&mut self, max: u32) -> Poll<Result<(Vec<i64>, bool), Error>> {
            let drawn = self.stream.poll_draw(max, &mut Context::from_waker(Waker::noop()));
            drawn.map_ok(|batch| {
                let items = batch.items.iter().map(|item| serde_json::from_slice(&item.body).unwrap());
                (items.collect(), batch.done)
            })
        }
    }

    #[test]
    fn a_draw_takes_what_is_ready_up_to_its_maximum() {
        let mut setup = setup(0);
        setup.send(1..=5);
        assert_eq!(setup.draw(3), Poll::Ready(Ok((vec![1, 2, 3], false))));
        assert_eq!(setup.draw(3), Poll::Ready(Ok((vec![4, 5], false))));
        assert_eq!(setup.draw(3), Poll::Pending);
        setup.send([6]);
        assert_eq!(setup.draw(3), Poll::Ready(Ok((vec![6], false))));
    }

    #[test]
    fn a_draw_stops_once_it_is_large() {
        let item = "x".repeat(super::super::BATCH_BYTES / 2);
        let items = futures::stream::iter((0..9).map(move |_| item.as_str().into_payload()));
        let mut stream = WaitingStream::new(items.boxed_local(), call(1), 0);
        let Poll::Ready(drawn) = stream.poll_draw(9, &mut Context::from_waker(Waker::noop())) else {
            unreachable!("it waits")
        };
        assert_eq!(drawn.unwrap().items.len(), 2);
    }

    #[test]
    fn the_end_comes_with_the_last_items_or_after_them() {
        let mut first = setup(0);
        first.send([1]);
        first.feed.close_channel();
        assert_eq!(first.draw(3), Poll::Ready(Ok((vec![1], true))));
        let mut second = setup(0);
        second.send([1]);
        assert_eq!(second.draw(3), Poll::Ready(Ok((vec![1], false))));
        second.feed.close_channel();
        assert_eq!(second.draw(3), Poll::Ready(Ok((vec![], true))));
    }

    #[test]
    fn items_before_an_error_are_handed_over_first() {
        let mut setup = setup(0);
        setup.send([1]);
        setup.feed.unbounded_send(Err(Error::business(409, "changed"))).unwrap();
        assert_eq!(setup.draw(3), Poll::Ready(Ok((vec![1], false))));
        assert_eq!(setup.draw(3), Poll::Ready(Err(Error::business(409, "changed"))));
    }

    #[test]
    fn a_stream_is_dropped_within_its_call() {
        let Setup { stream, dropped_in, .. } = setup(0);
        drop(stream);
        assert_eq!(dropped_in.get(), Some(1));
    }

    #[test]
    fn a_stream_taken_up_again_skips_what_the_reader_has() {
        let mut setup = setup(3);
        setup.send(1..=5);
        assert_eq!(setup.draw(9), Poll::Ready(Ok((vec![4, 5], false))));
    }

    #[test]
    fn a_long_skip_gives_others_a_turn() {
        let mut setup = setup(SKIP_STEP + 1);
        let last = i64::try_from(SKIP_STEP).unwrap() + 2;
        setup.send(1..=last);
        assert_eq!(setup.draw(1), Poll::Pending);
        assert_eq!(setup.draw(1), Poll::Ready(Ok((vec![last], false))));
    }
}
