//! Handlers that wait together, and what a crash costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use pulsing_host::{ActorRef, ActorSpec, Payload, RestartPolicy, RestartSettings};

use crate::Bench;
use crate::asked::{Asked, Sandboxed};
use crate::contest::Contest;
use crate::messages::BODY;
use crate::places::Placement;
use crate::raw::Raw;
use crate::rows::{Goal, Row};

#[derive(Args)]
pub(crate) struct Options {
    /// How many rounds.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// How many crashes and new stores there are in a round.
    #[arg(long, default_value_t = 40)]
    crashes: u32,
    /// How many handlers wait at once.
    #[arg(long, default_value_t = 1000)]
    handlers: usize,
}

/// Between two crashes, and two new stores: an actor that crashes all the time is put with those of lower priority.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);
/// For how long handlers wait.
const NAP: Duration = Duration::from_millis(50);

/// Runs all of it. Answers the rows.
pub(crate) fn run(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    let napping = bench.start(bench.spec("echo-overlapping", "napping")?)?;
    let crashing = bench.start(crashing(bench.spec("echo", "crashing")?))?;
    let raw = Arc::new(Raw::new(&bench.engines, &bench.component("echo")?, BODY)?);
    let raw_overlapping = Arc::new(Raw::new(&bench.engines, &bench.component("echo-overlapping")?, BODY)?);
    let (places, handlers, crashes) = (&bench.places, options.handlers, options.crashes);
    let mut contest = Contest::default();
    contest.enter("naps", || places.run(Placement::Same, naps(napping.clone(), handlers)));
    contest.enter("raw naps", || {
        let raw = Arc::clone(&raw_overlapping);
        places.at_home(async move { raw.naps(handlers, NAP).await })
    });
    contest.enter("nap", || Ok(NAP.as_secs_f64() * 1000.0));
    contest.enter("new store and first call", || {
        let raw = Arc::clone(&raw);
        places.at_home(async move { raw.first_call_p50(crashes).await })
    });
    contest
        .enter("crash", || places.run(Placement::Same, crash_p50(crashing.clone(), crashes, Begin::Crash)));
    contest.enter("end", || places.run(Placement::Same, crash_p50(crashing.clone(), crashes, Begin::End)));
    let series = contest.run(options.rounds)?;
    let raw = "new store and first call";
    Ok(vec![
        series.row(&format!("{handlers} handlers of 50 ms"), "ms", "naps", "nap", Some(Goal::AtMost(1.1)))?,
        series.row(&format!("{handlers} handlers of 50 ms"), "ms", "naps", "raw naps", None)?,
        series.row("end of a life to next answer, no backoff", "ns", "end", raw, Some(Goal::AtMost(2.0)))?,
        series.row("the same with the panic and its report", "ns", "crash", raw, None)?,
    ])
}

/// An actor that begins another life at once, however often it crashes.
pub(crate) fn crashing(spec: ActorSpec) -> ActorSpec {
    let restart = RestartSettings {
        policy: RestartPolicy::Always,
        max_restarts: u32::MAX,
        min_backoff: Some(Duration::ZERO),
        max_backoff: Duration::ZERO,
        quarantine_after: 0,
        ..RestartSettings::default()
    };
    ActorSpec { restart, ..spec }
}

/// How long it takes until all of so many have waited, in milliseconds.
pub(crate) async fn naps(actor: ActorRef, count: usize) -> Result<f64> {
    let millis = u64::try_from(NAP.as_millis())?;
    let begun = Instant::now();
    let naps = (0..count).map(|_| actor.ask::<()>("nap", &(millis,)).into_future());
    futures::future::try_join_all(naps).await?;
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
}

/// From when the time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// From when the message is sent that crashes the actor.
    Crash,
    /// From when its sender is told that the life has ended.
    End,
}

/// The middle time to the next answer, in nanoseconds.
async fn crash_p50(actor: ActorRef, count: u32, begin: Begin) -> Result<f64> {
    let echo = Sandboxed { actor: actor.clone(), method: "echo", args: Payload::bytes(BODY) };
    let mut took = Histogram::<u64>::new(3)?;
    for _ in 0..count {
        tokio::time::sleep(PAUSE).await;
        let crashed = Instant::now();
        ensure!(actor.ask::<()>("crash", &()).await.is_err(), "a crash was answered");
        let ended = Instant::now();
        echo.ask().await?;
        let begun = if begin == Begin::Crash { crashed } else { ended };
        took.record(u64::try_from(begun.elapsed().as_nanos())?)?;
    }
    Ok(f64::from(u32::try_from(took.value_at_quantile(0.5))?))
}
