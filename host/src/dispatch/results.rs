//! Where a life hands in the results of its work, and what a guest says is checked.

use std::sync::Arc;

use tokio::time::Instant;

use super::Dispatch;
use super::behavior::{DrawResult, Reply};
use super::in_flight::{Culprit, InFlight};
use super::life_context::LifeContext;
use super::stream_shares;
use crate::budget::Held;
use crate::call::Answer;
use crate::exit::{OperatorText, TEXT_MAX_BYTES};
use crate::id::{CallId, StreamId};
use crate::lifecycle::Signal;
use crate::mailbox::Fate;
use crate::observe::Event;
use crate::stream::{self, Buffered, Producer};
use crate::text::printable;
use crate::wire::{ActorError, CallError, Payload, RuntimeError, RuntimeErrorKind};

impl LifeContext {
    /// Hands in what the handler of an ask returned.
    pub fn handled(&self, call: CallId, result: Result<Reply, ActorError>) {
        match result {
            Ok(Reply::Stream(stream)) => self.dispatch.open_stream(call, stream),
            Ok(Reply::Value(value)) => {
                let outcome = self.dispatch.check_size(&value).map(|()| Answer::Value(value));
                self.dispatch.end_handling(call, Fate::Answered(outcome));
            }
            Err(error) => self.dispatch.end_with_error(call, error),
        }
        self.dispatch.execution.broken();
    }

    /// Hands in how the handler of a tell ended.
    pub fn told(&self, call: CallId, result: Result<(), ActorError>) {
        match result {
            Ok(()) => self.dispatch.end_handling(call, Fate::told()),
            Err(error) => self.dispatch.end_with_error(call, error),
        }
        self.dispatch.execution.broken();
    }

    /// Hands in what a draw on a stream brought.
    pub fn drawn(&self, call: CallId, result: DrawResult) {
        self.dispatch.drawn(call, result);
        self.dispatch.execution.broken();
    }

    /// Says that the guest has closed a stream.
    pub fn closed(&self, call: CallId) {
        self.dispatch.in_flight().closed(call);
        self.dispatch.execution.broken();
    }
}

impl Dispatch {
    /// Settles a message that was handled. Nothing, where its life has ended meanwhile.
    fn end_handling(&self, call: CallId, fate: Fate) {
        // In a statement of its own: the lock is not held while it is settled.
        let handled = self.in_flight().end_handling(call, true);
        if let Some(envelope) = handled {
            self.mailbox.settle(envelope, fate);
        }
    }

    fn end_with_error(&self, call: CallId, error: ActorError) {
        let mut in_flight = self.in_flight();
        // Whose caller is at fault has been looked after: the guest chose to say so.
        let was_done = matches!(error, ActorError::Business { .. });
        let Some(envelope) = in_flight.end_handling(call, was_done) else { return };
        self.note_fault(&mut in_flight, || Culprit::of(&envelope.unsettled), &error);
        drop(in_flight);
        self.mailbox.settle(envelope, Fate::Answered(Err(error.into())));
    }

    /// Hands out no more work to a life that says it cannot go on.
    fn note_fault(&self, in_flight: &mut InFlight, culprit: impl FnOnce() -> Culprit, error: &ActorError) {
        if let ActorError::System { message: text, restart: true, .. } = error {
            in_flight.fault(culprit());
            let text = OperatorText::new(&printable(text, TEXT_MAX_BYTES));
            self.lifecycle.signals().send(Signal::Fault(text));
        }
    }

    fn check_size(&self, value: &Payload) -> Result<(), CallError> {
        let (bytes, max) = (value.body.len(), self.limits.message_max);
        if bytes <= self.limits.message_max_bytes() {
            return Ok(());
        }
        let text = format!("`{}` answered {bytes} bytes, more than its limit of {}", self.id(), max.as_u64());
        Err(RuntimeError::new(RuntimeErrorKind::MessageTooLarge, text).into())
    }

