//! How a method fails, in the classes that the host, the command line and other actors tell apart.
//!
//! [`Error`] does not implement [`std::error::Error`], as `anyhow::Error` does not, and for the same reason:
//! so that it can be made from every type that does, and `?` works on the errors of other crates.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http;
use crate::peer::CallError;

/// Why a method has no answer.
///
/// `?` makes a recoverable system error of any [`std::error::Error`], except that a [`CallError`] and an
/// [`http::Error`] keep their class: what a failed ask of another actor says to this actor is what this actor says to its own caller.
/// Everything else is said in words:
///
/// ```
/// use pulsing_guest::Error;
///
/// fn withdraw(balance: i64, amount: i64) -> Result<i64, Error> {
///     if amount > balance {
///         return Err(Error::business(402, "not enough money").with_details(balance));
///     }
///     Ok(balance - amount)
/// }
/// ```
#[derive(Clone, PartialEq)]
pub struct Error {
    kind: ErrorKind,
}

/// The class of an [`Error`], and what belongs to it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller's fault. It gets this back and must not simply try again; the actor goes on.
    Business {
        /// A number that callers can match on; the HTTP status codes are a good choice.
        code: u32,
        /// For people.
        message: String,
        /// JSON, for programs.
        details: Option<String>,
    },
    /// The actor's own fault.
    System {
        /// For people.
        message: String,
        /// Another try may succeed.
        recoverable: bool,
        /// This life's state cannot be trusted: the host ends it, and restarts the actor as its policy says.
        restart: bool,
    },
    /// Something took too long. It may yet take effect.
    Timeout {
        /// What was waited for.
        operation: String,
        /// How long.
        duration: Duration,
    },
    /// The actor does not have the method or the operation.
    Unsupported {
        /// What was asked for.
        operation: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// The call was told to stop, and did.
    Cancelled,
}

impl Error {
    /// The caller's fault.
    pub fn business(code: u32, message: impl fmt::Display) -> Self {
        ErrorKind::Business { code, message: message.to_string(), details: None }.into()
    }

    /// The actor's own fault, which another try may not meet again.
    pub fn system(message: impl fmt::Display) -> Self {
        ErrorKind::System { message: message.to_string(), recoverable: true, restart: false }.into()
    }

    /// The actor's own fault, which another try will meet again. The actor goes on: see
    /// [`restart`](Self::restart) for an error that ends this life.
    pub fn fatal(message: impl fmt::Display) -> Self {
        ErrorKind::System { message: message.to_string(), recoverable: false, restart: false }.into()
    }

    /// `operation` took longer than `duration`.
    pub fn timeout(operation: impl fmt::Display, duration: Duration) -> Self {
        ErrorKind::Timeout { operation: operation.to_string(), duration }.into()
    }

    /// The actor does not have `operation`.
    pub fn unsupported(operation: impl fmt::Display) -> Self {
        ErrorKind::Unsupported { operation: operation.to_string(), nearest: None }.into()
    }

    /// The call was told to stop, and did. A handler that waits is stopped without its help; this is for one
    /// that asks [`Call::is_cancelled`](crate::Call::is_cancelled).
    pub fn cancelled() -> Self {
        ErrorKind::Cancelled.into()
    }

    /// Adds what a program can read to a business error; an error of any other class has no room for it and
    /// stays as it is.
    #[must_use]
    pub fn with_details(mut self, value: impl Serialize) -> Self {
        if let ErrorKind::Business { details, .. } = &mut self.kind {
            *details = Some(
                serde_json::to_string(&value).unwrap_or_else(|error| format!("{:?}", error.to_string())),
            );
        }
        self
    }

    /// Asks the host to end this life, because its state cannot be trusted, and to restart the actor as its
    /// policy says. An error of another class becomes a system error.
    #[must_use]
    pub fn restart(self) -> Self {
        let (message, recoverable) = match self.kind {
            ErrorKind::System { message, recoverable, .. } => (message, recoverable),
            other => (other.to_string(), true),
        };
        ErrorKind::System { message, recoverable, restart: true }.into()
    }

    /// The same, as another actor's: that one's state is not this one's.
    pub(crate) fn without_restart(mut self) -> Self {
        if let ErrorKind::System { restart, .. } = &mut self.kind {
            *restart = false;
        }
        self
    }

