//! Remembering answers, for callers that may send the same message twice.

use std::collections::{BTreeMap, VecDeque};

use crate::Call;

/// How many answers a [`Dedup`] keeps unless told otherwise.
const DEFAULT_CAPACITY: usize = 1024;

/// The answers of one method by the idempotency key of the call, the oldest forgotten first.
///
/// Part of the actor's state, so it ends with a life: what must be done once even across a crash needs a store
/// outside. It knows an answer once that was given, so it does not catch a second message that comes while the
/// first still waits.
///
/// ```
/// use pulsing_guest::Dedup;
///
/// #[derive(Default)]
/// struct Account {
///     balance: i64,
///     deposits: Dedup<i64>,
/// }
///
/// impl Account {
///     fn deposit(&mut self, amount: i64) -> i64 {
///         if let Some(balance) = self.deposits.replay() {
///             return balance;
///         }
///         self.balance += amount;
///         self.deposits.record(self.balance)
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Dedup<T> {
    answers: BTreeMap<String, T>,
    oldest_first: VecDeque<String>,
    capacity: usize,
}

impl<T: Clone> Dedup<T> {
    /// Keeps at most `capacity` answers.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { answers: BTreeMap::new(), oldest_first: VecDeque::new(), capacity }
    }

    /// The answer that was given to this call before, if it has a key and there is one.
    pub fn replay(&self) -> Option<T> {
        self.answers.get(Call::current().idempotency_key()?).cloned()
    }

    /// Keeps the answer to this call, if it has a key, and hands it back.
    pub fn record(&mut self, answer: T) -> T {
        if let Some(key) = Call::current().idempotency_key()
            && self.answers.insert(key.to_owned(), answer.clone()).is_none()
        {
            self.oldest_first.push_back(key.to_owned());
            self.forget_oldest();
        }
        answer
    }

    fn forget_oldest(&mut self) {
        while self.oldest_first.len() > self.capacity
            && let Some(key) = self.oldest_first.pop_front()
        {
            self.answers.remove(&key);
        }
    }
}

impl<T: Clone> Default for Dedup<T> {
    fn default() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::call;

    #[test]
    fn the_same_key_gets_the_same_answer_until_it_is_the_oldest() {
        let mut dedup = Dedup::with_capacity(2);
        for id in 1..=3 {
            call(id).scope(|| {
                assert_eq!(dedup.replay(), None);
                dedup.record(id * 10);
            });
        }
        assert_eq!(call(1).scope(|| dedup.replay()), None);
        assert_eq!(call(3).scope(|| dedup.replay()), Some(30));
    }

    #[test]
    fn a_call_without_a_key_is_never_a_repetition() {
        let mut dedup = Dedup::default();
        dedup.record(1);
        assert_eq!(dedup.replay(), None);
    }
}
