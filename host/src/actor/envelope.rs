//! A message on its way, with what its sender waits for.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::waits::Origin;
use crate::budget::Held;
use crate::error::CallError;
use crate::id::CallId;
use crate::message::{Message, Payload};
use crate::stream::StreamReader;

/// What a handler answered, as its caller gets it.
pub(super) enum Answer {
    /// One value.
    Value(Payload),
    /// A stream that has begun.
    Stream(StreamReader),
}

/// What a caller waits for.
pub(super) type Outcome = Result<Answer, CallError>;

/// One message on its way to an actor.
pub(super) struct Envelope {
    pub(super) call: CallId,
    pub(super) message: Arc<Message>,
    /// Where the answer goes; none for a tell. Closed when the caller is gone.
    pub(super) reply: Option<oneshot::Sender<Outcome>>,
    /// When the caller stops waiting.
    pub(super) deadline: Option<Instant>,
    pub(super) origin: Origin,
    /// What it takes of the actor's budget, until it is answered or its stream ends.
    pub(super) held: Held,
}

impl Envelope {
    /// Whether there was a caller, and it is gone.
    pub(super) fn is_abandoned(&self) -> bool {
        self.reply.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    /// Answers the caller, if there is one who still waits.
    pub(super) fn answer(self, outcome: Outcome) {
        if let Some(reply) = self.reply {
            // The caller may have gone away: then nobody wants to know.
            drop(reply.send(outcome));
        }
    }
}
