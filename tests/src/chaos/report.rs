//! What a run has shown.

use std::fmt;

use super::Options;
use super::footprint::{Footprint, RESIDENT_SLACK_BYTES};
use super::tally::Counts;

/// What was done, and what is wrong.
#[derive(Debug)]
pub struct Report {
    pub(super) options: Options,
    pub(super) counts: Counts,
    /// What the process held before the first round.
    pub(super) before: Footprint,
    /// What it held after each round.
    pub(super) after: Vec<Footprint>,
    pub(super) findings: Vec<String>,
}

impl Report {
    /// Whether all was as promised.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { seed, secs } = self.options;
        writeln!(f, "seed {seed}, {secs} s: {} steps", self.counts.steps)?;
        writeln!(f, "{}", self.counts)?;
        writeln!(f, "held before: {}", self.before)?;
        for (number, after) in self.after.iter().enumerate() {
            writeln!(f, "after round {}: {after}", number + 1)?;
        }
        let slack = RESIDENT_SLACK_BYTES >> 20;
        writeln!(f, "resident memory may be {slack} MiB more after a round than after the first")?;
        write!(f, "leaks: {}", self.after.last().map_or(0, |last| last.leaks(&self.before)))?;
        for finding in &self.findings {
            write!(f, "\nbroken: {finding}")?;
        }
        if !self.is_good() {
            write!(f, "\nagain: cargo xtask chaos --seed {seed} --secs {secs}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_broken_is_told_with_the_command_that_repeats_it() {
        let held = Footprint { tasks: 0, threads: 4, descriptors: 9, resident_bytes: 50 << 20 };
        let options = Options { seed: 7, secs: 5 };
        let mut report = Report {
            options,
            counts: Counts::default(),
            before: held,
            after: vec![held],
            findings: Vec::new(),
        };
        assert!(report.is_good());
        assert!(report.to_string().ends_with("leaks: 0"), "{report}");
        report.findings.push("message 3 is lost".to_owned());
        assert!(!report.is_good());
        let shown = report.to_string();
        assert!(
            shown.ends_with("broken: message 3 is lost\nagain: cargo xtask chaos --seed 7 --secs 5"),
            "{shown}"
        );
    }
}
