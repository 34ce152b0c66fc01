//! What a life that pulls its work is shown at once: the messages that wait behind the one that it begins.
//!
//! A message ahead stays in the mailbox until the life begins it. So whatever happens until then (a crash, a stop, a caller
//! that goes away, a mailbox that overflows) happens to a message that waits, as if it had not been shown. Bounded: what
//! may be begun in the turn, and [`AHEAD_MAX_BYTES`].

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::Dispatch;
use super::behavior::Work;
use super::in_flight::{InFlight, WorkKind};
use super::life_context::LifeContext;
use super::work_source::supports;
use crate::id::CallId;
use crate::mailbox::Envelope;
use crate::wire::Message;

/// The most bytes that messages ahead have together: larger ones gain nothing by being handed over with others.
/// They are copied while senders wait.
const AHEAD_MAX_BYTES: usize = 16 << 10;

/// How long what a message ahead was said to have left is still right: handlers are told milliseconds.
const STALE_AFTER: Duration = Duration::from_millis(1);

/// A message that waits, as a life is shown it.
pub(crate) struct Shown<'a> {
    /// The call that begins, if it does.
    pub(crate) call: CallId,
    /// What the sender wrote.
    pub(crate) message: &'a Message,
    /// Whether somebody waits for its answer.
    pub(crate) is_ask: bool,
    /// What is left of the caller's time; none where nobody waits.
    pub(crate) remaining: Option<Duration>,
}

/// A message that a life was shown, and may begin.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// The call that begins, if it does.
    pub(crate) call: CallId,
    /// Whether somebody waits for its answer.
    pub(crate) is_ask: bool,
    /// When what is left of its time was read, where it has a deadline.
    seen: Option<Instant>,
}

/// Whether a message ahead begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It has begun.
    Yes,
    /// It waits no more: its caller is gone, or it gave way to another.
    Gone,
    /// Neither it nor any other that was shown with it: something else comes first.
    GivenBack,
}

impl LifeContext {
    /// Waits for the next piece of work, as [`LifeContext::next`] does.
    pub(crate) fn poll_next(&self, context: &Context<'_>) -> Poll<Work> {
        self.dispatch.poll_next(context)
    }

