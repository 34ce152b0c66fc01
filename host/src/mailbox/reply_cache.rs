//! Answers kept by idempotency key, so that a call that is sent twice is handled once.
//!
//! One for each actor; it outlives the actor's lives. Bounded by entries, by age and by bytes; where there are too many, the
//! sender that has most gives up its oldest (see [`Kept`]). Calls that run are not counted among them: each has a caller
//! that waits. [`Replies`] is pure (time is an argument); [`ReplyCache`] shares it among those who call and those who
//! answer.

mod kept;
mod spelling;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use self::kept::Kept;
use crate::call::{Answer, Outcome};
use crate::grants::Caller;
use crate::limits::Limits;
use crate::wire::{ActorError, CallError, Encoding, Message, Payload};

/// The answers of one actor, shared. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ReplyCache {
    replies: Arc<Mutex<Replies>>,
    /// Secret, so that nobody finds arguments that pass for others.
    hasher: RandomState,
    keeps_any: bool,
}

/// What is known of a call with a key.
pub(crate) enum Tried {
    /// It was answered before.
    Answered(Result<Payload, CallError>),
    /// An earlier try runs. The receiver errs when that has ended.
    Running(watch::Receiver<()>),
    /// This is its first try.
    Not(FirstTry),
}

impl ReplyCache {
    /// An empty cache with an actor's bounds.
    pub(crate) fn new(limits: &Limits) -> Self {
        let replies = Arc::new(Mutex::new(Replies::new(limits)));
        Self { replies, hasher: RandomState::new(), keeps_any: limits.reply_cache > 0 }
    }

    /// Whether the answer to `message` is to be kept.
    pub(crate) fn keeps(&self, message: &Message) -> bool {
        self.keeps_any && message.idempotency_key.is_some()
    }

    /// The hash of a message's arguments, which may be large: taken once for all tries. Those of JSON that are not large have
    /// the same in another spelling.
    pub(crate) fn arguments_hash(&self, message: &Message) -> u64 {
        let Payload { body, encoding } = &message.args;
        let is_json = *encoding == Encoding::Json;
        let by_meaning = if is_json { spelling::hash(&self.hasher, body) } else { None };
        by_meaning.unwrap_or_else(|| self.hasher.hash_one((body, is_json)))
    }

