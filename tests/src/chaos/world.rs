//! The host of one round, its actors, and what is known of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use pulsing_host::gateway::{Gateway, Options};
use pulsing_host::{ActorRef, ActorSpec, ComponentSource, Host, SpawnError};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::REACHED;
use super::fault::{self, Fault};
use super::model::{Counter, Ledger};
use super::plan::Healthy;
use super::tally::Tally;
use super::watching::Watching;

/// The longest that anything takes that is sure to come.
pub(super) const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Hands asks on to actors with faults.
pub(super) const HOP: &str = "hop";
/// Ticks in the background.
pub(super) const TICKER: &str = "ticker";
/// Whom the ticker tells.
pub(super) const WITNESS: &str = "witness";
/// Counts what clients of the gateway ask it to.
pub(super) const WEB: &str = "web";

/// All that the steps of a round work on.
pub(super) struct World {
    /// The host.
    pub(super) host: Host,
    /// Where its gateway listens.
    pub(super) gateway: SocketAddr,
    /// What is counted and found.
    pub(super) tally: Arc<Tally>,
    /// Every fault.
    pub(super) faults: Vec<Fault>,
    healthy: BTreeMap<Healthy, ActorRef>,
    ledgers: Mutex<BTreeMap<Healthy, Ledger>>,
    counter: Mutex<Counter>,
    /// What [`WEB`] returned.
    web: Mutex<BTreeSet<i64>>,
    serving: Serving,
    watching: Mutex<JoinSet<()>>,
}

impl World {
    /// Starts a host with all healthy actors, and waits until they run.
    ///
    /// # Errors
    ///
    /// Where a guest was not built, or does not start.
    pub(super) async fn begin(tally: Arc<Tally>) -> Result<Self> {
        let host = crate::host()?;
        let serving = Serving::begin(&host).await?;
        let mut world = Self {
            host,
            gateway: serving.address,
            serving,
            web: Mutex::default(),
            tally,
            faults: fault::all(),
            healthy: BTreeMap::new(),
            ledgers: Mutex::default(),
            counter: Mutex::default(),
            watching: Mutex::default(),
        };
        for whom in Healthy::ALL {
            let actor = world.spawn(healthy(whom)?).await?;
            world.healthy.insert(whom, actor);
            world.ledgers().insert(whom, Ledger::default());
        }
        let faults: Vec<_> = world.faults.iter().map(Fault::actor).collect();
        world.spawn(ledger("ledger", HOP, &faults)?).await?;
        world.spawn(ledger("ledger", TICKER, &[WITNESS.to_owned()])?).await?;
        world.spawn(ledger("ledger", WITNESS, &[])?).await?;
        world.spawn(ledger("counter", WEB, &[])?).await?;
        for actor in world.host.registry().list() {
            let ready = tokio::time::timeout(PATIENCE, actor.ready()).await;
            let ready = ready.with_context(|| format!("{} does not start", actor.id()))?;
            ready.map_err(|exit| anyhow::anyhow!("{} {exit}", actor.id()))?;
        }
        Ok(world)
    }

    /// A healthy actor.
    ///
    /// # Panics
    ///
    /// Never: all are spawned at the beginning.
    #[must_use]
    pub(super) fn healthy(&self, whom: Healthy) -> &ActorRef {
        self.healthy.get(&whom).expect("all are spawned at the beginning")
    }

    /// What the ledgers were sent.
    pub(super) fn ledgers(&self) -> MutexGuard<'_, BTreeMap<Healthy, Ledger>> {
        self.ledgers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the counter was sent.
    pub(super) fn counter(&self) -> MutexGuard<'_, Counter> {
        self.counter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the actor that counts for clients of the gateway returned.
    pub(super) fn web(&self) -> MutexGuard<'_, BTreeSet<i64>> {
        self.web.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of what a ledger was sent.
    pub(super) fn with_ledger<T>(&self, whom: Healthy, change: impl FnOnce(&mut Ledger) -> T) -> T {
        change(self.ledgers().entry(whom).or_default())
    }

