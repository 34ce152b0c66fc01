//! The classes of error that a caller can meet.
//!
//! The class decides what a caller may do about it, so it survives every path: Rust, guest to guest, HTTP and
//! the command line. Two families: [`ActorError`] comes out of the actor's own code, [`RuntimeError`] out of
//! the host.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::text::printable;

/// How much of a name, a method or an operation an error shows: all of each that there is.
const WORD_MAX_CHARS: usize = 300;

/// Why an ask or a stream got no answer, or no further item.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// The actor's code answered it.
    #[error(transparent)]
    Actor(#[from] ActorError),
    /// The host could not bring the message there, or the answer back.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// How a call to an actor's own code fails.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ActorError {
    /// The caller's fault. The actor goes on; the same call fails again.
    #[error("{message} (code {code})")]
    Business {
        /// The actor's own numbering; HTTP's 4xx by custom.
        code: u32,
        /// For people.
        message: String,
        /// JSON, or none.
        details: Option<String>,
    },
    /// The actor's own fault.
    #[error("{message}")]
    System {
        /// For people.
        message: String,
        /// Another try may succeed, after the restart where there is one.
        recoverable: bool,
        /// The actor asks to be restarted. Carried out by the host; callers need not mind it.
        restart: bool,
    },
    /// Something took too long. It may yet take effect.
    #[error("{} took longer than {}", printable(.operation, WORD_MAX_CHARS), humantime::format_duration(*.duration))]
    Timeout {
        /// What took too long.
        operation: String,
        /// How long it had.
        duration: Duration,
    },
    /// The actor does not have the method or the operation.
    #[error("{}", unsupported(.operation, .nearest.as_deref()))]
    Unsupported {
        /// The method or operation.
        operation: String,
        /// The one that was meant, as far as can be told.
        nearest: Option<String>,
    },
    /// The call was told to stop, and did.
    #[error("the call was cancelled")]
    Cancelled,
}

/// How the operation of an [`ActorError::tell_only`] begins, and its nearest.
const ASK: &str = "ask ";
const TELL: &str = "tell ";

fn unsupported(operation: &str, nearest: Option<&str>) -> String {
    if let Some(method) = tell_only(operation, nearest) {
        let method = printable(method, WORD_MAX_CHARS);
        return format!("`{method}` returns nothing: send it as a tell, not as an ask or a stream");
    }
    format!("`{}` is not supported{}", printable(operation, WORD_MAX_CHARS), did_you_mean(nearest))
}

/// The method of an [`ActorError::tell_only`].
fn tell_only<'a>(operation: &'a str, nearest: Option<&str>) -> Option<&'a str> {
    let asked = operation.strip_prefix(ASK)?;
    (nearest?.strip_prefix(TELL)? == asked).then_some(asked)
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| {
        format!("; did you mean `{}`?", printable(nearest, WORD_MAX_CHARS))
    })
}

impl ActorError {
    /// How many bytes of text it carries.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let (text, more) = match self {
            Self::Business { message, details, .. } => (message.len(), details.as_ref()),
            Self::System { message, .. } => (message.len(), None),
            Self::Timeout { operation, .. } => (operation.len(), None),
            Self::Unsupported { operation, nearest } => (operation.len(), nearest.as_ref()),
            Self::Cancelled => (0, None),
        };
        text.saturating_add(more.map_or(0, String::len))
    }

    /// A method that can only be told was asked, or streamed.
    #[must_use]
    pub(crate) fn tell_only(method: &str) -> Self {
        Self::Unsupported { operation: format!("{ASK}{method}"), nearest: Some(format!("{TELL}{method}")) }
    }

    /// The actor's own fault, after which another try may succeed.
    pub fn system(message: impl Into<String>) -> Self {
        Self::System { message: message.into(), recoverable: true, restart: false }
    }
}

/// What the host could not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuntimeErrorKind {
    /// No actor has this name.
    ActorNotFound,
    /// The actor has ended, or is about to, and takes no messages.
    ActorStopped,
    /// The actor is between two lives; the message was not handled.
    ActorRestarting,
    /// The mailbox is full; the message was not handled.
    MailboxFull,
    /// The ask would wait for itself.
    Deadlock,
    /// The caller may not do this.
    PermissionDenied,
    /// The message, or its answer, is over a limit.
    MessageTooLarge,
    /// The other machine cannot be reached.
    NoConnection,
    /// The host's own fault.
    Internal,
}

impl RuntimeErrorKind {
    /// Every kind, for tables and parsers.
    pub const ALL: [Self; 9] = [
        Self::ActorNotFound,
        Self::ActorStopped,
        Self::ActorRestarting,
        Self::MailboxFull,
        Self::Deadlock,
        Self::PermissionDenied,
        Self::MessageTooLarge,
        Self::NoConnection,
        Self::Internal,
    ];

    /// The word for it on every wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
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
        }
    }

    /// The kind that `word` stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for RuntimeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why the host could not bring a message to an actor, or its answer back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct RuntimeError {
    /// What a program looks at.
    pub kind: RuntimeErrorKind,
    /// For people.
    pub message: String,
    /// When another try makes sense; none where the host cannot tell, or none does.
    pub retry_after: Option<Duration>,
}

