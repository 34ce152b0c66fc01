//! What a life that pulls its work is shown at once: the messages that wait behind the one that it begins.
//!
//! A message ahead stays in the mailbox until the life begins it. So whatever happens until then (a crash, a stop, a caller
//! that goes away, a mailbox that overflows) happens to a message that waits, as if it had not been shown. Bounded: what
//! may be begun in the turn, and [`AHEAD_MAX_BYTES`].

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::Dispatch;
use super::behavior::{Job, Work};
use super::in_flight::{InFlight, WorkKind};
use super::life_context::LifeContext;
use super::work_source::supports;
use crate::id::CallId;
use crate::mailbox::Envelope;

/// The most bytes that messages ahead have together: larger ones gain nothing by being handed over with others.
const AHEAD_MAX_BYTES: usize = 64 << 10;

/// How long what a message ahead was said to have left is still right: handlers are told milliseconds.
const STALE_AFTER: Duration = Duration::from_millis(1);

/// A message that waits, as a life is shown it before it may begin it.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// What begins, if it does.
    pub(crate) job: Job,
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

    /// The messages that the life may begin in this turn, after what it has begun.
    #[must_use]
    pub(crate) fn ahead(&self) -> Vec<Ahead> {
        self.dispatch.ahead()
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

    /// The stop of the life, if that is all that is left to do: for a life that never waits for it.
    #[must_use]
    pub(crate) fn stop_due(&self) -> Option<Work> {
        self.dispatch.stop_due()
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

    /// Says that the life goes on without work of the mailbox or of a stream: it does not wait for such alone.
    pub(crate) fn goes_on(&self) {
        self.dispatch.execution.set_idle(false);
    }
}

impl Dispatch {
    fn ahead(&self) -> Vec<Ahead> {
        let max = usize::try_from(self.execution.begins_left()).unwrap_or(usize::MAX);
        if max == 0 || self.mailbox.has_quarantine() {
            return Vec::new();
        }
        let in_flight = self.in_flight();
        let (may_begin, methods) = (self.may_begin_ahead(&in_flight), in_flight.methods());
        drop(in_flight);
        if !may_begin {
            return Vec::new();
        }
        let (mut now, mut bytes) = (None, 0_usize);
        self.mailbox.look_ahead(max, |envelope| {
            if methods.as_ref().is_some_and(|methods| !supports(methods, envelope)) {
                return None;
            }
            bytes = bytes.saturating_add(envelope.unsettled.message().sent_bytes());
            (bytes <= AHEAD_MAX_BYTES).then(|| shown(envelope, &mut now))?
        })
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
        let Some(envelope) = self.mailbox.pop_if(ahead.job.call) else { return Begun::Gone };
        self.execution.begin_work();
        let now = now.map(|(_, now)| now);
        match self.begin(&mut in_flight, *envelope, |_| now.unwrap_or_else(Instant::now)) {
            Some(_work) => Begun::Yes,
            None => Begun::Gone,
        }
    }

    /// Whether messages come next, and not streams or the end of the life.
    fn may_begin_ahead(&self, in_flight: &InFlight) -> bool {
        !in_flight.may_have_work() && in_flight.takes_messages(self.limits.max_in_flight.get())
    }

    fn stop_due(&self) -> Option<Work> {
        let stop = self.try_stop(&mut self.in_flight())?;
        self.execution.begin_work();
        Some(stop)
    }

    fn stream_work(&self) -> Option<Work> {
        if !self.execution.work_left() {
            return None;
        }
        let work = self.in_flight().next_stream_work(false, Instant::now, self.limits.grace)?;
        if matches!(work, Work::Close { .. }) {
            self.deadlines_changed();
        }
        self.execution.begin_work();
        Some(work)
    }
}

/// A message as it is shown; none where it is not to be handled.
fn shown(envelope: &Envelope, now: &mut Option<Instant>) -> Option<Ahead> {
    let Envelope { call, unsettled, deadline, .. } = envelope;
    let seen = deadline.map(|_| *now.get_or_insert_with(Instant::now));
    let left = match (deadline, seen) {
        (Some(deadline), Some(now)) => Some(deadline.left(now)?),
        (None, _) | (_, None) => None,
    };
    let message = Arc::clone(unsettled.message());
    Some(Ahead { job: Job { call: *call, message, remaining: left }, is_ask: unsettled.is_ask(), seen })
}
