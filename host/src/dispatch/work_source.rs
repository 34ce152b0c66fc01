//! Where a life picks up its work.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::Dispatch;
use super::behavior::{Job, Work};
use super::in_flight::{InFlight, Methods, Phase};
use super::in_flight_lock::InFlightGuard;
use super::life_context::LifeContext;
use crate::call::Deadline;
use crate::mailbox::{Envelope, Fate};
use crate::wire::{ActorError, MethodKind, nearest};

/// What there is to do.
enum Next {
    Work(Work),
    /// Look again, once others had a turn and signals were heard.
    Later,
    Nothing,
}

impl LifeContext {
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
        poll_fn(|context| self.dispatch.poll_next(context)).await
    }
}

impl Dispatch {
    pub(super) fn poll_next(&self, context: &Context<'_>) -> Poll<Work> {
        let execution = &*self.execution;
        let is_inline = execution.is_inline();
        if is_inline {
            // The owner is registered, or has been woken: otherwise the life were not idle.
            self.gathering.run_by_caller();
        } else {
            // First: whoever brings work after this has looked wakes the life.
            self.work_arrived.register(context.waker());
        }
        // Not idle while it looks: a caller that ran it inline now would poll it within itself.
        execution.set_idle(false);
        if !is_inline && !self.mailbox.is_empty() && self.gathering.lets_others_first() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = if execution.work_left() { self.try_next() } else { self.later() };
        match next {
            Next::Work(work) => {
                // Streams that lost their readers go before what an inline run is for.
                if !(is_inline && matches!(work, Work::Close { .. })) {
                    execution.begin_work();
                }
                return Poll::Ready(work);
            }
            // Only now may callers run it inline: all that had come was begun.
            Next::Nothing => {
                self.gathering.rest();
                execution.set_idle(true);
            }
            Next::Later => {
                // A reader that ran the life to open a stream runs it again to draw on it.
                execution.set_idle(is_inline);
                self.come_back(context);
            }
        }
        Poll::Pending
    }

    /// What there is to do in another turn.
    fn later(&self) -> Next {
        let waits = !self.mailbox.is_empty() || self.in_flight.may_have_work();
        if waits { Next::Later } else { Next::Nothing }
    }

    fn try_next(&self) -> Next {
        let mut in_flight = self.in_flight();
        // Held from the look at the mailbox to the beginning of a message: a stop that comes between would otherwise see
        // neither a message that waits nor a call in flight, and end the life under it.
        let takes_messages = in_flight.takes_messages(self.limits.max_in_flight.get());
        let message_waits = takes_messages && !self.mailbox.is_empty();
        if let Some(work) = self.next_stream_work(&mut in_flight, message_waits) {
            return Next::Work(work);
        }
        if self.rest.is_due(&in_flight) {
            return Next::Work(Work::Leave);
        }
        // A message leaves the mailbox only to be begun or settled: from here on nothing may be waited for.
        let Some(envelope) = takes_messages.then(|| self.mailbox.pop()).flatten() else {
            return self.try_stop(&mut in_flight).map_or(Next::Nothing, Next::Work);
        };
        let Some((mut in_flight, envelope)) = self.check_fit(in_flight, envelope) else { return Next::Later };
        // In an inline run, hardly any time has gone by since the message was sent.
        let is_inline = self.execution.is_inline();
        let now = |deadline: Deadline| if is_inline { deadline.sent() } else { Instant::now() };
        let (call, message) = (envelope.call, envelope.unsettled.share_message());
        let is_ask = envelope.unsettled.is_ask();
        let Some(remaining) = self.begin(&mut in_flight, envelope, now) else { return Next::Later };
        let job = Job { call, message, remaining };
        Next::Work(if is_ask { Work::Ask(job) } else { Work::Tell(job) })
    }

    /// The next piece of work on a stream. Where `message_waits` too, they take turns.
    pub(super) fn next_stream_work(&self, in_flight: &mut InFlight, message_waits: bool) -> Option<Work> {
        let work = in_flight.next_stream_work(message_waits, Instant::now, self.limits.grace)?;
        if matches!(work, Work::Close { .. }) {
            self.deadlines_changed();
        }
        Some(work)
    }

    /// Refuses a message that the actor cannot take, or that is in quarantine. Returns it otherwise.
    fn check_fit<'a>(
        &self,
        in_flight: InFlightGuard<'a>,
        envelope: Box<Envelope>,
    ) -> Option<(InFlightGuard<'a>, Box<Envelope>)> {
        let message = envelope.unsettled.message();
        let unfit = in_flight.methods().filter(|methods| !supports(methods, &envelope)).cloned();
        let error = if let Some(methods) = unfit {
            // Finding what was meant takes a while.
            drop(in_flight);
            unsupported(&methods, &message.method)
        } else if let Some(message) = self.mailbox.quarantined(message, envelope.unsettled.sender()) {
            drop(in_flight);
            ActorError::System { message, recoverable: false, restart: false }
        } else {
            return Some((in_flight, envelope));
        };
        self.mailbox.settle(envelope, Fate::Refused(error.into()));
        None
    }

    /// Begins a message, unless nobody waits for it any more. Returns what is left of its time.
    pub(super) fn begin(
        &self,
        in_flight: &mut InFlight,
        envelope: Box<Envelope>,
        now: impl FnOnce(Deadline) -> Instant,
    ) -> Option<Option<Duration>> {
        let left = envelope.deadline.map(|deadline| deadline.left(now(deadline)));
        if envelope.unsettled.is_abandoned() || left == Some(None) {
            self.mailbox.settle(envelope, Fate::Abandoned);
            return None;
        }
        // Under the lock: one at a time.
        self.counters.count_begun(envelope.unsettled.is_ask());
        self.execution.work_begun(envelope.call);
        in_flight.begin(envelope);
        Some(left.flatten())
    }

    fn try_stop(&self, in_flight: &mut InFlight) -> Option<Work> {
        match in_flight.phase() {
            Phase::Draining { mailbox } if in_flight.is_idle() => {
                // It has come since the look above: the sender's wake has the life look again.
                if mailbox && !self.mailbox.is_empty() {
                    return None;
                }
                in_flight.set_phase(Phase::Stopping);
                Some(Work::Stop)
            }
            Phase::Working | Phase::Draining { .. } | Phase::Stopping => None,
        }
    }

    /// Has the life polled again after others.
    fn come_back(&self, context: &Context<'_>) {
        if self.execution.is_inline() {
            context.waker().wake_by_ref();
            return;
        }
        // Unlike a task that wakes itself, it comes after timers and sockets too.
        let mut context = Context::from_waker(context.waker());
        let _pending = pin!(tokio::task::yield_now()).poll(&mut context);
    }
}

/// Whether the actor can take this message, by what it says of itself.
pub(super) fn supports(methods: &Methods, envelope: &Envelope) -> bool {
    match methods.get(envelope.unsettled.message().method.as_str()) {
        Some(MethodKind::Tell) => !envelope.unsettled.is_ask(),
        Some(MethodKind::Ask | MethodKind::Stream) => true,
        None => false,
    }
}

/// Why it cannot.
fn unsupported(methods: &Methods, method: &str) -> ActorError {
    if methods.contains_key(method) {
        return ActorError::tell_only(method);
    }
    let nearest = nearest(method, methods.keys().map(String::as_str)).map(str::to_owned);
    ActorError::Unsupported { operation: method.to_owned(), nearest }
}
