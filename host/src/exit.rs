//! How a life of an actor ends. Data, never only a log line.

use std::fmt;
use std::time::Duration;

use crate::wire::ActorError;

/// How much of a guest's own text an end is told with.
pub(crate) const TEXT_MAX_BYTES: usize = 16 << 10;

/// Why one life of an actor ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    /// It was stopped in good order.
    Stopped,
    /// It was ended at once, by a `kill` or because its host goes away.
    Killed,
    /// It was ended to be started again, because somebody asked for that.
    RestartRequested,
    /// It had nothing to do, and another follows with the next message.
    Passivated,
    /// The guest trapped: a panic, an unreachable instruction, a stack overflow, memory that it may not have.
    Trapped {
        /// The trap, with what the guest wrote to stderr just before it.
        message: String,
        /// The guest's frames, innermost first, a line each; empty where there are none.
        backtrace: String,
    },
    /// The guest ended itself with `exit`.
    Exited {
        /// What it gave.
        code: i32,
    },
    /// `start` answered an error.
    StartFailed(ActorError),
    /// The actor asked for the restart, with a system error that says so.
    Faulted {
        /// The error's message.
        message: String,
    },
    /// It did not do in time what it was told to do, and was ended.
    Forced {
        /// What it should have done.
        overdue: Overdue,
        /// How long it had.
        limit: Duration,
    },
    /// The host failed at this actor: a bug in the host.
    HostFault {
        /// What is known of it.
        message: String,
    },
}

/// What an actor did not do in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overdue {
    /// `start` did not return.
    Start,
    /// A handler, a draw on a stream or the closing of one did not return after it was told to stop.
    Call {
        /// The method that the call is of.
        method: String,
    },
    /// `stop` did not return.
    Stop,
    /// It computed on and on, without waiting or ending a piece of work.
    Break,
}

impl ExitReason {
    /// Whether [`RestartPolicy::OnFailure`](crate::policy::RestartPolicy::OnFailure) starts the actor again.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Stopped | Self::Killed | Self::RestartRequested | Self::Passivated => false,
            Self::Trapped { .. }
            | Self::Exited { .. }
            | Self::StartFailed(_)
            | Self::Faulted { .. }
            | Self::Forced { .. }
            | Self::HostFault { .. } => true,
        }
    }

    /// The guest's frames, innermost first, a line each; none where it did not trap or there are none.
    #[must_use]
    pub fn backtrace(&self) -> Option<&str> {
        match self {
            Self::Trapped { backtrace, .. } => Some(backtrace.as_str()).filter(|frames| !frames.is_empty()),
            Self::Stopped
            | Self::Killed
            | Self::RestartRequested
            | Self::Passivated
            | Self::Exited { .. }
            | Self::StartFailed(_)
            | Self::Faulted { .. }
            | Self::Forced { .. }
            | Self::HostFault { .. } => None,
        }
    }

    /// The word for it in JSON and metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Killed => "killed",
            Self::RestartRequested => "restart-requested",
            Self::Passivated => "passivated",
            Self::Trapped { .. } => "trapped",
            Self::Exited { .. } => "exited",
            Self::StartFailed(_) => "start-failed",
            Self::Faulted { .. } => "faulted",
            Self::Forced { .. } => "forced",
            Self::HostFault { .. } => "host-fault",
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::Killed => f.write_str("killed"),
            Self::RestartRequested => f.write_str("restarted by request"),
            Self::Passivated => f.write_str("was passivated"),
            Self::Trapped { message, .. } => write!(f, "crashed: {message}"),
            Self::Exited { code } => write!(f, "exited with code {code}"),
            Self::StartFailed(error) => write!(f, "start failed: {error}"),
            Self::Faulted { message } => write!(f, "asked to be restarted: {message}"),
            Self::Forced { overdue, limit } => {
                let limit = humantime::format_duration(*limit);
                match overdue {
                    Overdue::Start => write!(f, "start did not return within {limit}"),
                    Overdue::Call { method } => {
                        write!(f, "`{method}` did not return within {limit} after it was told to stop")
                    }
                    Overdue::Stop => write!(f, "stop did not return within {limit}"),
                    Overdue::Break => write!(f, "computed for {limit} without waiting or ending a handler"),
                }
            }
            Self::HostFault { message } => write!(f, "the host failed at this actor: {message}"),
        }
    }
}
