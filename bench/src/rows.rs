//! What was measured, as rows for people and for programs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

/// What a ratio, or a value, is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn is_met(self, reached: f64) -> bool {
        match self {
            Self::AtMost(target) => reached <= target,
            Self::AtLeast(target) => reached >= target,
        }
    }

    /// For people. Without a unit, it is the ratio's.
    fn shown(self, unit: Option<&str>) -> String {
        let (sign, target) = match self {
            Self::AtMost(target) => ('≤', target),
            Self::AtLeast(target) => ('≥', target),
        };
        unit.map_or_else(|| format!("{sign} {target}"), |unit| format!("{sign} {target} {unit}"))
    }
}

/// One figure beside its baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) work: String,
    /// The median of the runs.
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) baseline: String,
    pub(crate) baseline_value: Option<f64>,
    /// Of the value to its baseline's, the median over the runs.
    pub(crate) ratio: Option<f64>,
    /// With a unit where it is the value's, without one where it is the ratio's.
    pub(crate) target: Option<String>,
    pub(crate) met: Option<bool>,
    pub(crate) runs: usize,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Row {
    /// Values that each stand beside that of the baseline in the same round.
    pub(crate) fn beside(
        work: &str,
        unit: &'static str,
        baseline: &str,
        pairs: &[(f64, f64)],
        goal: Option<Goal>,
    ) -> Self {
        let values: Vec<_> = pairs.iter().map(|(value, _)| *value).collect();
        let ratio = median(pairs.iter().map(|(value, baseline)| value / baseline));
        Self {
            baseline: baseline.to_owned(),
            baseline_value: Some(median(pairs.iter().map(|(_, baseline)| *baseline))),
            ratio: Some(ratio),
            target: goal.map(|goal| goal.shown(None)),
            met: goal.map(|goal| goal.is_met(ratio)),
            ..Self::alone(work, unit, &values)
        }
    }

    /// Values without a baseline.
    pub(crate) fn alone(work: &str, unit: &'static str, values: &[f64]) -> Self {
        Self {
            work: work.to_owned(),
            value: median(values.iter().copied()),
            unit,
            baseline: String::new(),
            baseline_value: None,
            ratio: None,
            target: None,
            met: None,
            runs: values.len(),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// The largest of the values is to be at most `target`.
    pub(crate) fn at_most(self, target: f64) -> Self {
        let goal = Goal::AtMost(target);
        Self { target: Some(goal.shown(Some(self.unit))), met: Some(goal.is_met(self.max)), ..self }
    }

    /// The median of the values is to be so, whatever its ratio to a baseline.
    pub(crate) fn aims_at(self, goal: Goal) -> Self {
        Self { target: Some(goal.shown(Some(self.unit))), met: Some(goal.is_met(self.value)), ..self }
    }
}

/// The middle of the values; of an even number, the upper one. Zero of none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// The rows for people.
pub(crate) fn table(rows: &[Row]) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    let mut lines = vec![
        "| work | median | min–max | unit | runs | baseline | its median | ratio | target | met |".to_owned(),
        "|---|---|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    lines.extend(rows.iter().map(|row| {
        let met = row.met.map_or("-", |met| if met { "yes" } else { "no" });
        format!(
            "| {} | {:.2} | {:.2}–{:.2} | {} | {} | {} | {} | {} | {} | {met} |",
            row.work,
            row.value,
            row.min,
            row.max,
            row.unit,
            row.runs,
            if row.baseline.is_empty() { "-" } else { &row.baseline },
            number(row.baseline_value),
            number(row.ratio),
            row.target.as_deref().unwrap_or("-"),
        )
    }));
    lines.join("\n")
}

/// Writes the rows for programs. Returns where.
pub(crate) fn write(folder: &Path, name: &str, rows: &[Row]) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = folder.join(name).with_extension("json");
    fs::write(&file, serde_json::to_string_pretty(rows)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}
