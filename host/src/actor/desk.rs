//! Where a life picks up its work and hands in what came of it.
//!
//! One desk for each life, shared with the host functions that the life's guest calls. Everything that a
//! guest could lie about (batches that are too long, numbers of streams, sizes) is checked here, once, for
//! every behavior.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::behavior::{Birth, Description, DrawResult, Job, Lane, Reply, Work};
use super::core::Core;
use super::envelope::{Answer, Envelope, Outcome};
use super::lifecycle::State;
use super::schedule::{Handled, Methods, Phase, ReplyTo};
use super::signals::Signal;
use crate::budget::Held;
use crate::error::{ActorError, CallError, RuntimeError, RuntimeErrorKind, nearest};
use crate::exit::TEXT_MAX_BYTES;
use crate::grants::Callers;
use crate::id::{ActorName, CallId, StreamId};
use crate::limits::Limits;
use crate::message::{Message, MethodKind, Payload};
use crate::observe::{Counters, Event};
use crate::policy::RestartSettings;
use crate::stream::{self, Buffered, StreamReader};
use crate::text::printable;

pub(super) use super::schedule::Schedule;

/// Where one life picks up its work and hands in what came of it. Cheap to clone.
///
/// What has come of work is handed in while the life is polled: that alone does not have it polled again.
#[derive(Clone)]
pub struct Desk {
    core: Arc<Core>,
}

impl Desk {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The desk of an actor that never runs: for finding out what a behavior says of itself.
    #[must_use]
    pub fn of_nobody(name: ActorName, lane: Lane, limits: Limits, counters: Arc<Counters>) -> Self {
        Self::new(Core::new(name, lane, limits, &RestartSettings::default(), Callers::default(), counters))
    }

    /// The actor's name.
    #[must_use]
    pub fn name(&self) -> &ActorName {
        &self.core.name
    }

