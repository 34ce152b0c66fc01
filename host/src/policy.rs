//! How an actor is restarted, as people set it. What follows from it is decided in `restart`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::written;

/// Which ends of a life are followed by another life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartPolicy {
    /// None.
    Never,
    /// Failures.
    #[default]
    OnFailure,
    /// All.
    Always,
}

impl RestartPolicy {
    /// Every policy, for tables and parsers.
    pub const ALL: [Self; 3] = [Self::Never, Self::OnFailure, Self::Always];

    /// The word for it in configuration files and descriptions.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::OnFailure => "on_failure",
            Self::Always => "always",
        }
    }

    /// The policy that `word` stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == word)
    }
}

impl FromStr for RestartPolicy {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let word = if word == "on-failure" { "on_failure" } else { word };
        Self::from_word(word).ok_or("is never, on_failure or always")
    }
}

/// How an actor wants to be restarted, as its component says. None of it is set by people, whose settings take
/// precedence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RestartWish {
    /// After which ends.
    pub policy: Option<RestartPolicy>,
    /// How many restarts there may be within the window.
    pub max_restarts: Option<u32>,
    /// The delay before the first restart.
    pub min_backoff: Option<Duration>,
    /// The longest delay; not less than `min_backoff`.
    pub max_backoff: Option<Duration>,
}

impl fmt::Display for RestartWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delay =
            |delay: Option<Duration>| delay.map(|delay| humantime::format_duration(delay).to_string());
        let parts = [
            self.policy.map(|policy| policy.as_str().to_owned()),
            self.max_restarts.map(|max| format!("max_restarts {max}")),
            delay(self.min_backoff).map(|min| format!("min_backoff {min}")),
            delay(self.max_backoff).map(|max| format!("max_backoff {max}")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(if parts.is_empty() { "as the host does" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

/// [`RestartSettings::min_backoff`] where nobody sets it.
pub(crate) const USUAL_MIN_BACKOFF: Duration = Duration::from_millis(100);
/// The delay before a quick restart. An instance is made in less than a millisecond; a storm of failures has one of these.
pub(crate) const QUICK_BACKOFF: Duration = Duration::from_millis(10);

/// How an actor is restarted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestartSettings {
    /// After which ends.
    pub policy: RestartPolicy,
    /// How many restarts there may be within `window`; one more, and the actor has failed.
    pub max_restarts: u32,
    /// How far back restarts are counted. A life that lasted longer resets the delay.
    #[serde(deserialize_with = "written::de_time")]
    pub window: Duration,
    /// The delay before the first restart. It doubles with each. Where it is none, it is 100 ms, and the restart after a
    /// lone failure is a quick one: it comes after 10 ms, and neither counts in `max_restarts` nor doubles the delay. A
    /// failure is alone where no restart came before it, or the life that failed was longer than `window`.
    #[serde(deserialize_with = "written::de_maybe_time")]
    pub min_backoff: Option<Duration>,
    /// The longest delay.
    #[serde(deserialize_with = "written::de_time")]
    pub max_backoff: Duration,
    /// How many lives within `window` one message may end before it is kept out; 0 for any number.
    pub quarantine_after: u32,
}

impl Default for RestartSettings {
    fn default() -> Self {
        Self {
            policy: RestartPolicy::OnFailure,
            max_restarts: 5,
            window: Duration::from_secs(60),
            min_backoff: None,
            max_backoff: Duration::from_secs(30),
            quarantine_after: 2,
        }
    }
}
