//! What becomes of the actors' starts, said on stdout when it is known.
//!
//! An actor that fails its start is `failed`, and those beside it run. Its host ends where there is nothing beside it: it is
//! alone, or all have failed; or where its operator wants that at the first failure.
//!
//! Lines come in the order of the names, but that an actor which is between two tries holds up no other's.

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::announce;
use crate::cli::failure::Failure;
use crate::delivery::{ActorRef, ControlError};
use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::lifecycle::State;
use crate::text::one_line;

/// How much is said of why an actor did not start: a guest's text may be in it.
const REASON_MAX_CHARS: usize = 500;

/// What the host does when an actor fails to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenFailed {
    /// It goes on with the others.
    GoOn,
    /// It ends.
    End,
}

/// What came of an actor's start.
enum Started {
    Ready,
    /// Somebody stopped it before.
    Stopped,
    /// Why it did not start.
    Failed(String),
}

/// Says of each actor whether it is ready or has failed. There are `count` in all, with those that could not be spawned.
///
/// # Errors
///
/// Why an actor did not start, where its host is to end with that; or that none did.
pub(super) async fn announce_all(
    actors: Vec<ActorRef>,
    count: usize,
    when_failed: WhenFailed,
) -> Result<(), Failure> {
    let ends_at_first = count == 1 || when_failed == WhenFailed::End;
    let mut failed = count.saturating_sub(actors.len());
    let mut announce_one = |actor: &ActorRef, started| match started {
        Started::Failed(why) if ends_at_first => {
            Err(Failure::system(format!("`{}` did not start: it {why}", actor.id())))
        }
        Started::Failed(why) => {
            announce_failed(actor.id(), &why);
            failed += 1;
            Ok(())
        }
        Started::Ready | Started::Stopped => Ok(()),
    };
    let mut later = FuturesUnordered::new();
    for actor in actors {
        // The first life alone: what comes of another is waited for beside the others.
        match actor.wait_for(|status| status.state != State::Starting).await {
            Ok(status) if status.state == State::Restarting => {
                later.push(async move {
                    let started = start_of(&actor).await;
                    (actor, started)
                });
            }
            Ok(_) | Err(_) => announce_one(&actor, start_of(&actor).await)?,
        }
    }
    while let Some((actor, started)) = later.next().await {
        announce_one(&actor, started)?;
    }
    if failed == count && count > 0 {
        return Err(Failure::system(format!("none of the {count} actors started")));
    }
    Ok(())
}

/// Says why an actor does not run.
pub(super) fn announce_failed(actor: &ActorId, why: &str) {
    announce(&format!("failed {actor} {}", one_line(why, REASON_MAX_CHARS)));
}

/// Waits for an actor to be ready, and says so.
async fn start_of(actor: &ActorRef) -> Started {
    match actor.ready().await {
        Ok(()) => {}
        // A client was faster than the start of the others.
        Err(ControlError::Ended(ExitReason::Stopped | ExitReason::Killed)) => return Started::Stopped,
        // The operator reads this, and alone.
        Err(ControlError::Ended(exit)) => return Started::Failed(one_line(&exit.report(), REASON_MAX_CHARS)),
        Err(ControlError::Runtime(error)) => {
            return Started::Failed(one_line(&format!("cannot be reached: {error}"), REASON_MAX_CHARS));
        }
    }
    let Ok(snapshot) = actor.snapshot().await else { return Started::Ready };
    let methods = match snapshot.description.methods.len() {
        1 => "1 method".to_owned(),
        count => format!("{count} methods"),
    };
    announce(&format!("ready {} {} {methods}", actor.id(), snapshot.lane.as_str()));
    Started::Ready
}
