//! The last messages of an actor that failed with nobody to tell, or could not be delivered.
//!
//! Bounded by `dead_letters` of the actor's limits; the oldest gives way.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::message::Message;

/// A message that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message, whole.
    pub message: Message,
    /// Why, for people.
    pub reason: String,
    /// When it was given up.
    pub at: SystemTime,
}

#[derive(Debug)]
pub(super) struct DeadLetters {
    letters: Mutex<VecDeque<DeadLetter>>,
    capacity: usize,
}

impl DeadLetters {
    pub(super) fn new(capacity: usize) -> Self {
        Self { letters: Mutex::default(), capacity }
    }

    pub(super) fn add(&self, message: Message, reason: String) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.push_back(DeadLetter { message, reason, at: SystemTime::now() });
        while letters.len() > self.capacity {
            letters.pop_front();
        }
    }

    pub(super) fn list(&self) -> Vec<DeadLetter> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Payload;

    #[test]
    fn the_oldest_dead_letter_gives_way() {
        let letters = DeadLetters::new(2);
        for n in 0..5 {
            letters.add(Message::new(format!("m{n}"), Payload::none()), String::new());
        }
        let kept: Vec<_> = letters.list().into_iter().map(|letter| letter.message.method).collect();
        assert_eq!(kept, ["m3", "m4"]);
    }
}
