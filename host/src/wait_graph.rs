//! Who waits for whom, so that a call that would wait for itself is refused at once.
//!
//! A message carries the [`CallPath`] that it is sent on: the call that it is sent from, the call that that one was
//! sent from, and so on. The [`WaitGraph`] of a host knows which serial actor waits for which other one. Both hold names
//! and numbers of calls, never pointers, so that a path may come from another machine. Two findings refuse a message:
//!
//! | finding | holds for |
//! |---|---|
//! | the target waits on this very path, or all of its handlers are calls on it | actors of both lanes |
//! | serial actors wait for each other in a ring | calls that do not know of each other |
//!
//! What is refused would have waited until somebody's time was up. A ring over overlapping actors whose calls do not
//! know of each other is not found: such a handler may have other ways to go on. Bounds: a path has at most `DEPTH_MAX`
//! calls; the graph has an entry for each serial actor that waits, until its [`Wait`] is dropped.

mod path;

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::{FxBuildHasher, FxHashMap};

pub(crate) use self::path::{CallPath, Target};
use self::path::{DEPTH_MAX, deadlock, joined};
use crate::id::{ActorId, CallId};
use crate::wire::{Lane, RuntimeError};

/// Over how many locks the entries are spread, so that actors that ask each other all the time do not meet there.
const SHARDS: usize = 16;

/// The hash is no secret: who names actors so that they collide slows down those alone that wait for one another.
type Shard = Mutex<FxHashMap<ActorId, ActorId>>;

/// Which serial actor waits for which other one, in one host.
#[derive(Debug, Default)]
pub struct WaitGraph {
    waits_for: [Shard; SHARDS],
}

impl WaitGraph {
    /// For whom `actor` waits.
    pub(crate) fn waits_for(&self, actor: &ActorId) -> Option<ActorId> {
        self.shard(actor).get(actor).cloned()
    }

    /// Notes that `actor` waits for `target`, or no longer for anybody. Returns for whom it waited before.
    fn set(&self, actor: &ActorId, target: Option<ActorId>) -> Option<ActorId> {
        let mut shard = self.shard(actor);
        match target {
            Some(target) => shard.insert(actor.clone(), target),
            None => shard.remove(actor),
        }
    }

    /// The actors from `target` over `waiting` back to `target`, where each waits for the next.
    fn ring(&self, waiting: &ActorId, target: &ActorId) -> Option<Vec<ActorId>> {
        let mut names = Vec::new();
        let mut next = Some(target.clone());
        for _ in 0..DEPTH_MAX {
            let actor = next?;
            next = self.waits_for(&actor);
            let closes = actor == *waiting;
            names.push(actor);
            if closes {
                names.push(target.clone());
                return Some(names);
            }
        }
        None
    }

    fn shard(&self, actor: &ActorId) -> MutexGuard<'_, FxHashMap<ActorId, ActorId>> {
        let index = usize::try_from(FxBuildHasher.hash_one(actor) % SHARDS as u64).unwrap_or_default();
        let shard = self.waits_for.get(index).expect("a remainder is less than its divisor");
        // A map is whole between any two statements.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An actor of this host that sends messages, as far as its waits concern others.
pub(crate) trait Waiter: Send + Sync {
    /// The graph of its host.
    fn graph(&self) -> &Arc<WaitGraph>;

    /// Refuses the messages in its mailbox that would now wait for themselves: they came while it did something else.
    fn refuse_deadlocked(&self);
}

/// From which call of which actor a message is sent; by default from outside.
///
/// The path goes along with the message. The actor itself stays here, where it waits.
#[derive(Clone, Default)]
pub struct Origin {
    path: CallPath,
    waiter: Option<Arc<dyn Waiter>>,
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.path.fmt(f)
    }
}

impl Origin {
    /// What `actor` sends from `call`, which was itself sent on `path`.
    pub(crate) fn new(
        actor: ActorId,
        lane: Lane,
        call: CallId,
        path: CallPath,
        waiter: Arc<dyn Waiter>,
    ) -> Self {
        Self { path: path.extended(actor, lane, call), waiter: Some(waiter) }
    }

    /// The calls that the message is a part of.
    pub(crate) fn path(&self) -> &CallPath {
        &self.path
    }

    /// Notes that the sender waits for `target`, until the result is dropped. Only serial senders, which do nothing
    /// else meanwhile, are noted.
    ///
    /// # Errors
    ///
    /// `deadlock`, where `target` waits for the sender. Two that begin to wait for each other at the same moment may
    /// both be refused.
    pub(crate) fn begin_wait(&self, target: &ActorId) -> Result<Option<Wait>, RuntimeError> {
        let (Some(waiter), Some(sender)) = (&self.waiter, self.path.serial_sender()) else { return Ok(None) };
        let graph = waiter.graph();
        // Noted before the ring is looked for: of two that begin to wait for each other at the same moment, at least one
        // then sees the other. Looking first, both might see nothing and wait for ever.
        let before = graph.set(sender, Some(target.clone()));
        let wait = Wait { graph: Arc::clone(graph), actor: sender.clone(), before };
        if let Some(names) = graph.ring(sender, target) {
            return Err(deadlock(&joined(&names)));
        }
        // What came while the sender did something else was no deadlock then, and is one now.
        waiter.refuse_deadlocked();
        Ok(Some(wait))
    }
}

/// A serial actor waits for another as long as this lives.
pub struct Wait {
    graph: Arc<WaitGraph>,
    actor: ActorId,
    /// For whom it waited already: one wait may stand within another.
    before: Option<ActorId>,
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.graph.set(&self.actor, self.before.take());
    }
}
