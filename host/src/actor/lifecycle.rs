//! Where an actor is in its life. Only the run loop changes it.
//!
//! | from | to | when |
//! |---|---|---|
//! | `starting` | `running` | `start` returned |
//! | `starting`, `running` | `restarting` | the life ended, and another follows after a delay |
//! | `restarting` | `starting` | the delay is over, or somebody asked |
//! | `starting`, `running` | `stopping` | somebody asked |
//! | `stopping`, `running` | `stopped` | the life ended, and none follows |
//! | `starting`, `running`, `restarting` | `failed` | the life failed, and policy or budget allow no other |
//! | `running` | `passive` | nothing was to do for `passivate_after`, and the actor lets that happen |
//! | `passive` | `starting` | a message came, or somebody asked for a restart |
//! | `passive` | `stopped` | somebody asked |
//! | `stopped`, `failed` | `starting` | somebody asked for a restart |

use std::time::Duration;

use serde::Serialize;

use crate::exit::ExitReason;
use crate::id::Generation;

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