impl RuntimeError {
    /// An error without a hint when to try again.
    pub fn new(kind: RuntimeErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None }
    }

    /// No actor is called `name`.
    #[must_use]
    pub fn not_found(name: &str, nearest: Option<&str>) -> Self {
        let name = printable(name, WORD_MAX_CHARS);
        let message = format!("no actor is called `{name}`{}", did_you_mean(nearest));
        Self::new(RuntimeErrorKind::ActorNotFound, message)
    }
}

impl CallError {
    /// How many bytes of text it carries.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Actor(error) => error.text_bytes(),
            Self::Runtime(error) => error.message.len(),
        }
    }

    /// Whether the same call, sent again, may succeed.
    ///
    /// It may also have taken effect the first time: send an idempotency key along.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Actor(ActorError::System { recoverable, .. }) => *recoverable,
            Self::Actor(ActorError::Timeout { .. }) => true,
            Self::Actor(
                ActorError::Business { .. } | ActorError::Unsupported { .. } | ActorError::Cancelled,
            ) => false,
            Self::Runtime(error) => match error.kind {
                RuntimeErrorKind::ActorRestarting
                | RuntimeErrorKind::MailboxFull
                | RuntimeErrorKind::NoConnection => true,
                RuntimeErrorKind::ActorNotFound
                | RuntimeErrorKind::ActorStopped
                | RuntimeErrorKind::Deadlock
                | RuntimeErrorKind::PermissionDenied
                | RuntimeErrorKind::MessageTooLarge
                | RuntimeErrorKind::Internal => false,
            },
        }
    }
}

/// The one of `known` that `word` most likely meant: the nearest by edit distance, if near at all, or one
/// that it is the beginning of.
#[must_use]
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer words are not compared: the distance takes time in the product of both lengths.
    const LENGTH_MAX: usize = 64;
    /// How many words are compared: all methods of an actor, though not all actors of a large host.
    const COMPARED_MAX: usize = 1_024;
    if word.len() > LENGTH_MAX {
        return None;
    }
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= LENGTH_MAX)
        .take(COMPARED_MAX)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(word.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

fn distance(word: &str, candidate: &str) -> usize {
    /// Shorter beginnings say nothing.
    const BEGINNING_MIN: usize = 3;
    if word.len() >= BEGINNING_MIN && candidate.starts_with(word) {
        return 1;
    }
    strsim::damerau_levenshtein(word, candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let known = ["increment", "get", "reset", "history"];
        assert_eq!(nearest("incremnt", known), Some("increment"));
        assert_eq!(nearest("gett", known), Some("get"));
        assert_eq!(nearest("hist", known), Some("history"));
        assert_eq!(nearest("quit", known), None);
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }

    #[test]
    fn only_what_may_succeed_is_retryable() {
        let system = |recoverable| {
            CallError::from(ActorError::System { message: String::new(), recoverable, restart: false })
        };
        assert!(system(true).is_retryable());
        assert!(!system(false).is_retryable());
        assert!(!CallError::from(ActorError::Cancelled).is_retryable());
        let retryable: Vec<_> = RuntimeErrorKind::ALL
            .into_iter()
            .filter(|kind| CallError::from(RuntimeError::new(*kind, "")).is_retryable())
            .map(RuntimeErrorKind::as_str)
            .collect();
        assert_eq!(retryable, ["actor-restarting", "mailbox-full", "no-connection"]);
    }

    #[test]
    fn a_name_that_no_actor_has_is_shown_short_and_escaped() {
        let error = RuntimeError::not_found(&format!("a\n\u{1b}{}", "x".repeat(10_000)), None).to_string();
        assert!(error.starts_with("no actor is called `a\\u{a}\\u{1b}xxx"), "{error}");
        assert!(error.len() < 350, "{error}");
    }

    #[test]
    fn a_method_that_no_actor_has_is_shown_on_one_line() {
        let (operation, nearest) = ("coun\nt".to_owned(), Some("count\u{1b}".to_owned()));
        let unsupported = ActorError::Unsupported { operation, nearest }.to_string();
        assert_eq!(unsupported, "`coun\\u{a}t` is not supported; did you mean `count\\u{1b}`?");
        let tell_only = ActorError::tell_only("lo\ng").to_string();
        assert_eq!(tell_only, "`lo\\u{a}g` returns nothing: send it as a tell, not as an ask or a stream");
        let (operation, nearest) = ("ask log".to_owned(), Some("tell load".to_owned()));
        let other = ActorError::Unsupported { operation, nearest }.to_string();
        assert_eq!(other, "`ask log` is not supported; did you mean `tell load`?");
        let operation = "coun\nt".to_owned();
        let timeout = ActorError::Timeout { operation, duration: Duration::from_secs(1) }.to_string();
        assert_eq!(timeout, "coun\\u{a}t took longer than 1s");
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        for kind in RuntimeErrorKind::ALL {
            assert_eq!(RuntimeErrorKind::from_word(kind.as_str()), Some(kind));
        }
    }
}
