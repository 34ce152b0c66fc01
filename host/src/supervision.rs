//! Runs an actor: one life after another, and what happens between them.
//!
//! | part | decides |
//! |---|---|
//! | `life` | when a life is to end: signals, its own end, deadlines |
//! | `after_life` | what follows the end of a life, and when |
//! | `restart` | whether and when a life that ended by itself is followed by another; pure |
//! | `idleness` | whether a life has had nothing to do for long |
//!
//! The [`Supervisor`] is one task for each actor, the only one that takes its signals. It changes the actor's status by
//! events ([`lifecycle::Event`](crate::lifecycle::Event)). A life that fails, also by a panic of the host's own code,
//! takes with it the calls in flight and the open streams, and no message that waits.

mod after_life;
mod idleness;
mod life;
mod restart;

use std::sync::Arc;

use tokio::time::Instant;

use self::life::Life;
use self::restart::RestartTracker;
use crate::dispatch::{Behavior, Birth, Dispatch};
use crate::execution::{BackgroundPool, Execution};
use crate::exit::ExitReason;
use crate::lifecycle::{Event, Lifecycle, Signal};
use crate::limits::Limits;
use crate::mailbox::Mailbox;
use crate::observe::Counters;
use crate::policy::RestartSettings;
use crate::wire::Payload;

/// What a supervisor is made of.
pub(crate) struct Parts {
    pub(crate) behavior: Arc<dyn Behavior>,
    pub(crate) config: Payload,
    pub(crate) restart: RestartSettings,
    pub(crate) limits: Arc<Limits>,
    pub(crate) counters: Arc<Counters>,
    /// Where lives are polled while the actor is busy; none for them to stay with the others.
    pub(crate) pool: Option<BackgroundPool>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) execution: Arc<Execution>,
    pub(crate) dispatch: Arc<Dispatch>,
}

/// Runs one actor.
pub(crate) struct Supervisor {
    behavior: Arc<dyn Behavior>,
    config: Payload,
    restarts: RestartTracker,
    limits: Arc<Limits>,
    counters: Arc<Counters>,
    pool: Option<BackgroundPool>,
    mailbox: Arc<Mailbox>,
    lifecycle: Arc<Lifecycle>,
    execution: Arc<Execution>,
    dispatch: Arc<Dispatch>,
}

/// What follows a life.
enum Next {
    Life,
    /// Nothing, until somebody asks for a restart.
    Rest,
}

impl Supervisor {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            behavior,
            config,
            restart,
            limits,
            counters,
            pool,
            mailbox,
            lifecycle,
            execution,
            dispatch,
        } = parts;
        let restarts = RestartTracker::new(restart);
        Self { behavior, config, restarts, limits, counters, pool, mailbox, lifecycle, execution, dispatch }
    }

    /// Runs the actor until the future is dropped, which ends the actor at once.
    pub(crate) fn run(mut self) -> impl Future<Output = ()> + Send + 'static {
        // Made here, so that it ends the actor also if the future is dropped before it ever ran.
        let ending = EndOnDrop {
            mailbox: Arc::clone(&self.mailbox),
            lifecycle: Arc::clone(&self.lifecycle),
            dispatch: Arc::clone(&self.dispatch),
        };
        async move {
            let _ending = ending;
            loop {
                self.run_life().await;
            }
        }
    }

    /// Runs a life to its end, and waits until the next one is to begin.
    async fn run_life(&mut self) {
        let born = Instant::now();
        let birth = Birth {
            id: self.lifecycle.id().clone(),
            generation: self.lifecycle.generation(),
            config: self.config.clone(),
        };
        let (exit, restart_requested) = Life::begin(self, birth).run().await;
        if exit.is_failure() {
            self.execution.failed(std::time::Instant::now());
        }
        match self.conclude(exit, born.elapsed(), restart_requested).await {
            Next::Life => {}
            Next::Rest => self.wait_for_restart().await,
        }
        // Cancels and faults of the life that ended name calls that the next one does not have.
        self.lifecycle.signals().forget_life();
        self.lifecycle.apply(Event::Began);
    }

    async fn wait_for_restart(&mut self) {
        while self.lifecycle.signals().next().await != Signal::Restart {
            // Whoever waits for a restart that was taken back looks again.
            self.lifecycle.remind();
        }
        self.mailbox.open();
        self.begin_anew();
    }

    /// Holds nothing against the actor of what was before: somebody asked for another life.
    fn begin_anew(&mut self) {
        self.restarts.reset();
        self.mailbox.forgive_all();
    }

    /// Refuses the messages in a mailbox that is closed.
    fn refuse_waiting(&self) {
        self.mailbox.refuse_all(&self.lifecycle.stopped_error());
    }
}

/// Tells everybody when the host drops a supervisor.
struct EndOnDrop {
    mailbox: Arc<Mailbox>,
    lifecycle: Arc<Lifecycle>,
    dispatch: Arc<Dispatch>,
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.lifecycle.abandon();
        self.mailbox.close();
        // In this order: a life elsewhere may still be in its last slice, and what it takes up now is in flight. Of a row of
        // tells, those are refused here that it has handled in that slice: they become dead letters once too often.
        self.mailbox.refuse_all(&self.lifecycle.stopped_error());
        self.dispatch.cut_off(&ExitReason::Killed, false);
        self.lifecycle.end();
    }
}
