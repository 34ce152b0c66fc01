//! What both ledgers say.

use std::time::Duration;

use pulsing_guest::serde::Serialize;
use pulsing_guest::{CallError, Error, ErrorKind, Life};
use serde_json::{Value, json};

/// Where something was noted: which life, and how many notes came before it there.
#[derive(Clone, Serialize)]
#[serde(crate = "pulsing_guest::serde")]
pub struct Entry {
    generation: u64,
    index: usize,
    sender: u64,
    number: u64,
}

/// What this life has done so far.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(crate = "pulsing_guest::serde")]
pub struct Counts {
    /// Items of streams.
    pub made: u64,
    /// Handlers and streams that have begun and not ended.
    pub running: u64,
    /// The most of them that there were at once.
    pub most_running: u64,
    /// Those that came to their end.
    pub finished: u64,
    /// Those that were dropped before it.
    pub dropped: u64,
    /// Turns of work in the background.
    pub ticks: u64,
}

/// The state of both ledgers.
#[derive(Default)]
pub struct Book {
    pub notes: Vec<(u64, u64)>,
    pub counts: Counts,
}

impl Book {
    pub fn note(&mut self, sender: u64, number: u64) -> Entry {
        let entry =
            Entry { generation: Life::current().generation(), index: self.notes.len(), sender, number };
        self.notes.push((sender, number));
        entry
    }

    pub fn begin(&mut self) {
        self.counts.running += 1;
        self.counts.most_running = self.counts.most_running.max(self.counts.running);
    }

    pub fn end(&mut self, is_finished: bool) {
        self.counts.running -= 1;
        self.counts.finished += u64::from(is_finished);
        self.counts.dropped += u64::from(!is_finished);
    }

    pub fn made(&mut self) {
        self.counts.made += 1;
    }
}

/// The errors that an actor's own code has, by class.
pub fn error(class: &str) -> Error {
    match class {
        "business" => Error::business(409, "already there").with_details(vec![1, 2]),
        "system" => Error::system("disk gone"),
        "fatal" => Error::fatal("disk burnt"),
        "timeout" => Error::timeout("reading", Duration::from_millis(1500)),
        "unsupported" => Error::unsupported("teleport"),
        "cancelled" => Error::cancelled(),
        _ => Error::system("restart me").restart(),
    }
}

/// What a call to another actor looks like from here.
pub fn seen<T: Serialize>(outcome: Result<T, CallError>) -> Value {
    match outcome {
        Ok(value) => json!({ "ok": value }),
        Err(CallError::Runtime(error)) => {
            json!({ "runtime": format!("{:?}", error.kind), "message": error.message })
        }
        Err(CallError::Actor(error)) => seen_error(error.kind()),
        Err(other) => json!({ "unexpected": other.to_string() }),
    }
}

fn seen_error(kind: &ErrorKind) -> Value {
    match kind {
        ErrorKind::Business { code, message, details } => {
            json!({ "business": [code, message, details] })
        }
        ErrorKind::System { message, recoverable, restart } => {
            json!({ "system": [message, recoverable, restart] })
        }
        ErrorKind::Timeout { operation, duration } => json!({ "timeout": [operation, duration.as_millis()] }),
        ErrorKind::Unsupported { operation, nearest } => json!({ "unsupported": [operation, nearest] }),
        ErrorKind::Cancelled => json!("cancelled"),
        other => json!({ "unexpected": format!("{other:?}") }),
    }
}
