//! What one life works on, and what comes next: calls in flight, open streams, deadlines.
//!
//! A plain state machine behind the core's lock; it never waits and never calls out. Bounded by
//! `max_in_flight` handlers and `open_streams` streams.
//!
//! | stage of a call | begins | ends |
//! |---|---|---|
//! | handling | it is taken from the mailbox | its handler returns |
//! | streaming | its handler answered a stream | the guest said `done`, failed, or closed it |

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::behavior::Work;
use super::envelope::{Envelope, FirstTry, Outcome};
use super::waits::Origin;
use crate::budget::Held;
use crate::error::CallError;
use crate::id::{CallId, StreamId};
use crate::message::{Message, MethodKind};
use crate::stream::StreamWriter;

/// Methods by name. Its hash is no secret: an actor that names its methods so that they collide, of which there are
/// few, slows down its own messages alone.
pub(super) type Methods = FxHashMap<String, MethodKind>;

/// How far a life has got with its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    /// Messages are taken as they come.
    #[default]
    Working,
    /// Calls in flight go on; then the life stops.
    Draining {
        /// Whether what waits in the mailbox is handled first.
        mailbox: bool,
    },
    /// `stop` was handed out: there is no more work.
    Stopping,
}

/// What one life works on.
#[derive(Default)]
pub(super) struct Schedule {
    calls: FxHashMap<CallId, Running>,
    /// How many of `calls` are in the stage of handling.
    handling: usize,
    /// How many of `calls` are in the stage of streaming.
    streaming: usize,
    /// Streams with room for items and no draw under way.
    drawable: VecDeque<CallId>,
    /// Streams that the guest has to be told to close.
    to_close: VecDeque<CallId>,
    /// When calls that were told to stop must have stopped. In order: the grace is the same for all. At most
    /// about twice as many as there are calls.
    due: VecDeque<(Instant, CallId)>,
    pub(super) phase: Phase,
    /// The message that ends the life, where that is known.
    pub(super) culprit: Option<Arc<Message>>,
    /// Whose turn it is when both a draw and a message could be handed out.
    message_next: bool,
    /// By name; none where the actor does not say what it has.
    pub(super) methods: Option<Arc<Methods>>,
}

/// Where the answer to a call goes; none for a tell.
pub(super) type ReplyTo = Option<oneshot::Sender<Outcome>>;

/// A call whose handler has ended.
pub(super) struct Handled {
    pub(super) message: Arc<Message>,
    pub(super) reply: ReplyTo,
    pub(super) first_try: Option<FirstTry>,
}

impl Handled {
    /// Keeps the outcome where it is the first of a call with a key. Answers whom to tell.
    pub(super) fn settle(self, outcome: &Outcome) -> ReplyTo {
        if let Some(first_try) = self.first_try {
            first_try.settle(outcome);
        }
        self.reply
    }
}

/// A call in flight.
pub(super) struct Running {
    pub(super) message: Arc<Message>,
    /// From which call it was sent.
    origin: Origin,
    _held: Held,
    first_try: Option<FirstTry>,
    deadline: Option<Instant>,
    cancelled: bool,
    /// When it must have stopped, if it was told to.
    overdue_at: Option<Instant>,
    /// Made when somebody first waits for the cancellation.
    token: Option<CancellationToken>,
    pub(super) stage: Stage,
}

pub(super) enum Stage {
    Handling(ReplyTo),
    Streaming(OpenStream),
}

pub(super) struct OpenStream {
    pub(super) id: StreamId,
    pub(super) writer: StreamWriter,
    /// How many items the draw under way may bring.
    drawing: Option<u32>,
    closing: Closing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    /// Waits to be handed out.
    Wanted,
    /// Was handed out.
    Running,
    Done,
}

impl Running {
    fn cancel(&mut self) {
        self.cancelled = true;
        if let Some(token) = &self.token {
            token.cancel();
        }
    }

    /// Whether the guest has it in hand.
    fn is_worked_on(&self) -> bool {
        match &self.stage {
            Stage::Handling(_) => true,
            Stage::Streaming(stream) => stream.drawing.is_some() || stream.closing == Closing::Running,
        }
    }

