//! What both ways of asking another actor share: how arguments are sent and how it fails.

pub(crate) mod overlapping;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::bindings::types::{CallOptions, Encoding, Payload};
use crate::retry::{Retry, new_key};
use crate::{Bytes, Error, FromPayload, wire};

/// How many items are asked of another actor's stream at once: the size of the host's buffer for a stream, so
/// that one draw can empty it.
pub(crate) const DRAW_ITEMS: u32 = 32;

/// How one reaches another actor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) timeout: Option<Duration>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) retry: Option<Retry>,
}

impl Options {
    /// Those of one call, over all its tries.
    pub(crate) fn for_call(&self) -> CallOptions {
        let made = || self.retry.map(|_| new_key());
        CallOptions {
            timeout_ms: self.timeout.map(wire::milliseconds),
            idempotency_key: self.idempotency_key.clone().or_else(made),
        }
    }
}

/// The end of one life of another actor.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[non_exhaustive]
pub struct LifeEnd {
    /// Which life: 0 for the first.
    pub generation: u64,
    /// How it ended, in one word: `stopped`, `killed`, `restart-requested`, `passivated`, `trapped`, `exited`,
    /// `start-failed`, `faulted`, `forced` or `host-fault`.
    pub reason: String,
    /// The same for people.
    pub message: String,
    /// Whether another life follows by itself.
    pub restarts: bool,
}

/// Why a call to another actor has no answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CallError {
    /// The other actor said so.
    Actor(Error),
    /// The host could not bring the message there, or the answer back.
    Runtime(RuntimeError),
    /// The answer came, and does not read as the type that was asked for.
    UnexpectedAnswer(String),
}

/// Why the host could not bring a message to an actor, or its answer back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeError {
    /// What happened.
    pub kind: RuntimeErrorKind,
    /// For people.
    pub message: String,
    /// When another try makes sense; none where the host cannot tell.
    pub retry_after: Option<Duration>,
}

/// What happened to a message on its way.
///
/// A host may be newer than this crate, and say what it does not know: see [`Other`](Self::Other).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeErrorKind {
    /// Nobody has this name.
    ActorNotFound,
    /// It has ended.
    ActorStopped,
    /// It is between two lives: the message was not handled, and may be sent again.
    ActorRestarting,
    /// It has more to do than it may keep.
    MailboxFull,
    /// The ask would wait for itself: A asks B asks A.
    Deadlock,
    /// This actor may not call that one.
    PermissionDenied,
    /// More than the actor's `message_max`.
    MessageTooLarge,
    /// The machine that it runs on cannot be reached.
    NoConnection,
    /// The host's own fault.
    Internal,
    /// A word of a newer host. Counts as [`Internal`](Self::Internal), unless the host says when another try makes
    /// sense: [`RuntimeError::is_recoverable`]. A later version of this crate may know the word: compare
    /// [`as_str`](Self::as_str), which stays the same.
    Other(String),
}

impl RuntimeError {
    /// Whether another try may succeed. Of a kind that this crate does not know, the host says so by
    /// [`retry_after`](Self::retry_after).
    pub fn is_recoverable(&self) -> bool {
        let is_new = matches!(self.kind, RuntimeErrorKind::Other(_));
        self.kind.is_recoverable() || (is_new && self.retry_after.is_some())
    }
}

impl RuntimeErrorKind {
    /// Whether another try may succeed, as far as the kind alone tells: see [`RuntimeError::is_recoverable`].
    pub fn is_recoverable(&self) -> bool {
        matches!(self, Self::ActorRestarting | Self::MailboxFull | Self::NoConnection)
    }

    /// The host's word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::ActorNotFound => "actor-not-found",
            Self::ActorStopped => "actor-stopped",
            Self::ActorRestarting => "actor-restarting",
            Self::MailboxFull => "mailbox-full",
            Self::Deadlock => "deadlock",
            Self::PermissionDenied => "permission-denied",
            Self::MessageTooLarge => "message-too-large",
            Self::NoConnection => "no-connection",
            Self::Internal => "internal",
            Self::Other(word) => word,
        }
    }

    pub(crate) fn from_word(word: String) -> Self {
        match word.as_str() {
            "actor-not-found" => Self::ActorNotFound,
            "actor-stopped" => Self::ActorStopped,
            "actor-restarting" => Self::ActorRestarting,
            "mailbox-full" => Self::MailboxFull,
            "deadlock" => Self::Deadlock,
            "permission-denied" => Self::PermissionDenied,
            "message-too-large" => Self::MessageTooLarge,
            "no-connection" => Self::NoConnection,
            "internal" => Self::Internal,
            _newer => Self::Other(word),
        }
    }
}

impl fmt::Display for RuntimeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl CallError {
    /// What an actor that cannot do without the answer says to its own caller.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Actor(error) => error.without_restart(),
            Self::Runtime(error) if error.is_recoverable() => Error::system(error.message),
            Self::Runtime(error) => Error::fatal(error.message),
            unexpected @ Self::UnexpectedAnswer(_) => Error::fatal(unexpected),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Actor(error) => error.fmt(f),
            Self::Runtime(error) => f.write_str(&error.message),
            Self::UnexpectedAnswer(message) => write!(f, "the answer is not what was asked for: {message}"),
        }
    }
}

impl std::error::Error for CallError {}

/// Arguments to send: `()` for none, a tuple by position, a structure or map by name, or [`Bytes`].
pub trait IntoArgs {
    #[doc(hidden)]
    fn into_args(self) -> Result<Payload, CallError>;
}

impl<T: Serialize> IntoArgs for T {
    fn into_args(self) -> Result<Payload, CallError> {
        match serde_json::to_vec(&self) {
            Ok(body) if body == b"null" => Ok(Payload { encoding: Encoding::Json, body: Vec::new() }),
            Ok(body) => Ok(Payload { encoding: Encoding::Json, body }),
            Err(error) => {
                Err(CallError::Actor(Error::fatal(format_args!("the arguments are not JSON: {error}"))))
            }
        }
    }
}

impl IntoArgs for Bytes {
    fn into_args(self) -> Result<Payload, CallError> {
        Ok(Payload { encoding: Encoding::Bytes, body: self.0 })
    }
}

pub(crate) fn answer<R: FromPayload>(payload: Payload) -> Result<R, CallError> {
    R::from_payload(payload).map_err(CallError::UnexpectedAnswer)
}
