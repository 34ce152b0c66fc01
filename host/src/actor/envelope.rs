//! A message on its way, with what its sender waits for.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::core::Core;
use super::waits::Origin;
use crate::budget::Held;
use crate::error::{ActorError, CallError};
use crate::id::CallId;
use crate::message::{Message, Payload};
use crate::reply_cache::Key;
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
    pub(super) deadline: Option<Deadline>,
    pub(super) origin: Origin,
    /// What it takes of the actor's budget, until it is answered or its stream ends.
    pub(super) held: Held,
    /// Where it has a key that is kept: that it is the first try.
    pub(super) first_try: Option<FirstTry>,
}

/// When a caller stops waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    /// When the message was sent: for whoever takes it up at once, since a clock costs as much as a small message.
    pub(super) sent: Instant,
}

impl Deadline {
    /// None where time has no end.
    pub(super) fn after(timeout: Duration) -> Option<Self> {
        let sent = Instant::now();
        Some(Self { at: sent.checked_add(timeout)?, sent })
    }

    /// The same, sent now.
    pub(super) fn sent_now(self) -> Self {
        Self { sent: Instant::now(), ..self }
    }

    /// Whether it is so near that its caller's own clock is not to be kept waiting.
    pub(super) fn is_near(self) -> bool {
        /// Two slices.
        const NEAR: Duration = Duration::from_millis(10);
        self.at.duration_since(self.sent) < NEAR
    }

    /// What is left of it; none where it is over.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        self.at.checked_duration_since(now).filter(|left| !left.is_zero())
    }
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

/// The first try of a call with a key, for as long as it waits or runs, whether or not its caller still waits.
/// Dropped without an answer to keep, it lets the next one try.
pub(super) struct FirstTry {
    core: Weak<Core>,
    key: Option<Key>,
}

impl FirstTry {
    pub(super) fn new(core: &Arc<Core>, key: Key) -> Self {
        Self { core: Arc::downgrade(core), key: Some(key) }
    }

    /// Keeps the answer, where another try would get the same.
    pub(super) fn settle(mut self, outcome: &Outcome) {
        let settled = match outcome {
            Ok(Answer::Value(value)) => Some(Ok(value.clone())),
            Err(error @ CallError::Actor(ActorError::Business { .. })) => Some(Err(error.clone())),
            // Another try may end in another way, and a stream cannot be handed out twice.
            Ok(Answer::Stream(_)) | Err(_) => None,
        };
        self.end(settled);
    }

    fn end(&mut self, settled: Option<Result<Payload, CallError>>) {
        if let (Some(key), Some(core)) = (self.key.take(), self.core.upgrade()) {
            core.replies().settle(key, settled, Instant::now().into_std());
        }
    }
}

impl Drop for FirstTry {
    fn drop(&mut self) {
        self.end(None);
    }
}
