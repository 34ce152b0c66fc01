//! Ask, tell and stream: each one message to one actor.
//!
//! A client that goes away drops the handler's future, and with it the call, or the stream's reader.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::access::Sender;
use super::problem::Refusal;
use super::request::{Target, content_type};
use super::scope::Scope;
use super::serve::room::Keeper;
use super::{json, sse};
use crate::wire::{ActorError, CallError, RuntimeError, RuntimeErrorKind};

/// Answers with what the actor answers.
pub(super) async fn ask(target: Target, request: Request) -> Result<Response, Refusal> {
    let (message, options) = target.message(request).await?;
    let answer = target.actor.ask_message(message, options).await?;
    let answer = json::check_answer(answer).map_err(|error| ActorError::System {
        message: format!("the answer is no JSON: {error}"),
        recoverable: false,
        restart: false,
    })?;
    Ok(([(CONTENT_TYPE, content_type(answer.encoding))], answer.body).into_response())
}

/// Answers once the message is in the mailbox.
pub(super) async fn tell(target: Target, request: Request) -> Result<StatusCode, Refusal> {
    let (message, options) = target.message(request).await?;
    target.actor.tell_message(message, options).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Answers with the items of a stream, as they come, for as long as its reader may have them.
pub(super) async fn stream(target: Target, keeper: Keeper, request: Request) -> Result<Response, Refusal> {
    let sender = request.extensions().get::<Sender>().cloned();
    let (message, options) = target.message(request).await?;
    let reader = target.actor.stream_message(message, options).await?;
    Ok(sse::response(reader, may_not_any_more(sender), keeper))
}

/// Waits until the reader of a stream has lost the right to it, and says so.
async fn may_not_any_more(sender: Option<Sender>) -> CallError {
    let Some(sender) = sender else { return std::future::pending().await };
    sender.loses(Scope::Send).await;
    let text = format!("the token `{}` was taken away, or its scope `{}`", sender.name(), Scope::Send);
    RuntimeError::new(RuntimeErrorKind::PermissionDenied, text).into()
}
