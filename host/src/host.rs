//! A host: engines, actors by name, and the tasks that run them.
//!
//! Two hosts may live in one process; they share nothing. Dropping a host ends all its actors at once;
//! [`Host::shutdown`] stops them in good order.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
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
use crate::engine::{
    BuildError, CodeOrigin, Compiler, ComponentSource, Engines, LoadError, Stop, StopOnDrop,
};
use crate::execution::BackgroundPool;
use crate::files::{AsRead, Conflict, Folders, HostFile, Reach};
use crate::grants::{Grants, Need};
use crate::id::{ActorId, ActorName};
use crate::instance::{FileGrant, FileQuota, Program, Programs, Resolver, WasmBehavior, need};
use crate::journal::Journal;
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
    compiler: Option<PathBuf>,
    limits: HostLimits,
    read_elsewhere: Vec<PathBuf>,
    resolver: Resolver,
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

    /// Names a file that the program reads by itself: its configuration, a token, a key. No actor of this host may be
    /// granted to write where it is, nor on the way to it. May be called for each such file.
    #[must_use]
    pub fn reads(mut self, file: impl Into<PathBuf>) -> Self {
        self.read_elsewhere.push(file.into());
        self
    }

    /// Compiles components in processes of their own, each with a limit of memory and time ([`HostLimits`]), a low priority,
    /// and nothing of this process: `program` is `pulsing-host` of this version, by its path. What it compiles is machine
    /// code, which this host runs.
    ///
    /// Without a compiler, this process compiles. What a component may have of everything is bounded all the same, and more
    /// closely; but neither the memory nor the time that the compiler takes within these bounds has a limit, and it cannot be
    /// ended. Where strangers choose components, name one.
    #[must_use]
    pub fn compiler(mut self, program: impl Into<PathBuf>) -> Self {
        self.compiler = Some(program.into());
        self
    }

    /// Looks up the names of the servers that actors speak HTTP with by `find`, instead of asking the system. What a name
    /// was granted for holds all the same: a wildcard reaches public addresses alone, whoever says that they are a name's.
    ///
    /// # Blocking
    ///
    /// `find` runs on a thread of its own, one of 64, and may block. The actor that waits for it may give up; the thread is
    /// taken until `find` returns.
    #[must_use]
    pub fn resolve_by(
        mut self,
        find: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.resolver = Resolver::new(find);
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
        let mut engines = Engines::new(self.cache_dir)?.trust_compiled(self.trusts_compiled);
        if let Some(program) = &self.compiler {
            engines = engines.compile_with(Compiler::new(program, self.limits.compile()));
        }
        let programs = Arc::new(Programs::new(engines)?.resolve_by(self.resolver));
        let pool = BackgroundPool::new().map_err(|error| BuildError::Thread(error.to_string()))?;
        let reach = Reach::new(programs.cache_dir(), &self.read_elsewhere);
        Ok(Host {
            programs,
            reach,
            registry: Arc::default(),
            tasks: Mutex::default(),
            pool,
            graph: Arc::default(),
            memory: Budget::new(self.limits.memory_max_bytes()),
            open_files: Budget::new(self.limits.open_files_max()),
            actors_max: self.limits.actors_max(),
            compiling: Arc::new(Semaphore::new(1)),
        })
    }
}

/// Runs actors.
pub struct Host {
    programs: Arc<Programs>,
    /// Where actors may write, and what must lie elsewhere.
    reach: Reach,
    registry: Arc<Registry>,
    tasks: Mutex<Tasks>,
    pool: BackgroundPool,
    /// Who waits for whom.
    graph: Arc<WaitGraph>,
    /// Linear memories and tables of all lives.
    memory: Budget,
    /// Files and folders that all lives have open.
    open_files: Budget,
    actors_max: usize,
    /// A compilation uses all cores: one at a time.
    compiling: Arc<Semaphore>,
}

/// The tasks that run actors.
#[derive(Default)]
struct Tasks {
    all: JoinSet<()>,
    by_actor: BTreeMap<ActorId, AbortHandle>,
    reports: bool,
}

impl Tasks {
    /// Says every second what was left out of the log, from the first actor on.
    fn report_on(&mut self, journal: &Arc<Journal>) {
        if !std::mem::replace(&mut self.reports, true) {
            self.all.spawn(report(Arc::clone(journal)));
        }
    }

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

async fn report(journal: Arc<Journal>) {
    loop {
        tokio::time::sleep(REPORT_EVERY).await;
        journal.say_left_out();
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

/// How often it is said how many lines were left out of the log.
const REPORT_EVERY: Duration = Duration::from_secs(1);

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
    /// It could change what the host reads.
    #[error(
        "the folder {} is granted, and {} is in it or on the way through it, which {what}: grant another folder{}", dir.display(), file.display(), what_helps(*what)
    )]
    HostFileGranted {
        /// The folder that was granted.
        dir: PathBuf,
        /// The file, as it is named to the host.
        file: PathBuf,
        /// What it is to the host.
        what: HostFile,
    },
    /// An actor could put something else in the place of a folder that is granted.
    #[error(
        "the folder {} is granted to `{inner_of}`, and is in {} or on the way through it, where `{outer_of}` may write, which could put a link to anywhere in its place: grant {} for reading only, or folders that lie apart", inner.display(), outer.display(), outer.display()
    )]
    GrantWithinGrant {
        /// The folder that another one leads to.
        inner: PathBuf,
        /// Whose grant it is.
        inner_of: ActorId,
        /// The one that may be written to.
        outer: PathBuf,
        /// By whom; also one that has ended in this host.
        outer_of: ActorId,
    },
    /// A folder that it is granted cannot be opened.
    #[error("the granted folder {} cannot be opened: {error}", dir.display())]
    FolderUnusable {
        /// The folder.
        dir: PathBuf,
        /// What the system says.
        error: String,
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

/// A folder through which the host could be read is not granted for reading either.
fn what_helps(what: HostFile) -> &'static str {
    if what == HostFile::Processes {
        ""
    } else {
        ", or this one for reading only, or keep the file elsewhere"
    }
}

