//! The buffer between the producer of a stream and its reader.
//!
//! One producer (an actor's life, whoever polls it), one reader. Bounded by its capacity in items; each item is bounded by
//! the actor's `message_max`. The producer asks its guest for more only while there is room, so back-pressure
//! reaches the guest. Items are numbered here, from 1 or from where the reader takes the stream up again,
//! without gaps.
//!
//! | state | reader gets | producer |
//! |---|---|---|
//! | open, items | the oldest item | fills while there is room |
//! | open, empty | waits | is asked for more |
//! | ended, items | the oldest item | done |
//! | ended, empty | the error once if there is one, then the end | done |
//! | reader gone | – | is told by [`Producer::abandoned`] |

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::time::Instant;

use crate::budget::Held;
use crate::id::CallId;
use crate::wire::{CallError, Payload};

/// One item of a stream, with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// 1 for the first item of a stream, one more with each.
    pub number: u64,
    /// What the producer handed over.
    pub payload: Payload,
}

/// What a stream's reader tells its producer. Called from any thread; returns at once.
pub(crate) trait Producer: Send + Sync {
    /// There is room again in the stream that `call` answered.
    fn wanted(&self, call: CallId);
    /// The reader is gone.
    fn abandoned(&self, call: CallId);
    /// A reader waits, and has time to make items itself, if there is nobody who does.
    fn awaited(&self) -> Help {
        Help::None
    }
}

/// How a reader helped its producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Help {
    /// It could not: somebody else makes items.
    None,
    /// It did, and took little time.
    Brief,
    /// It did, and other tasks of its thread have waited for that.
    Long,
}

struct Buffer {
    items: VecDeque<Payload>,
    /// The number of the first of `items`, or of the next one to come.
    next_number: u64,
    end: Option<Result<(), CallError>>,
    /// The producer waits to be told of room.
    parked: bool,
    reader: Option<Waker>,
    last_read: Instant,
    /// What the items take of their actor's budget.
    held: Option<Held>,
}

