//! The last messages of an actor that failed with nobody to tell, or could not be delivered.
//!
//! Bounded by `dead_letters` of the actor's limits and by their bytes; the oldest gives way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::id::ActorId;
use crate::wire::Message;

/// The most bytes that one actor's dead letters take, roughly.
const BYTES_MAX: usize = 16 << 20;

/// A message that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message, whole.
    pub message: Arc<Message>,
    /// The actor that sent it; none from outside. Told again, it comes from the same.
    pub caller: Option<ActorId>,
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

    /// Keeps a message; one that is kept already with the new reason alone.
    pub(super) fn add(&self, message: Arc<Message>, caller: Option<ActorId>, reason: String) {
        let mut letters = self.letters();
        letters.retain(|letter| !Arc::ptr_eq(&letter.message, &message));
        letters.push_back(DeadLetter { message, caller, reason, at: SystemTime::now() });
        let bytes = |letter: &DeadLetter| letter.message.kept_bytes().saturating_add(letter.reason.len());
        let mut kept = letters.iter().map(bytes).fold(0, usize::saturating_add);
        while letters.len() > self.capacity || kept > BYTES_MAX {
            let Some(oldest) = letters.pop_front() else { break };
            kept = kept.saturating_sub(bytes(&oldest));
        }
    }

    pub(super) fn list(&self) -> Vec<DeadLetter> {
        self.letters().iter().cloned().collect()
    }

    /// Takes the oldest out.
    pub(super) fn take_oldest(&self) -> Option<DeadLetter> {
        self.letters().pop_front()
    }

    /// Puts the oldest back.
    pub(super) fn put_back(&self, letter: DeadLetter) {
        let mut letters = self.letters();
        if letters.len() < self.capacity {
            letters.push_front(letter);
        }
    }

    fn letters(&self) -> MutexGuard<'_, VecDeque<DeadLetter>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Payload;

    #[test]
    fn the_oldest_dead_letter_gives_way() {
        let letters = DeadLetters::new(2);
        for n in 0..5 {
            letters.add(Arc::new(Message::new(format!("m{n}"), Payload::none())), None, String::new());
        }
        let kept: Vec<_> = letters.list().iter().map(|letter| letter.message.method.clone()).collect();
        assert_eq!(kept, ["m3", "m4"]);
        let large = Message::new("large", Payload::json("x".repeat(BYTES_MAX - 4096)));
        letters.add(Arc::new(large), None, String::new());
        letters.add(Arc::new(Message::new("small", Payload::json("x".repeat(4096)))), None, String::new());
        assert_eq!(letters.list().len(), 1);
    }
}
