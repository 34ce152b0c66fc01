//! Bytes of the messages that wait for one actor or are in flight, and whose they are.
//!
//! Bounded by `kept_max` for all senders together. While less than a quarter of that is in use, nobody is counted, and a
//! message costs what it takes to count its bytes. From there on each sender may have three bytes for each that is free, as
//! with [places in the queue](super::queue), so that one with large messages leaves some to others. Whoever has none that
//! are counted has room for a message that fits. What was taken before the quarter was reached is counted for nobody: a
//! quarter, and one message for each thread that sends.
//!
//! The program that the host is a part of is never counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::budget::{Budget, Held};
use crate::grants::Caller;

/// How many bytes a sender may have for each that is free.
const PER_FREE_BYTE: usize = 3;

/// Bytes for the messages of one actor.
pub(super) struct MessageBudget {
    kept: Budget,
    /// With fewer bytes in use, nobody is counted.
    counted_from: usize,
    counts: Arc<Counts>,
}

/// The bytes of each sender that are counted. Hashed with a secret: no names can be chosen that collide.
#[derive(Default)]
struct Counts(Mutex<HashMap<Caller, usize>>);

/// What a message takes of its actor's budget. Gives it back when dropped.
pub(crate) struct HeldMessage {
    held: Held,
    /// In a box: few messages have one.
    counted: Option<Box<Counted>>,
}

/// Bytes that count for a sender, until this is dropped.
struct Counted {
    counts: Arc<Counts>,
    sender: Caller,
    bytes: usize,
}

impl MessageBudget {
    /// A budget of `max` bytes.
    pub(super) fn new(max: usize) -> Self {
        Self { kept: Budget::new(max), counted_from: max / 4, counts: Arc::default() }
    }

    /// How many bytes are in use.
    pub(super) fn used(&self) -> usize {
        self.kept.used()
    }

    /// Takes `bytes` for a message; none where there are not that many for `sender`.
    pub(super) fn take(&self, bytes: usize, sender: &Caller) -> Option<HeldMessage> {
        if self.used() < self.counted_from || *sender == Caller::Program {
            return Some(HeldMessage { held: self.kept.take(bytes)?, counted: None });
        }
        // Held while the bytes are taken: two messages of one sender are not both its first.
        let mut counts = self.counts.lock();
        let own = counts.get(sender).copied().unwrap_or_default();
        let free = self.kept.max().saturating_sub(self.used()).saturating_sub(bytes);
        if own > 0 && own.saturating_add(bytes) > free.saturating_mul(PER_FREE_BYTE) {
            return None;
        }
        let held = self.kept.take(bytes)?;
        counts.insert(sender.clone(), own.saturating_add(bytes));
        let counted = Counted { counts: Arc::clone(&self.counts), sender: sender.clone(), bytes };
        Some(HeldMessage { held, counted: Some(Box::new(counted)) })
    }
}

impl HeldMessage {
    /// Gives all of it back.
    pub(super) fn give_back(&mut self) {
        self.held.give_back(self.held.bytes());
        self.counted = None;
    }
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, HashMap<Caller, usize>> {
        // Nothing panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        let Some(own) = counts.get_mut(&self.sender) else { return };
        *own = own.saturating_sub(self.bytes);
        if *own == 0 {
            counts.remove(&self.sender);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes messages of `bytes` until there is no room.
    fn flood(budget: &MessageBudget, bytes: usize, sender: &Caller) -> Vec<HeldMessage> {
        std::iter::from_fn(|| budget.take(bytes, sender)).collect()
    }

    fn client(name: &str) -> Caller {
        Caller::Client(name.into())
    }

    #[test]
    fn whoever_is_alone_leaves_bytes_to_others_and_each_that_comes_some_of_the_rest() {
        let budget = MessageBudget::new(64);
        let all = ["1", "2", "3", "4"].map(|name| flood(&budget, 1, &client(name)));
        assert_eq!(all.each_ref().map(Vec::len), [52, 9, 2, 1]);
        assert!(budget.take(1, &client("5")).is_none(), "there is no room");
        drop(all);
        assert!(budget.used() == 0 && budget.counts.lock().is_empty());
        assert_eq!(flood(&budget, 1, &Caller::Program).len(), 64, "the program has no share to keep to");
    }

    #[test]
    fn bytes_that_are_given_back_are_their_senders_again() {
        let budget = MessageBudget::new(64);
        let (loud, quiet) = (client("loud"), client("quiet"));
        let mut of_loud = flood(&budget, 4, &loud);
        let taken = of_loud.len();
        for _ in 0..3 {
            let mut last = of_loud.pop().unwrap();
            last.give_back();
            of_loud.extend(flood(&budget, 4, &loud));
            assert_eq!(of_loud.len(), taken, "given back once, though it was also dropped");
            drop(last);
            assert!(budget.take(4, &loud).is_none());
        }
        assert!(budget.take(4, &quiet).is_some());
    }

    #[test]
    fn a_message_as_large_as_the_budget_has_room_where_nothing_else_is_kept() {
        let budget = MessageBudget::new(64);
        assert!(budget.take(64, &client("1")).is_some() && budget.take(65, &client("1")).is_none());
        let _quarter = budget.take(20, &client("1"));
        assert!(budget.take(44, &client("2")).is_some(), "the first of a sender that fits");
    }
}