struct Shared {
    buffer: Mutex<Buffer>,
    capacity: usize,
    call: CallId,
    producer: Arc<dyn Producer>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Buffer> {
        // Nothing panics while it holds the lock.
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After which number a stream is taken up again at most: what every guest can count to. No stream gets from here to the
/// end of `u64`.
pub(crate) const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Makes the two ends of a stream that `call` answered, the first item of which has the number
/// `resume_after + 1`.
pub(crate) fn channel(
    capacity: usize,
    call: CallId,
    resume_after: u64,
    producer: Arc<dyn Producer>,
) -> (StreamWriter, StreamReader) {
    let buffer = Buffer {
        items: VecDeque::new(),
        next_number: resume_after.min(NUMBER_MAX).saturating_add(1),
        end: None,
        parked: false,
        reader: None,
        last_read: Instant::now(),
        held: None,
    };
    let shared = Arc::new(Shared { buffer: Mutex::new(buffer), capacity, call, producer });
    (StreamWriter(Arc::clone(&shared)), StreamReader { shared, over: false, helps: false, helped: false })
}

/// The producer's end.
pub(crate) struct StreamWriter(Arc<Shared>);

impl StreamWriter {
    /// Whether the reader has taken all that there was.
    #[must_use]
    pub(crate) fn is_drained(&self) -> bool {
        self.0.lock().items.is_empty()
    }

    /// How many items fit. Where none do, [`Producer::wanted`] is called once there is room.
    ///
    /// Room counts from half the capacity on, so that a crossing into the guest brings more than one item.
    #[must_use]
    pub(crate) fn room(&self) -> usize {
        let mut buffer = self.0.lock();
        let room = self.0.capacity.saturating_sub(buffer.items.len());
        buffer.parked = room < self.0.wanted_from();
        if buffer.parked { 0 } else { room }
    }

    /// Hands items over. The caller keeps to [`Self::room`].
    pub(crate) fn push(&self, items: impl IntoIterator<Item = Payload>) {
        let mut buffer = self.0.lock();
        buffer.items.extend(items);
        wake(buffer);
    }

    /// The same for items that are held under a budget: as they are read, they give it back.
    pub(crate) fn push_held(&self, items: impl IntoIterator<Item = Payload>, held: Held) {
        let mut buffer = self.0.lock();
        if buffer.end.is_some() {
            // It was broken off while these were drawn.
            return;
        }
        buffer.items.extend(items);
        match &mut buffer.held {
            Some(before) => before.merge(held),
            none => *none = Some(held),
        }
        wake(buffer);
    }

    /// Ends the stream. What is in the buffer still reaches the reader; the first end counts.
    pub(crate) fn end(&self, end: Result<(), CallError>) {
        let mut buffer = self.0.lock();
        buffer.end.get_or_insert(end);
        wake(buffer);
    }

    /// The buffer, for who looks after all of them.
    #[must_use]
    pub(crate) fn buffered(&self) -> Buffered {
        Buffered(Arc::downgrade(&self.0))
    }

    /// Since when the reader could have drawn and did not; none while it waits for an item.
    #[must_use]
    pub(crate) fn idle_for(&self, now: Instant) -> Option<Duration> {
        let buffer = self.0.lock();
        buffer.reader.is_none().then(|| now.saturating_duration_since(buffer.last_read))
    }
}

/// A stream's buffer, as who looks after all of them sees it. Does not keep it.
#[derive(Clone)]
pub(crate) struct Buffered(Weak<Shared>);

impl Buffered {
    /// Whether somebody still reads or writes it.
    #[must_use]
    pub(crate) fn is_there(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// For how long items have waited for the reader to draw: zero where it waits itself, none where there are none.
    #[must_use]
    pub(crate) fn unread_for(&self, now: Instant) -> Option<Duration> {
        let shared = self.0.upgrade()?;
        let buffer = shared.lock();
        let waits = buffer.reader.is_some();
        let unread = || now.saturating_duration_since(buffer.last_read);
        (!buffer.items.is_empty()).then(|| if waits { Duration::ZERO } else { unread() })
    }

    /// Gives up the items that wait, and ends the stream with `error`. Its producer is told.
    pub(crate) fn break_off(&self, error: CallError) {
        let Some(shared) = self.0.upgrade() else { return };
        let mut buffer = shared.lock();
        buffer.items.clear();
        buffer.held = None;
        buffer.end = Some(Err(error));
        wake(buffer);
        shared.producer.abandoned(shared.call);
    }
}

impl Shared {
    fn wanted_from(&self) -> usize {
        self.capacity.div_ceil(2)
    }
}

/// Wakes the reader after the lock is released.
fn wake(mut buffer: MutexGuard<'_, Buffer>) {
    let reader = buffer.reader.take();
    if reader.is_some() {
        // It waited until now, and has not been idle.
        buffer.last_read = Instant::now();
    }
    drop(buffer);
    if let Some(reader) = reader {
        reader.wake();
    }
}

/// The reader's end: a [`Stream`](futures::Stream) of items.
///
/// After the last item it yields an error if the stream failed, and then `None`. Dropping it tells the
/// producer at once, which then closes the guest's side.
///
/// # Cancel safety
///
/// Dropping a future that waits for the next item loses nothing: items leave the buffer only as they are
/// returned.
pub struct StreamReader {
    shared: Arc<Shared>,
    /// The end was returned.
    over: bool,
    /// Whether it makes items itself where it can: see [`Producer::awaited`].
    helps: bool,
    /// It did so when it last found none.
    helped: bool,
}

/// Up to so many items at once, and whether the stream has ended with them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// In order.
    pub items: Vec<Item>,
    /// No item comes after these.
    pub done: bool,
}

/// The producer of a stream that is whole from the start.
struct NoProducer;

impl Producer for NoProducer {
    fn wanted(&self, _: CallId) {}
    fn abandoned(&self, _: CallId) {}
}

impl StreamReader {
    /// Makes items itself where it can.
    pub(crate) fn helping(mut self) -> Self {
        self.helps = true;
        self
    }

    /// A stream of one item, the only one there is; without it, where the reader has it already.
    #[must_use]
    pub fn of_one(payload: Payload, resume_after: u64) -> Self {
        let (writer, reader) = channel(1, CallId(0), resume_after, Arc::new(NoProducer));
        if resume_after == 0 {
            writer.push([payload]);
        }
        writer.end(Ok(()));
        reader
    }

    /// Waits for an item, then takes up to `max` of what is there.
    ///
    /// # Errors
    ///
    /// The stream's error, once, after all items that came before it. From then on batches are empty and done.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no item.
    pub async fn next_batch(&mut self, max: usize) -> Result<Batch, CallError> {
        self.next_held(max, usize::MAX).await.map(|(batch, _held)| batch)
    }

    /// The same, with no more items than have `max_bytes` together, or one, and with what they take of their actor's
    /// budget: it counts until that is dropped.
    ///
    /// # Errors
    ///
    /// As of [`Self::next_batch`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no item.
    pub async fn next_held(
        &mut self,
        max: usize,
        max_bytes: usize,
    ) -> Result<(Batch, Option<Held>), CallError> {
        let _waiting = Waiting(Arc::clone(&self.shared));
        std::future::poll_fn(|context| self.poll_batch(context, max, max_bytes)).await
    }

    fn poll_batch(
        &mut self,
        context: &mut Context<'_>,
        max: usize,
        max_bytes: usize,
    ) -> Poll<Result<(Batch, Option<Held>), CallError>> {
        let Self { shared, over, helps, helped } = self;
        if *over {
            return Poll::Ready(Ok((Batch { items: Vec::new(), done: true }, None)));
        }
        let mut buffer = match ready!(shared.poll_readable(*helps, helped, context)) {
            Ok(buffer) => buffer,
            Err(end) => {
                *over = true;
                return Poll::Ready(end.map(|()| (Batch { items: Vec::new(), done: true }, None)));
            }
        };
        let (batch, held) = buffer.take(max.max(1), max_bytes);
        shared.let_go(buffer);
        *over = batch.done;
        Poll::Ready(Ok((batch, held)))
    }
}

impl Shared {
    /// The buffer once there is an item in it, or how the stream has ended. A reader that helps makes items itself.
    fn poll_readable(
        &self,
        helps: bool,
        helped: &mut bool,
        context: &mut Context<'_>,
    ) -> Poll<Result<MutexGuard<'_, Buffer>, Result<(), CallError>>> {
        let mut buffer = self.lock();
        if helps && buffer.items.is_empty() && buffer.end.is_none() {
            drop(buffer);
            ready!(self.help(helped, context));
            buffer = self.lock();
        }
        buffer.last_read = Instant::now();
        if !buffer.items.is_empty() {
            return Poll::Ready(Ok(buffer));
        }
        match buffer.end.clone() {
            None => {
                buffer.reader = Some(context.waker().clone());
                Poll::Pending
            }
            Some(end) => Poll::Ready(Err(end)),
        }
    }

    /// Makes items, if that is for this reader to do. Pending for as long as others have their turn: other readers too
    /// want items, and each batch is a turn.
    fn help(&self, helped: &mut bool, context: &mut Context<'_>) -> Poll<()> {
        let is_its_turn = !std::mem::replace(helped, false);
        if is_its_turn {
            let help = self.producer.awaited();
            *helped = help != Help::None;
            if help != Help::Long {
                return Poll::Ready(());
            }
        }
        // Unlike a task that wakes itself, it comes after timers and sockets too.
        let _pending = pin!(tokio::task::yield_now()).poll(context);
        Poll::Pending
    }

    /// Lets go of the buffer after something was read, and tells the producer if it waits for that.
    fn let_go(&self, mut buffer: MutexGuard<'_, Buffer>) {
        let wanted = buffer.parked
            && buffer.end.is_none()
            && self.capacity.saturating_sub(buffer.items.len()) >= self.wanted_from();
        buffer.parked &= !wanted;
        drop(buffer);
        if wanted {
            self.producer.wanted(self.call);
        }
    }
}

/// A draw that may wait. Once it is over, also by being given up, the reader no longer waits.
struct Waiting(Arc<Shared>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.lock().reader = None;
    }
}