impl From<Conflict> for SpawnError {
    fn from(conflict: Conflict) -> Self {
        match conflict {
            Conflict::Unusable { dir, error } => Self::FolderUnusable { dir, error },
            Conflict::HostFile { dir, file: cache, what: HostFile::CompiledCode } => {
                Self::CacheGranted { dir, cache }
            }
            Conflict::HostFile { dir, file, what } => Self::HostFileGranted { dir, file, what },
            Conflict::Within { inner, inner_of, outer, outer_of } => {
                Self::GrantWithinGrant { inner, inner_of, outer, outer_of }
            }
        }
    }
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
    /// Dropping the future spawns nothing, and ends the compiler's process; without one ([`HostBuilder::compiler`]), a
    /// compilation under way goes on, into the cache.
    pub async fn spawn(&self, spec: ActorSpec) -> Result<ActorRef, SpawnError> {
        // Before the component is read: from here on, nobody is granted to put another one there.
        let folders = self.claim(&spec).await?;
        let claim = folders.claim.clone();
        let (program, file) = self.load(spec.component).await?;
        let counters = Arc::<Counters>::default();
        let quota = FileQuota::new(&spec.limits, self.open_files.clone(), Arc::clone(&counters));
        let callers = spec.grants.from.clone();
        let behavior = WasmBehavior::new(
            &self.programs,
            program,
            spec.grants,
            self.directory(),
            Arc::clone(&counters),
            self.memory.clone(),
            FileGrant { folders, quota },
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
        tasks.report_on(self.registry.journal());
        let added = self.registry.add_of_file(spawn, file, self.actors_max);
        let (actor, run, gave_way) = added.map_err(|no_place| match no_place {
            NoPlace::NameTaken => SpawnError::NameTaken { name: id.clone() },
            NoPlace::Full => SpawnError::TooMany { max: self.actors_max },
        })?;
        if let Some(claim) = claim {
            claim.used();
        }
        tasks.spawn(id, run, gave_way.as_ref());
        Ok(actor)
    }

    /// Where actors look for others. Does not keep them.
    fn directory(&self) -> Weak<dyn Directory> {
        let registry: Arc<dyn Directory> = Arc::clone(&self.registry) as Arc<dyn Directory>;
        Arc::downgrade(&registry)
    }

    /// Opens the folders of an actor, unless somebody could write where others look something up.
    async fn claim(&self, spec: &ActorSpec) -> Result<Folders, SpawnError> {
        let (reach, id, dirs) = (self.reach.clone(), spec.id.clone(), spec.grants.dirs.clone());
        let component = match &spec.component {
            ComponentSource::File(path) => Some(path.clone()),
            ComponentSource::Bytes(_) => None,
        };
        let claim = move || reach.claim(&id, &dirs, component.as_deref());
        match tokio::task::spawn_blocking(claim).await {
            Ok(claimed) => Ok(claimed?),
            Err(failed) => Err(LoadError::Unfit {
                name: spec.component.name(),
                error: format!("its folders cannot be looked up: {failed}"),
            }
            .into()),
        }
    }

    /// The program of a component, and the file that it was read from, if any.
    async fn load(&self, source: ComponentSource) -> Result<(Arc<Program>, Option<AsRead>), LoadError> {
        let programs = Arc::clone(&self.programs);
        let permit = Arc::clone(&self.compiling).acquire_owned().await;
        let stop = Stop::default();
        let _with_this_future = StopOnDrop(stop.clone());
        let load = move || {
            let _permit = permit;
            let content = source.read()?;
            let file = content.file.clone();
            Ok((programs.load_until(content, &stop)?, file))
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
        let unfit = |error: String| LoadError::Unfit { name: name.clone(), error };
        // As for an actor: code that another actor may write is not run here either.
        let id = ActorName::new("check").map_err(|error| unfit(error.to_string()))?;
        let spec = ActorSpec::new(id, component);
        let claimed = self.claim(&spec).await.map_err(|conflict| unfit(conflict.to_string()))?;
        let (program, _file) = self.load(spec.component).await?;
        drop(claimed);
        let origin = program.origin;
        let import = |name: &String| Import { name: name.clone(), need: need(name) };
        let imports = program.imports.iter().map(import).collect();
        let counters = Arc::default();
        let quota = FileQuota::new(&Limits::default(), self.open_files.clone(), Arc::clone(&counters));
        let behavior = WasmBehavior::new(
            &self.programs,
            program,
            Grants::default(),
            self.directory(),
            Arc::clone(&counters),
            self.memory.clone(),
            FileGrant { folders: Folders::default(), quota },
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

    /// How many bytes all lives hold together, with what the host keeps for them; none once all have ended.
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
        // What is said last: nothing comes after.
        self.registry.journal().say_left_out();
    }
}
