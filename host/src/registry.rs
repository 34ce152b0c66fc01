//! Which actor has which name, in one host.
//!
//! Bounded: where all places are taken, an actor that has ended gives way to a new one.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::actor::{LocalPort, Spawn};
use crate::delivery::{ActorRef, Directory, Lookup, Port};
use crate::files::{AsRead, FileState};
use crate::grants::Caller;
use crate::id::ActorId;
use crate::journal::Journal;
use crate::wire::{RuntimeError, nearest};

/// How many files of actors' code are looked at at once: such a look may hang where the file system does.
const LOOKS_MAX: usize = 2;
/// How long somebody waits who wants to know of a file.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// The actors of one host, by name.
pub struct Registry {
    actors: RwLock<BTreeMap<ActorId, Registered>>,
    journal: Arc<Journal>,
    looks: Arc<Semaphore>,
}

/// An actor, and the file that its code was read from, if any.
struct Registered {
    port: Arc<LocalPort>,
    file: Option<Arc<AsRead>>,
}

impl Default for Registry {
    fn default() -> Self {
        let looks = Arc::new(Semaphore::new(LOOKS_MAX));
        Self { actors: RwLock::default(), journal: Arc::default(), looks }
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
            .map(|there| ActorRef::new(Arc::clone(&there.port) as Arc<dyn Port>, Caller::Program))
            .collect()
    }

    /// The first `max` actors whose ids come after this one, by name, for the program's own messages; without one, the first
    /// of all.
    pub(crate) fn after(&self, id: Option<&ActorId>, max: usize) -> Vec<ActorRef> {
        let actors = self.actors.read().unwrap_or_else(PoisonError::into_inner);
        let from = id.map_or(Bound::Unbounded, Bound::Excluded);
        let ports = actors.range::<ActorId, _>((from, Bound::Unbounded)).take(max);
        ports
            .map(|(_, there)| ActorRef::new(Arc::clone(&there.port) as Arc<dyn Port>, Caller::Program))
            .collect()
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
    ) -> Result<(ActorRef, impl Future<Output = ()> + Send + 'static + use<>, Option<ActorId>), NoPlace> {
        self.add_of_file(spawn, None, max)
    }

    /// The same, of an actor whose code was read from a file.
    ///
    /// # Errors
    ///
    /// As of [`Self::add`].
    pub(crate) fn add_of_file(
        &self,
        spawn: Spawn,
        file: Option<AsRead>,
        max: usize,
    ) -> Result<(ActorRef, impl Future<Output = ()> + Send + 'static + use<>, Option<ActorId>), NoPlace> {
        let (port, run) = spawn.into_port(&self.journal);
        let gave_way = self.insert(Registered { port: Arc::clone(&port), file: file.map(Arc::new) }, max)?;
        Ok((ActorRef::new(port, Caller::Program), run, gave_way))
    }

    /// What has become of the file that an actor's code was read from. None where it was read from none, or where that is
    /// not known within a second.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing; a look that has begun goes on.
    pub(crate) async fn code_file(&self, id: &ActorId) -> Option<FileState> {
        let file = {
            let actors = self.actors.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(actors.get(id)?.file.as_ref()?)
        };
        let look = async {
            let turn = Arc::clone(&self.looks).acquire_owned().await.ok()?;
            let look = move || {
                let _turn = turn;
                file.now()
            };
            tokio::task::spawn_blocking(look).await.ok()
        };
        tokio::time::timeout(LOOK_MAX, look).await.ok().flatten()
    }

    fn insert(&self, new: Registered, max: usize) -> Result<Option<ActorId>, NoPlace> {
        let has_ended = |there: &Registered| LocalPort::status(&there.port).state.is_final();
        let id = new.port.id().clone();
        let mut actors = self.actors.write().unwrap_or_else(PoisonError::into_inner);
        let gave_way = match actors.get(&id) {
            Some(there) if !has_ended(there) => return Err(NoPlace::NameTaken),
            Some(_ended) => Some(id.clone()),
            None if actors.len() >= max => {
                let ended = actors.values().find(|there| has_ended(there)).ok_or(NoPlace::Full)?;
                Some(ended.port.id().clone())
            }
            None => None,
        };
        if let Some(gave_way) = &gave_way {
            actors.remove(gave_way);
        }
        actors.insert(id, new);
        Ok(gave_way)
    }

    fn port(&self, name: &str) -> Result<Arc<dyn Port>, RuntimeError> {
        let actors = self.actors.read().unwrap_or_else(PoisonError::into_inner);
        match actors.get(name) {
            Some(there) => Ok(Arc::clone(&there.port) as Arc<dyn Port>),
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
