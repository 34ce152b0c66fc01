//! Messages that end lives, so that one of them does not take the actor's restarts with it.
//!
//! [`Quarantine`] is pure: time is an argument. [`SharedQuarantine`] shares it. One for each actor; it outlives the actor's
//! lives. A message that has ended as many lives within the window as the actor's limits say is kept out, until the window has
//! passed since the last. What counts as the same message is the [`Fingerprint`]'s to say.
//!
//! What a sender's messages did is held against that sender, so that nobody closes a method to others:
//!
//! | lives were ended by | it is kept out of |
//! |---|---|
//! | one sender's | that sender's |
//! | two senders' or more, together often enough | all senders', so that each need not end as many lives |
//! | several senders', each with the same idempotency key | each that did it often enough: a key says nothing of another's |
//!
//! Bounded: it keeps the newest `KEPT_MAX`.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::exit::ExitReason;
use crate::grants::Caller;
use crate::wire::{Encoding, Message};

/// How many messages are kept in mind.
const KEPT_MAX: usize = 64;

/// What one message is known by, beside its sender: its method with its idempotency key or, where it has none, with its
/// arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

/// The messages of one actor that ended lives.
#[derive(Debug)]
pub(super) struct Quarantine {
    /// How many lives a message may end; 0 for any number.
    after: u32,
    window: Duration,
    offenders: VecDeque<Offender>,
    /// Secret, so that nobody finds a message that passes for another.
    hasher: RandomState,
}

/// A quarantine among those who blame messages, who look for them and who let them out.
#[derive(Debug)]
pub(super) struct SharedQuarantine {
    quarantine: Mutex<Quarantine>,
    /// Whether the quarantine keeps anything in mind. Stored under its lock.
    is_in_use: AtomicBool,
}

impl SharedQuarantine {
    pub(super) fn new(quarantine: Quarantine) -> Self {
        Self { is_in_use: AtomicBool::new(!quarantine.is_empty()), quarantine: Mutex::new(quarantine) }
    }

    /// Whether anything is kept in mind. Takes no lock.
    ///
    /// # Ordering
    ///
    /// A message is blamed between two lives, so that the next one sees it. Whoever sees too late that a message was let
    /// out takes the lock, and then sees it.
    pub(super) fn is_in_use(&self) -> bool {
        self.is_in_use.load(Ordering::Acquire)
    }

    /// Looks into the quarantine, or changes it.
    pub(super) fn with<R>(&self, look: impl FnOnce(&mut Quarantine) -> R) -> R {
        let mut quarantine = self.quarantine.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = look(&mut quarantine);
        self.is_in_use.store(!quarantine.is_empty(), Ordering::Release);
        seen
    }
}

/// A message of one sender that ended lives.
#[derive(Debug)]
pub(super) struct Offender {
    fingerprint: Fingerprint,
    sender: Caller,
    lives: u32,
    last: Instant,
    /// How the last of the lives ended, in the host's words.
    exit: String,
}

impl Offender {
    /// Why `message`, which it is, is kept out, for its sender.
    pub(super) fn reason(&self, message: &Message) -> String {
        self.reason_with(message, &self.exit)
    }

    /// The same with another text for how the last of the lives ended.
    pub(super) fn reason_with(&self, message: &Message, exit: &str) -> String {
        format!("`{}` is in quarantine: it ended {} lives, the last: {exit}", message.method, self.lives)
    }
}

impl Quarantine {
    /// Keeps out messages that ended `after` lives within `window`.
    pub(super) fn new(after: u32, window: Duration) -> Self {
        Self { after, window, offenders: VecDeque::new(), hasher: RandomState::new() }
    }

    /// What `message` is known by.
    pub(super) fn fingerprint(&self, message: &Message) -> Fingerprint {
        let is_json = message.args.encoding == Encoding::Json;
        let args = message.idempotency_key.is_none().then_some((is_json, &message.args.body));
        Fingerprint(self.hasher.hash_one((&message.method, &message.idempotency_key, args)))
    }

    /// Whether nothing is kept in mind: then no message needs a look.
    pub(super) fn is_empty(&self) -> bool {
        self.offenders.is_empty()
    }

    /// Notes that `message` of `sender` ended a life.
    pub(super) fn note(&mut self, message: &Message, sender: &Caller, exit: &ExitReason, now: Instant) {
        if self.after == 0 {
            return;
        }
        self.forget_old(now);
        let fingerprint = self.fingerprint(message);
        let is_it = |offender: &Offender| offender.fingerprint == fingerprint && offender.sender == *sender;
        let known = self.offenders.iter().position(is_it);
        let lives = known.and_then(|at| self.offenders.remove(at)).map_or(0, |offender| offender.lives);
        let (lives, sender) = (lives.saturating_add(1), sender.clone());
        self.offenders.push_back(Offender { fingerprint, sender, lives, last: now, exit: exit.to_string() });
        if self.offenders.len() > KEPT_MAX {
            self.offenders.pop_front();
        }
    }

    /// What is known of `message`, where it is kept out of what `sender` sends.
    pub(super) fn kept_out(&mut self, message: &Message, sender: &Caller, now: Instant) -> Option<&Offender> {
        self.forget_old(now);
        let fingerprint = self.fingerprint(message);
        let mut same = self.offenders.iter().filter(|offender| offender.fingerprint == fingerprint);
        let own = same.clone().find(|offender| offender.sender == *sender);
        if let Some(own) = own.filter(|own| own.lives >= self.after) {
            return Some(own);
        }
        let lives = same.clone().map(|offender| offender.lives).fold(0, u32::saturating_add);
        let is_all_senders = message.idempotency_key.is_none() && same.clone().nth(1).is_some();
        if is_all_senders && lives >= self.after { same.next_back() } else { None }
    }

