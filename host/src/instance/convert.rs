//! Between the WIT's words and the host's. One exhaustive mapping each way.
//!
//! Guests' texts are held to their bounds here, on their way in.

use std::time::Duration;

use super::bindings::types as wit;
use crate::dispatch::{Birth, Description, Drawn, Job, Reply};
use crate::error::{ActorError, CallError, RuntimeError, RuntimeErrorKind};
use crate::id::StreamId;
use crate::message::{Encoding, Message, Method, MethodKind, Payload};
use crate::stream::Batch;

/// How many methods an actor describes at most.
const METHODS_MAX: usize = 1024;
/// How many bytes of text a description has at most.
const DESCRIPTION_MAX_BYTES: usize = 1 << 20;

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
    let Message { method, args, idempotency_key, resume_after } = Message::clone(&job.message);
    wit::Message {
        call: job.call.0,
        method,
        args: payload_out(args),
        idempotency_key,
        resume_after,
        remaining_ms: job.remaining.map(millis),
    }
}

pub(super) fn birth_out(birth: Birth) -> wit::StartOptions {
    wit::StartOptions {
        name: birth.id.into(),
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
    let kind = match error.kind {
        RuntimeErrorKind::ActorNotFound => wit::RuntimeErrorKind::ActorNotFound,
        RuntimeErrorKind::ActorStopped => wit::RuntimeErrorKind::ActorStopped,
        RuntimeErrorKind::ActorRestarting => wit::RuntimeErrorKind::ActorRestarting,
        RuntimeErrorKind::MailboxFull => wit::RuntimeErrorKind::MailboxFull,
        RuntimeErrorKind::Deadlock => wit::RuntimeErrorKind::Deadlock,
        RuntimeErrorKind::PermissionDenied => wit::RuntimeErrorKind::PermissionDenied,
        RuntimeErrorKind::MessageTooLarge => wit::RuntimeErrorKind::MessageTooLarge,
        RuntimeErrorKind::NoConnection => wit::RuntimeErrorKind::NoConnection,
        RuntimeErrorKind::Internal => wit::RuntimeErrorKind::Internal,
    };
    wit::RuntimeError { kind, message: error.message, retry_after_ms: error.retry_after.map(millis) }
}

pub(super) fn call_error_out(error: CallError) -> wit::CallError {
    match error {
        CallError::Actor(error) => wit::CallError::Actor(actor_error_out(error)),
        CallError::Runtime(error) => wit::CallError::Runtime(runtime_error_out(error)),
    }
}

/// Takes what a guest says of itself, unless it is more than anybody reads.
pub(super) fn description_in(description: wit::Description) -> Result<Description, String> {
    let methods = description.methods;
    if methods.len() > METHODS_MAX {
        return Err(format!("it describes {} methods, more than {METHODS_MAX}", methods.len()));
    }
    let text = |method: &wit::Method| {
        [method.name.len(), method.doc.len(), method.args_schema.as_ref().map_or(0, String::len)]
            .into_iter()
            .fold(0, usize::saturating_add)
    };
    let bytes = methods.iter().map(text).fold(0, usize::saturating_add);
    if bytes > DESCRIPTION_MAX_BYTES {
        return Err(format!("its description has {bytes} bytes, more than {DESCRIPTION_MAX_BYTES}"));
    }
    Ok(Description { methods: methods.into_iter().map(method_in).collect() })
}

fn method_in(method: wit::Method) -> Method {
    let kind = match method.kind {
        wit::MethodKind::Ask => MethodKind::Ask,
        wit::MethodKind::Stream => MethodKind::Stream,
        wit::MethodKind::Tell => MethodKind::Tell,
    };
    Method { name: method.name, kind, doc: method.doc, args_schema: method.args_schema }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_description_has_bounds() {
        let method = |doc: String| wit::Method {
            name: "m".to_owned(),
            kind: wit::MethodKind::Ask,
            doc,
            args_schema: None,
        };
        let describe = |methods| description_in(wit::Description { methods });
        assert!(describe(vec![method(String::new()); METHODS_MAX + 1]).is_err());
        assert!(describe(vec![method("x".repeat(DESCRIPTION_MAX_BYTES))]).is_err());
        assert_eq!(describe(vec![method("x".to_owned())]).unwrap().methods.len(), 1);
    }
}
