//! Errors and encodings as they go over the wire, both ways.

use std::time::Duration;

use pulsing_work::outcome;

use crate::bindings::types::{
    ActorError, BusinessError, CallError as WireCallError, Encoding, RuntimeError as WireRuntimeError,
    SystemError, TimeoutError, UnsupportedError,
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

/// As the words of `types` have it.
pub(crate) fn encoding(encoding: pulsing_work::Encoding) -> Encoding {
    match encoding {
        pulsing_work::Encoding::Json => Encoding::Json,
        pulsing_work::Encoding::Bytes => Encoding::Bytes,
    }
}

/// As packed lists have it.
pub(crate) fn packed(encoding: Encoding) -> pulsing_work::Encoding {
    match encoding {
        Encoding::Json => pulsing_work::Encoding::Json,
        Encoding::Bytes => pulsing_work::Encoding::Bytes,
    }
}

/// What this actor says in a packed list.
pub(crate) fn outcome_error(error: &Error) -> outcome::Error<'_> {
    match error.kind() {
        ErrorKind::Business { code, message, details } => {
            outcome::Error::Business { code: *code, message, details: details.as_deref() }
        }
        ErrorKind::System { message, recoverable, restart } => {
            outcome::Error::System { message, recoverable: *recoverable, restart: *restart }
        }
        ErrorKind::Timeout { operation, duration } => {
            outcome::Error::Timeout { operation, duration_ms: milliseconds(*duration) }
        }
        ErrorKind::Unsupported { operation, nearest } => {
            outcome::Error::Unsupported { operation, nearest: nearest.as_deref() }
        }
        ErrorKind::Cancelled => outcome::Error::Cancelled,
    }
}

/// What this actor says of its beginning.
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
        kind: RuntimeErrorKind::from_word(error.kind),
        message: error.message,
        retry_after: error.retry_after_ms.map(Duration::from_millis),
    })
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

    fn of_kind(kind: &str) -> CallError {
        runtime_error(WireRuntimeError { kind: kind.into(), message: "m".into(), retry_after_ms: Some(5) })
    }

    #[test]
    fn every_documented_kind_is_known_and_keeps_its_word() {
        let table = include_str!("../../wit/errors.md");
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let mut count = 0;
        for (word, rest) in rows {
            let CallError::Runtime(error) = of_kind(word) else { unreachable!("it is a runtime error") };
            assert_eq!(error.kind.as_str(), word);
            assert_ne!(error.kind, RuntimeErrorKind::Other(word.into()));
            assert_eq!(error.kind.is_recoverable(), rest.ends_with("| yes |"), "{word}");
            count += 1;
        }
        assert_eq!(count, 9);
    }

    #[test]
    fn a_kind_of_a_newer_host_keeps_its_word_and_may_help_again_where_the_host_says_when() {
        let error = of_kind("quota-exceeded");
        let CallError::Runtime(runtime) = &error else { unreachable!("it is a runtime error") };
        assert_eq!(runtime.kind, RuntimeErrorKind::Other("quota-exceeded".into()));
        assert_eq!(runtime.kind.to_string(), "quota-exceeded");
        assert_eq!(runtime.retry_after, Some(Duration::from_millis(5)));
        assert_eq!(Error::from(error), Error::system("m"));
        assert_eq!(Error::from(of_kind("internal")), Error::fatal("m"));
    }

    #[test]
    fn a_duration_is_rounded_up_and_stays_within_what_javascript_can_count() {
        assert_eq!(milliseconds(Duration::ZERO), 0);
        assert_eq!(milliseconds(Duration::from_nanos(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(50)), 50);
        assert_eq!(milliseconds(Duration::MAX), MAX_NUMBER);
    }
}
