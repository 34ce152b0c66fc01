//! Takes log entries of other programs and actors by tell, keeps the latest, and counts them.

use std::collections::{BTreeMap, VecDeque};

use pulsing_guest::schemars;
use pulsing_guest::serde::{Deserialize, Serialize};

/// How many entries are kept: the oldest gives way.
const KEPT: usize = 1000;

/// The state: what has come, as far as it is kept.
#[derive(Default)]
struct LogSink {
    latest: VecDeque<Entry>,
    counts: BTreeMap<Level, u64>,
}

/// How much an entry matters; the most important last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(crate = "pulsing_guest::serde", rename_all = "lowercase")]
#[schemars(crate = "pulsing_guest::schemars")]
enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

/// What happened.
#[derive(Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(crate = "pulsing_guest::serde")]
#[schemars(crate = "pulsing_guest::schemars")]
struct Entry {
    level: Level,
    message: String,
}

#[pulsing_guest::actor]
impl LogSink {
    // region: tell
    /// Keeps an entry; one that matters goes to the host's log too. Nobody waits for it.
    #[tell]
    fn log(&mut self, entry: Entry) {
        if entry.level >= Level::Warning {
            eprintln!("{}", entry.message);
        }
        *self.counts.entry(entry.level).or_default() += 1;
        self.latest.push_back(entry);
        if self.latest.len() > KEPT {
            self.latest.pop_front();
        }
    }
    // endregion

    /// Answers how many entries of each level have come.
    fn counts(&self) -> BTreeMap<Level, u64> {
        self.counts.clone()
    }

    /// Answers the latest entries of `at_least` this level, the newest first: 10, if `limit` is left out.
    fn latest(&self, at_least: Option<Level>, limit: Option<usize>) -> Vec<Entry> {
        let at_least = at_least.unwrap_or(Level::Debug);
        let wanted = self.latest.iter().rev().filter(|entry| entry.level >= at_least);
        wanted.take(limit.unwrap_or(10)).cloned().collect()
    }
}
