//! What an error looks like over HTTP, and what a client makes of it again.
//!
//! Problem details as of RFC 9457, with members that keep an error's class and fields: what [`Problem`] makes
//! of a [`CallError`], [`Problem::into_refusal`] turns back. One table decides class, status and title. Not
//! carried: whether the actor asked for its own restart, which is no caller's business.
//!
//! Bounded by its error's texts, of which an actor's has a few KiB (`instance/convert.rs`), and a host's words do.

use std::time::Duration;

use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::serve::room::NoRoom;
use crate::wire::{ActorError, CallError, RuntimeError, RuntimeErrorKind};

/// The content type of every error.
pub const CONTENT_TYPE_PROBLEM: &str = "application/problem+json";

/// What a sender is told to wait that may try again, where the actor's host has no better guess.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(1);

/// Why a request came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The call failed.
    Call(CallError),
    /// The request itself is wrong; it reached no actor.
    Request {
        /// Between 400 and 499; or 503, where the host has no room for it.
        status: StatusCode,
        /// For people.
        message: String,
    },
}

impl Refusal {
    /// A request that is wrong in what it says.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::Request { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    /// A request that is one too many.
    pub(super) fn busy() -> Self {
        let message = "the host serves as many requests as it may already".to_owned();
        Self::Request { status: StatusCode::SERVICE_UNAVAILABLE, message }
    }

    /// A request that there is no room for, and that has done nothing.
    pub(super) fn no_room(no_room: NoRoom) -> Self {
        Self::without_room(no_room, no_room.to_string())
    }

    /// A request whose answer there is no room for.
    pub(super) fn no_room_for_answer(no_room: NoRoom) -> Self {
        Self::without_room(no_room, format!("{no_room}: what was asked was done, and its answer is dropped"))
    }

    /// Where there never is, another try is of no use.
    fn without_room(no_room: NoRoom, message: String) -> Self {
        match no_room.is_final() {
            true => RuntimeError::new(RuntimeErrorKind::MessageTooLarge, message).into(),
            false => Self::Request { status: StatusCode::SERVICE_UNAVAILABLE, message },
        }
    }