    /// The class, to match on.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The class, by value.
    pub fn into_kind(self) -> ErrorKind {
        self.kind
    }

    /// What [`with_details`](Self::with_details) added, if there is any and it reads as a `T`.
    pub fn details<T: DeserializeOwned>(&self) -> Option<T> {
        match &self.kind {
            ErrorKind::Business { details: Some(details), .. } => serde_json::from_str(details).ok(),
            _ => None,
        }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind }
    }
}

impl<E: std::error::Error + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        // A blanket implementation leaves no room for those of our own; the compiler decides these branches.
        let mut error = Some(error);
        let any = &mut error as &mut dyn Any;
        if let Some(call_error) = any.downcast_mut::<Option<CallError>>().and_then(Option::take) {
            return call_error.into_error();
        }
        if let Some(http_error) = any.downcast_mut::<Option<http::Error>>().and_then(Option::take) {
            return http_error.into_error();
        }
        Self::system(Chain(error.as_ref()))
    }
}

/// An error and all its sources, on one line.
struct Chain<'a, E>(Option<&'a E>);

impl<E: std::error::Error + 'static> fmt::Display for Chain<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = self.0.map(|error| error as &dyn std::error::Error);
        let mut separator = "";
        while let Some(error) = next {
            write!(f, "{separator}{error}")?;
            separator = ": ";
            next = error.source();
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Business { message, .. } | Self::System { message, .. } => f.write_str(message),
            Self::Timeout { operation, duration } => write!(f, "`{operation}` took longer than {duration:?}"),
            Self::Unsupported { operation, nearest: None } => write!(f, "`{operation}` is not supported"),
            Self::Unsupported { operation, nearest: Some(nearest) } => {
                write!(f, "`{operation}` is not supported; did you mean `{nearest}`?")
            }
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// For `main`-like code that collects errors of all kinds.
impl From<Error> for Box<dyn std::error::Error + Send + Sync> {
    fn from(error: Error) -> Self {
        error.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::{RuntimeError, RuntimeErrorKind};

    fn parsed(text: &str) -> Result<i64, Error> {
        Ok(text.parse::<i64>()?)
    }

    #[test]
    fn the_question_mark_makes_a_recoverable_system_error() {
        let error = parsed("x").unwrap_err();
        let message = "invalid digit found in string".into();
        assert_eq!(error.kind(), &ErrorKind::System { message, recoverable: true, restart: false });
    }

    #[test]
    fn the_question_mark_keeps_the_class_of_a_failed_ask() {
        fn ask() -> Result<(), Error> {
            Err(CallError::Actor(Error::business(404, "no such user")))?
        }
        assert_eq!(ask().unwrap_err(), Error::business(404, "no such user"));
    }

    #[test]
    fn a_peer_that_must_restart_does_not_take_this_actor_along() {
        let error = Error::from(CallError::Actor(Error::system("torn").restart()));
        assert_eq!(error, Error::system("torn"));
    }

    #[test]
    fn a_restarting_peer_is_worth_another_try_and_a_missing_one_is_not() {
        let error = |kind| {
            Error::from(CallError::Runtime(RuntimeError { kind, message: "m".into(), retry_after: None }))
        };
        assert_eq!(error(RuntimeErrorKind::ActorRestarting), Error::system("m"));
        assert_eq!(error(RuntimeErrorKind::ActorNotFound), Error::fatal("m"));
    }

    #[test]
    fn sources_are_told_on_one_line() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bad port")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let error = Error::from(Outer("x".parse::<u16>().unwrap_err()));
        assert_eq!(error.to_string(), "bad port: invalid digit found in string");
    }

    #[test]
    fn details_come_back_as_they_went_in() {
        let error = Error::business(402, "not enough money").with_details(vec![1, 2]);
        assert_eq!(error.details::<Vec<i64>>(), Some(vec![1, 2]));
        assert_eq!(error.details::<String>(), None);
    }

    #[test]
    fn a_restart_turns_any_class_into_a_system_error() {
        let error = Error::fatal("torn").restart();
        let kind = ErrorKind::System { message: "torn".into(), recoverable: false, restart: true };
        assert_eq!(error.kind(), &kind);
        let error = Error::timeout("load", Duration::from_secs(2)).restart();
        let message = "`load` took longer than 2s".into();
        assert_eq!(error.kind(), &ErrorKind::System { message, recoverable: true, restart: true });
    }
}
