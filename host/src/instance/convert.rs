//! Between the WIT's words and the host's. One exhaustive mapping each way.
//!
//! Guests' texts are held to their bounds here, on their way in.

use std::time::Duration;

use super::bindings::types as wit;
use crate::dispatch::{Birth, Drawn, Job, Reply};
use crate::id::StreamId;
use crate::stream::{Batch, NUMBER_MAX};
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

/// Takes a guest's error, unless its texts are longer than a message may be.
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

/// An error, unless its texts are longer than a message may be.
pub(super) fn bounded_error(error: ActorError, max_bytes: usize) -> ActorError {
    let bytes = error.text_bytes();
    if bytes <= max_bytes {
        return error;
    }
    let message = format!("an error with {bytes} bytes of text, more than the limit of {max_bytes}");
    let restart = matches!(error, ActorError::System { restart: true, .. });
    ActorError::System { message, recoverable: false, restart }
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

    #[test]
    fn an_error_longer_than_a_message_may_be_is_replaced() {
        let long = "x".repeat(11);
        let business = wit::BusinessError { code: 1, message: long.clone(), details: None };
        assert!(matches!(
            error_in(wit::ActorError::Business(business), 10),
            ActorError::System { recoverable: false, restart: false, .. }
        ));
        let system = wit::SystemError { message: long, recoverable: true, restart: true };
        assert!(matches!(
            error_in(wit::ActorError::System(system), 10),
            ActorError::System { restart: true, .. }
        ));
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
