//! One call on its way: what goes along with its message, and what comes back.
//!
//! Nothing in here waits or reaches an actor. Everything in [`CallContext`] can be written down as names and times, so
//! that a wire can carry it to another machine.

use std::time::Duration;

use tokio::time::Instant;

use crate::stream::StreamReader;
use crate::wait_graph::CallPath;
use crate::wire::{CallError, Payload};

/// What a handler returned, as its caller gets it.
pub(crate) enum Answer {
    /// One value.
    Value(Payload),
    /// A stream that has begun.
    Stream(StreamReader),
}

/// What a caller waits for.
pub(crate) type Outcome = Result<Answer, CallError>;

/// What a sender wants where the mailbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// What the actor's overflow policy says.
    #[default]
    AsConfigured,
    /// `mailbox-full` at once, where the policy would be to wait.
    Reject,
}

/// What a sender wants where the actor is between two lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenRestarting {
    /// The message waits in the mailbox.
    #[default]
    Wait,
    /// `actor-restarting` at once, with the time after which to try again.
    Reject,
}

/// What goes along with a message, beside what its sender wrote.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallContext {
    /// When the caller stops waiting; none where it waits without end, and of a tell.
    pub deadline: Option<Deadline>,
    /// The calls that this one is a part of, the nearest first.
    pub path: CallPath,
    /// Where the mailbox is full.
    pub when_full: WhenFull,
    /// Where the actor is between two lives.
    pub when_restarting: WhenRestarting,
}

/// When a caller stops waiting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    /// When the message was sent: whoever takes it up at once needs no other clock, which would cost as much as a small
    /// message.
    sent: Instant,
}

impl Deadline {
    /// The end of `timeout` from now on; none where time has no end.
    #[must_use]
    pub(crate) fn after(timeout: Duration) -> Option<Self> {
        let sent = Instant::now();
        Some(Self { at: sent.checked_add(timeout)?, sent })
    }

    /// The same, of a message that is sent only now.
    #[must_use]
    pub(crate) fn sent_now(self) -> Self {
        Self { sent: Instant::now(), ..self }
    }

    /// When it is.
    pub(crate) fn at(self) -> Instant {
        self.at
    }

    /// When its message was sent.
    pub(crate) fn sent(self) -> Instant {
        self.sent
    }

    /// Whether it is so near that its caller's own clock must not be kept waiting.
    pub(crate) fn is_near(self) -> bool {
        /// Two slices.
        const NEAR: Duration = Duration::from_millis(10);
        self.at.duration_since(self.sent) < NEAR
    }

    /// The time left at `now`; none where it is over.
    #[must_use]
    pub(crate) fn left(self, now: Instant) -> Option<Duration> {
        self.at.checked_duration_since(now).filter(|left| !left.is_zero())
    }
}
