//! How an actor is restarted, as people set it. What follows from it is decided in `restart`.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// Which ends of a life are followed by another life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
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

impl FromStr for RestartPolicy {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "never" => Ok(Self::Never),
            "on_failure" | "on-failure" => Ok(Self::OnFailure),
            "always" => Ok(Self::Always),
            _other => Err("is never, on_failure or always"),
        }
    }
}

/// How an actor is restarted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestartSettings {
    /// After which ends.
    pub policy: RestartPolicy,
    /// How many restarts there may be within `window`; one more, and the actor has failed.
    pub max_restarts: u32,
    /// How far back restarts are counted. A life that lasted longer resets the delay.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
    /// The delay before the first restart. It doubles with each.
    #[serde(with = "humantime_serde")]
    pub min_backoff: Duration,
    /// The longest delay.
    #[serde(with = "humantime_serde")]
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
            min_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(30),
            quarantine_after: 2,
        }
    }
}
