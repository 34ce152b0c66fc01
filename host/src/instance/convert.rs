//! Between the WIT's words and the host's. One exhaustive mapping each way.
//!
//! Guests' texts are held to their bounds here, on their way in.

use std::time::Duration;

use super::bindings::types as wit;
use crate::dispatch::{Birth, Drawn, Job, Reply};
use crate::exit::TEXT_MAX_BYTES;
use crate::id::StreamId;
use crate::stream::{Batch, NUMBER_MAX};
use crate::text::{json_bytes, json_prefix};
use crate::wire::{ActorError, CallError, Context, Encoding, Payload, RuntimeError};

/// The largest u64 that crosses: some JavaScript tools carry it as a Number.
const U64_MAX: u64 = (1 << 53) - 1;

pub(super) fn payload_in(payload: wit::Payload) -> Payload {
    let encoding = match payload.encoding {
        wit::Encoding::Json => Encoding::Json,
        wit::Encoding::Bytes => Encoding::Bytes,
    };
    Payload { encoding, body: payload.body.into() }
}

pub(super) fn payload_out(payload: Payload) -> wit::Payload {
    let encoding = match payload.encoding {
        Encoding::Json => wit::Encoding::Json,
        Encoding::Bytes => wit::Encoding::Bytes,
    };
    wit::Payload { encoding, body: payload.body.into() }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(U64_MAX).min(U64_MAX)
}

pub(super) fn job_out(job: &Job) -> wit::Message {
    let message = &*job.message;
    wit::Message {
        call: job.call.0,
        method: message.method.to_string(),
        args: payload_out(message.args.clone()),
        idempotency_key: message.idempotency_key.clone(),
        resume_after: message.resume_after.map(|number| number.min(NUMBER_MAX)),
        remaining_ms: job.remaining.map(millis),
    }
}

pub(super) fn context_out(context: &Context) -> Vec<wit::ContextEntry> {
    let entry = |(name, value): (&str, &str)| wit::ContextEntry { name: name.into(), value: value.into() };
    context.iter().map(entry).collect()
}

pub(super) fn birth_out(birth: Birth) -> wit::StartOptions {
    wit::StartOptions {
        name: birth.id.name().to_owned(),
        key: birth.id.key().map(str::to_owned),
        generation: birth.generation.0,
        config: payload_out(birth.config),
    }
}

pub(super) fn reply_in(reply: wit::Reply) -> Reply {
    match reply {
        wit::Reply::Value(payload) => Reply::Value(payload_in(payload)),
        wit::Reply::Stream(id) => Reply::Stream(StreamId(id)),
    }
}

pub(super) fn batch_in(batch: wit::StreamBatch) -> Drawn {
    Drawn { items: batch.items.into_iter().map(payload_in).collect(), done: batch.done }
}

pub(super) fn batch_out(batch: Batch) -> wit::StreamBatch {
    let items = batch.items.into_iter().map(|item| payload_out(item.payload)).collect();
    wit::StreamBatch { items, done: batch.done }
}

/// How many bytes the texts of a guest's error have at most, as JSON: they are kept for whoever does not read them.
const ERROR_MAX_BYTES: usize = TEXT_MAX_BYTES;

/// Takes a guest's error, with its texts as [`bounded_error`] leaves them.
pub(super) fn error_in(error: wit::ActorError, max_bytes: usize) -> ActorError {
    let error = match error {
        wit::ActorError::Business(wit::BusinessError { code, message, details }) => {
            ActorError::Business { code, message, details }
        }
        wit::ActorError::System(wit::SystemError { message, recoverable, restart }) => {
            ActorError::System { message, recoverable, restart }
        }
        wit::ActorError::Timeout(wit::TimeoutError { operation, duration_ms }) => {
            ActorError::Timeout { operation, duration: Duration::from_millis(duration_ms) }
        }
        wit::ActorError::Unsupported(wit::UnsupportedError { operation, nearest }) => {
            ActorError::Unsupported { operation, nearest }
        }
        wit::ActorError::Cancelled => ActorError::Cancelled,
    };
    bounded_error(error, max_bytes)
}