    /// The actor of a fault, spawned where there is none; also where it has ended, if it is wanted `anew`.
    ///
    /// # Errors
    ///
    /// Where it cannot be spawned.
    pub(super) async fn faulty(&self, fault: &Fault, anew: bool) -> Result<ActorRef> {
        /// Others may do the same at the same time; whoever comes second finds the other's.
        const TRIES: usize = 3;
        for _ in 0..TRIES {
            match self.host.actor(&fault.actor()) {
                Ok(actor) if !(anew && actor.status().await.expect(REACHED).state.is_final()) => {
                    return Ok(actor);
                }
                Ok(_) | Err(_) => {}
            }
            match self.try_spawn(fault.spec()?).await {
                Err(SpawnError::NameTaken { .. }) => {}
                spawned => return Ok(spawned?),
            }
        }
        bail!("{} is neither there nor can it be spawned", fault.actor())
    }

    async fn spawn(&self, spec: ActorSpec) -> Result<ActorRef> {
        Ok(self.try_spawn(spec).await?)
    }

    /// Spawns an actor that is watched to its end.
    async fn try_spawn(&self, spec: ActorSpec) -> Result<ActorRef, SpawnError> {
        let actor = self.host.spawn(spec).await?;
        let (watching, tally) = (Watching::begin(&actor).await, Arc::clone(&self.tally));
        self.watch(async move { watching.until_gone(&tally).await });
        Ok(actor)
    }

    /// Runs what watches, until the host has gone.
    pub(super) fn watch(&self, watching: impl Future<Output = ()> + Send + 'static) {
        let mut all = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        all.spawn(watching);
        while all.try_join_next().is_some() {}
    }

    /// The host, its gateway, and all that watch.
    pub(super) fn into_parts(self) -> (Host, Serving, JoinSet<()>) {
        (self.host, self.serving, self.watching.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The gateway of a host, which serves until it is ended.
pub(super) struct Serving {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Serving {
    async fn begin(host: &Host) -> Result<Self> {
        let options = Options::new((Ipv4Addr::LOCALHOST, 0).into());
        let gateway = Gateway::bind(options, Arc::clone(host.registry())).await?;
        let (stop, stopped) = oneshot::channel();
        let address = gateway.local_addr();
        let serving = tokio::spawn(gateway.serve(async { drop(stopped.await) }));
        Ok(Self { address, stop, serving })
    }

    /// Ends it in good order.
    pub(super) async fn end(self) {
        let Self { stop, serving, .. } = self;
        drop(stop);
        drop(serving.await);
    }
}

/// Compiles every guest, into the cache of all hosts: that may take longer than anything that has a bound.
///
/// # Errors
///
/// Where a guest was not built.
pub(super) async fn compile_all() -> Result<()> {
    let host = crate::host()?;
    let healthy = ["counter", "ledger", "ledger-serial"];
    let guests: BTreeSet<_> = fault::all().iter().map(|fault| fault.guest).chain(healthy).collect();
    for guest in guests {
        host.check(ComponentSource::File(crate::guest_file(guest)?)).await?;
    }
    host.shutdown().await;
    Ok(())
}

/// A healthy actor, as its name says.
fn healthy(whom: Healthy) -> Result<ActorSpec> {
    let (guest, name) = match whom {
        Healthy::Counter => ("counter", "counter"),
        Healthy::Ledger => ("ledger", "ledger"),
        Healthy::LedgerSerial => ("ledger-serial", "ledger-serial"),
        Healthy::Stirred => ("ledger", "stirred"),
        Healthy::StirredSerial => ("ledger-serial", "stirred-serial"),
    };
    ledger(guest, name, &[])
}

/// An actor that may ask its `peers`, and that nothing happens to because the machine has much to do.
fn ledger(guest: &str, name: &str, peers: &[String]) -> Result<ActorSpec> {
    let mut spec = crate::spec(guest)?;
    spec.id = name.parse()?;
    spec.grants.ask = peers.iter().map(|peer| peer.parse()).collect::<Result<_, _>>()?;
    spec.limits.ask_timeout = PATIENCE;
    spec.limits.grace = PATIENCE / 2;
    spec.limits.handler_max_cpu = PATIENCE / 2;
    spec.limits.start_timeout = PATIENCE / 2;
    Ok(spec)
}
