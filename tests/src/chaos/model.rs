//! What healthy actors must have done, by what they were sent.
//!
//! All that one ledger is sent comes from one sender, in the order of its numbers. So its notes are those numbers, in
//! that order: all that were answered or taken, perhaps some whose caller did not wait, and nothing else. An actor
//! that is stirred forgets its notes with each life, but its answers say which life they are of.
//!
//! Of overlapping ledgers the order is not checked, since it does not hold: see the ignored test
//! `asks_that_come_while_others_are_cancelled_are_started_in_their_order`. As far as its source shows, wasmtime 48 keeps
//! calls that come while the instance is taken by the number of their task, which is used again, and not as they came
//! (`ConcurrentInstanceState::pending`). All else about them is checked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Where a message was noted: the life, and how many notes came before it there.
pub(super) type Place = (u64, u64);

/// What is known of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It was sent. It may have been noted or not.
    Sent,
    /// It was taken: it must be noted, somewhere.
    Taken,
    /// It was noted there.
    Noted(Place),
}

/// What a ledger was sent, by number.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    sent: BTreeMap<u64, Known>,
}

impl Ledger {
    /// A message is being sent.
    pub(super) fn sending(&mut self, number: u64) {
        self.sent.insert(number, Known::Sent);
    }

    /// It was taken, and is noted sooner or later.
    pub(super) fn taken(&mut self, number: u64) {
        if let Some(known) = self.sent.get_mut(&number).filter(|known| **known == Known::Sent) {
            *known = Known::Taken;
        }
    }

    /// The actor says where it has noted a message.
    ///
    /// # Errors
    ///
    /// Where that cannot be so.
    pub(super) fn noted(&mut self, number: u64, entry: &Value) -> Result<(), String> {
        let field = |name: &str| entry.get(name).and_then(Value::as_u64);
        let (Some(generation), Some(index)) = (field("generation"), field("index")) else {
            return Err(format!("message {number} was answered by {entry}, which is no entry"));
        };
        if field("number") != Some(number) {
            return Err(format!("message {number} was answered by the entry of another: {entry}"));
        }
        match self.sent.insert(number, Known::Noted((generation, index))) {
            None => Err(format!("message {number} was answered, and was never sent")),
            Some(Known::Noted(place)) if place != (generation, index) => {
                Err(format!("message {number} was noted twice: at {place:?} and {:?}", (generation, index)))
            }
            Some(_) => Ok(()),
        }
    }

    /// Compares with all `notes` of the last life, the number `generation`. Returns what is wrong.
    #[must_use]
    pub(super) fn check(&self, notes: &[u64], generation: u64, kind: Kind) -> Vec<String> {
        let mut wrong = self.check_places(kind);
        wrong.extend(self.check_notes(notes, generation));
        if !kind.is_overlapping {
            wrong.extend(check_order(notes));
        }
        if !kind.is_stirred {
            wrong.extend(self.check_all_there(notes, generation));
        }
        wrong
    }

    /// In the order in which they were noted, numbers grow, and no place is taken twice.
    fn check_places(&self, kind: Kind) -> Vec<String> {
        let mut by_place = BTreeMap::new();
        let mut wrong = Vec::new();
        for (number, place) in self.places() {
            if let Some(other) = by_place.insert(place, number) {
                wrong.push(format!("messages {other} and {number} were both noted at {place:?}"));
            }
        }
        let mut before = None;
        for (place, number) in by_place {
            if before > Some(number) && !kind.is_overlapping {
                wrong.push(format!("message {number} was noted at {place:?}, after {before:?}"));
            }
            before = Some(number);
        }
        wrong
    }

    fn check_notes(&self, notes: &[u64], generation: u64) -> Vec<String> {
        let mut wrong = Vec::new();
        let distinct: BTreeSet<_> = notes.iter().collect();
        if distinct.len() < notes.len() {
            wrong.push(format!("of {} notes {} are there twice", notes.len(), notes.len() - distinct.len()));
        }
        let unknown = notes.iter().filter(|number| !self.sent.contains_key(number));
        wrong.extend(unknown.map(|number| format!("message {number} was noted, and was never sent")));
        for (number, (life, index)) in self.places().filter(|(_, place)| place.0 == generation) {
            let found = usize::try_from(index).ok().and_then(|index| notes.get(index));
            if found != Some(&number) {
                let place = (life, index);
                wrong.push(format!("message {number} was noted at {place:?}, where {found:?} is"));
            }
        }
        wrong
    }

    /// In an actor of one life nothing that was taken is lost.
    fn check_all_there(&self, notes: &[u64], generation: u64) -> Vec<String> {
        let mut wrong = Vec::new();
        if generation != 0 {
            wrong.push(format!("it is in life {generation}, and nobody did anything to it"));
        }
        let lost =
            self.sent.iter().filter(|(number, known)| **known != Known::Sent && !notes.contains(number));
        wrong.extend(lost.map(|(number, known)| format!("message {number} is lost: {known:?}")));
        wrong
    }

