//! A stream whose items may have to be waited for.
//!
//! Whatever such a stream waits for (a sleep, an ask) is bound to the task of the component model in which it
//! was last polled, and that task does not end before it. Were a stream polled by the draws themselves, a draw
//! that looks whether one more item is ready would leave its task behind. So each stream has one task that
//! polls it from its opening to its end, its [`Pump`], and a draw only states its demand and waits.
//!
//! | event | pump | draw |
//! |---|---|---|
//! | draw | woken: polls until the draw is full or the stream waits | waits for the first item |
//! | an item, or the end | wakes the draw | takes what there is |
//! | nobody draws | polls nothing | – |
//! | close | woken: drops the stream and ends | ends with `cancelled` |
//! | the call is cancelled | drops the stream and ends | ends with `cancelled` |
//!
//! A close does not drop the stream itself. To give up what a stream waits for may block, which the component
//! model forbids in a function that is not `async`, such as `stream-close`: the pump's task may.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures::stream::{LocalBoxStream, Stream};

use super::{Batch, at_least_one, is_exhausted};
use crate::answer::Item;
use crate::bindings::types::StreamBatch;
use crate::cancel::Cancelled;
use crate::{Call, Error};

/// How many items a stream that is taken up again skips before other handlers get a turn.
const SKIP_STEP: u64 = 1024;

/// An open stream. Clones are the same stream.
#[derive(Clone)]
pub(crate) struct WaitingStream {
    state: Rc<RefCell<State>>,
}

struct State {
    /// None while it is polled, and once the pump knows that the stream is over.
    source: Option<LocalBoxStream<'static, Item>>,
    /// How many items the reader already has.
    skip: u64,
    /// How many items the draw that waits wants at most; 0 where none waits.
    wanted: usize,
    batch: Batch,
    /// Set once the stream is over.
    end: Option<Result<(), Error>>,
    pump: Option<Waker>,
    draw: Option<Waker>,
}

impl State {
    fn wants_items(&self) -> bool {
        self.wanted > 0 && self.batch.has_room(self.wanted)
    }

    fn end(&mut self, end: Result<(), Error>) {
        self.end.get_or_insert(end);
    }
}

impl WaitingStream {
    pub(crate) fn new(source: LocalBoxStream<'static, Item>, skip: u64) -> Self {
        let state = State {
            source: Some(source),
            skip,
            wanted: 0,
            batch: Batch::default(),
            end: None,
            pump: None,
            draw: None,
        };
        Self { state: Rc::new(RefCell::new(state)) }
    }

    /// The next items: waits for the first, then takes those that are ready.
    ///
    /// # Errors
    ///
    /// What the method's own error was, or `cancelled`: the stream has ended.
    pub(crate) async fn draw(&self, max_items: u32) -> Result<StreamBatch, Error> {
        let pump = {
            let mut state = self.state.borrow_mut();
            state.wanted = at_least_one(max_items);
            state.pump.take()
        };
        if let Some(pump) = pump {
            pump.wake();
        }
        poll_fn(|cx| self.poll_draw(cx)).await
    }

