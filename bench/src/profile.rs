//! One kind of work over and over, for a profiler to look at.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};
use pulsing_host::Payload;

use crate::Bench;
use crate::asked::{Sandboxed, ask_p50, asks_per_sec, tells_per_sec};
use crate::lives::naps;
use crate::messages::BODY;
use crate::places::Placement;
use crate::rows::{Row, median};
use crate::streams::items_per_sec;

#[derive(Args)]
pub(crate) struct Options {
    /// What is done.
    #[arg(value_enum)]
    work: Work,
    /// By which guest: `echo` or `echo-overlapping`.
    #[arg(long, default_value = "echo")]
    guest: String,
    /// For how long, in seconds.
    #[arg(long, default_value_t = 10)]
    secs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Work {
    /// Asks of one caller.
    Ask,
    /// Asks of 64 callers.
    Asks,
    /// Tells, a million for each second.
    Tells,
    /// Items of streams, one stream after the other.
    Items,
    /// A thousand handlers that wait at once, again and again; for `echo-overlapping`.
    Naps,
}

pub(crate) fn run(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    const CALLERS: usize = 64;
    const TELLS_PER_SEC: u32 = 1_000_000;
    const ITEMS: u32 = 100_000;
    const NAPS: usize = 1000;
    let actor = bench.start(bench.spec(&options.guest, "profiled")?)?;
    let echo = Sandboxed { actor: actor.clone(), method: "echo", args: Payload::bytes(BODY) };
    let time = Duration::from_secs(options.secs);
    let places = &bench.places;
    let (unit, value) = match options.work {
        Work::Ask => ("ns", places.run(Placement::Same, ask_p50(echo, time))?),
        Work::Asks => ("/s", places.run(Placement::Same, asks_per_sec(echo, CALLERS, time))?),
        Work::Tells => {
            let count = TELLS_PER_SEC.saturating_mul(u32::try_from(options.secs)?);
            let note = Sandboxed { method: "note", ..echo };
            ("/s", places.run(Placement::Same, tells_per_sec(note, count))?)
        }
        Work::Items => {
            ("/s", again(time, || places.run(Placement::Same, items_per_sec(actor.clone(), ITEMS)))?)
        }
        Work::Naps => ("ms", again(time, || places.run(Placement::Same, naps(actor.clone(), NAPS)))?),
    };
    Ok(vec![Row::alone("profiled", unit, &[value])])
}

/// The median of as many as there is time for.
fn again(time: Duration, measure: impl Fn() -> Result<f64>) -> Result<f64> {
    let (begun, mut values) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        values.push(measure()?);
    }
    Ok(median(values.into_iter()))
}
