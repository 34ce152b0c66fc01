//! A host: engines, actors by name, and the tasks that run them.
//!
//! Two hosts may live in one process; they share nothing. Dropping a host ends all its actors at once;
//! [`Host::shutdown`] stops them in good order.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

use crate::actor::Spawn;
use crate::budget::Budget;
use crate::delivery::{ActorRef, Directory};
use crate::dispatch::{Behavior, Description};
use crate::engine::{BuildError, CodeOrigin, ComponentSource, Engines, LoadError};
use crate::execution::BackgroundPool;
use crate::grants::{Grants, Need};
use crate::id::ActorId;
use crate::instance::{Program, Programs, WasmBehavior, need};
use crate::limits::{HostLimits, Limits};
use crate::observe::Counters;
use crate::policy::RestartSettings;
use crate::registry::{NoPlace, Registry};
use crate::wait_graph::WaitGraph;
use crate::wire::{Lane, Payload, RuntimeError};

/// How a host is made.
#[derive(Debug, Clone, Default)]
pub struct HostBuilder {
    cache_dir: Option<PathBuf>,
    trusts_compiled: bool,
    limits: HostLimits,
}

impl HostBuilder {
    /// Keeps compiled code in this folder, so that a component is compiled once.
    #[must_use]
    pub fn cache_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cache_dir = Some(dir.into());
        self
    }

    /// Takes code that `pulsing-host compile` made, too, which starts at once. It is machine code, and the sandbox holds
    /// only what the host compiled from a component: for files that nobody else could have written.
    #[must_use]
    pub fn trust_compiled(mut self, trusts_compiled: bool) -> Self {
        self.trusts_compiled = trusts_compiled;
        self
    }

    /// Sets the ceilings for all actors together.
    #[must_use]
    pub fn limits(mut self, limits: HostLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Makes the host.
    ///
    /// # Errors
    ///
    /// [`BuildError`] where the cache's folder cannot be used, or this machine cannot run the engine.
    pub fn build(self) -> Result<Host, BuildError> {
        let engines = Engines::new(self.cache_dir)?.trust_compiled(self.trusts_compiled);
        let programs = Arc::new(Programs::new(engines)?);
        let pool = BackgroundPool::new().map_err(|error| BuildError::Thread(error.to_string()))?;
        Ok(Host {
            programs,
            registry: Arc::default(),
            tasks: Mutex::default(),
            pool,
            graph: Arc::default(),
            memory: Budget::new(self.limits.memory_max_bytes()),
            actors_max: self.limits.actors_max(),
            compiling: Arc::new(Semaphore::new(1)),
        })
    }
}

/// Runs actors.
pub struct Host {
    programs: Arc<Programs>,
    registry: Arc<Registry>,
    tasks: Mutex<Tasks>,
    pool: BackgroundPool,
    /// Who waits for whom.
    graph: Arc<WaitGraph>,
    /// Linear memories and tables of all lives.
    memory: Budget,
    actors_max: usize,
    /// A compilation uses all cores: one at a time.
    compiling: Arc<Semaphore>,
}

/// The tasks that run actors.
#[derive(Default)]
struct Tasks {
    all: JoinSet<()>,
    by_actor: BTreeMap<ActorId, AbortHandle>,
}

impl Tasks {
    /// Runs an actor. The task of one that gave way waits to be told of a restart: it goes.
    fn spawn(
        &mut self,
        id: ActorId,
        run: impl Future<Output = ()> + Send + 'static,
        gave_way: Option<&ActorId>,
    ) {
        if let Some(task) = gave_way.and_then(|id| self.by_actor.remove(id)) {
            task.abort();
        }
        self.by_actor.insert(id, self.all.spawn(run));
        while self.all.try_join_next().is_some() {}
    }
}

/// An actor that is to run.
#[derive(Debug, Clone)]
pub struct ActorSpec {
    /// Which actor it is.
    pub id: ActorId,
    /// Its code.
    pub component: ComponentSource,
    /// What its `start` is given.
    pub config: Payload,
    /// Its ceilings.
    pub limits: Limits,
    /// How it is restarted.
    pub restart: RestartSettings,
    /// What it may reach.
    pub grants: Grants,
}

impl ActorSpec {
    /// An actor with default limits, and without configuration or grants.
    #[must_use]
    pub fn new(id: impl Into<ActorId>, component: ComponentSource) -> Self {
        Self {
            id: id.into(),
            component,
            config: Payload::none(),
            limits: Limits::default(),
            restart: RestartSettings::default(),
            grants: Grants::default(),
        }
    }
}

/// How much longer than its `stop_timeout` a shutdown waits for an actor.
const STOP_SLACK: Duration = Duration::from_secs(1);

/// Why an actor cannot be spawned.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpawnError {
    /// Its component cannot run here.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It could replace the code that the next host runs.
    #[error(
        "the folder {} is granted to be written to, and {} is there, which holds compiled code: grant it for reading only, grant another one, or keep the code elsewhere", dir.display(), cache.display()
    )]
    CacheGranted {
        /// The folder that was granted.
        dir: PathBuf,
        /// That of the code.
        cache: PathBuf,
    },
    /// Another actor has the name.
    #[error("an actor called `{name}` runs already; stop it first, or give another name")]
    NameTaken {
        /// The name.
        name: ActorId,
    },
    /// There are as many as may be.
    #[error("as many actors run already as this host may have, which is {max}")]
    TooMany {
        /// How many.
        max: usize,
    },
}