/// An error with no more text than [`ERROR_MAX_BYTES`] and `max_bytes`, counted as what it becomes in JSON. Its class and
/// its numbers stay; what is too long is cut and says so, and details, which cannot be cut, are left out.
pub(super) fn bounded_error(error: ActorError, max_bytes: usize) -> ActorError {
    let max = max_bytes.min(ERROR_MAX_BYTES);
    let bytes = error.text_bytes();
    // As JSON it has as many at least.
    if bytes <= max && json_bytes_of(&error) <= max {
        return error;
    }
    let cut = |text: &str| {
        let kept = json_prefix(text, max);
        let joint = if kept.len() < text.len() { "…" } else { "" };
        format!("{kept}{joint} (cut: an error with {bytes} bytes of text, of which {max} are told at most)")
    };
    match error {
        ActorError::Business { code, message, details: _ } => {
            ActorError::Business { code, message: cut(&message), details: None }
        }
        ActorError::System { message, recoverable, restart } => {
            ActorError::System { message: cut(&message), recoverable, restart }
        }
        ActorError::Timeout { operation, duration } => {
            ActorError::Timeout { operation: json_prefix(&operation, max).to_owned(), duration }
        }
        ActorError::Unsupported { operation, nearest: _ } => {
            ActorError::Unsupported { operation: json_prefix(&operation, max).to_owned(), nearest: None }
        }
        ActorError::Cancelled => ActorError::Cancelled,
    }
}

/// What the texts of an error take as JSON. Details are JSON as they are, or become a string.
fn json_bytes_of(error: &ActorError) -> usize {
    match error {
        ActorError::Business { message, details, .. } => {
            let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            let details = details.as_deref().map_or(0, |text| match is_json(text) {
                true => text.len(),
                false => json_bytes(text),
            });
            json_bytes(message) + details
        }
        ActorError::System { message, .. } => json_bytes(message),
        ActorError::Timeout { operation, .. } => json_bytes(operation),
        ActorError::Unsupported { operation, nearest } => {
            json_bytes(operation) + nearest.as_deref().map_or(0, json_bytes)
        }
        ActorError::Cancelled => 0,
    }
}

pub(super) fn actor_error_out(error: ActorError) -> wit::ActorError {
    match error {
        ActorError::Business { code, message, details } => {
            wit::ActorError::Business(wit::BusinessError { code, message, details })
        }
        ActorError::System { message, recoverable, restart: _ } => {
            // The asked actor's restart is its own affair, not its caller's.
            wit::ActorError::System(wit::SystemError { message, recoverable, restart: false })
        }
        ActorError::Timeout { operation, duration } => {
            wit::ActorError::Timeout(wit::TimeoutError { operation, duration_ms: millis(duration) })
        }
        ActorError::Unsupported { operation, nearest } => {
            wit::ActorError::Unsupported(wit::UnsupportedError { operation, nearest })
        }
        ActorError::Cancelled => wit::ActorError::Cancelled,
    }
}

pub(super) fn runtime_error_out(error: RuntimeError) -> wit::RuntimeError {
    // The word for it on every wire is the one of `wit/errors.md`.
    let kind = error.kind.as_str().to_owned();
    wit::RuntimeError { kind, message: error.message, retry_after_ms: error.retry_after.map(millis) }
}

