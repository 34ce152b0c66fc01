//! The same actor in each language: what an ask of it costs, and how long its start takes from the cache and
//! from a file that was compiled ahead.

use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use pulsing_host::{
    ActorName, ActorRef, ActorSpec, COMPILED_ENDING, ComponentSource, Host, HostBuilder, compile_ahead,
};

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
    /// Only these beside `rust-serial`, such as `python,c`; all, if none is given.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// The guest that all others stand beside.
const BASELINE: &str = "rust-serial";
/// Of each, the guest is called `polyglot-…`.
const GUESTS: [&str; 7] =
    ["rust-serial", "rust", "python-serial", "python", "javascript-serial", "javascript", "c"];

/// Runs all of it. Answers the rows.
pub(crate) fn run(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    let guests = built(bench, &options.only);
    let mut contest = Contest::default();
    for guest in guests.iter().copied() {
        let file = format!("polyglot-{guest}");
        let actor = bench.start(bench.spec(&file, guest)?)?;
        let asks = options.asks;
        contest.enter(format!("ask {guest}"), move || {
            bench.places.run(Placement::Same, echoes(actor.clone(), asks))
        });
        let component = bench.component(&file)?;
        let compiled = compiled_ahead(bench, guest, &component)?;
        let with_cache = Host::builder().cache_dir(bench.output.join("cache"));
        let without = Host::builder().trust_compiled(true);
        for (what, component, builder) in [("start", component, with_cache), ("ahead", compiled, without)] {
            contest.enter(format!("{what} {guest}"), move || {
                let (component, builder) = (component.clone(), builder.clone());
                bench.places.at_home(async move {
                    start(ActorSpec::new(ActorName::new("a")?, component), builder).await
                })
            });
        }
    }
    let series = contest.run(options.rounds)?;
    let mut rows = Vec::new();
    for (what, work, unit) in [
        ("ask", "an ask of `echo`, one after the other", "ns"),
        ("start", "a host's first start from the cache", "ms"),
        ("ahead", "a host's first start from a file compiled ahead", "ms"),
    ] {
        for guest in &guests {
            let (name, baseline) = (format!("{what} {guest}"), format!("{what} {BASELINE}"));
            rows.push(series.row(&format!("{work}: {guest}"), unit, &name, &baseline, None)?);
        }
    }
    Ok(rows)
}

/// The guests that there are. What is left out is said; the baseline cannot be.
fn built(bench: &Bench, only: &[String]) -> Vec<&'static str> {
    let is_wanted =
        |guest: &&str| only.is_empty() || only.iter().any(|one| one == guest) || *guest == BASELINE;
    let is_built = |guest: &&str| {
        let missing = bench.component(&format!("polyglot-{guest}")).err();
        if let Some(missing) = &missing {
            println!("{guest} is left out: {missing}");
        }
        missing.is_none() || *guest == BASELINE
    };
    GUESTS.into_iter().filter(is_wanted).filter(is_built).collect()
}

/// The guest's code in a file, as `pulsing-host compile` makes it.
fn compiled_ahead(bench: &Bench, guest: &str, component: &ComponentSource) -> Result<ComponentSource> {
    let file = bench.output.join(guest).with_extension(COMPILED_ENDING);
    std::fs::write(&file, compile_ahead(&bench.engines, component)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(ComponentSource::File(file))
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
async fn start(spec: ActorSpec, builder: HostBuilder) -> Result<f64> {
    let begun = Instant::now();
    let host = builder.build()?;
    let actor = host.spawn(spec).await?;
    actor.ready().await.map_err(|exit| anyhow::anyhow!("it {exit}"))?;
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    host.shutdown().await;
    Ok(took)
}
