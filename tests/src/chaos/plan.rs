//! What is done, and when: made from a seed alone, without an end.
//!
//! The same seed gives the same steps on every machine; how far a run gets, its time says. Faults are dealt like
//! cards: each comes once before any comes again.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::clients::Misuse;
use super::fault;

/// How many steps in a hundred come together with the one before.
const TOGETHER_PERCENT: u32 = 60;
/// How long it is to the next step otherwise, at most: that makes 50 steps a second.
const GAP_MAX_MS: u64 = 100;
/// How many items a stream of a healthy actor has, at most: a few buffers.
const ITEMS_MAX: u64 = 150;
/// How many messages one healthy actor gets at once, at most.
const MESSAGES_MAX: u64 = 8;
/// How often a fault is brought about at once, at most.
const TIMES_MAX: u64 = 3;
/// How many orders are given to one actor at once, at most.
const ORDERS_MAX: usize = 4;

/// The healthy actors, whose answers a model predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Healthy {
    /// A serial counter in one life.
    Counter,
    /// An overlapping ledger in one life.
    Ledger,
    /// A serial ledger in one life.
    LedgerSerial,
    /// An overlapping ledger that is stopped, killed and restarted.
    Stirred,
    /// A serial one.
    StirredSerial,
}

impl Healthy {
    /// All of them.
    pub(super) const ALL: [Self; 5] =
        [Self::Counter, Self::Ledger, Self::LedgerSerial, Self::Stirred, Self::StirredSerial];

    /// Whether its handlers share the instance.
    #[must_use]
    pub(super) fn is_overlapping(self) -> bool {
        matches!(self, Self::Ledger | Self::Stirred)
    }

    /// Whether it is stopped, killed and restarted.
    #[must_use]
    pub(super) fn is_stirred(self) -> bool {
        matches!(self, Self::Stirred | Self::StirredSerial)
    }
}

/// One thing that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// When, from the beginning of the run on.
    pub(super) at: Duration,
    /// What.
    pub(super) act: Act,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Messages to a healthy actor, one right after the other, each with its number.
    Send(Healthy, Vec<(u64, Message)>),
    /// Orders to one that is stirred, all at once.
    Order(Healthy, Vec<Order>),
    /// A fault, by its place among all of them.
    Provoke {
        /// Which.
        fault: usize,
        /// How.
        how: Provocation,
    },
    /// Orders to the actor of a fault, all at once.
    Disturb(usize, Vec<Order>),
    /// A watch on the actor of a fault, given up after so many ends.
    Watch(usize, usize),
    /// Work in the background of an actor that ticks so often, in ms; what ticked before is ended.
    Tick(u64),
    /// An ask that a healthy actor hands on to the actor of a fault.
    Through(usize),
    /// A client of the gateway that means no good, and holds on for so many ms.
    Misuse(Misuse, u64),
    /// A client of the gateway that counts.
    Count,
}

/// A message to a healthy actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// An ask.
    Ask {
        /// Of what.
        method: &'static str,
        /// With this time, in ms; with all the time it takes, without.
        timeout_ms: Option<u64>,
        /// Given up by its caller after so many ms.
        give_up_ms: Option<u64>,
    },
    /// A tell.
    Tell,
    /// A stream.
    Stream {
        /// How many items it has.
        last: u64,
        /// How it is read.
        read: Reading,
    },
}

/// How a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// To its end.
    Whole,
    /// So many items of it, and then dropped.
    Part(u64),
    /// Not at all; kept for so many ms.
    Never(u64),
}

/// An order to an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Another life, by hand.
    Restart,
    /// An end in good order.
    Stop,
    /// An end at once.
    Kill,
}

/// How a fault is brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Provocation {
    /// How often at once.
    pub(super) times: u64,
    /// The time that an ask has.
    pub(super) timeout_ms: u64,
    /// Given up by its caller after so many ms.
    pub(super) give_up_ms: Option<u64>,
    /// How many items of a stream are read.
    pub(super) items: u64,
    /// Where its actor has ended: whether a new actor takes its name; another life of the same one, if not.
    pub(super) anew: bool,
}

/// The steps that a seed gives.
pub(super) struct Plan {
    random: StdRng,
    at: Duration,
    /// How many messages there were to healthy actors.
    messages: u64,
    /// Places of faults that are still to come, before all come again.
    deck: Vec<usize>,
    faults: usize,
}

impl Plan {
    /// The plan of this seed.
    #[must_use]
    pub(super) fn new(seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self { random, at: Duration::ZERO, messages: 0, deck: Vec::new(), faults: fault::all().len() }
    }

    fn act(&mut self) -> Act {
        match self.random.random_range(0..100) {
            0..38 => self.send(),
            38..44 => Act::Misuse(self.one_of(&Misuse::ALL), self.random.random_range(0..500)),
            44..48 => Act::Count,
            48..50 => {
                let whom = [Healthy::Stirred, Healthy::StirredSerial];
                Act::Order(self.one_of(&whom), self.orders())
            }
            50..86 => Act::Provoke { fault: self.next_fault(), how: self.provocation() },
            86..90 => Act::Disturb(self.any_fault(), self.orders()),
            90..94 => Act::Watch(self.any_fault(), self.random.random_range(1..4)),
            94..95 => Act::Tick(self.random.random_range(5..50)),
            _ => Act::Through(self.any_fault()),
        }
    }

