//! What one life works on, and what comes next: calls in flight, open streams, deadlines.
//!
//! A plain state machine behind one lock; it never waits and never calls out. Bounded by `max_in_flight` handlers and
//! `open_streams` streams.
//!
//! | stage of a call | begins | ends |
//! |---|---|---|
//! | handling | it is taken from the mailbox | its handler returns |
//! | streaming | its handler answered a stream | the guest said `done`, failed, or closed it |

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::behavior::Work;
use super::calls::Calls;
use super::refusals::{Before, Refusals};
use super::stream_shares::Open;
use crate::grants::Caller;
use crate::id::{CallId, StreamId};
use crate::mailbox::{Envelope, ReplyTo, Unsettled};
use crate::stream::StreamWriter;
use crate::wait_graph::CallPath;
use crate::wire::{CallError, Message, MethodKind};

/// Methods by name. Its hash is no secret: an actor that names its methods so that they collide, of which there are
/// few, slows down its own messages alone.
pub(super) type Methods = FxHashMap<String, MethodKind>;

/// How far a life has got with its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Phase {
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
pub(super) struct InFlight {
    calls: Calls<Running>,
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
    phase: Phase,
    /// The message that ends the life, where that is known.
    culprit: Option<Culprit>,
    /// Whose turn it is when both a draw and a message could be handed out.
    message_next: bool,
    /// By name; none where the actor does not say what it has.
    methods: Option<Arc<Methods>>,
    /// Handlers that were told to stop, where the life wants to hear of them.
    cancelled: Option<Vec<CallId>>,
    refusals: Refusals,
}

/// A message that ended its life, and who sent it.
#[derive(Clone)]
pub(crate) struct Culprit {
    pub(crate) message: Arc<Message>,
    pub(crate) sender: Caller,
}

impl Culprit {
    pub(super) fn of(unsettled: &Unsettled) -> Self {
        Self { message: unsettled.share_message(), sender: unsettled.sender().clone() }
    }
}

/// What a life leaves behind that ended.
pub(super) enum CutOff {
    /// A handler that had not returned.
    Call(Box<Envelope>),
    /// A stream that had not ended, and the call that it came of.
    Stream(StreamWriter, Arc<Message>),
}

/// A kind of work that a life has in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkKind {
    /// The handler of an ask.
    Ask,
    /// The handler of a tell.
    Tell,
    /// A draw on a stream.
    Draw,
    /// The close of a stream.
    Close,
}

/// A call in flight.
struct Running {
    /// As it came: small in the map, and moved there and back without what is in it.
    envelope: Box<Envelope>,
    cancellation: Cancellation,
    /// When it must have stopped, if it was told to.
    overdue_at: Option<Instant>,
    stage: Stage,
    /// When its handler, or the last draw on it, began.
    begun: Before,
}

enum Stage {
    Handling,
    Streaming(OpenStream),
}

struct OpenStream {
    id: StreamId,
    writer: StreamWriter,
    /// How many items the draw under way may bring.
    drawing: Option<u32>,
    /// How many items the last draw might have brought; 0 before the first.
    last_max: u32,
    closing: Closing,
}

