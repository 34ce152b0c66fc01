//! Who may send to whom. Every message passes both checks, whatever edge it comes from.
//!
//! | grant | is given to | is checked |
//! |---|---|---|
//! | `from` | the actor that is sent to: who may send to it | by its port, in each call, tell and watch: [`admit`]; edges ask the port before they read or keep anything |
//! | `ask` | the actor that sends: to whom it may send | where a sender finds a peer: [`Peers::find`], its only way to one |

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use super::directory::{Directory, find};
use super::reference::ActorRef;
use crate::grants::{Caller, Callers};
use crate::id::ActorId;
use crate::text::printable;
use crate::wire::{RuntimeError, RuntimeErrorKind};

/// How much of a name that was not granted is shown.
const SHOWN_MAX_CHARS: usize = 64;

/// Checks that an actor takes messages from `caller`.
///
/// # Errors
///
/// `permission-denied`, with the grant that is missing.
pub(crate) fn admit(actor: &ActorId, from: &Callers, caller: &Caller) -> Result<(), RuntimeError> {
    if from.admit(caller) {
        return Ok(());
    }
    let text = format!("`{actor}` takes no messages from {caller}: it needs the grant `from` for {caller}");
    Err(RuntimeError::new(RuntimeErrorKind::PermissionDenied, text))
}

/// The other actors, as one of them may reach them.
pub(crate) struct Peers {
    own: ActorId,
    granted: BTreeSet<ActorId>,
    directory: Weak<dyn Directory>,
}

impl Peers {
    /// The peers of the actor `own` that it was granted.
    #[must_use]
    pub(crate) fn new(
        own: ActorId,
        granted: impl IntoIterator<Item = ActorId>,
        directory: Weak<dyn Directory>,
    ) -> Self {
        Self { own, granted: granted.into_iter().collect(), directory }
    }

    /// The peer of this name.
    ///
    /// # Errors
    ///
    /// `permission-denied`, where it was not granted; what the directory says, where it has no such actor.
    pub(crate) fn find(&self, target: &str) -> Result<ActorRef, RuntimeError> {
        let own = &self.own;
        let Some(target) = self.granted.get(target) else {
            let target = printable(target, SHOWN_MAX_CHARS);
            let text = format!(
                "`{own}` may not send messages to `{target}`: it needs the grant `ask` for `{target}`"
            );
            return Err(RuntimeError::new(RuntimeErrorKind::PermissionDenied, text));
        };
        let gone = || RuntimeError::new(RuntimeErrorKind::Internal, "the host is going away");
        let directory: Arc<dyn Directory> = self.directory.upgrade().ok_or_else(gone)?;
        let peer = find(directory, target, Caller::Actor(own.clone()))?;
        peer.admit()?;
        Ok(peer)
    }
}