    /// Turns a call that was handled into a stream, and hands its reader to the caller.
    fn open_stream(self: &Arc<Self>, call: CallId, id: StreamId) {
        let mut in_flight = self.in_flight();
        if in_flight.has_stream(id) {
            let handled = in_flight.end_handling(call, true);
            drop(in_flight);
            if let Some(envelope) = handled {
                let error = self.broken_rule(format!("answered the stream {}, which is open already", id.0));
                self.mailbox.settle(envelope, Fate::Answered(Err(error)));
            }
            return;
        }
        let Some(resume_after) = in_flight.message(call).map(|message| message.resume_after.unwrap_or(0))
        else {
            return;
        };
        let capacity = usize::try_from(self.limits.stream_buffer.get()).unwrap_or(usize::MAX);
        let producer = Arc::clone(self) as Arc<dyn Producer>;
        let (writer, reader) = stream::channel(capacity, call, resume_after, producer);
        // A reader within an actor must not run this life: it is itself being polled, and the time would count as its own.
        let reader = if in_flight.path(call).is_outside() { reader.helping() } else { reader };
        self.buffers.add(writer.buffered());
        // The stream is begun also where it is one too many: the guest has made it, and only a stream that is known can be
        // closed in the guest.
        let room = self.room_for_stream(&mut in_flight, call);
        let reply = in_flight.begin_stream(call, id, writer, Instant::now(), self.limits.grace);
        drop(in_flight);
        let Some(reply) = reply else { return };
        self.deadlines_changed();
        // Where there is no room, the reader is dropped, so the guest is told to close the stream.
        reply.send(room.map(|()| Answer::Stream(reader)));
    }

    /// Sees to it that one more stream may be open, and has that of another sender give way where that is fair.
    fn room_for_stream(&self, in_flight: &mut InFlight, call: CallId) -> Result<(), CallError> {
        let (open, max) = (in_flight.streaming(), self.limits.open_streams.get());
        if open < max {
            return Ok(());
        }
        let now = Instant::now();
        let streams = in_flight.shared_streams(now);
        // Those that gave way are open until the guest has closed them: with them, there are twice as many at most.
        let may_exceed = open < max.saturating_mul(2);
        if may_exceed && streams.len() < max {
            return Ok(());
        }
        // For a caller that is gone, and a call that was answered before, nobody gives way.
        let sender = in_flight.waiting_sender(call).filter(|_| may_exceed);
        let Some(other) = sender.and_then(|sender| stream_shares::gives_way(&streams, sender)) else {
            let text = format!("`{}` has {open} streams open, and may have no more", self.id());
            return Err(ActorError::system(text).into());
        };
        let text = format!("`{}` has {max} streams open, and ended one for a sender with fewer", self.id());
        in_flight.break_stream(other, ActorError::system(text).into(), now, self.limits.grace);
        Ok(())
    }

    fn drawn(&self, call: CallId, result: DrawResult) {
        let mut in_flight = self.in_flight();
        let was_done = result.as_ref().is_ok_and(|drawn| !drawn.items.is_empty());
        let Some((max_items, writer)) = in_flight.end_draw(call, was_done) else { return };
        match result {
            Err(error) => {
                if let Some(culprit) = in_flight.suspect(call) {
                    self.note_fault(&mut in_flight, || culprit, &error);
                }
                in_flight.end_stream(call, Err(error.into()));
            }
            Ok(drawn) => match self.check_draw(&drawn.items, drawn.done, max_items, &writer.buffered()) {
                Ok(held) => {
                    self.counters.count(Event::Streamed(drawn.items.len()));
                    writer.push_held(drawn.items, held);
                    if drawn.done {
                        in_flight.end_stream(call, Ok(()));
                    } else {
                        in_flight.continue_stream(call);
                    }
                }
                // A guest that said `done` has let go of the stream: it must not be told to close it.
                Err(error) if drawn.done => in_flight.end_stream(call, Err(error)),
                Err(error) => {
                    in_flight.break_stream(call, error, Instant::now(), self.limits.grace);
                    in_flight.continue_stream(call);
                }
            },
        }
    }

    fn check_draw(
        &self,
        items: &[Payload],
        done: bool,
        max_items: u32,
        buffer: &Buffered,
    ) -> Result<Held, CallError> {
        let max = usize::try_from(max_items).unwrap_or(usize::MAX);
        if items.len() > max {
            let text = format!("handed over {} items where {max} were asked for", items.len());
            return Err(self.broken_rule_of_stream(text));
        }
        if items.is_empty() && !done {
            let text = "handed over no item, and did not say that it was done";
            return Err(self.broken_rule_of_stream(text.to_owned()));
        }
        items.iter().try_for_each(|item| self.check_size(item))?;
        let bytes = items.iter().map(Payload::kept_bytes).fold(0, usize::saturating_add);
        let error = self.too_many_bytes();
        self.buffers.keep(bytes, buffer, &error).ok_or(error)
    }

    fn broken_rule(&self, what: String) -> CallError {
        let message = format!("`{}` {what}", self.id());
        ActorError::System { message, recoverable: false, restart: false }.into()
    }

    fn broken_rule_of_stream(&self, what: String) -> CallError {
        let message = format!("a stream of `{}` {what}", self.id());
        ActorError::System { message, recoverable: false, restart: false }.into()
    }

    fn too_many_bytes(&self) -> CallError {
        let (id, max) = (self.id(), self.limits.kept_max);
        ActorError::system(format!("more than {max} of `{id}`'s streams wait for their readers")).into()
    }
}
