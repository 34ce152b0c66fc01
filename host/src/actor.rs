//! One actor of this process: puts the rooms of the mechanism together, and is the way to it.
//!
//! ```text
//! ActorRef ── Port (LocalPort) ── Mailbox ── Dispatch ── LifeContext ── Behavior
//!                  │                            │
//!                  └────────── Lifecycle ───────┴── Supervisor ── Execution
//! ```
//!
//! Knows nothing of WebAssembly: what runs in a life is a [`Behavior`]. A failure in a life ends that life alone.

mod call_once;
mod control;
mod local;

use std::sync::Arc;

pub(crate) use self::local::LocalPort;
use crate::delivery::ActorRef;
use crate::dispatch::{self, Behavior, Dispatch, LifeContext};
use crate::execution::{self, BackgroundPool, Execution};
use crate::grants::{Caller, Callers};
use crate::id::ActorId;
use crate::journal::Journal;
use crate::lifecycle::Lifecycle;
use crate::limits::Limits;
use crate::mailbox::Mailbox;
use crate::observe::Counters;
use crate::policy::RestartSettings;
use crate::supervision::{self, Supervisor};
use crate::wait_graph::WaitGraph;
use crate::wire::{Lane, Payload};

/// An actor that is about to run.
pub struct Spawn {
    /// Which actor it is.
    pub id: ActorId,
    /// What runs in it.
    pub behavior: Arc<dyn Behavior>,
    /// Its own configuration.
    pub config: Payload,
    /// Its ceilings.
    pub limits: Limits,
    /// How it is restarted.
    pub restart: RestartSettings,
    /// Who may send it messages.
    pub callers: Callers,
    /// Where it counts.
    pub counters: Arc<Counters>,
    /// Where its lives are polled while it is busy; none for them to stay with the others.
    pub pool: Option<BackgroundPool>,
    /// Who waits for whom, among the actors that it may ask or be asked by.
    pub graph: Arc<WaitGraph>,
}

#[cfg(test)]
impl Spawn {
    /// An actor of this name with the defaults of everything, that shares nothing with others.
    pub(crate) fn plain(id: &str, behavior: impl Behavior + 'static) -> Self {
        Self {
            id: id.parse().unwrap(),
            behavior: Arc::new(behavior),
            config: Payload::none(),
            limits: Limits::default(),
            restart: RestartSettings::default(),
            callers: Callers::default(),
            counters: Arc::default(),
            pool: None,
            graph: Arc::default(),
        }
    }
}

impl Spawn {
    /// Makes the actor, and the future that runs it: the caller spawns that, and ends the actor by dropping it.
    pub fn split(self) -> (ActorRef, impl Future<Output = ()> + Send + 'static) {
        let (port, run) = self.into_port(&Arc::default());
        (ActorRef::new(port, Caller::Program), run)
    }

    /// The same, with the actor's port in the place of a reference. Its lines of the log are written to `journal`.
    pub(crate) fn into_port(
        self,
        journal: &Arc<Journal>,
    ) -> (Arc<LocalPort>, impl Future<Output = ()> + Send + use<>) {
        let Self { id, behavior, config, limits, restart, callers, counters, pool, graph } = self;
        let limits = Arc::new(limits);
        let kind = Kind { lane: behavior.lane(), may_run_inline: behavior.may_run_inline() };
        let rooms = Rooms::new(id, kind, Arc::clone(&limits), &restart, &counters, graph, journal);
        let Rooms { mailbox, lifecycle, execution, dispatch } = rooms.clone();
        let supervisor = Supervisor::new(supervision::Parts {
            behavior,
            config,
            restart,
            limits: Arc::clone(&limits),
            counters: Arc::clone(&counters),
            pool,
            mailbox,
            lifecycle,
            execution,
            dispatch,
        });
        (LocalPort::new(rooms, kind.lane, limits, callers, counters), supervisor.run())
    }
}

/// What is known of a behavior before it lives.
#[derive(Clone, Copy)]
struct Kind {
    lane: Lane,
    may_run_inline: bool,
}

/// What an actor consists of, beside its supervisor.
#[derive(Clone)]
struct Rooms {
    mailbox: Arc<Mailbox>,
    lifecycle: Arc<Lifecycle>,
    execution: Arc<Execution>,
    dispatch: Arc<Dispatch>,
}

impl Rooms {
    fn new(
        id: ActorId,
        kind: Kind,
        limits: Arc<Limits>,
        restart: &RestartSettings,
        counters: &Arc<Counters>,
        graph: Arc<WaitGraph>,
        journal: &Arc<Journal>,
    ) -> Self {
        let (counted, written) = (Arc::clone(counters), Arc::clone(journal));
        let mailbox = Arc::new(Mailbox::new(id.clone(), &limits, restart, counted, written));
        let account = journal.open(id.clone(), limits.log_max_bytes());
        let lifecycle = Arc::new(Lifecycle::new(id, account));
        let execution = Execution::new(execution::Options {
            counters: Arc::clone(counters),
            handler_max_cpu: limits.handler_max_cpu,
            may_run_inline: kind.may_run_inline,
        });
        let dispatch = Dispatch::new(dispatch::Parts {
            lane: kind.lane,
            limits,
            counters: Arc::clone(counters),
            graph,
            mailbox: Arc::clone(&mailbox),
            lifecycle: Arc::clone(&lifecycle),
            execution: Arc::clone(&execution),
        });
        Self { mailbox, lifecycle, execution, dispatch }
    }
}

/// What a life would hold of an actor that never runs: for finding out what a behavior says of itself.
#[must_use]
pub(crate) fn context_of_nobody(
    id: ActorId,
    lane: Lane,
    limits: Limits,
    counters: &Arc<Counters>,
) -> LifeContext {
    let restart = RestartSettings::default();
    let kind = Kind { lane, may_run_inline: false };
    let rooms = Rooms::new(id, kind, Arc::new(limits), &restart, counters, Arc::default(), &Arc::default());
    LifeContext::new(rooms.dispatch)
}

#[cfg(test)]
mod tests;
