//! Answers kept by idempotency key, so that a call that is sent twice is handled once.
//!
//! Pure: time is an argument. One for each actor; it outlives the actor's lives. Bounded by entries, by age and by
//! bytes; the oldest answer gives way. Calls that run are not counted among them: each has a caller that waits.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::error::CallError;
use crate::id::ActorName;
use crate::limits::Limits;
use crate::message::Payload;

/// What one call is known by: the actor that sends it (none from outside), the method and the idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    sender: Option<ActorName>,
    method: String,
    key: String,
}

impl Key {
    /// The key of a call to `method`.
    #[must_use]
    pub fn new(sender: Option<ActorName>, method: &str, key: &str) -> Self {
        Self { sender, method: method.to_owned(), key: key.to_owned() }
    }
}

/// What is known of a call.
#[derive(Debug)]
pub enum Found {
    /// Nothing: this is its first try, which runs from now on.
    Nothing,
    /// An earlier try runs. The receiver errs when that has ended.
    Running(watch::Receiver<()>),
    /// This answer.
    Answered(Result<Payload, CallError>),
    /// The key belongs to a call with other arguments.
    OtherArguments,
}

/// The answers of one actor, by key.
#[derive(Debug)]
pub struct ReplyCache {
    entries_max: usize,
    bytes_max: usize,
    age_max: Duration,
    entries: HashMap<Key, Entry>,
    /// The answered ones, oldest first.
    answered: VecDeque<(Instant, Key)>,
    /// Of the answered ones.
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    arguments_hash: u64,
    state: EntryState,
}

#[derive(Debug)]
enum EntryState {
    /// Dropped with the entry, which tells those who wait.
    Running(watch::Sender<()>),
    Answered(Result<Payload, CallError>),
}

impl ReplyCache {
    /// An empty cache with an actor's bounds.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            entries_max: limits.reply_cache,
            bytes_max: usize::try_from(limits.reply_cache_max.as_u64()).unwrap_or(usize::MAX),
            age_max: limits.reply_cache_age,
            entries: HashMap::new(),
            answered: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Looks a call up, by its key and a hash of its arguments that nobody can foretell. Where nothing is known of it, it counts as running until [`Self::settle`].
    pub fn find(&mut self, key: &Key, arguments_hash: u64, now: Instant) -> Found {
        self.forget_old(now);
        match self.entries.get(key) {
            Some(entry) if entry.arguments_hash != arguments_hash => Found::OtherArguments,
            Some(Entry { state: EntryState::Running(running), .. }) => Found::Running(running.subscribe()),
            Some(Entry { state: EntryState::Answered(answer), .. }) => Found::Answered(answer.clone()),
            None => {
                let state = EntryState::Running(watch::Sender::new(()));
                self.entries.insert(key.clone(), Entry { arguments_hash, state });
                Found::Nothing
            }
        }
    }

    /// Ends the try that runs: with an answer to keep, or with none, and then the next one is the first again.
    pub fn settle(&mut self, key: Key, settled: Option<Result<Payload, CallError>>, now: Instant) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let Some(answer) = settled else {
            self.entries.remove(&key);
            return;
        };
        self.bytes = self.bytes.saturating_add(size(&key, &answer));
        entry.state = EntryState::Answered(answer);
        self.answered.push_back((now, key));
        self.forget_old(now);
        while self.answered.len() > self.entries_max || self.bytes > self.bytes_max {
            self.forget_oldest();
        }
    }

    fn forget_old(&mut self, now: Instant) {
        while self.answered.front().is_some_and(|(at, _)| now.duration_since(*at) >= self.age_max) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, key)) = self.answered.pop_front() else { return };
        if let Some(Entry { state: EntryState::Answered(answer), .. }) = self.entries.remove(&key) {
            self.bytes = self.bytes.saturating_sub(size(&key, &answer));
        }
    }
}

/// What an answer takes, roughly.
fn size(key: &Key, answer: &Result<Payload, CallError>) -> usize {
    /// For the entry itself.
    const ENTRY_BYTES: usize = 256;
    let answer = match answer {
        Ok(payload) => payload.body.len(),
        Err(error) => error.text_bytes(),
    };
    // The key stands in the map and in the queue.
    let key = key.method.len().saturating_add(key.key.len()).saturating_mul(2);
    ENTRY_BYTES.saturating_add(key).saturating_add(answer)
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;

    fn cache(entries: usize, max: ByteSize) -> ReplyCache {
        let limits = Limits { reply_cache: entries, reply_cache_max: max, ..Limits::default() };
        ReplyCache::new(&limits)
    }

    fn key(n: u32) -> Key {
        Key::new(None, "pay", &n.to_string())
    }

    fn answer(text: &'static str) -> Option<Result<Payload, CallError>> {
        Some(Ok(Payload::json(text)))
    }

    fn run(cache: &mut ReplyCache, n: u32, text: &'static str, now: Instant) {
        assert!(matches!(cache.find(&key(n), 0, now), Found::Nothing));
        cache.settle(key(n), answer(text), now);
    }

    fn is_known(cache: &mut ReplyCache, n: u32, now: Instant) -> bool {
        match cache.find(&key(n), 0, now) {
            Found::Answered(_) => true,
            Found::Nothing => {
                cache.settle(key(n), None, now);
                false
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_oldest_answer_gives_way_by_number_by_bytes_and_by_age() {
        let now = Instant::now();
        let mut by_number = cache(2, ByteSize::mib(1));
        (1..=3).for_each(|n| run(&mut by_number, n, "1", now));
        assert_eq!([1, 2, 3].map(|n| is_known(&mut by_number, n, now)), [false, true, true]);
        let later = now + Limits::default().reply_cache_age;
        assert!(!is_known(&mut by_number, 3, later));
        assert_eq!((by_number.bytes, by_number.entries.len()), (0, 0));

        let mut by_bytes = cache(100, ByteSize::b(600));
        (1..=3).for_each(|n| run(&mut by_bytes, n, "1", now));
        assert_eq!([1, 2, 3].map(|n| is_known(&mut by_bytes, n, now)), [false, true, true]);
        run(&mut by_bytes, 4, Box::leak("x".repeat(600).into_boxed_str()), now);
        assert_eq!((by_bytes.bytes, by_bytes.entries.len()), (0, 0));
    }

    #[test]
    fn a_key_with_other_arguments_is_another_call_and_is_told_so() {
        let now = Instant::now();
        let mut cache = cache(2, ByteSize::mib(1));
        run(&mut cache, 1, "1", now);
        let other = cache.find(&key(1), 2, now);
        assert!(matches!(other, Found::OtherArguments));
        assert!(matches!(cache.find(&Key::new(None, "refund", "1"), 0, now), Found::Nothing));
    }

    #[test]
    fn who_waits_for_an_earlier_try_is_told_of_its_end() {
        let now = Instant::now();
        let mut cache = cache(2, ByteSize::mib(1));
        assert!(matches!(cache.find(&key(1), 0, now), Found::Nothing));
        let Found::Running(earlier) = cache.find(&key(1), 0, now) else { panic!() };
        assert!(earlier.has_changed().is_ok());
        cache.settle(key(1), answer("1"), now);
        assert!(earlier.has_changed().is_err());
        assert!(is_known(&mut cache, 1, now));
    }
}
