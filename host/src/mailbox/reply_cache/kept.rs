//! Which answers are kept, in the order in which they came, and whose they are.
//!
//! A sender that is alone may have all there is room for. Where there is no more room, the one that has most of what there
//! is too much of (answers, or bytes) gives up its oldest; of several, the one whose oldest is older. So whoever has less
//! than a like share loses nothing to others. Finding it takes a look at each sender that has answers.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use super::Key;
use crate::grants::Caller;

/// The keys of the answers that are kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// By number: the oldest first.
    answers: BTreeMap<u64, Answered>,
    senders: HashMap<Caller, Share>,
    bytes: usize,
    next: u64,
}

#[derive(Debug)]
struct Answered {
    at: Instant,
    key: Key,
    bytes: usize,
}

/// What one sender has.
#[derive(Debug, Default)]
struct Share {
    /// The numbers of its answers, the oldest first.
    answers: VecDeque<u64>,
    bytes: usize,
}

impl Kept {
    /// How many bytes all of them take.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the answer to a call, which came at `at`: no earlier than those before.
    pub(super) fn add(&mut self, key: Key, bytes: usize, at: Instant) {
        let share = self.senders.entry(key.sender.clone()).or_default();
        share.answers.push_back(self.next);
        share.bytes = share.bytes.saturating_add(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        self.answers.insert(self.next, Answered { at, key, bytes });
        self.next += 1;
    }

    /// Forgets the oldest of all, if that is too old.
    pub(super) fn forget_older(&mut self, is_old: impl Fn(Instant) -> bool) -> Option<Key> {
        let (number, oldest) = self.answers.first_key_value()?;
        if is_old(oldest.at) { self.forget(*number) } else { None }
    }

    /// Forgets the oldest of whoever has most, if there are more answers than this, or more bytes.
    pub(super) fn forget_beyond(&mut self, answers_max: usize, bytes_max: usize) -> Option<Key> {
        if self.answers.len() > answers_max {
            self.forget(self.oldest_of_most(|share| share.answers.len())?)
        } else if self.bytes > bytes_max {
            self.forget(self.oldest_of_most(|share| share.bytes)?)
        } else {
            None
        }
    }

    fn oldest_of_most(&self, size: impl Fn(&Share) -> usize) -> Option<u64> {
        let shares = self.senders.values().filter_map(|share| Some((size(share), *share.answers.front()?)));
        shares.max_by_key(|(size, oldest)| (*size, std::cmp::Reverse(*oldest))).map(|(_, oldest)| oldest)
    }

    /// Forgets an answer, which is the oldest of its sender.
    fn forget(&mut self, number: u64) -> Option<Key> {
        let Answered { key, bytes, .. } = self.answers.remove(&number)?;
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(share) = self.senders.get_mut(&key.sender) {
            share.answers.pop_front();
            share.bytes = share.bytes.saturating_sub(bytes);
            if share.answers.is_empty() {
                self.senders.remove(&key.sender);
            }
        }
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(sender: u8, number: usize) -> Key {
        Key::new(Caller::Client(sender.to_string().into()), "pay", &number.to_string())
    }

    fn kept_by(kept: &Kept, sender: u8) -> (usize, usize) {
        let share = kept.senders.get(&Caller::Client(sender.to_string().into()));
        share.map_or((0, 0), |share| (share.answers.len(), share.bytes))
    }

    #[test]
    fn shares_of_kept_answers_go_by_what_there_is_too_much_of() {
        let (mut kept, now) = (Kept::default(), Instant::now());
        // One has many small answers, the other two large ones.
        (0..6).for_each(|number| kept.add(key(1, number), 1, now));
        (0..2).for_each(|number| kept.add(key(2, number), 100, now));
        assert_eq!(kept.forget_beyond(8, 206), None);
        assert_eq!(kept.forget_beyond(7, 206), Some(key(1, 0)));
        assert_eq!(kept.forget_beyond(7, 204), Some(key(2, 0)));
        assert_eq!((kept_by(&kept, 1), kept_by(&kept, 2)), ((5, 5), (1, 100)));
        // Of those that have the same, the older one gives way.
        let mut kept = Kept::default();
        for (sender, number) in [(2, 0), (1, 0), (1, 1), (2, 1)] {
            kept.add(key(sender, number), 1, now);
        }
        assert_eq!(kept.forget_beyond(3, 100), Some(key(2, 0)));
        assert_eq!(kept.forget_beyond(2, 100), Some(key(1, 0)));
        assert_eq!(kept.forget_beyond(0, 0), Some(key(1, 1)));
        assert_eq!(kept.forget_beyond(0, 0), Some(key(2, 1)));
        assert_eq!(kept.forget_beyond(0, 0), None);
        assert!(kept.senders.is_empty() && kept.bytes == 0);
    }

    proptest! {
        /// Whoever has kept to a like share of the answers has all of its own.
        #[test]
        fn shares_of_kept_answers_hold_whatever_others_send(senders in prop::collection::vec(0..4_u8, 0..200)) {
            let (mut kept, now) = (Kept::default(), Instant::now());
            let mut sent = [0; 4];
            for (number, sender) in senders.into_iter().enumerate() {
                kept.add(key(sender, number), 1, now);
                sent[usize::from(sender)] += 1;
                while kept.forget_beyond(16, usize::MAX).is_some() {}
                prop_assert_eq!(kept.answers.len(), sent.iter().sum::<usize>().min(16));
                for (sender, sent) in (0..).zip(sent) {
                    prop_assert!(kept_by(&kept, sender).0 >= sent.min(4));
                }
            }
        }
    }
}
