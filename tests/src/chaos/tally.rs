//! What is counted, and what is found to be wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pulsing_host::{ActorError, CallError};

/// How many findings are kept: more say nothing new.
const FINDINGS_MAX: usize = 20;

/// Shared by all that is under way.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: Mutex<Counts>,
    findings: Mutex<Vec<String>>,
}

/// How often what happened.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    /// Steps of the plan.
    pub(super) steps: u64,
    /// Faults that were provoked, by kind.
    pub(super) faults: BTreeMap<&'static str, u64>,
    /// Clients of the gateway that meant no good, by what they did.
    pub(super) clients: BTreeMap<&'static str, u64>,
    /// Asks that were sent.
    pub(super) asks: u64,
    /// Those that were answered, by the class of their answer.
    pub(super) answers: BTreeMap<&'static str, u64>,
    /// Those whose caller went away.
    pub(super) given_up: u64,
    /// Streams that were opened.
    pub(super) streams: u64,
    /// Tells that were taken.
    pub(super) tells: u64,
    /// Orders that were carried out.
    pub(super) orders: u64,
    /// Ends of lives that somebody was told of.
    pub(super) ends: u64,
    /// Those that another life followed by itself.
    pub(super) restarts: u64,
}

impl Tally {
    /// What was counted, to be counted on.
    pub(super) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what is wrong.
    pub(super) fn find(&self, finding: impl Into<String>) {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        if findings.len() < FINDINGS_MAX {
            findings.push(finding.into());
        } else if findings.len() == FINDINGS_MAX {
            findings.push("there is more".to_owned());
        }
    }

    /// All that is wrong so far.
    #[must_use]
    pub(super) fn findings(&self) -> Vec<String> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An ask was answered.
    pub(super) fn answered<T>(&self, answer: &Result<T, CallError>) {
        *self.counts().answers.entry(class(answer)).or_default() += 1;
    }

    /// Compares what was asked with what was answered.
    pub(super) fn check_answers(&self) {
        let counts = self.counts().clone();
        let answered: u64 = counts.answers.values().sum();
        if counts.asks != answered + counts.given_up {
            self.find(format!(
                "{} asks were sent, {answered} were answered and {} given up",
                counts.asks, counts.given_up
            ));
        }
    }

    /// Compares the faults that were provoked with those that were planned.
    pub(super) fn check_faults(&self, planned: &BTreeMap<&'static str, u64>) {
        let provoked = self.counts().faults.clone();
        if provoked != *planned {
            self.find(format!("the faults were {}, and should be {}", listed(&provoked), listed(planned)));
        }
    }
}

/// The word for an answer's class: of the host's own errors, their kind.
fn class<T>(answer: &Result<T, CallError>) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(CallError::Runtime(error)) => error.kind.as_str(),
        Err(CallError::Actor(error)) => match error {
            ActorError::Business { .. } => "business",
            ActorError::System { .. } => "system",
            ActorError::Timeout { .. } => "timeout",
            ActorError::Unsupported { .. } => "unsupported",
            ActorError::Cancelled => "cancelled",
        },
    }
}

/// `a 1, b 2` of some counts.
fn listed(counts: &BTreeMap<&str, u64>) -> String {
    counts.iter().map(|(word, count)| format!("{word} {count}")).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |counts: &BTreeMap<&str, u64>| counts.values().sum::<u64>();
        writeln!(f, "faults: {} ({})", sum(&self.faults), listed(&self.faults))?;
        writeln!(f, "hostile clients: {} ({})", sum(&self.clients), listed(&self.clients))?;
        let (answered, classes) = (sum(&self.answers), listed(&self.answers));
        writeln!(f, "asks: {}, answered {answered} ({classes}), given up {}", self.asks, self.given_up)?;
        writeln!(f, "streams: {}, tells: {}, orders: {}", self.streams, self.tells, self.orders)?;
        write!(f, "lives that ended: {}, restarts: {}", self.ends, self.restarts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ask_without_an_answer_is_found() {
        let tally = Tally::default();
        tally.counts().asks = 2;
        tally.answered::<()>(&Ok(()));
        tally.check_answers();
        assert_eq!(tally.findings(), ["2 asks were sent, 1 were answered and 0 given up"]);
        tally.counts().given_up = 1;
        tally.check_answers();
        assert_eq!(tally.findings().len(), 1);
    }

    #[test]
    fn a_fault_that_was_not_provoked_is_found() {
        let tally = Tally::default();
        tally.check_faults(&[("trap", 1)].into());
        assert_eq!(tally.findings(), ["the faults were , and should be trap 1"]);
    }

    #[test]
    fn findings_are_bounded() {
        let tally = Tally::default();
        (0..100).for_each(|number| tally.find(number.to_string()));
        assert_eq!(tally.findings().len(), FINDINGS_MAX + 1);
        assert_eq!(tally.findings().last().unwrap(), "there is more");
    }

    #[test]
    fn counts_are_shown_by_kind_and_class() {
        let tally = Tally::default();
        *tally.counts().faults.entry("trap").or_default() += 3;
        tally.answered::<()>(&Err(ActorError::Cancelled.into()));
        let shown = tally.counts().to_string();
        assert!(
            shown.starts_with(
                "faults: 3 (trap 3)\nhostile clients: 0 ()\nasks: 0, answered 1 (cancelled 1), given up 0\n"
            ),
            "{shown}"
        );
    }
}