    /// Shows the messages that the life may begin in this turn, after what it has begun, and returns which they were.
    ///
    /// # Blocking
    ///
    /// Senders wait meanwhile: `show` must be short.
    #[must_use]
    pub(crate) fn ahead(&self, show: impl FnMut(Shown<'_>)) -> Vec<Ahead> {
        self.dispatch.ahead(show)
    }

    /// Begins a message ahead. To be called in their order.
    #[must_use]
    pub(crate) fn begin_ahead(&self, ahead: &Ahead) -> Begun {
        self.dispatch.begin_ahead(ahead)
    }

    /// What there is to do on streams, for a life that does several things at once.
    #[must_use]
    pub(crate) fn stream_work(&self) -> Option<Work> {
        self.dispatch.stream_work()
    }

    /// Says that this life takes several messages at once, where they wait.
    pub(crate) fn takes_several(&self) {
        self.dispatch.gathering.want();
    }

    /// From now on, [`Self::take_cancelled`] names the handlers that are told to stop.
    pub(crate) fn keep_cancelled(&self) {
        self.dispatch.in_flight().keep_cancelled();
    }

    /// The handlers that were told to stop since this was last called, and still run.
    #[must_use]
    pub(crate) fn take_cancelled(&self) -> Vec<CallId> {
        self.dispatch.in_flight().take_cancelled()
    }

    /// Says that the handler that was begun last has come to a wait: if the life ends now, it need not have been it.
    pub(crate) fn awaits(&self) {
        self.dispatch.execution.awaits();
    }

    /// Whether this life has work of this kind in hand for a call: what a guest may hand in the outcome of.
    #[must_use]
    pub(crate) fn has_in_hand(&self, call: CallId, kind: WorkKind) -> bool {
        self.dispatch.in_flight().has_in_hand(call, kind)
    }

    /// Whether a call of this life has not ended.
    #[must_use]
    pub(crate) fn is_in_flight(&self, call: CallId) -> bool {
        self.dispatch.in_flight().message(call).is_some()
    }

    /// Says that the life goes on without work of the mailbox or of a stream: it does not wait for such alone.
    pub(crate) fn goes_on(&self) {
        self.dispatch.execution.set_idle(false);
    }
}

impl Dispatch {
    fn ahead(&self, mut show: impl FnMut(Shown<'_>)) -> Vec<Ahead> {
        let max = usize::try_from(self.execution.begins_left()).unwrap_or(usize::MAX);
        // What is in quarantine is refused when it comes to be begun.
        if max == 0 || self.mailbox.is_empty() || self.mailbox.has_quarantine() {
            self.gathering.gathered(0);
            return Vec::new();
        }
        let in_flight = self.in_flight();
        let (may_begin, methods) = (self.may_begin_ahead(&in_flight), in_flight.methods().cloned());
        drop(in_flight);
        if !may_begin {
            self.gathering.gathered(0);
            return Vec::new();
        }
        let (mut now, mut bytes) = (None, 0_usize);
        let ahead = self.mailbox.look_ahead(max, |envelope| {
            bytes = bytes.saturating_add(envelope.unsettled.message().sent_bytes());
            let is_fit = methods.as_ref().is_none_or(|methods| supports(methods, envelope));
            if bytes > AHEAD_MAX_BYTES || !is_fit {
                return None;
            }
            let (shown, seen) = shown(envelope, &mut now)?;
            let ahead = Ahead { call: shown.call, is_ask: shown.is_ask, seen };
            show(shown);
            Some(ahead)
        });
        self.gathering.gathered(ahead.len());
        ahead
    }

    fn begin_ahead(&self, ahead: &Ahead) -> Begun {
        let now = ahead.seen.map(|seen| (seen, Instant::now()));
        let is_stale = now.is_some_and(|(seen, now)| now.duration_since(seen) > STALE_AFTER);
        if is_stale || !self.execution.work_left() || self.lifecycle.signals().is_pressing() {
            return Begun::GivenBack;
        }
        let mut in_flight = self.in_flight();
        if !self.may_begin_ahead(&in_flight) {
            return Begun::GivenBack;
        }
        let Some(envelope) = self.mailbox.pop_if(ahead.call) else { return Begun::Gone };
        self.execution.begin_work();
        // What ran before it has ended, or waits.
        self.execution.broken();
        let now = now.map(|(_, now)| now);
        match self.begin(&mut in_flight, envelope, |_| now.unwrap_or_else(Instant::now)) {
            Some(_left) => Begun::Yes,
            None => Begun::Gone,
        }
    }

    /// Whether messages come next, and not streams or the end of the life.
    fn may_begin_ahead(&self, in_flight: &InFlight) -> bool {
        !in_flight.may_have_work() && in_flight.takes_messages(self.limits.max_in_flight.get())
    }

    fn stream_work(&self) -> Option<Work> {
        if !self.execution.work_left() {
            return None;
        }
        let work = self.next_stream_work(&mut self.in_flight(), false)?;
        self.execution.begin_work();
        Some(work)
    }
}

/// A message as it is shown, and when its time was read; none where it is not to be handled.
fn shown<'a>(envelope: &'a Envelope, now: &mut Option<Instant>) -> Option<(Shown<'a>, Option<Instant>)> {
    let Envelope { call, unsettled, deadline, .. } = envelope;
    let seen = deadline.map(|_| *now.get_or_insert_with(Instant::now));
    let remaining = match (deadline, seen) {
        (Some(deadline), Some(now)) => Some(deadline.left(now)?),
        (None, _) | (_, None) => None,
    };
    let (message, is_ask) = (unsettled.message(), unsettled.is_ask());
    Some((Shown { call: *call, message, is_ask, remaining }, seen))
}
