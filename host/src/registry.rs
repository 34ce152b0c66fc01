//! Which actor has which name, in one host.
//!
//! Bounded: where all places are taken, an actor that has ended gives way to a new one.

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
    /// Returns the ended actor that gave way: the one that had the name before, or any, where `max` actors are there.
    ///
    /// # Errors
    ///
    /// [`NoPlace`] says what is in the way.
    pub fn insert(&self, actor: ActorRef, max: usize) -> Result<Option<ActorRef>, NoPlace> {
        let has_ended = |actor: &ActorRef| actor.status().state.is_final();
        let mut actors = self.actors.write().unwrap_or_else(PoisonError::into_inner);
        let evicted = match actors.get(actor.name()) {
            Some(there) if !has_ended(there) => return Err(NoPlace::NameTaken),
            None if actors.len() >= max => {
                let ended = actors.values().find(|there| has_ended(there)).ok_or(NoPlace::Full)?;
                let name = ended.name().clone();
                actors.remove(&name)
            }
            _ended_or_room => None,
        };
        Ok(actors.insert(actor.name().clone(), actor).or(evicted))
    }
}

/// Why an actor has no place among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlace {
    /// Another has its name.
    NameTaken,
    /// There are as many as may be, and all may still run.
    Full,
}
