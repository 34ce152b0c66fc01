//! How a life of an actor ends. Data, never only a log line.
//!
//! An end is told in two ways. [`ExitReason`]'s `Display` is for anybody: callers, watchers, other actors. It is made of
//! the host's words alone. [`ExitReason::report`] is for the operator (the log, `inspect`, dead letters), and has what the
//! guest wrote, which may be about another caller's call. Everything that could be a guest's is an [`OperatorText`], which
//! cannot be displayed; a test of the tree sees to it that no reason holds another kind of text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::wire::ActorError;

/// How much of a guest's own text an end is told with.
pub(crate) const TEXT_MAX_BYTES: usize = 16 << 10;

/// What those are told of an end about which the operator knows more.
const MORE: &str = "; the log of its host says more";

/// Text that the operator alone reads: what a guest wrote, or what the host knows of itself. Cheap to clone.
///
/// It has no `Display`, and its `Debug` shows its length, so that it gets into no message by accident.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct OperatorText(Option<Arc<str>>);

impl OperatorText {
    /// Keeps `text` for the operator.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self((!text.is_empty()).then(|| text.into()))
    }

    /// The text, for what the operator alone reads.
    #[must_use]
    pub fn for_operator(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for OperatorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperatorText({} bytes)", self.for_operator().len())
    }
}

/// How a start failed that returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFailure {
    /// By a business error: what it was given is wrong, and the same start fails again. It is final.
    Refused,
    /// By any other error.
    Failed,
}

/// Which limit of memory a guest ran into before it trapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryRefused {
    /// Its own, in bytes.
    Own(usize),
    /// That of all actors together, in bytes.
    Host(usize),
}

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
        /// The trap, by the engine's name for it.
        trap: &'static str,
        /// The limit that the guest ran into before.
        refused: Option<MemoryRefused>,
        /// What the guest wrote to stderr just before it, and what else is known.
        words: OperatorText,
        /// The guest's frames, innermost first, a line each; empty where there are none.
        backtrace: OperatorText,
    },
    /// The guest ended itself with `exit`.
    Exited {
        /// What it gave.
        code: i32,
    },
    /// `start` returned an error, or the actor cannot be made.
    StartFailed {
        /// What that means for another try.
        failure: StartFailure,
        /// The error.
        words: OperatorText,
    },
    /// The actor asked for the restart, with a system error that says so.
    Faulted {
        /// The error's message.
        words: OperatorText,
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
        words: OperatorText,
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
    /// The end of a life whose `start` returned `error`.
    #[must_use]
    pub fn start_failed(error: &ActorError) -> Self {
        let failure = match error {
            ActorError::Business { .. } => StartFailure::Refused,
            ActorError::System { .. }
            | ActorError::Timeout { .. }
            | ActorError::Unsupported { .. }
            | ActorError::Cancelled => StartFailure::Failed,
        };
        Self::StartFailed { failure, words: OperatorText::new(&error.to_string()) }
    }

    /// The end of a life that could not be made, `why` in words for the operator.
    #[must_use]
    pub fn not_made(why: &str) -> Self {
        Self::StartFailed { failure: StartFailure::Failed, words: OperatorText::new(why) }
    }

    /// Whether [`RestartPolicy::OnFailure`](crate::policy::RestartPolicy::OnFailure) starts the actor again.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Stopped | Self::Killed | Self::RestartRequested | Self::Passivated => false,
            Self::Trapped { .. }
            | Self::Exited { .. }
            | Self::StartFailed { .. }
            | Self::Faulted { .. }
            | Self::Forced { .. }
            | Self::HostFault { .. } => true,
        }
    }

    /// What the guest wrote, or the host knows, beyond the host's words for the end; empty where there is nothing.
    #[must_use]
    pub fn words(&self) -> &OperatorText {
        const NONE: &OperatorText = &OperatorText(None);
        match self {
            Self::Trapped { words, .. }
            | Self::StartFailed { words, .. }
            | Self::Faulted { words }
            | Self::HostFault { words } => words,
            Self::Stopped
            | Self::Killed
            | Self::RestartRequested
            | Self::Passivated
            | Self::Exited { .. }
            | Self::Forced { .. } => NONE,
        }
    }

    /// The guest's frames, innermost first, a line each, for the operator: functions may be called anything. None where
    /// it did not trap or there are none.
    #[must_use]
    pub fn backtrace(&self) -> Option<&str> {
        match self {
            Self::Trapped { backtrace, .. } => {
                Some(backtrace.for_operator()).filter(|frames| !frames.is_empty())
            }
            Self::Stopped
            | Self::Killed
            | Self::RestartRequested
            | Self::Passivated
            | Self::Exited { .. }
            | Self::StartFailed { .. }
            | Self::Faulted { .. }
            | Self::Forced { .. }
            | Self::HostFault { .. } => None,
        }
    }

    /// The end in all words there are, for the operator: the log, `inspect` and dead letters.
    #[must_use]
    pub fn report(&self) -> String {
        let words = self.words().for_operator();
        if words.is_empty() {
            return self.in_host_words();
        }
        let (kind, joint) = match self {
            Self::StartFailed { .. } => ("failed to start".to_owned(), ": "),
            Self::Trapped { .. } => (self.in_host_words(), "; "),
            Self::Faulted { .. }
            | Self::HostFault { .. }
            | Self::Stopped
            | Self::Killed
            | Self::RestartRequested
            | Self::Passivated
            | Self::Exited { .. }
            | Self::Forced { .. } => (self.in_host_words(), ": "),
        };
        format!("{kind}{joint}{words}")
    }

    /// The end in the host's words.
    pub(crate) fn in_host_words(&self) -> String {
        match self {
            Self::Stopped => "stopped".to_owned(),
            Self::Killed => "killed".to_owned(),
            Self::RestartRequested => "restarted by request".to_owned(),
            Self::Passivated => "was passivated".to_owned(),
            Self::Trapped { trap, refused, .. } => format!("crashed: {trap}{}", memory(*refused)),
            Self::Exited { code } => format!("exited with code {code}"),
            Self::StartFailed { failure: StartFailure::Refused, .. } => {
                "failed to start, with a business error".to_owned()
            }
            Self::StartFailed { failure: StartFailure::Failed, .. } => "failed to start".to_owned(),
            Self::Faulted { .. } => "asked to be restarted".to_owned(),
            Self::Forced { overdue, limit } => overdue.after(*limit),
            Self::HostFault { .. } => "the host failed at this actor".to_owned(),
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
            Self::StartFailed { .. } => "start-failed",
            Self::Faulted { .. } => "faulted",
            Self::Forced { .. } => "forced",
            Self::HostFault { .. } => "host-fault",
        }
    }
}