pub(super) fn call_error_out(error: CallError) -> wit::CallError {
    match error {
        CallError::Actor(error) => wit::CallError::Actor(actor_error_out(error)),
        CallError::Runtime(error) => wit::CallError::Runtime(runtime_error_out(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::id::CallId;
    use crate::wire::{Message, RuntimeErrorKind};

    fn business(message: &str, details: Option<&str>) -> wit::ActorError {
        let (message, details) = (message.to_owned(), details.map(str::to_owned));
        wit::ActorError::Business(wit::BusinessError { code: 7, message, details })
    }

    #[test]
    fn an_error_with_more_text_than_is_told_is_cut_and_keeps_its_class() {
        let told = error_in(business(&"x".repeat(11), Some("{}")), 10);
        let ActorError::Business { code: 7, message, details: None } = told else { panic!("{told:?}") };
        assert_eq!(
            message,
            "xxxxxxxxxx… (cut: an error with 13 bytes of text, of which 10 are told at most)"
        );
        let message = "x".repeat(11);
        let system = wit::SystemError { message, recoverable: true, restart: true };
        assert!(matches!(
            error_in(wit::ActorError::System(system), 10),
            ActorError::System { recoverable: true, restart: true, .. }
        ));
        let timeout = wit::TimeoutError { operation: "y".repeat(11), duration_ms: 5 };
        let timeout = error_in(wit::ActorError::Timeout(timeout), 10);
        assert!(matches!(&timeout, ActorError::Timeout { operation, .. } if operation.len() == 10));
        let (operation, nearest) = ("z".repeat(9), Some("zz".to_owned()));
        let unsupported = wit::UnsupportedError { operation: operation.clone(), nearest };
        let unsupported = error_in(wit::ActorError::Unsupported(unsupported), 10);
        assert_eq!(unsupported, ActorError::Unsupported { operation, nearest: None });
    }

    #[test]
    fn the_text_of_an_error_is_counted_as_what_it_becomes() {
        const NOTE_MAX_BYTES: usize = 200;
        let becomes = |error: wit::ActorError| {
            let ActorError::Business { message, details, .. } = error_in(error, usize::MAX) else { panic!() };
            let details_bytes = details.as_deref().map_or(0, str::len);
            (serde_json::to_string(&message).unwrap().len() + details_bytes, details.is_some())
        };
        let fits = ERROR_MAX_BYTES / 6;
        assert_eq!(becomes(business(&"\u{1}".repeat(fits), None)).0, fits * 6 + 2);
        let (bytes, _) = becomes(business(&"\u{1}".repeat(fits + 1), None));
        assert!((ERROR_MAX_BYTES - 6..ERROR_MAX_BYTES + NOTE_MAX_BYTES).contains(&bytes), "{bytes}");
        assert!(becomes(business(&"x".repeat(4 << 20), None)).0 < ERROR_MAX_BYTES + NOTE_MAX_BYTES);
        let whitespace = format!("[{}]", "\n".repeat(ERROR_MAX_BYTES - 10));
        assert!(becomes(business("why", Some(&whitespace))).1, "it stays as it is");
        let no_json = "\u{1}".repeat(fits + 1);
        assert!(!becomes(business("why", Some(&no_json))).1, "it becomes a string");
    }

    #[test]
    fn the_kinds_of_runtime_errors_are_those_that_are_documented() {
        let table = include_str!("../../../wit/errors.md");
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let documented: Vec<_> = rows.map(|(word, rest)| (word, rest.ends_with("| yes |"))).collect();
        let known = RuntimeErrorKind::ALL.map(|kind| {
            let error = RuntimeError::new(kind, "");
            assert_eq!(runtime_error_out(error.clone()).kind, kind.as_str());
            (kind.as_str(), CallError::from(error).is_retryable())
        });
        assert_eq!(documented, known);
    }

    #[test]
    fn no_guest_is_told_of_a_number_that_it_cannot_count_to() {
        let resumed = |number| {
            let message = Message { resume_after: Some(number), ..Message::new("m", Payload::none()) };
            let job = Job { call: CallId(1), message: Arc::new(message), remaining: None };
            job_out(&job).resume_after
        };
        assert_eq!((resumed(7), resumed(u64::MAX)), (Some(7), Some(U64_MAX)));
    }

    #[test]
    fn a_context_is_told_in_order() {
        let context = Context::new([("traceparent", "00-1"), ("baggage", "a=1")]).unwrap();
        let told = context_out(&context);
        let entries = told.iter().map(|entry| (entry.name.as_str(), entry.value.as_str()));
        assert_eq!(entries.collect::<Vec<_>>(), [("traceparent", "00-1"), ("baggage", "a=1")]);
    }
}