    /// The actor's ceilings.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.core.limits
    }

    /// Where the actor counts.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.core.counters
    }

    /// Says that the life has started, and what the actor says of itself.
    pub fn ready(&self, birth: &Birth, description: Description) {
        let kinds: Methods =
            description.methods.iter().map(|method| (method.name.clone(), method.kind)).collect();
        self.core.schedule().methods = Some(Arc::new(kinds)).filter(|kinds| !kinds.is_empty());
        *self.core.description.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Arc::new(description);
        self.core.status.send_modify(|status| {
            if status.state == State::Starting {
                status.state = State::Running;
            }
        });
        tracing::info!(actor = %birth.name, generation = %birth.generation, "running");
        self.core.signals.send(Signal::Rearm);
    }

    /// Says that this life may end whenever it has nothing to do, where the host wants that.
    pub fn may_passivate(&self) {
        self.core.may_passivate.store(true, Ordering::Relaxed);
    }

    /// Waits for the next piece of work. After [`Work::Stop`] it waits for ever.
    ///
    /// # Ordering
    ///
    /// Streams that lost their reader come first; then draws and messages in turn; messages in the order in
    /// which they came into the mailbox. No message while `max_in_flight` handlers run.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no work.
    pub async fn next(&self) -> Work {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&self, context: &Context<'_>) -> Poll<Work> {
        let core = &*self.core;
        // First: whoever brings work after this has looked wakes the life.
        core.work_arrived.register(context.waker());
        core.slot.set_idle(false);
        let next = if core.slices.has_work_left() { self.try_next() } else { self.later() };
        match next {
            Next::Work(work) => {
                // Streams that lost their readers go before what a visitor came for.
                if !(core.slices.is_visited() && matches!(work, Work::Close { .. })) {
                    core.slices.begin_work();
                }
                return Poll::Ready(work);
            }
            Next::Nothing => core.slot.set_idle(true),
            Next::Later => {
                // A reader that visited to open a stream visits again to draw on it.
                core.slot.set_idle(core.slices.is_visited());
                come_back(core, context);
            }
        }
        Poll::Pending
    }

    /// What there is to do in another turn.
    fn later(&self) -> Next {
        let waits = !self.core.mailbox.is_empty() || self.core.schedule().may_have_work();
        if waits { Next::Later } else { Next::Nothing }
    }

    fn try_next(&self) -> Next {
        let core = &*self.core;
        let mut schedule = core.schedule();
        let takes_messages = schedule.takes_messages(core.limits.max_in_flight.get());
        let message_waits = takes_messages && !core.mailbox.is_empty();
        let work = schedule.next_stream_work(message_waits, Instant::now, core.limits.grace);
        if let Some(work) = work {
            if matches!(work, Work::Close { .. }) {
                core.signals.send(Signal::Rearm);
            }
            return Next::Work(work);
        }
        let Some(envelope) = takes_messages.then(|| core.mailbox.pop()).flatten() else {
            return self.try_stop(&mut schedule).map_or(Next::Nothing, Next::Work);
        };
        let methods = schedule.methods.clone();
        if let Some(methods) = methods.filter(|methods| !supports(methods, &envelope)) {
            // Finding what was meant takes a while.
            drop(schedule);
            self.refuse(&methods, envelope);
            return Next::Later;
        }
        if let Some(reason) = self.quarantined(&envelope) {
            drop(schedule);
            self.keep_out(envelope, reason);
            return Next::Later;
        }
        self.take_up(&mut schedule, envelope).map_or(Next::Later, Next::Work)
    }

    /// Why a message is kept out, if it is.
    fn quarantined(&self, envelope: &Envelope) -> Option<String> {
        let mut quarantine = self.core.quarantine();
        if quarantine.is_empty() {
            return None;
        }
        quarantine.reason(&envelope.message, Instant::now().into_std())
    }

    /// Answers a message that has ended too many lives. Of asks there is a dead letter from when they did.
    fn keep_out(&self, envelope: Envelope, message: String) {
        if envelope.reply.is_none() {
            self.core.bury(&envelope.message, message.clone());
        }
        let error = ActorError::System { message, recoverable: false, restart: false };
        envelope.answer(Err(error.into()));
    }

    /// Begins a message, unless nobody waits for it any more.
    fn take_up(&self, schedule: &mut Schedule, envelope: Envelope) -> Option<Work> {
        if envelope.is_abandoned() {
            return None;
        }
        let remaining = match envelope.deadline {
            None => None,
            Some(deadline) => {
                let visited = self.core.slices.is_visited();
                Some(deadline.left(if visited { deadline.sent } else { Instant::now() })?)
            }
        };
        let job = Job { call: envelope.call, message: Arc::clone(&envelope.message), remaining };
        let (event, work) = if envelope.reply.is_some() {
            (Event::Asked, Work::Ask(job))
        } else {
            (Event::Told, Work::Tell(job))
        };
        self.core.burst.begin(envelope.call);
        schedule.begin(envelope);
        self.core.counters.count(event);
        Some(work)
    }

    /// Answers a message that the actor has no method for.
    fn refuse(&self, methods: &Methods, envelope: Envelope) {
        let error = unsupported(methods, &envelope.message.method);
        if envelope.reply.is_none() {
            self.core.bury(&envelope.message, error.to_string());
        }
        envelope.answer(Err(error.into()));
    }

    /// Hands out no more work to a life that said it cannot go on.
    fn heed(&self, schedule: &mut Schedule, message: &Arc<Message>, error: &ActorError) {
        if let ActorError::System { message: text, restart: true, .. } = error {
            schedule.phase = Phase::Stopping;
            schedule.culprit = Some(Arc::clone(message));
            self.core.signals.send(Signal::Fault(printable(text, TEXT_MAX_BYTES)));
        }
    }

    fn try_stop(&self, schedule: &mut Schedule) -> Option<Work> {
        match schedule.phase {
            Phase::Draining { mailbox } if schedule.is_idle() => {
                if mailbox && !self.core.mailbox.is_empty() {
                    return None;
                }
                schedule.phase = Phase::Stopping;
                Some(Work::Stop)
            }
            Phase::Working | Phase::Draining { .. } | Phase::Stopping => None,
        }
    }

    /// Hands in what the handler of an ask answered.
    pub fn handled(&self, call: CallId, result: Result<Reply, ActorError>) {
        let (reply, outcome) = match result {
            Ok(Reply::Stream(id)) => {
                let Some((reply, opened)) = self.open(call, id) else { return };
                (reply, opened.map(Answer::Stream))
            }
            Ok(Reply::Value(value)) => {
                let outcome = self.check_size(&value).map(|()| Answer::Value(value));
                let Some(handled) = self.core.schedule().end_handling(call) else { return };
                (handled.settle(&outcome), outcome)
            }
            Err(error) => {
                let mut schedule = self.core.schedule();
                let Some(handled) = schedule.end_handling(call) else { return };
                self.heed(&mut schedule, &handled.message, &error);
                drop(schedule);
                let outcome = Err(error.into());
                (handled.settle(&outcome), outcome)
            }
        };
        if let Some(reply) = reply {
            // The caller may be gone: a stream's reader that is dropped here tells us so.
            drop(reply.send(outcome));
        }
        self.core.burst.broken();
    }

    /// Says that the guest waits for something, so that what it computed until now was not without a break.
    pub fn waits(&self) {
        self.core.burst.broken();
    }

    /// Whether a life has done nothing yet in its turn, so that what it begins may have a slice of its own.
    #[must_use]
    pub fn begins_turn(&self) -> bool {
        self.core.slices.take_fresh()
    }

    /// Says that the life gives up its thread in the midst of its computing, so that others get a turn.
    pub fn preempted(&self) {
        self.core.burst.preempted();
    }

    /// Hands in how the handler of a tell ended.
    pub fn told(&self, call: CallId, result: Result<(), ActorError>) {
        let Some(Handled { message, .. }) = self.core.schedule().end_handling(call) else { return };
        if let Err(error) = result {
            self.core.counters.count(Event::TellFailed);
            self.core.bury(&message, error.to_string());
            self.heed(&mut self.core.schedule(), &message, &error);
        }
        self.core.burst.broken();
    }

    fn check_size(&self, value: &Payload) -> Result<(), CallError> {
        let (bytes, max) = (value.body.len(), self.core.limits.message_max);
        if bytes <= self.core.limits.message_max_bytes() {
            return Ok(());
        }
        let name = &self.core.name;
        let text = format!("`{name}` answered {bytes} bytes, more than its limit of {}", max.as_u64());
        Err(RuntimeError::new(RuntimeErrorKind::MessageTooLarge, text).into())
    }

    /// Turns a call that was handled into a stream. None if there is no such call.
    fn open(&self, call: CallId, id: StreamId) -> Option<(ReplyTo, Result<StreamReader, CallError>)> {
        let limits = &self.core.limits;
        let mut schedule = self.core.schedule();
        if schedule.has_stream(id) {
            let Handled { reply, .. } = schedule.end_handling(call)?;
            let text = format!("`{}` answered the stream {}, which is open already", self.core.name, id.0);
            let error = ActorError::System { message: text, recoverable: false, restart: false };
            return Some((reply, Err(error.into())));
        }
        let capacity = usize::try_from(limits.stream_buffer.get()).unwrap_or(usize::MAX);
        let producer = Arc::clone(&self.core) as Arc<dyn stream::Producer>;
        let resume_after = schedule.message(call)?.resume_after.unwrap_or(0);
        let (writer, reader) = stream::channel(capacity, call, resume_after, producer);
        let reader = if schedule.origin(call).is_outside() { reader.helping() } else { reader };
        self.core.add_buffer(writer.buffered());
        let open = schedule.streaming();
        let reply = schedule.begin_stream(call, id, writer, Instant::now(), limits.grace)?;
        drop(schedule);
        self.core.signals.send(Signal::Rearm);
        if open >= limits.open_streams.get() {
            // The reader is dropped, so the guest is told to close the stream.
            let text = format!("`{}` has {open} streams open, and may have no more", self.core.name);
            return Some((reply, Err(ActorError::system(text).into())));
        }
        Some((reply, Ok(reader)))
    }

    /// Hands in what a draw on a stream brought.
    pub fn drawn(&self, call: CallId, result: DrawResult) {
        let core = &*self.core;
        let mut schedule = core.schedule();
        let Some((max_items, writer)) = schedule.end_draw(call) else { return };
        match result {
            Err(error) => {
                if let Some(message) = schedule.message(call).cloned() {
                    self.heed(&mut schedule, &message, &error);
                }
                schedule.end_stream(call, Err(error.into()));
            }
            Ok(drawn) => match self.check_draw(&drawn.items, drawn.done, max_items, &writer.buffered()) {
                Ok(held) => {
                    core.counters.count(Event::Streamed(drawn.items.len()));
                    writer.push_held(drawn.items, held);
                    if drawn.done {
                        schedule.end_stream(call, Ok(()));
                    } else {
                        schedule.continue_stream(call);
                    }
                }
                Err(error) if drawn.done => schedule.end_stream(call, Err(error)),
                Err(error) => {
                    schedule.break_stream(call, error, Instant::now(), core.limits.grace);
                    schedule.continue_stream(call);
                }
            },
        }
        drop(schedule);
        self.core.burst.broken();
    }

    fn check_draw(
        &self,
        items: &[Payload],
        done: bool,
        max_items: u32,
        buffer: &Buffered,
    ) -> Result<Held, CallError> {
        let max = usize::try_from(max_items).unwrap_or(usize::MAX);
        let broken = if items.len() > max {
            format!("{} items where {max} were asked for", items.len())
        } else if items.is_empty() && !done {
            "no item, and did not say that it was done".to_owned()
        } else {
            items.iter().try_for_each(|item| self.check_size(item))?;
            let bytes = items.iter().map(Payload::kept_bytes).fold(0, usize::saturating_add);
            let error = self.too_many_bytes();
            return self.core.keep_items(bytes, buffer, &error).ok_or(error);
        };
        let message = format!("a stream of `{}` handed over {broken}", self.core.name);
        Err(ActorError::System { message, recoverable: false, restart: false }.into())
    }

    fn too_many_bytes(&self) -> CallError {
        let (name, max) = (&self.core.name, self.core.limits.kept_max);
        ActorError::system(format!("more than {max} of `{name}`'s streams wait for their readers")).into()
    }

    /// Says that the guest has closed a stream.
    pub fn closed(&self, call: CallId) {
        self.core.schedule().closed(call);
        self.core.burst.broken();
    }

    /// Whether a call is told to stop. True too for one that has ended.
    #[must_use]
    pub fn is_cancelled(&self, call: CallId) -> bool {
        call != CallId::NONE && self.core.schedule().is_cancelled(call)
    }

    /// Returns when a call is told to stop; at once for one that has ended; never for [`CallId::NONE`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn cancelled(&self, call: CallId) {
        if call == CallId::NONE {
            return std::future::pending().await;
        }
        let token = self.core.schedule().cancellation(call);
        if let Some(token) = token {
            token.cancelled_owned().await;
        }
    }

    /// What is left of the time of a call's caller; none where it has no deadline.
    #[must_use]
    pub fn remaining(&self, call: CallId) -> Option<Duration> {
        self.core.schedule().remaining(call, Instant::now())
    }
}

