//! Errors as they go over the wire, both ways.

use std::time::Duration;

use crate::bindings::types::{
    ActorError, BusinessError, CallError as WireCallError, RuntimeError as WireRuntimeError,
    RuntimeErrorKind as WireKind, SystemError, TimeoutError, UnsupportedError,
};
use crate::error::{Error, ErrorKind};
use crate::peer::{CallError, RuntimeError, RuntimeErrorKind};

/// 2^53-1: the largest number that every guest language carries unharmed.
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Whole milliseconds, rounded up, so that a short wait does not become none.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    let ms = duration.as_nanos().div_ceil(1_000_000);
    u64::try_from(ms).map_or(MAX_NUMBER, |ms| ms.min(MAX_NUMBER))
}

impl From<Error> for ActorError {
    fn from(error: Error) -> Self {
        match error.into_kind() {
            ErrorKind::Business { code, message, details } => {
                Self::Business(BusinessError { code, message, details })
            }
            ErrorKind::System { message, recoverable, restart } => {
                Self::System(SystemError { message, recoverable, restart })
            }
            ErrorKind::Timeout { operation, duration } => {
                Self::Timeout(TimeoutError { operation, duration_ms: milliseconds(duration) })
            }
            ErrorKind::Unsupported { operation, nearest } => {
                Self::Unsupported(UnsupportedError { operation, nearest })
            }
            ErrorKind::Cancelled => Self::Cancelled,
        }
    }
}

/// What another actor said. Functions, because the blanket `From` of [`Error`] leaves no room for more.
fn actor_error(error: ActorError) -> Error {
    let kind = match error {
        ActorError::Business(BusinessError { code, message, details }) => {
            ErrorKind::Business { code, message, details }
        }
        ActorError::System(SystemError { message, recoverable, restart }) => {
            ErrorKind::System { message, recoverable, restart }
        }
        ActorError::Timeout(TimeoutError { operation, duration_ms }) => {
            ErrorKind::Timeout { operation, duration: Duration::from_millis(duration_ms) }
        }
        ActorError::Unsupported(UnsupportedError { operation, nearest }) => {
            ErrorKind::Unsupported { operation, nearest }
        }
        ActorError::Cancelled => ErrorKind::Cancelled,
    };
    kind.into()
}

pub(crate) fn call_error(error: WireCallError) -> CallError {
    match error {
        WireCallError::Actor(error) => CallError::Actor(actor_error(error)),
        WireCallError::Runtime(error) => runtime_error(error),
    }
}

pub(crate) fn runtime_error(error: WireRuntimeError) -> CallError {
    CallError::Runtime(RuntimeError {
        kind: error.kind.into(),
        message: error.message,
        retry_after: error.retry_after_ms.map(Duration::from_millis),
    })
}

impl From<WireKind> for RuntimeErrorKind {
    fn from(kind: WireKind) -> Self {
        match kind {
            WireKind::ActorNotFound => Self::ActorNotFound,
            WireKind::ActorStopped => Self::ActorStopped,
            WireKind::ActorRestarting => Self::ActorRestarting,
            WireKind::MailboxFull => Self::MailboxFull,
            WireKind::Deadlock => Self::Deadlock,
            WireKind::PermissionDenied => Self::PermissionDenied,
            WireKind::MessageTooLarge => Self::MessageTooLarge,
            WireKind::NoConnection => Self::NoConnection,
            WireKind::Internal => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_survives_the_wire_and_back() {
        for error in [
            Error::business(402, "no").with_details(1),
            Error::fatal("torn").restart(),
            Error::timeout("load", Duration::from_millis(1500)),
            Error::unsupported("fly"),
            Error::cancelled(),
        ] {
            assert_eq!(actor_error(ActorError::from(error.clone())), error);
        }
    }

    #[test]
    fn a_duration_is_rounded_up_and_stays_within_what_javascript_can_count() {
        assert_eq!(milliseconds(Duration::ZERO), 0);
        assert_eq!(milliseconds(Duration::from_nanos(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(50)), 50);
        assert_eq!(milliseconds(Duration::MAX), MAX_NUMBER);
    }
}
