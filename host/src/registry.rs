//! Which actor has which name, in one host.
//!
//! Bounded: where all places are taken, an actor that has ended gives way to a new one.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use crate::actor::{LocalPort, Spawn};
use crate::delivery::{ActorRef, Directory, Lookup, Port};
use crate::grants::Caller;
use crate::id::ActorId;
use crate::journal::Journal;
use crate::wire::{RuntimeError, nearest};

/// The actors of one host, by name.
#[derive(Default)]
pub struct Registry {
    actors: RwLock<BTreeMap<ActorId, Arc<LocalPort>>>,
    journal: Arc<Journal>,
}

/// Why an actor has no place among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlace {
    /// Another has its name.
    NameTaken,
    /// There are as many as may be, and all may still run.
    Full,
}

impl Registry {
    /// Finds the actor called `name`, for the program's own messages.
    ///
    /// # Errors
    ///
    /// `actor-not-found`, with the nearest name there is.
    pub fn get(&self, name: &str) -> Result<ActorRef, RuntimeError> {
        Ok(ActorRef::new(self.port(name)?, Caller::Program))
    }

    /// All actors, by name, for the program's own messages.
    #[must_use]
    pub fn list(&self) -> Vec<ActorRef> {
        let actors = self.actors.read().unwrap_or_else(PoisonError::into_inner);
        actors
            .values()
            .map(|port| ActorRef::new(Arc::clone(port) as Arc<dyn Port>, Caller::Program))
            .collect()
    }

    /// The first `max` actors whose ids come after this one, by name, for the program's own messages; without one, the first
    /// of all.
    pub(crate) fn after(&self, id: Option<&ActorId>, max: usize) -> Vec<ActorRef> {
        let actors = self.actors.read().unwrap_or_else(PoisonError::into_inner);
        let from = id.map_or(Bound::Unbounded, Bound::Excluded);
        let ports = actors.range::<ActorId, _>((from, Bound::Unbounded)).take(max);
        ports.map(|(_, port)| ActorRef::new(Arc::clone(port) as Arc<dyn Port>, Caller::Program)).collect()
    }

    /// Where the lines of the log go that actors and clients cause.
    pub(crate) fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Gives an actor its name, unless an actor that may still run has it. Returns a reference to it, what runs it, and
    /// the ended actor that gave way: the one that had the name before, or any, where `max` actors are there.
    ///
    /// # Errors
    ///
    /// `NoPlace` says what is in the way.
    pub fn add(
        &self,
        spawn: Spawn,
        max: usize,
    ) -> Result<(ActorRef, impl Future<Output = ()> + Send + 'static, Option<ActorId>), NoPlace> {
        let (port, run) = spawn.into_port(&self.journal);
        let gave_way = self.insert(Arc::clone(&port), max)?;
        Ok((ActorRef::new(port, Caller::Program), run, gave_way))
    }

    fn insert(&self, port: Arc<LocalPort>, max: usize) -> Result<Option<ActorId>, NoPlace> {
        let has_ended = |port: &LocalPort| port.status().state.is_final();
        let mut actors = self.actors.write().unwrap_or_else(PoisonError::into_inner);
        let gave_way = match actors.get(port.id()) {
            Some(there) if !has_ended(there) => return Err(NoPlace::NameTaken),
            Some(there) => Some(there.id().clone()),
            None if actors.len() >= max => {
                let ended = actors.values().find(|there| has_ended(there)).ok_or(NoPlace::Full)?;
                Some(ended.id().clone())
            }
            None => None,
        };
        if let Some(gave_way) = &gave_way {
            actors.remove(gave_way);
        }
        actors.insert(port.id().clone(), port);
        Ok(gave_way)
    }

    fn port(&self, name: &str) -> Result<Arc<dyn Port>, RuntimeError> {
        let actors = self.actors.read().unwrap_or_else(PoisonError::into_inner);
        match actors.get(name) {
            Some(port) => Ok(Arc::clone(port) as Arc<dyn Port>),
            None => Err(RuntimeError::not_found(name, nearest(name, actors.keys().map(ActorId::as_str)))),
        }
    }
}

impl Directory for Registry {
    fn find(self: Arc<Self>, id: &ActorId) -> Lookup {
        match self.port(id.as_str()) {
            Ok(port) => Lookup::Found(port),
            Err(error) => Lookup::Missing(error),
        }
    }
}
