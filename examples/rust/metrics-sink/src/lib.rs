//! Takes measurements by tell and keeps a summary of each series.

use std::collections::BTreeMap;

use pulsing_guest::Error;
use pulsing_guest::serde::Serialize;

/// How many series are kept. More names than this are a mistake of whoever makes them up.
const SERIES_MAX: usize = 1000;

/// The state: a summary for each name.
#[derive(Default)]
struct MetricsSink {
    series: BTreeMap<String, Summary>,
}

/// What is known of a series, in constant space.
#[derive(Clone, Copy, Serialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Summary {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

#[pulsing_guest::actor]
impl MetricsSink {
    /// Counts an event. Nobody waits for it.
    #[tell]
    fn event(&mut self, name: String) -> Result<(), Error> {
        self.add(name, 1.0)
    }

    /// Adds a measured value to a series. Nobody waits for it.
    #[tell]
    fn observe(&mut self, name: String, value: f64) -> Result<(), Error> {
        self.add(name, value)
    }

    /// Answers the summary of one series.
    fn summary(&self, name: String) -> Result<Summary, Error> {
        let summary = self.series.get(&name).copied();
        summary.ok_or_else(|| Error::business(404, format!("nothing was measured under `{name}`")))
    }

    /// Answers the names of all series.
    fn names(&self) -> Vec<String> {
        self.series.keys().cloned().collect()
    }
}

impl MetricsSink {
    /// An error goes to the dead letters, since a tell has no caller.
    fn add(&mut self, name: String, value: f64) -> Result<(), Error> {
        if self.series.len() >= SERIES_MAX && !self.series.contains_key(&name) {
            return Err(Error::business(429, format!("no room for a series `{name}`")));
        }
        let none_yet = Summary { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };
        let summary = self.series.entry(name).or_insert(none_yet);
        summary.count += 1;
        summary.sum += value;
        summary.min = summary.min.min(value);
        summary.max = summary.max.max(value);
        Ok(())
    }
}