    fn send(&mut self) -> Act {
        let to = self.one_of(&Healthy::ALL);
        let count = self.random.random_range(1..=MESSAGES_MAX);
        let numbers = self.messages + 1..=self.messages + count;
        self.messages += count;
        Act::Send(to, numbers.map(|number| (number, self.message(to))).collect())
    }

    fn message(&mut self, to: Healthy) -> Message {
        let method = if to == Healthy::Counter {
            "increment"
        } else {
            self.one_of(&["note", "note", "note", "nap", "nap", "refuse"])
        };
        match self.random.random_range(0..10) {
            0..4 => Message::Ask { method, timeout_ms: None, give_up_ms: None },
            // A counter counts exactly: each of its asks is awaited.
            _ if to == Healthy::Counter => Message::Ask { method, timeout_ms: None, give_up_ms: None },
            4 => Message::Ask { method, timeout_ms: Some(self.random.random_range(1..20)), give_up_ms: None },
            5 => Message::Ask { method, timeout_ms: None, give_up_ms: Some(self.random.random_range(0..20)) },
            6..8 => Message::Tell,
            _ => Message::Stream { last: self.random.random_range(0..ITEMS_MAX), read: self.reading() },
        }
    }

    fn reading(&mut self) -> Reading {
        match self.random.random_range(0..4) {
            0..2 => Reading::Whole,
            2 => Reading::Part(self.random.random_range(0..ITEMS_MAX / 2)),
            _ => Reading::Never(self.random.random_range(1..500)),
        }
    }

    fn orders(&mut self) -> Vec<Order> {
        let count = self.random.random_range(1..=ORDERS_MAX);
        (0..count).map(|_| self.one_of(&[Order::Restart, Order::Stop, Order::Kill])).collect()
    }

    fn provocation(&mut self) -> Provocation {
        Provocation {
            times: self.random.random_range(1..=TIMES_MAX),
            timeout_ms: self.random.random_range(1..300),
            give_up_ms: self.random.random_bool(0.2).then(|| self.random.random_range(0..150)),
            items: self.random.random_range(0..100),
            anew: self.random.random_bool(0.3),
        }
    }

    fn next_fault(&mut self) -> usize {
        if self.deck.is_empty() {
            self.deck = (0..self.faults).collect();
            self.deck.shuffle(&mut self.random);
        }
        self.deck.pop().unwrap_or_default()
    }

    fn any_fault(&mut self) -> usize {
        self.random.random_range(0..self.faults)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let place = self.random.random_range(0..choices.len());
        *choices.get(place).expect("it is one of their places")
    }
}

impl Iterator for Plan {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if !self.random.random_ratio(TOGETHER_PERCENT, 100) {
            self.at += Duration::from_millis(self.random.random_range(0..=GAP_MAX_MS));
        }
        Some(Step { at: self.at, act: self.act() })
    }
}

/// How often faults of each kind are brought about in the first `time` of a plan, by kind.
#[must_use]
pub(super) fn faults_within(seed: u64, time: Duration) -> BTreeMap<&'static str, u64> {
    let all = fault::all();
    let mut kinds = BTreeMap::new();
    for step in Plan::new(seed).take_while(|step| step.at < time) {
        if let Act::Provoke { fault, how } = step.act
            && let Some(fault) = all.get(fault)
        {
            *kinds.entry(fault.kind).or_default() += how.times;
        }
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: usize = 10_000;

    fn steps(seed: u64) -> Vec<Step> {
        Plan::new(seed).take(STEPS).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_seed_another() {
        assert_eq!(steps(7), steps(7));
        assert_ne!(steps(7), steps(8));
        let time = Duration::from_secs(60);
        assert_eq!(faults_within(7, time), faults_within(7, time));
        assert_ne!(faults_within(7, time), faults_within(8, time));
    }

    #[test]
    fn every_fault_comes_once_before_any_comes_again() {
        let mut faults: Vec<_> = Plan::new(1)
            .filter_map(|step| if let Act::Provoke { fault, .. } = step.act { Some(fault) } else { None })
            .take(fault::all().len())
            .collect();
        faults.sort_unstable();
        assert_eq!(faults, (0..fault::all().len()).collect::<Vec<_>>());
    }

    #[test]
    fn steps_come_in_order_of_their_time_and_messages_of_their_number() {
        let steps = steps(3);
        assert!(steps.windows(2).all(|pair| pair[0].at <= pair[1].at));
        let sent = |step: &Step| if let Act::Send(_, sent) = &step.act { sent.clone() } else { Vec::new() };
        let numbers: Vec<_> = steps.iter().flat_map(sent).map(|(number, _)| number).collect();
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64));
        assert!(steps.iter().any(|step| matches!(step.act, Act::Tick(_))));
        let misused =
            |misuse| steps.iter().any(|step| matches!(step.act, Act::Misuse(of, _) if of == misuse));
        assert!(Misuse::ALL.into_iter().all(misused));
    }
}
