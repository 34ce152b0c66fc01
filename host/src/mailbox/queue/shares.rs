//! Who has how many of the messages in a queue, and who waits for room.
//!
//! A sender may have three messages for each place that is free (after the dynamic thresholds of Choudhury and Hahne, 1998).
//! So whoever is alone fills three quarters and leaves the rest to others; each that comes makes the shares of all smaller; and
//! of places that are free, whoever has no message gets the last one. Nothing that is in the queue gives way.
//!
//! Counts are kept only while the queue is fuller than that ([`Shares::begin_at`]) and until half of it is free: below, nobody
//! is over its share. Taking them is one look at each message, which thus comes at most once for as many messages as a
//! quarter of the queue holds. Bounded by the messages in the queue and in line.
//!
//! Senders with fewer messages get room first, so the line is one for each sender. The program that the host is a part of has
//! no share to keep to, and counts as if it had no message.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tokio::sync::oneshot;

use crate::grants::Caller;

/// How many messages a sender may have for each place that is free.
const PER_FREE_PLACE: usize = 3;

/// A message, of which a queue knows who sent it.
pub(crate) trait FromSender {
    /// Who sent it.
    fn sender(&self) -> &Caller;
}

/// A message that waits for room. It goes on into the queue also while nobody looks at its sender, so that no
/// sender, however slow, holds up others.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    /// Grows with each that begins to wait, and no other ever has the same.
    pub(super) ticket: u64,
    pub(super) message: T,
    /// Told that the message is in the queue, or given it back where the queue closes.
    pub(super) told: oneshot::Sender<Result<(), T>>,
}

/// Who has how many messages, and who waits.
#[derive(Debug)]
pub(super) struct Shares<T> {
    /// Those with messages in the queue or in line. Hashed with a secret: no names can be chosen that collide.
    senders: HashMap<Caller, Share<T>>,
    /// Those who wait: whoever has fewest messages first, of several the one that has waited longest.
    line: BTreeMap<(usize, u64), Caller>,
}

/// What one sender has.
#[derive(Debug)]
struct Share<T> {
    queued: usize,
    /// Those that wait, in their order.
    waiting: VecDeque<Waiting<T>>,
}

impl<T> Share<T> {
    /// Where it stands in line, if it waits.
    fn place(&self) -> Option<(usize, u64)> {
        self.waiting.front().map(|first| (self.queued, first.ticket))
    }
}

impl<T> Shares<T> {
    /// How many messages a queue of `capacity` has where the first sender may be over its share: one that is alone.
    pub(super) fn begin_at(capacity: usize) -> usize {
        capacity - capacity / (PER_FREE_PLACE + 1)
    }

    /// Whether counts are of no use any more, where so many messages wait and nobody is in line.
    pub(super) fn end_at(messages: usize, capacity: usize) -> bool {
        messages <= capacity / 2
    }

    /// Whether a message of `sender` may have one of the `free` places. If it may, all of those who wait have more messages.
    pub(super) fn admit(&self, sender: &Caller, free: usize) -> bool {
        self.queued(sender) < free.saturating_mul(PER_FREE_PLACE)
    }

    /// How many messages of `sender` are in the queue; none of the program's count.
    pub(super) fn queued(&self, sender: &Caller) -> usize {
        self.senders.get(sender).map_or(0, |share| share.queued)
    }

    /// A message has come into the queue.
    pub(super) fn entered(&mut self, sender: &Caller) {
        if *sender != Caller::Program {
            self.change(sender, |share| share.queued += 1);
        }
    }

    /// A message has gone out of the queue.
    pub(super) fn left(&mut self, sender: &Caller) {
        if *sender != Caller::Program {
            self.change(sender, |share| share.queued = share.queued.saturating_sub(1));
        }
    }

    /// Puts a message in line.
    pub(super) fn stand_in_line(&mut self, sender: &Caller, waiting: Waiting<T>) {
        self.change(sender, |share| share.waiting.push_back(waiting));
    }

    /// Takes a message out of the line whose sender has given it up.
    pub(super) fn give_up(&mut self, sender: &Caller, ticket: u64) -> Option<Waiting<T>> {
        self.change(sender, |share| {
            let found = share.waiting.binary_search_by_key(&ticket, |waiting| waiting.ticket);
            found.ok().and_then(|place| share.waiting.remove(place))
        })
    }

    /// Takes the message out of the line that may have one of the `free` places, and counts it as one in the queue.
    pub(super) fn next(&mut self, free: usize) -> Option<Waiting<T>> {
        let ((queued, _), sender) = self.line.first_key_value()?;
        // Whoever stands behind it has no fewer.
        if *queued >= free.saturating_mul(PER_FREE_PLACE) {
            return None;
        }
        let sender = sender.clone();
        let counts = usize::from(sender != Caller::Program);
        self.change(&sender, |share| {
            share.queued += counts;
            share.waiting.pop_front()
        })
    }

    /// Takes everybody out of the line.
    pub(super) fn take_line(&mut self) -> Vec<Waiting<T>> {
        let senders = std::mem::take(&mut self.line).into_values();
        senders.flat_map(|sender| self.change(&sender, |share| std::mem::take(&mut share.waiting))).collect()
    }

    /// Whether whoever is first in line has to wait where so many places are free.
    #[cfg(test)]
    pub(super) fn nobody_waits_in_vain(&self, free: usize) -> bool {
        self.line.first_key_value().is_none_or(|(_, sender)| !self.admit(sender, free))
    }

    /// Changes what a sender has, and sees to its place in line.
    fn change<R>(&mut self, sender: &Caller, change: impl FnOnce(&mut Share<T>) -> R) -> R {
        let share = match self.senders.get_mut(sender) {
            Some(share) => share,
            None => self.senders.entry(sender.clone()).or_default(),
        };
        let before = share.place();
        let changed = change(share);
        let after = share.place();
        if share.queued == 0 && after.is_none() {
            self.senders.remove(sender);
        }
        if before != after {
            let moved = before.and_then(|place| self.line.remove(&place));
            if let Some(place) = after {
                self.line.insert(place, moved.unwrap_or_else(|| sender.clone()));
            }
        }
        changed
    }
}

impl<T: FromSender> Shares<T> {
    /// Those of the messages in a queue.
    pub(super) fn of<'a>(messages: impl IntoIterator<Item = &'a T>) -> Self
    where
        T: 'a,
    {
        let mut shares = Self { senders: HashMap::new(), line: BTreeMap::new() };
        messages.into_iter().for_each(|message| shares.entered(message.sender()));
        shares
    }
}

impl<T> Default for Share<T> {
    fn default() -> Self {
        Self { queued: 0, waiting: VecDeque::new() }
    }
}