    /// A request that its sender may not make.
    pub(super) fn denied(message: impl Into<String>) -> Self {
        RuntimeError::new(RuntimeErrorKind::PermissionDenied, message).into()
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<ActorError> for Refusal {
    fn from(error: ActorError) -> Self {
        Self::Call(error.into())
    }
}

impl From<RuntimeError> for Refusal {
    fn from(error: RuntimeError) -> Self {
        Self::Call(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

/// The class of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`ActorError::Business`].
    Business,
    /// [`ActorError::System`].
    System,
    /// [`ActorError::Timeout`].
    Timeout,
    /// [`ActorError::Unsupported`].
    Unsupported,
    /// [`ActorError::Cancelled`].
    Cancelled,
    /// [`RuntimeError`].
    Runtime,
    /// [`Refusal::Request`].
    Request,
}

/// Problem details: the body of every answer that is an error, and the data of a stream's `error` event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Problem {
    /// Names the error for programs, more finely than `kind`.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// What errors of this type have in common, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This error, for people.
    pub detail: String,
    /// The class.
    pub kind: Kind,
    /// Whether the same request may succeed later.
    #[serde(default)]
    pub recoverable: bool,
    /// Of `runtime`: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_kind: Option<String>,
    /// Of `business`: the actor's own numbering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// Of `business`: any JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<RawValue>>,
    /// Of `timeout` and `unsupported`: what took too long, or is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Of `timeout`: how long it had, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Of `unsupported`: what was meant, as far as can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// When another try makes sense, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// A row of the table: the last word of the type, the class, the status and the title.
type Row = (&'static str, Kind, u16, &'static str);

/// The one table of errors.
fn row(refusal: &Refusal) -> Row {
    match refusal {
        Refusal::Request { status, .. } => {
            let title = match status.is_server_error() {
                true => "the host has no room for the request",
                false => "the request cannot be understood",
            };
            ("request", Kind::Request, status.as_u16(), title)
        }
        Refusal::Call(CallError::Actor(error)) => match error {
            ActorError::Business { .. } => {
                ("business", Kind::Business, 422, "the actor refused what was asked")
            }
            ActorError::System { .. } => ("system", Kind::System, 500, "the actor failed"),
            ActorError::Timeout { .. } => ("timeout", Kind::Timeout, 504, "it took too long"),
            // As a path that is not there. Not 501, which is about the server, and which clients send again.
            ActorError::Unsupported { .. } => {
                ("unsupported", Kind::Unsupported, 404, "the actor does not have this")
            }
            // No standard status says it; 499 is what nginx made customary.
            ActorError::Cancelled => ("cancelled", Kind::Cancelled, 499, "the call was cancelled"),
        },
        Refusal::Call(CallError::Runtime(error)) => {
            let (status, title) = match error.kind {
                RuntimeErrorKind::ActorNotFound => (404, "no actor has this name"),
                RuntimeErrorKind::ActorStopped => (410, "the actor takes no messages any more"),
                RuntimeErrorKind::ActorRestarting => (503, "the actor is between two lives"),
                RuntimeErrorKind::MailboxFull => (429, "the actor's mailbox is full"),
                RuntimeErrorKind::Deadlock => (508, "the ask would wait for itself"),
                RuntimeErrorKind::PermissionDenied => (403, "the sender may not do this"),
                RuntimeErrorKind::MessageTooLarge => (413, "the message is over the actor's limit"),
                RuntimeErrorKind::NoConnection => (502, "the actor's machine cannot be reached"),
                RuntimeErrorKind::Internal => (500, "the host failed"),
            };
            (error.kind.as_str(), Kind::Runtime, status, title)
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (word, kind, status, title) = row(&refusal);
        let problem = Self {
            type_uri: format!("urn:pulsing:error:{word}"),
            title: title.to_owned(),
            status,
            detail: String::new(),
            kind,
            recoverable: false,
            runtime_kind: None,
            code: None,
            details: None,
            operation: None,
            duration_ms: None,
            nearest: None,
            retry_after_ms: None,
        };
        match refusal {
            Refusal::Request { status, message } => {
                Self { detail: message, recoverable: status.is_server_error(), ..problem }
            }
            Refusal::Call(error) => {
                Self { recoverable: error.is_retryable(), ..problem.with_fields_of(error) }
            }
        }
    }
}

impl Problem {
    fn with_fields_of(self, error: CallError) -> Self {
        let text = error.to_string();
        match error {
            CallError::Actor(ActorError::Business { code, message, details }) => {
                Self { detail: message, code: Some(code), details: details.and_then(raw), ..self }
            }
            CallError::Actor(ActorError::Timeout { operation, duration }) => {
                Self { detail: text, operation: Some(operation), duration_ms: Some(millis(duration)), ..self }
            }
            CallError::Actor(ActorError::Unsupported { operation, nearest }) => {
                Self { detail: text, operation: Some(operation), nearest, ..self }
            }
            CallError::Actor(ActorError::System { .. } | ActorError::Cancelled) => {
                Self { detail: text, ..self }
            }
            CallError::Runtime(error) => Self {
                detail: text,
                runtime_kind: Some(error.kind.as_str().to_owned()),
                retry_after_ms: error.retry_after.map(millis),
                ..self
            },
        }
    }

    /// The error that this tells of.
    #[must_use]
    pub fn into_refusal(self) -> Refusal {
        let operation = self.operation.unwrap_or_default();
        match self.kind {
            Kind::Business => Refusal::from(ActorError::Business {
                code: self.code.unwrap_or_default(),
                message: self.detail,
                details: self.details.map(|details| details.get().to_owned()),
            }),
            Kind::System => Refusal::from(ActorError::System {
                message: self.detail,
                recoverable: self.recoverable,
                restart: false,
            }),
            Kind::Timeout => {
                let duration = Duration::from_millis(self.duration_ms.unwrap_or_default());
                Refusal::from(ActorError::Timeout { operation, duration })
            }
            Kind::Unsupported => Refusal::from(ActorError::Unsupported { operation, nearest: self.nearest }),
            Kind::Cancelled => Refusal::from(ActorError::Cancelled),
            Kind::Runtime => Refusal::from(RuntimeError {
                kind: self
                    .runtime_kind
                    .as_deref()
                    .and_then(RuntimeErrorKind::from_word)
                    .unwrap_or(RuntimeErrorKind::Internal),
                message: self.detail,
                retry_after: self.retry_after_ms.map(Duration::from_millis),
            }),
            Kind::Request => Refusal::Request {
                status: StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST),
                message: self.detail,
            },
        }
    }

    /// This as JSON.
    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a struct of texts and numbers has a JSON form")
    }

    /// What a 429 and a 503 carry in `Retry-After`: whole seconds, one or more.
    fn retry_after_seconds(&self) -> Option<u64> {
        let may_retry = [429, 503].contains(&self.status);
        let wait = self.retry_after_ms.map_or(RETRY_AFTER_DEFAULT, Duration::from_millis);
        may_retry.then(|| wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = [(CONTENT_TYPE, CONTENT_TYPE_PROBLEM), (CACHE_CONTROL, "no-store")];
        let mut response = (status, headers, self.to_json()).into_response();
        // RFC 9110, section 15.5.16: what would be understood.
        if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if let Some(seconds) = self.retry_after_seconds() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A guest's JSON as it is; what is no JSON after all, as a JSON string.
fn raw(text: String) -> Option<Box<RawValue>> {
    let quoted = serde_json::value::to_raw_value(&text);
    RawValue::from_string(text).or(quoted).ok()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
