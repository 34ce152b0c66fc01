//! Bytes that the host keeps for somebody, with a ceiling.
//!
//! What is kept is held by a [`Held`], which gives its bytes back when it is dropped. Never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A ceiling for bytes, shared by all that is kept under it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    used: AtomicUsize,
    max: usize,
}

/// Bytes that are kept. Gives them back when dropped.
#[derive(Debug)]
pub struct Held {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// A budget of `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { shared: Arc::new(Shared { used: AtomicUsize::new(0), max }) }
    }

    /// Takes `bytes`; none where there are not that many left.
    #[must_use]
    pub fn take(&self, bytes: usize) -> Option<Held> {
        let fits = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.shared.max);
        let taken = self.shared.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        taken.is_ok().then(|| Held { budget: self.clone(), bytes })
    }

    /// None of its bytes, to add more to.
    #[must_use]
    pub fn nothing(&self) -> Held {
        Held { budget: self.clone(), bytes: 0 }
    }

    /// How many bytes are kept.
    #[must_use]
    pub fn used(&self) -> usize {
        self.shared.used.load(Ordering::Relaxed)
    }

    /// The ceiling.
    #[must_use]
    pub fn max(&self) -> usize {
        self.shared.max
    }
}

impl Held {
    /// How many bytes are held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes over what another holds of the same budget.
    pub fn merge(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Parts with some of the bytes, which the answered one holds from now on.
    #[must_use]
    pub fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { budget: self.budget.clone(), bytes }
    }

    /// Gives some of the bytes back.
    pub fn give_back(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.shared.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_when_what_is_held_goes() {
        let budget = Budget::new(10);
        let mut six = budget.take(6).unwrap();
        assert!(budget.take(5).is_none());
        assert!(budget.take(usize::MAX).is_none());
        six.merge(budget.take(4).unwrap());
        assert_eq!(budget.used(), 10);
        let part = six.split(2);
        assert_eq!(budget.used(), 10);
        drop(part);
        assert_eq!(budget.used(), 8);
        six.merge(budget.take(2).unwrap());
        six.give_back(7);
        assert_eq!(budget.used(), 3);
        six.give_back(100);
        assert_eq!(budget.used(), 0);
        let held = budget.take(10).unwrap();
        drop((six, held));
        assert_eq!(budget.used(), 0);
    }
}
