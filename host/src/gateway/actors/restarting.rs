//! Restarting an actor, and saying whether the file of its code is another by now.
//!
//! Every life runs the code that was loaded. Who has built it again and restarts the actor means the new one, so the answer
//! says what has become of the file. Bounded as the registry says, which looks at it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;

use super::super::answers;
use super::super::problem::Refusal;
use super::super::request::{self, Named};
use super::super::serve::room::Keeper;
use super::{ActorView, late, text_bytes};
use crate::delivery::{ActorRef, ControlError};
use crate::exit::ExitReason;
use crate::files::FileState;
use crate::id::ActorId;
use crate::registry::Registry;
use crate::wire::{RuntimeError, RuntimeErrorKind};

/// An actor that was restarted.
#[derive(Debug, Serialize)]
struct RestartedView {
    #[serde(flatten)]
    actor: ActorView,
    /// `unchanged`, `changed` or `unreadable`: the file of its code, since that was loaded; `null` where there is none, or
    /// where that could not be found out.
    code_file: Option<&'static str>,
    /// For people: what the file says that the actor does not do.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
}

fn word(file: FileState) -> &'static str {
    match file {
        FileState::Unchanged => "unchanged",
        FileState::Changed => "changed",
        FileState::Unreadable => "unreadable",
    }
}

/// What is said where the file of an actor's code is another by now.
fn notice(id: &ActorId, file: FileState) -> Option<String> {
    let what = match file {
        FileState::Unchanged => return None,
        FileState::Changed => "has changed since it was loaded",
        FileState::Unreadable => "cannot be read any more",
    };
    Some(format!(
        "the component's file of `{id}` {what}: a restart keeps the code that was loaded, and only another `run` loads it again"
    ))
}

/// Begins another life of an actor, and answers when it runs.
pub(in crate::gateway) async fn restart(
    State(registry): State<Arc<Registry>>,
    keeper: Keeper,
    Named(actor): Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let limits = actor.limits();
    let limit =
        request::timeout(&headers)?.unwrap_or(limits.stop_timeout.saturating_add(limits.start_timeout));
    let restarted = tokio::time::timeout(limit, actor.restart()).await;
    let restarted = restarted.map_err(|_| late("restart", &actor, limit))?;
    let file = registry.code_file(actor.id()).await;
    match restarted {
        Ok(_status) => shown(&actor, file, &keeper).await,
        Err(ControlError::Ended(exit)) => Err(not_back(actor.id(), &exit, file).into()),
        Err(ControlError::Runtime(error)) => Err(error.into()),
    }
}

async fn shown(actor: &ActorRef, file: Option<FileState>, keeper: &Keeper) -> Result<Response, Refusal> {
    let notice = file.and_then(|file| notice(actor.id(), file));
    let seen = actor.snapshot().await?;
    let bytes = text_bytes(&seen);
    let view =
        move || RestartedView { actor: ActorView::in_host_words(seen), code_file: file.map(word), notice };
    answers::json(keeper, bytes, view, Refusal::no_room_for_answer).await
}

fn not_back(id: &ActorId, exit: &ExitReason, file: Option<FileState>) -> RuntimeError {
    let notice = file.and_then(|file| notice(id, file));
    let notice = notice.map_or_else(String::new, |notice| format!("; {notice}"));
    let text = format!("`{id}` did not come back: {exit}{notice}");
    RuntimeError::new(RuntimeErrorKind::ActorStopped, text)
}