    /// Whether the guest works on it, and was told to stop.
    fn is_overdue(&self, now: Instant) -> bool {
        if self.overdue_at.is_none_or(|at| at > now) {
            // It was given more time since.
            return false;
        }
        match &self.stage {
            Stage::Handling(_) => self.cancelled,
            Stage::Streaming(stream) => {
                (self.cancelled && stream.drawing.is_some()) || stream.closing == Closing::Running
            }
        }
    }
}

impl Drop for Running {
    /// Whoever waits for the cancellation of a call that ended waits no longer.
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

impl Schedule {
    /// Whether another handler may start.
    pub(super) fn takes_messages(&self, max_in_flight: usize) -> bool {
        let phase = matches!(self.phase, Phase::Working | Phase::Draining { mailbox: true });
        phase && self.handling < max_in_flight
    }

    /// Whether nothing is in flight, and nothing has to be closed.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether there may be something to do but messages.
    pub(super) fn may_have_work(&self) -> bool {
        !self.drawable.is_empty() || !self.to_close.is_empty() || self.phase != Phase::Working
    }

    pub(super) fn handling(&self) -> usize {
        self.handling
    }

    pub(super) fn streaming(&self) -> usize {
        self.streaming
    }

    /// The next piece of work on a stream. Where `message_waits` too, they take turns.
    pub(super) fn next_stream_work(
        &mut self,
        message_waits: bool,
        now: impl FnOnce() -> Instant,
        grace: Duration,
    ) -> Option<Work> {
        if !self.to_close.is_empty()
            && let Some(close) = self.next_close(now(), grace)
        {
            return Some(close);
        }
        if message_waits && std::mem::replace(&mut self.message_next, false) {
            return None;
        }
        while let Some(call) = self.drawable.pop_front() {
            let Some(stream) = self.stream_mut(call) else { continue };
            if stream.closing != Closing::No || stream.drawing.is_some() {
                continue;
            }
            let Some(max_items) = u32::try_from(stream.writer.room()).ok().filter(|room| *room > 0) else {
                continue;
            };
            stream.drawing = Some(max_items);
            let stream = stream.id;
            self.message_next = true;
            return Some(Work::Draw { call, stream, max_items });
        }
        None
    }

    fn next_close(&mut self, now: Instant, grace: Duration) -> Option<Work> {
        while let Some(call) = self.to_close.pop_front() {
            let Some(stream) = self.stream_mut(call) else { continue };
            stream.closing = Closing::Running;
            let stream = stream.id;
            self.expect_by(call, now, grace);
            return Some(Work::Close { call, stream });
        }
        None
    }

    fn stream_mut(&mut self, call: CallId) -> Option<&mut OpenStream> {
        match &mut self.calls.get_mut(&call)?.stage {
            Stage::Streaming(stream) => Some(stream),
            Stage::Handling(_) => None,
        }
    }

    /// Begins to handle a message.
    pub(super) fn begin(&mut self, envelope: Envelope) {
        self.handling += 1;
        let Envelope { call, message, reply, deadline, origin, held, first_try } = envelope;
        let running = Running {
            message,
            origin,
            _held: held,
            first_try,
            deadline: deadline.map(|deadline| deadline.at),
            cancelled: false,
            overdue_at: None,
            token: None,
            stage: Stage::Handling(reply),
        };
        self.calls.insert(call, running);
    }

    /// Ends the handling of a call. Answers what it was, and whom to answer. None if there is no such call: the guest's life has ended meanwhile.
    pub(super) fn end_handling(&mut self, call: CallId) -> Option<Handled> {
        let mut running = self.calls.remove(&call)?;
        self.handling = self.handling.saturating_sub(1);
        match &mut running.stage {
            Stage::Handling(reply) => Some(Handled {
                message: Arc::clone(&running.message),
                reply: reply.take(),
                first_try: running.first_try.take(),
            }),
            Stage::Streaming(_) => None,
        }
    }

