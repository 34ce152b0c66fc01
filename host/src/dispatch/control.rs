//! What the supervisor does with the work of a life: cancel, drain, look for what is overdue, clear away.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::Dispatch;
use super::in_flight::{Culprit, CutOff, InFlight, Phase};
use crate::exit::ExitReason;
use crate::id::CallId;
use crate::lifecycle::{Signal, State};
use crate::mailbox::{Fate, cut_off_error};
use crate::wire::{ActorError, Lane, Message, RuntimeError, RuntimeErrorKind};

/// How much an actor has in hand at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// How many handlers run.
    pub(crate) handlers: usize,
    /// How many streams are open.
    pub(crate) streams: usize,
    /// How many bytes of items wait for readers.
    pub(crate) kept_bytes: usize,
}

impl Dispatch {
    /// A life begins.
    pub(crate) fn begin_life(&self) {
        self.execution.broken();
        self.gathering.begin_life();
        self.may_passivate.store(false, Ordering::Relaxed);
    }

    /// Tells a call to stop: its caller is gone, or the reader of its stream.
    pub(crate) fn cancel(&self, call: CallId) {
        self.give_up(call);
        self.wake();
    }

    /// The same, for who sees to it that the life looks.
    pub(super) fn give_up(&self, call: CallId) {
        let mut in_flight = self.in_flight();
        let has_begun = in_flight.message(call).is_some();
        in_flight.cancel(call, Instant::now(), self.limits.grace);
        drop(in_flight);
        if !has_begun {
            self.mailbox.note_given_up();
        }
    }

    /// Lets what is in flight end, and then the life. Streams, which may have no end, are ended now, because the actor
    /// `why`.
    pub(crate) fn drain(&self, phase: Phase, why: &str) {
        let mut in_flight = self.in_flight();
        in_flight.set_phase(phase);
        let error = RuntimeError::new(RuntimeErrorKind::ActorStopped, format!("`{}` {why}", self.id()));
        in_flight.break_streams(&error.into(), Instant::now(), self.limits.grace);
        drop(in_flight);
        self.wake();
    }

    /// How much the actor has in hand.
    pub(crate) fn load(&self) -> Load {
        let in_flight = self.in_flight();
        let (handlers, streams) = (in_flight.handling(), in_flight.streaming());
        drop(in_flight);
        Load { handlers, streams, kept_bytes: self.buffers.kept_bytes() }
    }

    /// Whether nothing is in flight, nothing waits, and the life has started and is not about to end.
    pub(crate) fn is_idle(&self) -> bool {
        self.lifecycle.state() == State::Running && self.has_nothing_to_do(&self.in_flight())
    }

    /// Lets an idle life end. Returns whether it is idle still: what comes after that is for the next life.
    pub(crate) fn drain_if_idle(&self) -> bool {
        let mut in_flight = self.in_flight();
        // Under the lock: a message that a caller has the life begin meanwhile would lose the stream that it opens.
        if !self.has_nothing_to_do(&in_flight) {
            return false;
        }
        in_flight.set_phase(Phase::Draining { mailbox: false });
        drop(in_flight);
        self.wake();
        true
    }

    fn has_nothing_to_do(&self, in_flight: &InFlight) -> bool {
        in_flight.is_idle() && in_flight.phase() == Phase::Working && self.mailbox.is_empty()
    }

    /// How many messages were begun, of all lives.
    pub(crate) fn messages_begun(&self) -> u64 {
        let counted = self.counters.read();
        counted.asks.saturating_add(counted.tells)
    }

    /// When [`Self::take_overdue`] is to be called next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.in_flight().next_due()
    }

    /// Ends the streams on which nobody has drawn for `stream_idle`.
    pub(crate) fn end_idle_streams(&self, now: Instant) {
        let mut in_flight = self.in_flight();
        let idle = in_flight.idle_streams(now, self.limits.stream_idle);
        for call in &idle {
            let operation = "reading the stream".to_owned();
            let error = ActorError::Timeout { operation, duration: self.limits.stream_idle };
            in_flight.break_stream(*call, error.into(), now, self.limits.grace);
        }
        drop(in_flight);
        if !idle.is_empty() {
            self.wake();
        }
    }

    /// A call that was told to stop and has not stopped within the grace period.
    pub(crate) fn take_overdue(&self, now: Instant) -> Option<Arc<Message>> {
        self.in_flight().take_overdue(now)
    }

    /// The message that ended the life, where that is known: it said so itself, or was the only one in progress.
    pub(crate) fn culprit(&self) -> Option<Culprit> {
        // Where handlers overlap, only one that has not waited yet is sure to have been the one that ran.
        let begun = match self.lane {
            Lane::Overlapping => Some(self.execution.begun()),
            Lane::Serial => None,
        };
        self.in_flight().culprit(begun)
    }

    /// Settles the calls that a life left behind, and ends its streams.
    pub(crate) fn cut_off(&self, exit: &ExitReason, recoverable: bool) {
        let left_behind = self.in_flight().clear();
        self.rest.is_over();
        for cut_off in left_behind {
            match cut_off {
                CutOff::Call(envelope) => {
                    self.mailbox.settle(envelope, Fate::cut_off(exit, recoverable));
                }
                CutOff::Stream(writer, message) => {
                    writer.end(Err(cut_off_error(&message, exit, recoverable)));
                }
            }
        }
    }

    pub(super) fn deadlines_changed(&self) {
        self.lifecycle.signals().send(Signal::DeadlinesChanged);
    }
}