/// What there is to do.
enum Next {
    Work(Work),
    /// Look again, once others had a turn and signals were heard.
    Later,
    Nothing,
}

/// Has the life polled again after others.
fn come_back(core: &Core, context: &Context<'_>) {
    if core.slices.is_visited() {
        context.waker().wake_by_ref();
        return;
    }
    // Unlike a task that wakes itself, it comes after timers and sockets too.
    let mut context = Context::from_waker(context.waker());
    let _pending = pin!(tokio::task::yield_now()).poll(&mut context);
}

/// Whether the actor can take this message, by what it says of itself.
fn supports(methods: &Methods, envelope: &Envelope) -> bool {
    match methods.get(&envelope.message.method) {
        Some(MethodKind::Tell) => envelope.reply.is_none(),
        Some(MethodKind::Ask | MethodKind::Stream) => true,
        None => false,
    }
}

/// Why it cannot.
fn unsupported(methods: &Methods, method: &str) -> ActorError {
    if methods.contains_key(method) {
        let nearest = Some(format!("tell {method}"));
        return ActorError::Unsupported { operation: format!("ask {method}"), nearest };
    }
    let nearest = nearest(method, methods.keys().map(String::as_str)).map(str::to_owned);
    ActorError::Unsupported { operation: method.to_owned(), nearest }
}

/// What callers in flight are told when their life ends.
pub(super) fn cut_off(message: &Message, why: &str, recoverable: bool) -> Outcome {
    let message = format!("`{}` was cut off: the actor {why}", message.method);
    Err(ActorError::System { message, recoverable, restart: false }.into())
}