fn memory(refused: Option<MemoryRefused>) -> String {
    match refused {
        None => String::new(),
        Some(MemoryRefused::Own(max)) => {
            format!("; it was refused memory over its limit of {max} bytes")
        }
        Some(MemoryRefused::Host(max)) => {
            format!("; it was refused memory over the host's limit of {max} bytes")
        }
    }
}

impl Overdue {
    /// What it did not do within `limit`.
    fn after(&self, limit: Duration) -> String {
        let limit = humantime::format_duration(limit);
        match self {
            Self::Start => format!("start did not return within {limit}"),
            Self::Call { method } => {
                format!("`{method}` did not return within {limit} after it was told to stop")
            }
            Self::Stop => format!("stop did not return within {limit}"),
            Self::Break => format!("computed for {limit} without waiting or ending a handler"),
        }
    }
}

/// The host's words alone, for anybody.
impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_host_words())?;
        if self.words().is_empty() && self.backtrace().is_none() { Ok(()) } else { f.write_str(MORE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "card 4111";

    /// One of each that has text.
    fn ends() -> Vec<ExitReason> {
        let words = OperatorText::new(SECRET);
        let business = ActorError::Business { code: 400, message: SECRET.to_owned(), details: None };
        vec![
            ExitReason::Trapped {
                trap: "wasm trap: unreachable",
                refused: Some(MemoryRefused::Own(5)),
                words: words.clone(),
                backtrace: words.clone(),
            },
            ExitReason::start_failed(&business),
            ExitReason::start_failed(&ActorError::system(SECRET)),
            ExitReason::Faulted { words: words.clone() },
            ExitReason::HostFault { words },
        ]
    }

    #[test]
    fn what_a_guest_wrote_is_in_the_report_and_in_nothing_else() {
        for end in ends() {
            assert!(end.report().contains(SECRET), "{}", end.report());
            for shown in [end.to_string(), format!("{end:?}"), format!("{end:#?}"), end.as_str().to_owned()] {
                assert!(!shown.contains("4111"), "{shown}");
            }
            assert!(end.to_string().ends_with(MORE), "{end}");
        }
    }

    #[test]
    fn an_end_is_told_in_the_hosts_words() {
        let told: Vec<_> = ends().iter().map(ToString::to_string).collect();
        assert_eq!(
            told.join("\n").replace(MORE, ""),
            "crashed: wasm trap: unreachable; it was refused memory over its limit of 5 bytes\n\
             failed to start, with a business error\nfailed to start\nasked to be restarted\n\
             the host failed at this actor"
        );
        assert_eq!(ends()[1].report(), "failed to start: card 4111 (code 400)");
        assert_eq!(ExitReason::Exited { code: 1 }.to_string(), "exited with code 1");
    }
}
