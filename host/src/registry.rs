//! Which actor has which name, in one host.
//!
//! Bounded by the number of actors that were spawned: a name leaves only when another actor takes it.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::actor::reference::ActorRef;
use crate::error::{RuntimeError, nearest};
use crate::id::ActorName;

/// Actors by name.
#[derive(Default)]
pub struct Registry {
    actors: RwLock<BTreeMap<ActorName, ActorRef>>,
}

impl Registry {
    /// Finds the actor called `name`.
    ///
    /// # Errors
    ///
    /// `actor-not-found`, with the nearest name there is.
    pub fn get(&self, name: &str) -> Result<ActorRef, RuntimeError> {
        let actors = self.actors.read().unwrap_or_else(PoisonError::into_inner);
        actors
            .get(name)
            .cloned()
            .ok_or_else(|| RuntimeError::not_found(name, nearest(name, actors.keys().map(ActorName::as_str))))
    }

    /// All actors, by name.
    #[must_use]
    pub fn list(&self) -> Vec<ActorRef> {
        self.actors.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Gives `actor` its name, unless an actor that may still run has it.
    ///
    /// Returns the ended actor that had the name before.
    ///
    /// # Errors
    ///
    /// The actor back, when its name is taken.
    pub fn insert(&self, actor: ActorRef) -> Result<Option<ActorRef>, ActorRef> {
        let mut actors = self.actors.write().unwrap_or_else(PoisonError::into_inner);
        if actors.get(actor.name()).is_some_and(|there| !there.status().state.is_final()) {
            return Err(actor);
        }
        Ok(actors.insert(actor.name().clone(), actor))
    }
}