    /// Looks a call up. Where nothing is known of it, it counts as running until its [`FirstTry`] ends.
    ///
    /// # Errors
    ///
    /// Where the key belongs to a call with other arguments.
    pub(crate) fn find(&self, key: &Key, arguments_hash: u64, now: Instant) -> Result<Tried, ActorError> {
        let found = self.lock().find(key, arguments_hash, now);
        match found {
            Found::Answered(answer) => Ok(Tried::Answered(answer)),
            Found::Running(earlier) => Ok(Tried::Running(earlier)),
            Found::OtherArguments => Err(other_arguments()),
            Found::Nothing => Ok(Tried::Not(FirstTry { cache: self.clone(), key: Some(key.clone()) })),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Replies> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn other_arguments() -> ActorError {
    /// As HTTP has it for a request that is understood and cannot be followed.
    const UNPROCESSABLE: u32 = 422;
    let message = "the idempotency key was used before, with other arguments".to_owned();
    ActorError::Business { code: UNPROCESSABLE, message, details: None }
}

/// The first try of a call with a key, for as long as it waits or runs, whether or not its caller still waits.
/// Dropped without an answer to keep, it lets the next one try.
pub(crate) struct FirstTry {
    cache: ReplyCache,
    key: Option<Key>,
}

impl FirstTry {
    /// Keeps the answer, where another try would get the same.
    pub(super) fn settle(mut self, outcome: &Outcome) {
        let settled = match outcome {
            Ok(Answer::Value(value)) => Some(Ok(value.clone())),
            Err(error @ CallError::Actor(ActorError::Business { .. })) => Some(Err(error.clone())),
            // Another try may end in another way, and a stream cannot be handed out twice.
            Ok(Answer::Stream(_)) | Err(_) => None,
        };
        self.end(settled);
    }

    fn end(&mut self, settled: Option<Result<Payload, CallError>>) {
        // Also from a destructor: a first try that vanishes with its life must not keep the next one waiting for ever.
        if let Some(key) = self.key.take() {
            self.cache.lock().settle(key, settled, tokio::time::Instant::now().into_std());
        }
    }
}

impl Drop for FirstTry {
    fn drop(&mut self) {
        self.end(None);
    }
}

/// What one call is known by: who sends it, the method and the idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    sender: Caller,
    method: String,
    key: String,
}

impl Key {
    /// The key of a call to `method`.
    pub(crate) fn new(sender: Caller, method: &str, key: &str) -> Self {
        Self { sender, method: method.to_owned(), key: key.to_owned() }
    }

    /// Who sends it.
    pub(crate) fn into_sender(self) -> Caller {
        self.sender
    }
}

/// What is known of a call.
#[derive(Debug)]
enum Found {
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
struct Replies {
    entries_max: usize,
    bytes_max: usize,
    age_max: Duration,
    entries: HashMap<Key, Entry>,
    /// The answered ones.
    kept: Kept,
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

impl Replies {
    /// An empty cache with an actor's bounds.
    fn new(limits: &Limits) -> Self {
        Self {
            entries_max: limits.reply_cache,
            bytes_max: usize::try_from(limits.reply_cache_max.as_u64()).unwrap_or(usize::MAX),
            age_max: limits.reply_cache_age,
            entries: HashMap::new(),
            kept: Kept::default(),
        }
    }

    /// Looks a call up, by its key and a hash of its arguments that nobody can foretell. Where nothing is known of it,
    /// it counts as running until [`Self::settle`].
    fn find(&mut self, key: &Key, arguments_hash: u64, now: Instant) -> Found {
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
    fn settle(&mut self, key: Key, settled: Option<Result<Payload, CallError>>, now: Instant) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let Some(answer) = settled else {
            self.entries.remove(&key);
            return;
        };
        let bytes = size(&key, &answer);
        entry.state = EntryState::Answered(answer);
        self.kept.add(key, bytes, now);
        self.forget_old(now);
        while let Some(key) = self.kept.forget_beyond(self.entries_max, self.bytes_max) {
            self.entries.remove(&key);
        }
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some(key) = self.kept.forget_older(|at| now.duration_since(at) >= self.age_max) {
            self.entries.remove(&key);
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

    fn cache(entries: usize, max: ByteSize) -> Replies {
        let limits = Limits { reply_cache: entries, reply_cache_max: max, ..Limits::default() };
        Replies::new(&limits)
    }

    fn key(n: u32) -> Key {
        Key::new(Caller::Program, "pay", &n.to_string())
    }

    fn answer(text: &'static str) -> Option<Result<Payload, CallError>> {
        Some(Ok(Payload::json(text)))
    }

    fn run(cache: &mut Replies, n: u32, text: &'static str, now: Instant) {
        assert!(matches!(cache.find(&key(n), 0, now), Found::Nothing));
        cache.settle(key(n), answer(text), now);
    }

    fn is_known(cache: &mut Replies, n: u32, now: Instant) -> bool {
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
        assert_eq!((by_number.kept.bytes(), by_number.entries.len()), (0, 0));

        let mut by_bytes = cache(100, ByteSize::b(600));
        (1..=3).for_each(|n| run(&mut by_bytes, n, "1", now));
        assert_eq!([1, 2, 3].map(|n| is_known(&mut by_bytes, n, now)), [false, true, true]);
        run(&mut by_bytes, 4, Box::leak("x".repeat(600).into_boxed_str()), now);
        assert_eq!((by_bytes.kept.bytes(), by_bytes.entries.len()), (0, 0));
    }

    #[test]
    fn a_key_with_other_arguments_is_another_call_and_is_told_so() {
        let now = Instant::now();
        let mut cache = cache(2, ByteSize::mib(1));
        run(&mut cache, 1, "1", now);
        let other = cache.find(&key(1), 2, now);
        assert!(matches!(other, Found::OtherArguments));
        assert!(matches!(cache.find(&Key::new(Caller::Program, "refund", "1"), 0, now), Found::Nothing));
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

    #[test]
    fn shares_of_a_reply_cache_are_taken_from_the_sender_that_has_most() {
        let now = Instant::now();
        let mut cache = cache(10, ByteSize::mib(1));
        let of = |client: &str, n: u32| Key::new(Caller::Client(client.into()), "pay", &n.to_string());
        let keep = |cache: &mut Replies, key: Key| {
            assert!(matches!(cache.find(&key, 0, now), Found::Nothing));
            cache.settle(key, answer("1"), now);
        };
        keep(&mut cache, of("quiet", 1));
        (1..=100).for_each(|n| keep(&mut cache, of("loud", n)));
        assert!(matches!(cache.find(&of("quiet", 1), 0, now), Found::Answered(_)));
        assert!(matches!(cache.find(&of("quiet", 1), 1, now), Found::OtherArguments));
        assert!(matches!(cache.find(&of("loud", 92), 0, now), Found::Answered(_)));
        assert_eq!(cache.entries.len(), 10);
        // The key of one is not that of another.
        assert!(matches!(cache.find(&of("loud", 1), 1, now), Found::Nothing));
    }
}
