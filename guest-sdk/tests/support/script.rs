//! A host for tests: it hands out lists in turn, keeps what came of the work, and lets the actor leave when it has no
//! more.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pulsing_guest::__private::{Pull, Verdict};
use pulsing_guest::{Error, ErrorKind};
use pulsing_work::outcome::{self, End};
use pulsing_work::work::{Message, Work, pack};
use pulsing_work::{Encoding, Payload};

/// What came of one piece of work.
#[derive(Clone, Debug, PartialEq)]
pub enum Came {
    Value(String),
    Bytes(Vec<u8>),
    Stream(u64),
    Told,
    /// The items, with commas between them.
    Items(String, bool),
    Closed,
}

/// What came of the work of one call.
pub type Outcome = (u64, Result<Came, Error>);

/// See the module.
#[derive(Default)]
pub struct Script {
    lists: VecDeque<Vec<u8>>,
    verdicts: VecDeque<Verdict>,
    /// All that came, in order.
    pub came: Vec<Outcome>,
    /// How many outcomes came with each call of `next` and of `step`.
    pub handed_in: Vec<usize>,
    /// Waits that are over at once, and whose end has not been told.
    naps: Vec<u64>,
    pub naps_begun: u64,
    counter: Option<&'static AtomicU32>,
    /// What the actor had counted with each call of `next` and of `step`.
    pub counted: Vec<u32>,
}

/// Naps have numbers of their own.
const FIRST_NAP: u64 = 1 << 40;

impl Script {
    pub fn new(lists: &[&[Work<'_>]]) -> Self {
        Self::of_packed(lists.iter().map(|works| pack(works).unwrap()))
    }

    pub fn of_packed(lists: impl Iterator<Item = Vec<u8>>) -> Self {
        Self { lists: lists.collect(), ..Self::default() }
    }

    /// What is said to steps; `go-on` after that.
    pub fn verdicts(mut self, verdicts: &[Verdict]) -> Self {
        self.verdicts = verdicts.iter().copied().collect();
        self
    }

    fn keep(&mut self, done: &[u8]) {
        let before = self.came.len();
        self.came.extend(outcome::unpack(done).unwrap().map(|outcome| {
            let outcome = outcome.unwrap();
            (outcome.call, came(outcome.end))
        }));
        self.handed_in.push(self.came.len() - before);
        self.counted.extend(self.counter.map(|counter| counter.load(Ordering::Relaxed)));
    }
}

impl Pull for Script {
    fn next(&mut self, done: &[u8]) -> Vec<u8> {
        self.keep(done);
        let mut nap = || self.naps.pop().map_or(Work::Leave, |wait| Work::Ended { wait });
        self.lists.pop_front().unwrap_or_else(|| pack(&[nap()]).unwrap())
    }

    fn step(&mut self, done: &[u8]) -> Verdict {
        self.keep(done);
        self.verdicts.pop_front().unwrap_or(Verdict::GoOn)
    }

    fn count_in(&mut self, counter: &'static AtomicU32) {
        self.counter = Some(counter);
    }

    fn nap(&mut self) -> u64 {
        let nap = FIRST_NAP + self.naps_begun;
        self.naps_begun += 1;
        self.naps.push(nap);
        nap
    }
}

/// A message with JSON.
pub fn message<'a>(call: u64, method: &'a str, args: &'a str) -> Message<'a> {
    let args = Payload { encoding: Encoding::Json, body: args.as_bytes() };
    Message { call, method, args, idempotency_key: None, resume_after: None, remaining_ms: None }
}

fn came(end: End<'_>) -> Result<Came, Error> {
    Ok(match end {
        End::Value(Payload { encoding: Encoding::Json, body }) => Came::Value(text(body)),
        End::Value(Payload { encoding: Encoding::Bytes, body }) => Came::Bytes(body.to_vec()),
        End::Stream(stream) => Came::Stream(stream),
        End::Told => Came::Told,
        End::Items { items, done } => {
            let items: Vec<_> = items.map(|item| text(item.body)).collect();
            Came::Items(items.join(","), done)
        }
        End::Closed => Came::Closed,
        End::Error(error) => return Err(kind(error).into()),
    })
}

fn text(body: &[u8]) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

fn kind(error: outcome::Error<'_>) -> ErrorKind {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    match error {
        outcome::Error::Business { code, message, details } => {
            ErrorKind::Business { code, message: message.into(), details: owned(details) }
        }
        outcome::Error::System { message, recoverable, restart } => {
            ErrorKind::System { message: message.into(), recoverable, restart }
        }
        outcome::Error::Timeout { operation, duration_ms } => {
            ErrorKind::Timeout { operation: operation.into(), duration: Duration::from_millis(duration_ms) }
        }
        outcome::Error::Unsupported { operation, nearest } => {
            ErrorKind::Unsupported { operation: operation.into(), nearest: owned(nearest) }
        }
        outcome::Error::Cancelled => ErrorKind::Cancelled,
    }
}