/// What a component is, found out without running it for anybody.
#[derive(Debug, Clone)]
pub struct Report {
    /// How its handlers would share an instance.
    pub lane: Lane,
    /// What it says of itself.
    pub description: Description,
    /// What it asks of the host, in its own order.
    pub imports: Vec<Import>,
    /// Where its compiled code comes from.
    pub origin: CodeOrigin,
}

/// What a component asks of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The interface, with its version.
    pub name: String,
    /// What it is of no use without.
    pub need: Need,
}

impl Host {
    /// How to make a host.
    #[must_use]
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Loads a component and runs it as an actor.
    ///
    /// Returns once the component is accepted and the name is taken; [`ActorRef::ready`] waits for its start.
    /// An actor of the same name that has ended gives way, and any that has ended, where there are as many as may be.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] names what is wrong, in one line.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future spawns nothing; a compilation under way goes on, into the cache.
    pub async fn spawn(&self, spec: ActorSpec) -> Result<ActorRef, SpawnError> {
        self.keep_from_cache(&spec.grants)?;
        let program = self.load(spec.component).await?;
        let counters = Arc::<Counters>::default();
        let callers = spec.grants.from.clone();
        let behavior = WasmBehavior::new(
            &self.programs,
            program,
            spec.grants,
            self.directory(),
            Arc::clone(&counters),
            self.memory.clone(),
        );
        let id = spec.id;
        let spawn = Spawn {
            id: id.clone(),
            behavior: Arc::new(behavior),
            config: spec.config,
            limits: spec.limits,
            restart: spec.restart,
            callers,
            counters,
            pool: Some(self.pool.clone()),
            graph: Arc::clone(&self.graph),
        };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let added = self.registry.add(spawn, self.actors_max);
        let (actor, run, gave_way) = added.map_err(|no_place| match no_place {
            NoPlace::NameTaken => SpawnError::NameTaken { name: id.clone() },
            NoPlace::Full => SpawnError::TooMany { max: self.actors_max },
        })?;
        tasks.spawn(id, run, gave_way.as_ref());
        Ok(actor)
    }

    /// Where actors look for others. Does not keep them.
    fn directory(&self) -> Weak<dyn Directory> {
        let registry: Arc<dyn Directory> = Arc::clone(&self.registry) as Arc<dyn Directory>;
        Arc::downgrade(&registry)
    }

    /// Sees to it that nothing an actor may write to is run as machine code.
    fn keep_from_cache(&self, grants: &Grants) -> Result<(), SpawnError> {
        for grant in grants.dirs.iter().filter(|grant| !grant.read_only) {
            // One that cannot be found is refused when the actor starts.
            let Ok(dir) = grant.host.canonicalize() else { continue };
            if let Some(cache) = self.programs.cache_within_reach_of(&dir) {
                return Err(SpawnError::CacheGranted { dir: grant.host.clone(), cache: cache.to_owned() });
            }
        }
        Ok(())
    }

    async fn load(&self, source: ComponentSource) -> Result<Arc<Program>, LoadError> {
        let programs = Arc::clone(&self.programs);
        let permit = Arc::clone(&self.compiling).acquire_owned().await;
        let load = move || {
            let _permit = permit;
            programs.load(&source)
        };
        match tokio::task::spawn_blocking(load).await {
            Ok(loaded) => loaded,
            Err(failed) => Err(LoadError::Unfit {
                name: "the component".to_owned(),
                error: format!("the compiler failed: {failed}"),
            }),
        }
    }

    /// Finds out what a component is: loads it as [`Self::spawn`] would, and asks it to describe itself.
    ///
    /// # Errors
    ///
    /// [`LoadError`] says why it cannot run, in one line.
    pub async fn check(&self, component: ComponentSource) -> Result<Report, LoadError> {
        let name = component.name();
        let program = self.load(component).await?;
        let origin = program.origin;
        let import = |name: &String| Import { name: name.clone(), need: need(name) };
        let imports = program.imports.iter().map(import).collect();
        let behavior = WasmBehavior::new(
            &self.programs,
            program,
            Grants::default(),
            self.directory(),
            Arc::default(),
            self.memory.clone(),
        );
        let description =
            behavior.describe().await.map_err(|error| LoadError::Undescribed { name, error })?;
        Ok(Report { lane: behavior.lane(), description, imports, origin })
    }

    /// Finds an actor by its name.
    ///
    /// # Errors
    ///
    /// `actor-not-found`, with the nearest name there is.
    pub fn actor(&self, name: &str) -> Result<ActorRef, RuntimeError> {
        self.registry.get(name)
    }

    /// The actors of this host, by name.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// How many bytes of linear memory and tables all lives hold together; none once all have ended.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory.used()
    }

    /// Stops all actors in good order, at the same time, and waits for that.
    ///
    /// Takes as long as the longest `stop_timeout` of its actors, at most.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends all actors at once.
    pub async fn shutdown(self) {
        let stops = self.registry.list().into_iter().map(|actor| async move {
            // It keeps to its own limit; the second one is for whoever revives it meanwhile.
            let limit = actor.limits().stop_timeout.saturating_add(STOP_SLACK);
            let stop = async {
                let has_ended = actor.status().await.is_ok_and(|status| status.state.is_final());
                if !has_ended {
                    drop(actor.stop().await);
                }
            };
            drop(tokio::time::timeout(limit, stop).await);
        });
        futures::future::join_all(stops).await;
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.all.shutdown().await;
    }
}
