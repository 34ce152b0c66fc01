//! The same actor in each language: what an ask of it costs, and how long its start takes from the cache.

use std::time::Instant;

use anyhow::Result;
use clap::Args;
use pulsing_host::actor::reference::ActorRef;
use pulsing_host::host::{ActorSpec, Host};
use pulsing_host::id::ActorName;

use crate::Bench;
use crate::contest::Contest;
use crate::places::Placement;
use crate::rows::Row;

#[derive(Args)]
pub(crate) struct Options {
    /// How many rounds.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// How many asks there are in a round, of each guest.
    #[arg(long, default_value_t = 500)]
    asks: u32,
}

/// The guest that all others stand beside.
const BASELINE: &str = "rust-serial";
/// Of each, the guest is called `polyglot-…`.
const GUESTS: [&str; 7] =
    ["rust-serial", "rust", "python-serial", "python", "javascript-serial", "javascript", "c"];

/// Runs all of it. Answers the rows.
pub(crate) fn run(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    let mut contest = Contest::default();
    for guest in GUESTS {
        let file = format!("polyglot-{guest}");
        let actor = bench.start(bench.spec(&file, guest)?)?;
        let asks = options.asks;
        contest.enter(format!("ask {guest}"), move || {
            bench.places.run(Placement::Same, echoes(actor.clone(), asks))
        });
        let component = bench.component(&file)?;
        contest.enter(format!("start {guest}"), move || {
            let component = component.clone();
            let cache = bench.output.join("cache");
            bench
                .places
                .at_home(async move { start(ActorSpec::new(ActorName::new("a")?, component), cache).await })
        });
    }
    let series = contest.run(options.rounds)?;
    let mut rows = Vec::new();
    for (what, work, unit) in [
        ("ask", "an ask of `echo`, one after the other", "ns"),
        ("start", "a host's first start from the cache", "ms"),
    ] {
        for guest in GUESTS {
            let (name, baseline) = (format!("{what} {guest}"), format!("{what} {BASELINE}"));
            rows.push(series.row(&format!("{work}: {guest}"), unit, &name, &baseline, None)?);
        }
    }
    Ok(rows)
}

/// How long one ask takes on average, in nanoseconds.
async fn echoes(actor: ActorRef, asks: u32) -> Result<f64> {
    let begun = Instant::now();
    for _ in 0..asks {
        let _value: u64 = actor.ask("echo", &(7,)).await?;
    }
    Ok(begun.elapsed().as_nanos() as f64 / f64::from(asks))
}

/// How long a host takes from its making to an actor that is ready, in milliseconds.
async fn start(spec: ActorSpec, cache: std::path::PathBuf) -> Result<f64> {
    let begun = Instant::now();
    let host = Host::builder().cache_dir(cache).build()?;
    let actor = host.spawn(spec).await?;
    actor.ready().await.map_err(|exit| anyhow::anyhow!("it {exit}"))?;
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    host.shutdown().await;
    Ok(took)
}
