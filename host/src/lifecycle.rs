//! Where an actor is in its life, who is told, and what is wanted of it.
//!
//! One [`Lifecycle`] for an actor. Its status changes by events alone: [`transition`] has the table. Bounds: `Signals`
//! says why it needs none; 256 ends wait for each watcher.

mod signals;
mod transition;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch as latest;

pub(crate) use self::signals::{Signal, Signals};
pub(crate) use self::transition::{Event, Then};
use self::watch::Watchers;
pub use self::watch::{LifeEnd, Missed, Watch};
use crate::exit::ExitReason;
use crate::id::{ActorId, Generation};
use crate::journal::Account;
use crate::wire::{RuntimeError, RuntimeErrorKind};

/// Where an actor is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A life begins; messages wait.
    Starting,
    /// Messages are handled.
    Running,
    /// Between two lives; messages wait.
    Restarting,
    /// Between two lives, with nothing to do; the next message begins one.
    Passive,
    /// The last messages are handled; no new ones are taken.
    Stopping,
    /// Ended in good order.
    Stopped,
    /// Ended by a failure that its policy does not mend.
    Failed,
}

impl State {
    /// Whether nothing runs, and nothing will unless somebody asks for a restart.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Stopped | Self::Failed => true,
            Self::Starting | Self::Running | Self::Restarting | Self::Passive | Self::Stopping => false,
        }
    }

    /// Whether a life runs.
    #[must_use]
    pub fn has_life(self) -> bool {
        match self {
            Self::Starting | Self::Running | Self::Stopping => true,
            Self::Restarting | Self::Passive | Self::Stopped | Self::Failed => false,
        }
    }

    /// The word for it in JSON and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Passive => "passive",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// What is known of an actor's life at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where it is.
    pub state: State,
    /// Which life it is in, or was in last.
    pub generation: Generation,
    /// How many lives were followed by another, whoever asked for it; but for those that ended for want of work.
    pub restarts: u64,
    /// How the life before this one ended; or the last one, where none runs.
    pub last_exit: Option<ExitReason>,
    /// While restarting: the delay that was chosen.
    pub backoff: Option<Duration>,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            state: State::Starting,
            generation: Generation::default(),
            restarts: 0,
            last_exit: None,
            backoff: None,
        }
    }
}

/// The life of one actor, as all that concerns it see it.
pub(crate) struct Lifecycle {
    id: ActorId,
    account: Arc<Account>,
    status: latest::Sender<Status>,
    signals: Signals,
    watchers: Watchers,
    /// Whether its supervisor has ended: nothing becomes of it any more.
    is_gone: AtomicBool,
}

impl Lifecycle {
    /// Of an actor that begins its first life.
    pub(crate) fn new(id: ActorId, account: Arc<Account>) -> Self {
        Self {
            id,
            account,
            status: latest::Sender::new(Status::default()),
            signals: Signals::default(),
            watchers: Watchers::default(),
            is_gone: AtomicBool::new(false),
        }
    }

    /// Whose it is.
    pub(crate) fn id(&self) -> &ActorId {
        &self.id
    }

    /// Where the lines of the log go that the actor causes.
    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Does what `event` makes of the status.
    pub(crate) fn apply(&self, event: Event) {
        self.status.send_modify(|status| match transition::next(status, event.clone()) {
            Some(next) => *status = next,
            // The host's own bug; the actor goes on as it is.
            None => tracing::error!(actor = %self.id, ?status, ?event, "an event that cannot happen"),
        });
    }

    /// Has those look again who wait for a status, though it is the same.
    pub(crate) fn remind(&self) {
        self.status.send_modify(|_same| {});
    }

    /// The state alone.
    pub(crate) fn state(&self) -> State {
        self.status.borrow().state
    }

    /// Which life runs, or ran last.
    pub(crate) fn generation(&self) -> Generation {
        self.status.borrow().generation
    }

    /// The whole status.
    pub(crate) fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Waits until the status is such as `wanted`, or nothing becomes of the actor any more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub(crate) async fn wait_for(&self, mut wanted: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.status.subscribe();
        let arrived = |status: &Status| wanted(status) || self.is_gone();
        match status.wait_for(arrived).await {
            Ok(status) => status.clone(),
            Err(_sender_gone) => self.status(),
        }
    }

    /// Control traffic to the supervisor.
    pub(crate) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Is told of every end of a life from now on.
    pub(crate) fn watch(&self) -> Watch {
        self.watchers.watch()
    }

    /// Tells watchers of the end of a life.
    pub(crate) fn tell_watchers(&self, end: impl FnOnce() -> LifeEnd) {
        self.watchers.tell(end);
    }

    /// Whether nothing becomes of the actor any more: its host is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    /// The host goes away: nothing becomes of the actor from now on. Those who wait are told by [`Self::end`].
    pub(crate) fn abandon(&self) {
        self.is_gone.store(true, Ordering::Release);
    }

    /// Ends the life that runs and whatever would follow, for watchers and for those who wait.
    pub(crate) fn end(&self) {
        let status = self.status();
        // Watchers are told before the status is final: who sees the final status has been told of every end.
        // Between two lives, the end was told.
        if status.state.has_life() {
            let generation = status.generation;
            self.watchers.tell(|| LifeEnd { generation, exit: ExitReason::Killed, restarts: false });
        }
        self.watchers.close();
        self.apply(Event::HostGone);
    }

    /// Why the actor takes no messages.
    pub(crate) fn stopped_error(&self) -> RuntimeError {
        let status = self.status.borrow();
        let cause = match (status.state, &status.last_exit) {
            (State::Stopping, _) => " is stopping".to_owned(),
            (State::Failed, Some(exit)) => format!(" has failed: it {exit}"),
            (
                State::Failed
                | State::Stopped
                | State::Starting
                | State::Running
                | State::Restarting
                | State::Passive,
                _,
            ) => " has stopped".to_owned(),
        };
        RuntimeError::new(RuntimeErrorKind::ActorStopped, format!("`{}`{cause}", self.id))
    }

    /// The error of a message that is not to wait for the next life; none where a life runs or none follows.
    pub(crate) fn restarting_error(&self) -> Option<RuntimeError> {
        let status = self.status.borrow();
        if status.state != State::Restarting {
            return None;
        }
        let text = format!("`{}` is between two lives", self.id);
        let error = RuntimeError::new(RuntimeErrorKind::ActorRestarting, text);
        Some(RuntimeError { retry_after: status.backoff, ..error })
    }
}