    /// Whether a stream of this life has this number.
    pub(super) fn has_stream(&self, id: StreamId) -> bool {
        self.calls.values().any(|running| match &running.stage {
            Stage::Streaming(stream) => stream.id == id,
            Stage::Handling(_) => false,
        })
    }

    /// Begins the stream that a call answered: the call goes on as a stream. Answers where its reader goes; none
    /// if there is no such call.
    pub(super) fn begin_stream(
        &mut self,
        call: CallId,
        id: StreamId,
        writer: StreamWriter,
        now: Instant,
        grace: Duration,
    ) -> Option<ReplyTo> {
        let running = self.calls.get_mut(&call)?;
        let Stage::Handling(reply) = &mut running.stage else { return None };
        let reply = reply.take();
        running.stage = Stage::Streaming(OpenStream { id, writer, drawing: None, closing: Closing::No });
        // The caller's time was for the stream to begin.
        (running.deadline, running.overdue_at, running.first_try) = (None, None, None);
        self.handling = self.handling.saturating_sub(1);
        self.streaming += 1;
        if running.cancelled {
            self.close_stream(call, now, grace);
        } else {
            self.drawable.push_back(call);
        }
        Some(reply)
    }

    /// There is room in a stream's buffer.
    pub(super) fn wanted(&mut self, call: CallId) {
        if self.stream_mut(call).is_some_and(|stream| stream.drawing.is_none()) {
            self.drawable.push_back(call);
        }
    }

    /// Ends a draw. Answers how many items it might have brought, and the stream.
    pub(super) fn end_draw(&mut self, call: CallId) -> Option<(u32, &StreamWriter)> {
        let stream = self.stream_mut(call)?;
        let max_items = stream.drawing.take()?;
        Some((max_items, &stream.writer))
    }

    /// After a draw: the stream goes on.
    pub(super) fn continue_stream(&mut self, call: CallId) {
        match self.stream_mut(call).map(|stream| stream.closing) {
            Some(Closing::Done) => self.end_stream(call, Ok(())),
            Some(Closing::No) => self.drawable.push_back(call),
            Some(Closing::Wanted | Closing::Running) | None => {}
        }
    }

    /// Ends a stream that the guest has ended.
    pub(super) fn end_stream(&mut self, call: CallId, end: Result<(), CallError>) {
        let Some(stream) = self.stream_mut(call) else { return };
        stream.writer.end(end);
        self.calls.remove(&call);
        self.streaming = self.streaming.saturating_sub(1);
    }

    /// Ends a stream that the guest has yet to be told of.
    pub(super) fn break_stream(&mut self, call: CallId, error: CallError, now: Instant, grace: Duration) {
        if let Some(stream) = self.stream_mut(call) {
            stream.writer.end(Err(error));
            self.cancel(call, now, grace);
        }
    }

    /// Breaks every stream, for the same reason.
    pub(super) fn break_streams(&mut self, error: &CallError, now: Instant, grace: Duration) {
        for call in self.open_streams() {
            self.break_stream(call, error.clone(), now, grace);
        }
    }

    fn open_streams(&self) -> Vec<CallId> {
        let streaming = |running: &Running| matches!(running.stage, Stage::Streaming(_));
        self.calls.iter().filter(|(_, running)| streaming(running)).map(|(call, _)| *call).collect()
    }

    /// Streams on which nobody has drawn for `limit`.
    pub(super) fn idle_streams(&self, now: Instant, limit: Duration) -> Vec<CallId> {
        let idle = |running: &Running| match &running.stage {
            Stage::Streaming(stream) if stream.closing == Closing::No => {
                stream.writer.idle_for(now).is_some_and(|idle| idle >= limit)
            }
            Stage::Streaming(_) | Stage::Handling(_) => false,
        };
        self.calls.iter().filter(|(_, running)| idle(running)).map(|(call, _)| *call).collect()
    }

    /// The guest has closed a stream. It is gone once no draw is under way.
    pub(super) fn closed(&mut self, call: CallId) {
        let Some(stream) = self.stream_mut(call) else { return };
        stream.closing = Closing::Done;
        if stream.drawing.is_none() {
            self.end_stream(call, Ok(()));
        }
    }