    fn poll_draw(&self, cx: &mut Context<'_>) -> Poll<Result<StreamBatch, Error>> {
        let mut state = self.state.borrow_mut();
        if state.batch.items.is_empty() && state.end.is_none() {
            state.draw = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.wanted = 0;
        let items = std::mem::take(&mut state.batch).items;
        Poll::Ready(match &state.end {
            Some(Err(error)) if items.is_empty() => Err(error.clone()),
            end => Ok(StreamBatch { items, done: matches!(end, Some(Ok(()))) }),
        })
    }

    /// Ends the stream, and lets go of whoever waits for it.
    pub(crate) fn close(&self) {
        let wakers = {
            let mut state = self.state.borrow_mut();
            state.end(Err(Error::cancelled()));
            [state.pump.take(), state.draw.take()]
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

/// What one turn of the pump came to.
enum Turn {
    /// Nobody draws, or the stream is over.
    Idle,
    /// The stream waits.
    Waits,
}

/// Polls one stream from its opening to its end.
pub(crate) struct Pump {
    stream: WaitingStream,
    call: Call,
    cancelled: Cancelled,
}

impl Pump {
    pub(crate) fn new(stream: WaitingStream, call: Call, cancelled: Cancelled) -> Self {
        Self { stream, call, cancelled }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Turn {
        let state = &self.stream.state;
        let Some(mut source) = begin_turn(&mut state.borrow_mut(), cx) else { return Turn::Idle };
        let turn = self.call.scope(|| fill(state, &mut source, cx));
        state.borrow_mut().source = Some(source);
        turn
    }

    /// Drops the stream, in the call that opened it, and lets go of the draw that waits.
    fn finish(&mut self) {
        self.stream.close();
        let source = self.stream.state.borrow_mut().source.take();
        self.call.scope(|| drop(source));
    }

    fn wake_draw(&self) {
        let mut state = self.stream.state.borrow_mut();
        let draw = if state.batch.items.is_empty() { None } else { state.draw.take() };
        drop(state);
        if let Some(draw) = draw {
            draw.wake();
        }
    }
}

/// The stream, if a draw waits for it.
fn begin_turn(state: &mut State, cx: &mut Context<'_>) -> Option<LocalBoxStream<'static, Item>> {
    state.pump = Some(cx.waker().clone());
    if state.end.is_none() && state.wants_items() { state.source.take() } else { None }
}

/// Polls `source` until the draw has enough or the stream waits or is over.
fn fill(state: &RefCell<State>, source: &mut LocalBoxStream<'static, Item>, cx: &mut Context<'_>) -> Turn {
    loop {
        let polled = source.as_mut().poll_next(cx);
        let mut state = state.borrow_mut();
        match polled {
            Poll::Pending => return Turn::Waits,
            Poll::Ready(None) => state.end(Ok(())),
            Poll::Ready(Some(Err(error))) => state.end(Err(error)),
            Poll::Ready(Some(Ok(_))) if state.skip > 0 => {
                state.skip -= 1;
                if state.skip > 0 && state.skip.is_multiple_of(SKIP_STEP) {
                    cx.waker().wake_by_ref();
                    return Turn::Waits;
                }
            }
            Poll::Ready(Some(Ok(item))) => {
                state.batch.push(item);
                if is_exhausted(source.size_hint()) {
                    state.end(Ok(()));
                }
            }
        }
        if state.end.is_some() || !state.wants_items() {
            return Turn::Idle;
        }
    }
}

impl Future for Pump {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if matches!(self.turn(cx), Turn::Waits) {
            self.cancelled.watch();
        }
        self.wake_draw();
        let is_over = self.stream.state.borrow().end.is_some();
        if is_over || self.cancelled.poll(cx).is_ready() {
            self.finish();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::channel::mpsc;
    use futures::stream::StreamExt;

    use super::*;
    use crate::IntoPayload;
    use crate::call::tests::call;

    /// A stream, its pump, and what feeds it.
    struct Setup {
        stream: WaitingStream,
        pump: Pin<Box<Pump>>,
        feed: mpsc::UnboundedSender<Result<i64, Error>>,
        is_dropped: Rc<Cell<bool>>,
    }

    struct SetOnDrop(Rc<Cell<bool>>);

    impl Drop for SetOnDrop {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }

    fn setup(skip: u64, cancelled: Cancelled) -> Setup {
        let (feed, items) = mpsc::unbounded();
        let is_dropped = Rc::new(Cell::new(false));
        let guard = SetOnDrop(Rc::clone(&is_dropped));
        let source = items.map(move |item: Result<i64, Error>| {
            let _ = &guard;
            item?.into_payload()
        });
        let stream = WaitingStream::new(source.boxed_local(), skip);
        let pump = Box::pin(Pump::new(stream.clone(), call(1), cancelled));
        Setup { stream, pump, feed, is_dropped }
    }

    fn never() -> Cancelled {
        Cancelled::new(1, |_, _| ())
    }

    fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    impl Setup {
        fn send(&self, items: impl IntoIterator<Item = i64>) {
            items.into_iter().for_each(|item| self.feed.unbounded_send(Ok(item)).unwrap());
        }

        /// Lets pump and draw run until neither gets any further.
        fn draw(&mut self, max: u32) -> Poll<Result<(Vec<i64>, bool), Error>> {
            let stream = self.stream.clone();
            let mut draw = Box::pin(stream.draw(max));
            let drawn = match poll(&mut draw) {
                Poll::Pending => {
                    let _ = poll(&mut self.pump);
                    poll(&mut draw)
                }
                ready => ready,
            };
            drawn.map_ok(|batch| {
                let items = batch.items.iter().map(|item| serde_json::from_slice(&item.body).unwrap());
                (items.collect(), batch.done)
            })
        }
    }

    #[test]
    fn a_draw_takes_what_is_ready_up_to_its_maximum() {
        let mut setup = setup(0, never());
        setup.send(1..=5);
        assert_eq!(setup.draw(3), Poll::Ready(Ok((vec![1, 2, 3], false))));
        assert_eq!(setup.draw(3), Poll::Ready(Ok((vec![4, 5], false))));
        assert_eq!(setup.draw(3), Poll::Pending);
    }

    #[test]
    fn nothing_is_made_before_it_is_asked_for() {
        let mut setup = setup(0, never());
        setup.send([1, 2]);
        assert!(poll(&mut setup.pump).is_pending());
        assert!(setup.stream.state.borrow().batch.items.is_empty());
    }

    #[test]
    fn the_end_comes_with_or_after_the_last_items_and_drops_the_stream() {
        let mut setup = setup(0, never());
        setup.send([1]);
        setup.feed.close_channel();
        assert_eq!(setup.draw(3), Poll::Ready(Ok((vec![1], true))));
        assert!(setup.is_dropped.get());
    }

    #[test]
    fn items_before_an_error_are_handed_over_first() {
        let mut setup = setup(0, never());
        setup.send([1]);
        setup.feed.unbounded_send(Err(Error::business(409, "changed"))).unwrap();
        assert_eq!(setup.draw(3), Poll::Ready(Ok((vec![1], false))));
        assert_eq!(setup.draw(3), Poll::Ready(Err(Error::business(409, "changed"))));
    }

    #[test]
    fn a_close_ends_the_waiting_draw_and_the_pump_drops_the_stream() {
        let mut setup = setup(0, never());
        let stream = setup.stream.clone();
        let mut draw = Box::pin(stream.draw(1));
        assert!(poll(&mut draw).is_pending());
        assert!(poll(&mut setup.pump).is_pending());
        setup.stream.close();
        assert_eq!(poll(&mut draw).map_ok(|_| ()), Poll::Ready(Err(Error::cancelled())));
        assert!(poll(&mut setup.pump).is_ready());
        assert!(setup.is_dropped.get());
    }

    #[test]
    fn a_cancelled_call_ends_its_stream_once_that_waits() {
        let mut setup = setup(0, Cancelled::new(1, |_, word| word.give()));
        setup.send([1]);
        assert_eq!(setup.draw(1), Poll::Ready(Ok((vec![1], false))));
        assert_eq!(setup.draw(1), Poll::Ready(Err(Error::cancelled())));
        assert!(setup.is_dropped.get());
    }

    #[test]
    fn a_stream_taken_up_again_skips_what_the_reader_has() {
        let mut setup = setup(3, never());
        setup.send(1..=5);
        assert_eq!(setup.draw(9), Poll::Ready(Ok((vec![4, 5], false))));
    }

    #[test]
    fn a_long_skip_gives_others_a_turn() {
        let mut setup = setup(SKIP_STEP + 1, never());
        let last = i64::try_from(SKIP_STEP).unwrap() + 2;
        setup.send(1..=last);
        assert_eq!(setup.draw(1), Poll::Pending);
        assert_eq!(setup.draw(1), Poll::Ready(Ok((vec![last], false))));
    }
}
