//! Rounds in which several are measured in turn, so that what else the machine does falls upon all of them.

use anyhow::{Context, Result};

use crate::rows::{Goal, Row};

/// Measures somebody once.
type Measure<'a> = Box<dyn Fn() -> Result<f64> + 'a>;

/// Those who are measured in turn.
#[derive(Default)]
pub(crate) struct Contest<'a> {
    entries: Vec<(String, Measure<'a>)>,
}

impl<'a> Contest<'a> {
    pub(crate) fn enter(&mut self, name: impl Into<String>, measure: impl Fn() -> Result<f64> + 'a) {
        self.entries.push((name.into(), Box::new(measure)));
    }

    /// Measures each once to warm up, and then so often.
    pub(crate) fn run(&self, rounds: usize) -> Result<Series> {
        let mut values = vec![Vec::with_capacity(rounds); self.entries.len()];
        for round in 0..=rounds {
            for ((name, measure), values) in self.entries.iter().zip(&mut values) {
                let value = measure().with_context(|| format!("cannot measure {name}"))?;
                if round > 0 {
                    values.push(value);
                }
            }
        }
        let names = self.entries.iter().map(|(name, _)| name.clone());
        Ok(Series { values: names.zip(values).collect() })
    }
}

/// What was measured of each, round by round.
pub(crate) struct Series {
    values: Vec<(String, Vec<f64>)>,
}

impl Series {
    /// How `who` did, round by round.
    pub(crate) fn of(&self, who: &str) -> Result<&[f64]> {
        let found = self.values.iter().find(|(name, _)| name == who);
        found.map(|(_, values)| values.as_slice()).with_context(|| format!("nobody measured {who}"))
    }

    /// How `who` did beside `baseline`.
    pub(crate) fn row(
        &self,
        work: &str,
        unit: &'static str,
        who: &str,
        baseline: &str,
        goal: Option<Goal>,
    ) -> Result<Row> {
        let pairs: Vec<_> = self.of(who)?.iter().copied().zip(self.of(baseline)?.iter().copied()).collect();
        Ok(Row::beside(work, unit, baseline, &pairs, goal))
    }
}