impl Buffer {
    fn take_one(&mut self) -> Option<Item> {
        let payload = self.items.pop_front()?;
        if let Some(held) = &mut self.held {
            held.give_back(payload.kept_bytes());
        }
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        Some(Item { number, payload })
    }

    fn take(&mut self, max: usize, max_bytes: usize) -> (Batch, Option<Held>) {
        let together = self.items.iter().take(max).scan(0_usize, |bytes, item| {
            *bytes = bytes.saturating_add(item.kept_bytes());
            Some(*bytes)
        });
        let count = together.take_while(|bytes| *bytes <= max_bytes).count().max(1).min(self.items.len());
        let first = self.next_number;
        self.next_number = first.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        let items = (first..).zip(self.items.drain(..count));
        let items: Vec<_> = items.map(|(number, payload)| Item { number, payload }).collect();
        let bytes = items.iter().map(|item| item.payload.kept_bytes()).sum();
        let held = self.held.as_mut().map(|held| held.split(bytes));
        (Batch { items, done: self.items.is_empty() && self.end == Some(Ok(())) }, held)
    }
}

impl futures::Stream for StreamReader {
    type Item = Result<Item, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { shared, over, helps, helped } = &mut *self;
        if *over {
            return Poll::Ready(None);
        }
        let mut buffer = match ready!(shared.poll_readable(*helps, helped, context)) {
            Ok(buffer) => buffer,
            Err(end) => {
                *over = true;
                return Poll::Ready(end.err().map(Err));
            }
        };
        let item = buffer.take_one();
        shared.let_go(buffer);
        Poll::Ready(item.map(Ok))
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        let ended = self.shared.lock().end.is_some();
        if !ended {
            self.shared.producer.abandoned(self.shared.call);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::{FutureExt, StreamExt};

    use super::*;
    use crate::wire::ActorError;

    #[derive(Default)]
    struct Told {
        wanted: AtomicUsize,
        abandoned: AtomicUsize,
    }

    impl Producer for Told {
        fn wanted(&self, _: CallId) {
            self.wanted.fetch_add(1, Ordering::Relaxed);
        }
        fn abandoned(&self, _: CallId) {
            self.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn pair(capacity: usize, resume_after: u64) -> (StreamWriter, StreamReader, Arc<Told>) {
        let told = Arc::new(Told::default());
        let (writer, reader) =
            channel(capacity, CallId(1), resume_after, Arc::clone(&told) as Arc<dyn Producer>);
        (writer, reader, told)
    }

    fn payload(n: u64) -> Payload {
        Payload::json(n.to_string())
    }

    async fn numbers(reader: &mut StreamReader) -> Vec<u64> {
        reader
            .map(|item| item.map(|item| item.number))
            .take_while(|item| std::future::ready(item.is_ok()))
            .map(Result::unwrap)
            .collect()
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn items_are_numbered_from_one_without_gaps() {
        let (writer, mut reader, _) = pair(8, 0);
        writer.push((1..=3).map(payload));
        writer.push((4..=5).map(payload));
        writer.end(Ok(()));
        assert_eq!(numbers(&mut reader).await, [1, 2, 3, 4, 5]);
        assert!(reader.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_resumed_stream_counts_on() {
        let (writer, mut reader, _) = pair(8, 41);
        writer.push([payload(42)]);
        assert_eq!(reader.next().await.unwrap().unwrap().number, 42);
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_before_an_error_is_delivered() {
        let (writer, mut reader, _) = pair(8, 0);
        writer.push((1..=2).map(payload));
        writer.end(Err(ActorError::Cancelled.into()));
        let batch = reader.next_batch(10).await.unwrap();
        assert_eq!((batch.items.len(), batch.done), (2, false));
        assert_eq!(reader.next().await, Some(Err(ActorError::Cancelled.into())));
        assert_eq!(reader.next().await, None);
        assert!(reader.next_batch(1).await.unwrap().done);
    }

    #[tokio::test(start_paused = true)]
    async fn the_producer_is_asked_for_more_once_half_the_buffer_is_free() {
        let (writer, mut reader, told) = pair(4, 0);
        assert_eq!(writer.room(), 4);
        writer.push((1..=4).map(payload));
        assert_eq!(writer.room(), 0);
        reader.next().await;
        assert_eq!(told.wanted.load(Ordering::Relaxed), 0);
        reader.next().await;
        assert_eq!(told.wanted.load(Ordering::Relaxed), 1);
        reader.next().await;
        assert_eq!(told.wanted.load(Ordering::Relaxed), 1, "told once until it has looked again");
        assert_eq!(writer.room(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_goes_away_is_told_of_unless_the_stream_has_ended() {
        let (_writer, reader, told) = pair(4, 0);
        drop(reader);
        assert_eq!(told.abandoned.load(Ordering::Relaxed), 1);
        let (writer, reader, told) = pair(4, 0);
        writer.end(Ok(()));
        drop(reader);
        assert_eq!(told.abandoned.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_is_idle_only_while_it_does_not_wait() {
        let (writer, mut reader, _) = pair(4, 0);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(writer.idle_for(Instant::now()), Some(Duration::from_secs(3)));
        assert!(reader.next().now_or_never().is_none());
        assert_eq!(writer.idle_for(Instant::now()), None);
    }
}