    /// Tells a call to stop: its caller is gone, or the reader of its stream.
    pub(super) fn cancel(&mut self, call: CallId, now: Instant, grace: Duration) {
        let Some(running) = self.calls.get_mut(&call).filter(|running| !running.cancelled) else { return };
        running.cancel();
        self.close_stream(call, now, grace);
    }

    /// Has the guest told to close a stream, if that is one, and looks after it in time.
    fn close_stream(&mut self, call: CallId, now: Instant, grace: Duration) {
        if let Some(stream) = self.stream_mut(call)
            && stream.closing == Closing::No
        {
            stream.closing = Closing::Wanted;
            self.to_close.push_back(call);
        }
        self.expect_by(call, now, grace);
    }

    /// Has [`Self::take_overdue`] look at a call after `grace`. Without an end of time, never.
    fn expect_by(&mut self, call: CallId, now: Instant, grace: Duration) {
        /// Below it, looking for what has ended is not worth it.
        const KEPT_MIN: usize = 64;
        if self.due.len() > KEPT_MIN.max(2 * self.calls.len()) {
            self.due.retain(|(_, call)| self.calls.contains_key(call));
        }
        let Some(at) = now.checked_add(grace) else { return };
        if let Some(running) = self.calls.get_mut(&call) {
            running.overdue_at = Some(at);
            self.due.push_back((at, call));
        }
    }

    /// When [`Self::take_overdue`] is to be called next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.front().map(|(at, _)| *at)
    }

    /// A call that has not stopped in the time that it had.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Option<Arc<Message>> {
        while let Some((at, call)) = self.due.front().copied() {
            if at > now {
                return None;
            }
            self.due.pop_front();
            if let Some(running) = self.calls.get(&call).filter(|running| running.is_overdue(now)) {
                return Some(Arc::clone(&running.message));
            }
        }
        None
    }

    /// Whether a call is told to stop, or has ended.
    pub(super) fn is_cancelled(&self, call: CallId) -> bool {
        self.calls.get(&call).is_none_or(|running| running.cancelled)
    }

    /// Becomes cancelled when the call is told to stop, or ends. None where that has happened.
    pub(super) fn cancellation(&mut self, call: CallId) -> Option<CancellationToken> {
        let running = self.calls.get_mut(&call).filter(|running| !running.cancelled)?;
        Some(running.token.get_or_insert_default().clone())
    }

    /// From which call a call was sent.
    pub(super) fn origin(&self, call: CallId) -> Origin {
        self.calls.get(&call).map(|running| running.origin.clone()).unwrap_or_default()
    }

    /// What a call's sender wrote.
    pub(super) fn message(&self, call: CallId) -> Option<&Arc<Message>> {
        self.calls.get(&call).map(|running| &running.message)
    }

    /// Whether a call's handler runs.
    pub(super) fn is_handling(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|running| matches!(running.stage, Stage::Handling(_)))
    }

    /// What is left of the time of a call's caller.
    pub(super) fn remaining(&self, call: CallId, now: Instant) -> Option<Duration> {
        let deadline = self.calls.get(&call)?.deadline?;
        Some(deadline.saturating_duration_since(now))
    }

    /// The message that ended the life: the one that is known to have, or the only one that was worked on; of those
    /// that only `begun` since its life last waited, where that is said.
    pub(super) fn culprit(&self, begun: Option<CallId>) -> Option<Arc<Message>> {
        if self.culprit.is_some() {
            return self.culprit.clone();
        }
        let mut worked_on = self.calls.iter().filter(|(_, running)| running.is_worked_on());
        let (call, only) = worked_on.next()?;
        let alone = worked_on.next().is_none() && begun.is_none_or(|begun| begun == *call);
        alone.then(|| Arc::clone(&only.message))
    }

    /// Forgets everything, for the next life. Answers the calls that were in flight.
    pub(super) fn clear(&mut self) -> Vec<Running> {
        let cut_off = self.calls.drain().map(|(_, running)| running).collect();
        *self = Self::default();
        cut_off
    }
}