    fn places(&self) -> impl Iterator<Item = (u64, Place)> + '_ {
        self.sent.iter().filter_map(|(number, known)| match known {
            Known::Noted(place) => Some((*number, *place)),
            Known::Sent | Known::Taken => None,
        })
    }
}

/// What kind of ledger it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kind {
    /// Whether its handlers share the instance.
    pub(super) is_overlapping: bool,
    /// Whether it is stopped, killed and restarted.
    pub(super) is_stirred: bool,
}

/// Numbers grow.
fn check_order(notes: &[u64]) -> Vec<String> {
    let pairs = notes.iter().zip(notes.iter().skip(1)).filter(|(first, second)| first > second);
    pairs.map(|(first, second)| format!("message {second} was noted after {first}")).collect()
}

/// What a counter must answer.
#[derive(Debug, Default)]
pub(super) struct Counter {
    value: i64,
}

impl Counter {
    /// It is sent `n`: the value that it must answer.
    pub(super) fn add(&mut self, n: i64) -> i64 {
        self.value += n;
        self.value
    }

    /// What it is at.
    #[must_use]
    pub(super) fn value(&self) -> i64 {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(generation: u64, index: u64, number: u64) -> Value {
        json!({ "generation": generation, "index": index, "sender": 0, "number": number })
    }

    fn sent(numbers: &[u64]) -> Ledger {
        let mut ledger = Ledger::default();
        numbers.iter().for_each(|number| ledger.sending(*number));
        ledger
    }

    fn wrong(ledger: &Ledger, notes: &[u64]) -> String {
        ledger.check(notes, 0, Kind::default()).join("; ")
    }

    #[test]
    fn what_was_answered_and_taken_is_there_and_what_was_given_up_may_be() {
        let mut ledger = sent(&[1, 2, 3, 4]);
        ledger.noted(1, &entry(0, 0, 1)).unwrap();
        ledger.taken(4);
        assert_eq!(wrong(&ledger, &[1, 4]), "");
        assert_eq!(wrong(&ledger, &[1, 2, 3, 4]), "");
    }

    #[test]
    fn what_is_lost_or_twice_or_out_of_order_or_made_up_is_found() {
        let mut ledger = sent(&[1, 2, 3]);
        ledger.taken(2);
        assert!(wrong(&ledger, &[1, 3]).contains("message 2 is lost"));
        assert!(wrong(&ledger, &[1, 2, 2]).contains("of 3 notes 1 are there twice"));
        assert!(wrong(&ledger, &[2, 1]).contains("message 1 was noted after 2"));
        assert!(wrong(&ledger, &[2, 9]).contains("message 9 was noted, and was never sent"));
        ledger.noted(3, &entry(0, 0, 3)).unwrap();
        assert!(wrong(&ledger, &[2, 3]).contains("message 3 was noted at (0, 0), where Some(2) is"));
        assert!(ledger.check(&[2, 3], 1, Kind::default()).join("; ").contains("it is in life 1"));
    }

    #[test]
    fn an_answer_that_is_anothers_or_comes_twice_is_found() {
        let mut ledger = sent(&[1]);
        assert!(ledger.noted(1, &entry(0, 0, 2)).unwrap_err().contains("of another"));
        assert!(ledger.noted(1, &json!(5)).unwrap_err().contains("no entry"));
        ledger.noted(1, &entry(0, 0, 1)).unwrap();
        ledger.noted(1, &entry(0, 0, 1)).unwrap();
        assert!(ledger.noted(1, &entry(0, 1, 1)).unwrap_err().contains("twice"));
        assert!(ledger.noted(5, &entry(0, 0, 5)).unwrap_err().contains("never sent"));
    }

    #[test]
    fn an_overlapping_ledger_may_note_in_another_order_and_all_else_is_found() {
        let kind = Kind { is_overlapping: true, ..Kind::default() };
        let mut ledger = sent(&[1, 2, 3]);
        ledger.taken(3);
        assert_eq!(ledger.check(&[3, 1], 0, kind), Vec::<String>::new());
        assert!(ledger.check(&[2, 1], 0, kind).join("; ").contains("message 3 is lost"));
        assert!(ledger.check(&[3, 1, 3], 0, kind).join("; ").contains("twice"));
    }

    #[test]
    fn lives_follow_each_other_and_no_place_is_taken_twice() {
        let mut ledger = sent(&[1, 2, 3]);
        ledger.noted(1, &entry(0, 0, 1)).unwrap();
        ledger.noted(2, &entry(1, 0, 2)).unwrap();
        let kind = Kind { is_stirred: true, ..Kind::default() };
        assert_eq!(ledger.check(&[2, 3], 1, kind), Vec::<String>::new());
        ledger.noted(3, &entry(0, 1, 3)).unwrap();
        assert!(
            ledger.check(&[2], 1, kind).join("; ").contains("message 2 was noted at (1, 0), after Some(3)")
        );
        let mut ledger = sent(&[1, 2]);
        ledger.noted(1, &entry(0, 0, 1)).unwrap();
        ledger.noted(2, &entry(0, 0, 2)).unwrap();
        assert!(wrong(&ledger, &[1]).contains("both noted at (0, 0)"));
    }
}