    /// Lets `message` in again, whoever sends it.
    pub(super) fn release(&mut self, message: &Message) {
        let fingerprint = self.fingerprint(message);
        self.offenders.retain(|offender| offender.fingerprint != fingerprint);
    }

    /// Lets every message in again.
    pub(super) fn release_all(&mut self) {
        self.offenders.clear();
    }

    fn forget_old(&mut self, now: Instant) {
        // Kept in the order of their last offence.
        while self.offenders.front().is_some_and(|offender| now.duration_since(offender.last) >= self.window)
        {
            self.offenders.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Payload;

    const WINDOW: Duration = Duration::from_secs(60);
    const US: Caller = Caller::Http;

    fn message(n: usize) -> Message {
        Message::new("m", Payload::json(n.to_string()))
    }

    #[test]
    fn a_message_is_kept_out_from_its_second_life_on_until_the_window_has_passed() {
        let now = Instant::now();
        let mut quarantine = Quarantine::new(2, WINDOW);
        quarantine.note(&message(1), &US, &ExitReason::Exited { code: 1 }, now);
        assert!(quarantine.kept_out(&message(1), &US, now).is_none());
        quarantine.note(&message(1), &US, &ExitReason::Exited { code: 1 }, now);
        let offender = quarantine.kept_out(&message(1), &US, now).unwrap();
        let reason = offender.reason(&message(1));
        assert_eq!(reason, "`m` is in quarantine: it ended 2 lives, the last: exited with code 1");
        assert!(quarantine.kept_out(&message(2), &US, now).is_none());
        assert!(quarantine.kept_out(&message(1), &US, now + WINDOW).is_none());
        assert!(quarantine.is_empty());
    }

    #[test]
    fn a_message_with_a_key_is_known_by_that() {
        let quarantine = Quarantine::new(2, WINDOW);
        let keyed = |n, key: &str| Message { idempotency_key: Some(key.to_owned()), ..message(n) };
        let fingerprint = |message| quarantine.fingerprint(&message);
        assert_eq!(fingerprint(keyed(1, "k")), fingerprint(keyed(2, "k")));
        assert_ne!(fingerprint(keyed(1, "k")), fingerprint(keyed(1, "l")));
        assert_ne!(fingerprint(keyed(1, "k")), fingerprint(message(1)));
    }

    #[test]
    fn a_message_is_kept_out_of_others_only_where_it_ended_lives_for_several() {
        let now = Instant::now();
        let [first, second, third] = ["1", "2", "3"].map(|name| Caller::Client(name.into()));
        let mut quarantine = Quarantine::new(2, WINDOW);
        let kept_out = |quarantine: &mut Quarantine, message: &Message| {
            [&first, &second, &third].map(|sender| quarantine.kept_out(message, sender, now).is_some())
        };
        let keyed = Message { idempotency_key: Some("k".to_owned()), ..message(1) };
        for message in [&message(1), &keyed] {
            for _ in 0..2 {
                quarantine.note(message, &first, &ExitReason::Killed, now);
            }
            assert_eq!(kept_out(&mut quarantine, message), [true, false, false]);
            quarantine.note(message, &second, &ExitReason::Killed, now);
        }
        assert_eq!(kept_out(&mut quarantine, &message(1)), [true; 3], "it ended lives of two senders");
        assert_eq!(kept_out(&mut quarantine, &keyed), [true, false, false], "a key is its sender's own");
        quarantine.note(&keyed, &second, &ExitReason::Killed, now);
        assert_eq!(kept_out(&mut quarantine, &keyed), [true, true, false]);
        quarantine.release(&keyed);
        assert_eq!(kept_out(&mut quarantine, &keyed), [false; 3]);
        assert_eq!(kept_out(&mut quarantine, &message(1)), [true; 3]);
    }

    #[test]
    fn a_released_message_begins_anew_and_the_oldest_offender_gives_way() {
        let now = Instant::now();
        let mut quarantine = Quarantine::new(1, WINDOW);
        for n in 0..=KEPT_MAX {
            quarantine.note(&message(n), &US, &ExitReason::Killed, now);
        }
        assert!(quarantine.kept_out(&message(0), &US, now).is_none());
        assert!(quarantine.kept_out(&message(1), &US, now).is_some());
        quarantine.release(&message(1));
        assert!(quarantine.kept_out(&message(1), &US, now).is_none());
        quarantine.release_all();
        assert!(quarantine.is_empty());
    }

    #[test]
    fn whether_a_shared_quarantine_is_in_use_is_known_after_every_change() {
        let now = Instant::now();
        let shared = SharedQuarantine::new(Quarantine::new(2, WINDOW));
        assert!(!shared.is_in_use());
        shared.with(|quarantine| quarantine.note(&message(1), &US, &ExitReason::Killed, now));
        assert!(shared.is_in_use(), "also before it is kept out");
        assert!(shared.with(|quarantine| quarantine.kept_out(&message(1), &US, now + WINDOW).is_none()));
        assert!(!shared.is_in_use(), "it is forgotten");
        shared.with(|quarantine| quarantine.note(&message(1), &US, &ExitReason::Killed, now));
        shared.with(Quarantine::release_all);
        assert!(!shared.is_in_use());
    }

    #[test]
    fn a_quarantine_after_no_number_of_lives_keeps_nothing_out() {
        let mut quarantine = Quarantine::new(0, WINDOW);
        quarantine.note(&message(1), &US, &ExitReason::Killed, Instant::now());
        assert!(quarantine.is_empty());
    }
}