impl OpenStream {
    /// How many items the next draw may bring; none while there is no room.
    ///
    /// What a draw has made of its items is lost if the guest crashes in its midst. So the first draw brings one, and
    /// each more only where the reader has taken all that came before.
    fn next_max(&self) -> Option<u32> {
        let room = u32::try_from(self.writer.room()).ok().filter(|room| *room > 0)?;
        let grown = if self.writer.is_drained() { self.last_max.saturating_mul(2) } else { self.last_max };
        Some(grown.clamp(1, room))
    }
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

/// Whether a call is told to stop.
#[derive(Default)]
struct Cancellation {
    requested: bool,
    /// Made when somebody first waits for it.
    token: Option<CancellationToken>,
}

impl Cancellation {
    fn request(&mut self) {
        self.requested = true;
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

impl Drop for Cancellation {
    /// Whoever waits for the cancellation of a call that ended waits no longer.
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

impl Running {
    fn message(&self) -> &Message {
        self.envelope.unsettled.message()
    }

    /// Whether the guest has it in hand.
    fn is_worked_on(&self) -> bool {
        match &self.stage {
            Stage::Handling => true,
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
            Stage::Handling => self.cancellation.requested,
            Stage::Streaming(stream) => {
                (self.cancellation.requested && stream.drawing.is_some())
                    || stream.closing == Closing::Running
            }
        }
    }
}

impl InFlight {
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
        // Draws and messages take turns: an endless stream would otherwise starve the mailbox, or the mailbox all streams.
        if message_waits && std::mem::replace(&mut self.message_next, false) {
            return None;
        }
        // A stream may stand here twice, or have ended since: what it is now decides, so that nobody has to keep the queue
        // in step.
        while let Some(call) = self.drawable.pop_front() {
            let Some(stream) = self.stream_mut(call) else { continue };
            if stream.closing != Closing::No || stream.drawing.is_some() {
                continue;
            }
            let Some(max_items) = stream.next_max() else { continue };
            (stream.drawing, stream.last_max) = (Some(max_items), max_items);
            let stream = stream.id;
            self.message_next = true;
            self.begin_draw(call);
            return Some(Work::Draw { call, stream, max_items });
        }
        None
    }

    fn begin_draw(&mut self, call: CallId) {
        let begun = self.refusals.before();
        if let Some(running) = self.calls.get_mut(call) {
            running.begun = begun;
        }
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
        match &mut self.calls.get_mut(call)?.stage {
            Stage::Streaming(stream) => Some(stream),
            Stage::Handling => None,
        }
    }

    /// Begins to handle a message.
    pub(super) fn begin(&mut self, envelope: Box<Envelope>) {
        self.handling += 1;
        let call = envelope.call;
        let running = Running {
            envelope,
            cancellation: Cancellation::default(),
            overdue_at: None,
            stage: Stage::Handling,
            begun: self.refusals.before(),
        };
        self.calls.insert(call, running);
    }

    /// Ends the handling of a call; `was_done` says whether the guest got on with it. Returns what is to be settled; none
    /// if there is no such call: the guest's life has ended meanwhile.
    pub(super) fn end_handling(&mut self, call: CallId, was_done: bool) -> Option<Box<Envelope>> {
        let running = self.calls.get(call)?;
        let Stage::Handling = running.stage else { return None };
        self.refusals.ended(running.begun, was_done);
        self.handling = self.handling.saturating_sub(1);
        self.calls.remove(call).map(|running| running.envelope)
    }

    /// Whether a stream of this life has this number.
    pub(super) fn has_stream(&self, id: StreamId) -> bool {
        self.calls.iter().any(|(_, running)| match &running.stage {
            Stage::Streaming(stream) => stream.id == id,
            Stage::Handling => false,
        })
    }

    /// Begins the stream that a call returned: the call goes on as a stream. Returns where its reader goes; none if there
    /// is no such call.
    pub(super) fn begin_stream(
        &mut self,
        call: CallId,
        id: StreamId,
        writer: StreamWriter,
        now: Instant,
        grace: Duration,
    ) -> Option<ReplyTo> {
        let running = self.calls.get_mut(call)?;
        let Stage::Handling = running.stage else { return None };
        self.refusals.ended(running.begun, true);
        let reply = running.envelope.unsettled.become_stream();
        running.stage =
            Stage::Streaming(OpenStream { id, writer, drawing: None, last_max: 0, closing: Closing::No });
        // The caller's time was for the stream to begin.
        (running.envelope.deadline, running.overdue_at) = (None, None);
        self.handling = self.handling.saturating_sub(1);
        self.streaming += 1;
        if running.cancellation.requested {
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

    /// Ends a draw; `was_done` says whether it brought items. Returns how many it might have brought, and the stream.
    pub(super) fn end_draw(&mut self, call: CallId, was_done: bool) -> Option<(u32, &StreamWriter)> {
        let running = self.calls.get_mut(call)?;
        let Stage::Streaming(stream) = &mut running.stage else { return None };
        let max_items = stream.drawing.take()?;
        self.refusals.ended(running.begun, was_done);
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
        self.calls.remove(call);
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
        self.calls.iter().filter(|(_, running)| streaming(running)).map(|(call, _)| call).collect()
    }

    /// The streams that are open, but for those that are being closed.
    pub(super) fn shared_streams(&self, now: Instant) -> Vec<Open<'_>> {
        let open = self.calls.iter().filter_map(|(call, running)| match &running.stage {
            Stage::Streaming(stream) if stream.closing == Closing::No => {
                let sender = running.envelope.unsettled.sender();
                Some(Open { call, sender, idle: stream.writer.idle_for(now) })
            }
            Stage::Streaming(_) | Stage::Handling => None,
        });
        open.collect()
    }

    /// Streams on which nobody has drawn for `limit`.
    pub(super) fn idle_streams(&self, now: Instant, limit: Duration) -> Vec<CallId> {
        let open = self.shared_streams(now).into_iter();
        open.filter(|open| open.idle.is_some_and(|idle| idle >= limit)).map(|open| open.call).collect()
    }

    /// The guest has closed a stream. It is gone once no draw is under way.
    pub(super) fn closed(&mut self, call: CallId) {
        let Some(stream) = self.stream_mut(call) else { return };
        stream.closing = Closing::Done;
        // Where handlers overlap, the guest may close a stream while a draw on it waits: that has yet to come back.
        if stream.drawing.is_none() {
            self.end_stream(call, Ok(()));
        }
    }

    /// Tells a call to stop: its caller is gone, or the reader of its stream.
    pub(super) fn cancel(&mut self, call: CallId, now: Instant, grace: Duration) {
        let Some(running) = self.calls.get_mut(call).filter(|running| !running.cancellation.requested) else {
            return;
        };
        running.cancellation.request();
        if let (Some(cancelled), Stage::Handling) = (&mut self.cancelled, &running.stage) {
            cancelled.push(call);
        }
        self.close_stream(call, now, grace);
    }

    /// Keeps for [`Self::take_cancelled`] which handlers are told to stop, in this life.
    pub(super) fn keep_cancelled(&mut self) {
        self.cancelled = Some(Vec::new());
    }

    /// The handlers that were told to stop since this was last called, and still run.
    pub(super) fn take_cancelled(&mut self) -> Vec<CallId> {
        let cancelled = self.cancelled.as_mut().map(std::mem::take).unwrap_or_default();
        cancelled.into_iter().filter(|call| self.is_handling(*call)).collect()
    }

    /// Whether the life has work of this kind in hand for a call.
    pub(super) fn has_in_hand(&self, call: CallId, kind: WorkKind) -> bool {
        let Some(running) = self.calls.get(call) else { return false };
        match (&running.stage, kind) {
            (Stage::Handling, WorkKind::Ask) => running.envelope.unsettled.is_ask(),
            (Stage::Handling, WorkKind::Tell) => !running.envelope.unsettled.is_ask(),
            (Stage::Streaming(stream), WorkKind::Draw) => stream.drawing.is_some(),
            (Stage::Streaming(stream), WorkKind::Close) => stream.closing == Closing::Running,
            (Stage::Handling, WorkKind::Draw | WorkKind::Close)
            | (Stage::Streaming(_), WorkKind::Ask | WorkKind::Tell) => false,
        }
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
            self.due.retain(|(_, call)| self.calls.get(*call).is_some());
        }
        let Some(at) = now.checked_add(grace) else { return };
        if let Some(running) = self.calls.get_mut(call) {
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
            if let Some(running) = self.calls.get(call).filter(|running| running.is_overdue(now)) {
                return Some(running.envelope.unsettled.share_message());
            }
        }
        None
    }

    /// Whether a call is told to stop, or has ended.
    pub(super) fn is_cancelled(&self, call: CallId) -> bool {
        self.calls.get(call).is_none_or(|running| running.cancellation.requested)
    }

    /// Becomes cancelled when the call is told to stop, or ends. None where that has happened.
    pub(super) fn cancellation(&mut self, call: CallId) -> Option<CancellationToken> {
        let running = self.calls.get_mut(call).filter(|running| !running.cancellation.requested)?;
        Some(running.cancellation.token.get_or_insert_default().clone())
    }

    /// The calls that a call is a part of.
    pub(super) fn path(&self, call: CallId) -> CallPath {
        self.calls.get(call).map(|running| running.envelope.path.clone()).unwrap_or_default()
    }

    /// What a call's sender wrote.
    pub(super) fn message(&self, call: CallId) -> Option<&Message> {
        self.calls.get(call).map(Running::message)
    }

    /// Who sent a call's message.
    pub(super) fn sender(&self, call: CallId) -> Option<&Caller> {
        self.calls.get(call).map(|running| running.envelope.unsettled.sender())
    }

    /// Who sent a call's message, if its handler runs and somebody still waits for what it returns.
    pub(super) fn waiting_sender(&self, call: CallId) -> Option<&Caller> {
        let is_gone =
            |running: &Running| running.cancellation.requested || running.envelope.unsettled.is_abandoned();
        let running = self.calls.get(call).filter(|running| !is_gone(running))?;
        matches!(running.stage, Stage::Handling).then(|| running.envelope.unsettled.sender())
    }

    /// Whether a call's handler runs.
    pub(super) fn is_handling(&self, call: CallId) -> bool {
        self.calls.get(call).is_some_and(|running| matches!(running.stage, Stage::Handling))
    }

    /// What is left of the time of a call's caller.
    pub(super) fn remaining(&self, call: CallId, now: Instant) -> Option<Duration> {
        let deadline = self.calls.get(call)?.envelope.deadline?.at();
        Some(deadline.saturating_duration_since(now))
    }

    /// The message that ended the life: the one that is known to have, or the only one that was worked on; of those
    /// that only `begun` since its life last waited, where that is said.
    pub(super) fn culprit(&self, begun: Option<CallId>) -> Option<Culprit> {
        if self.culprit.is_some() {
            return self.culprit.clone();
        }
        let mut worked_on = self.calls.iter().filter(|(_, running)| running.is_worked_on());
        let (call, only) = worked_on.next()?;
        let alone = worked_on.next().is_none() && begun.is_none_or(|begun| begun == call);
        alone.then(|| Culprit::of(&only.envelope.unsettled))
    }

    /// The life ends because of this message: it takes no more work.
    pub(super) fn fault(&mut self, culprit: Culprit) {
        self.phase = Phase::Stopping;
        self.culprit = Some(culprit);
    }

    /// A call in flight, as what may end its life.
    pub(super) fn suspect(&self, call: CallId) -> Option<Culprit> {
        self.calls.get(call).map(|running| Culprit::of(&running.envelope.unsettled))
    }

    /// What memory the life was refused.
    pub(super) fn refusals(&mut self) -> &mut Refusals {
        &mut self.refusals
    }

    /// How far the life has got with its end.
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Goes on to another phase. The last one is not left.
    pub(super) fn set_phase(&mut self, phase: Phase) {
        if self.phase != Phase::Stopping {
            self.phase = phase;
        }
    }

    /// The methods by name, where the actor says what it has.
    pub(super) fn methods(&self) -> Option<&Arc<Methods>> {
        self.methods.as_ref()
    }

    /// The life has started, with these methods.
    pub(super) fn set_methods(&mut self, methods: Methods) {
        self.methods = Some(Arc::new(methods)).filter(|methods| !methods.is_empty());
    }

    /// Forgets everything, for the next life. Returns what was in flight.
    pub(super) fn clear(&mut self) -> Vec<CutOff> {
        let cut_off = self.calls.drain().map(|Running { envelope, stage, .. }| match stage {
            Stage::Handling => CutOff::Call(envelope),
            Stage::Streaming(stream) => CutOff::Stream(stream.writer, envelope.unsettled.share_message()),
        });
        let cut_off = cut_off.collect();
        *self = Self::default();
        cut_off
    }
}
