//! Measures the host, in one process with it. Called by `cargo xtask bench`, which builds what it needs.
//!
//! Each figure stands beside its baseline, measured in the same run, and rounds of both take turns: what else the
//! machine does falls upon both. Nothing is asserted here; a target that is not met is said to be so.

#![allow(clippy::print_stdout, reason = "a benchmark talks to the person who started it")]

mod asked;
mod cliffs;
mod contest;
mod density;
mod http;
mod isolation;
mod languages;
mod lives;
mod messages;
mod native;
mod peers;
mod places;
mod plot;
mod profile;
mod pulsing;
mod raw;
mod rows;
mod rusm;
mod streams;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use pulsing_host::internals::Engines;
use pulsing_host::{ActorName, ActorRef, ActorSpec, ComponentSource, Host, HostLimits};

use crate::places::Places;
use crate::rows::Row;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The folder with the built guests.
    #[arg(long, global = true, default_value = "target/guests")]
    guests: PathBuf,
    /// The folder for what was measured.
    #[arg(long, global = true, default_value = "target/bench")]
    output: PathBuf,
}

#[derive(Subcommand)]
enum What {
    /// Asks and tells beside native actors.
    Messages(messages::Options),
    /// Items of streams beside a channel.
    Streams(streams::Options),
    /// Handlers that wait together, and what a crash costs.
    Lives(lives::Options),
    /// What a live actor takes of memory.
    Density(density::Options),
    /// Asks over HTTP beside a bare server.
    Http(http::Options),
    /// How costs grow, as plots.
    Cliffs(cliffs::Options),
    /// Beside Pulsing, which is to be installed.
    Pulsing(pulsing::Options),
    /// Beside RUSM, which is to be installed.
    Rusm(rusm::Options),
    /// One kind of work over and over, for a profiler.
    Profile(profile::Options),
    /// A healthy actor beside others that loop, grow and crash.
    Isolation(isolation::Options),
    /// The same actor in each language.
    Languages(languages::Options),
    /// For `density`: starts actors, and prints what each took.
    #[command(hide = true)]
    Crowd(density::Options),
    /// For `http`: serves until it is ended.
    #[command(hide = true)]
    BareServer,
}

/// What every benchmark needs.
struct Bench {
    guests: PathBuf,
    output: PathBuf,
    host: Arc<Host>,
    engines: Engines,
    places: Places,
}

impl Bench {
    fn component(&self, guest: &str) -> Result<ComponentSource> {
        let file = self.guests.join(guest).with_extension("wasm");
        ensure!(file.is_file(), "{} is missing: `cargo xtask bench` builds it", file.display());
        Ok(ComponentSource::File(file))
    }

    fn spec(&self, guest: &str, name: &str) -> Result<ActorSpec> {
        Ok(ActorSpec::new(ActorName::new(name)?, self.component(guest)?))
    }

    /// Starts an actor where actors live.
    fn start(&self, spec: ActorSpec) -> Result<ActorRef> {
        let host = Arc::clone(&self.host);
        self.places.at_home(async move {
            let actor = host.spawn(spec).await?;
            actor.ready().await.map_err(|exit| anyhow::anyhow!("{} {exit}", actor.id()))?;
            Ok(actor)
        })
    }
}

fn main() -> Result<()> {
    let Arguments { what, guests, output } = Arguments::parse();
    if let What::BareServer = what {
        return http::serve_bare();
    }
    let cache = output.join("cache");
    let host = Arc::new(Host::builder().cache_dir(&cache).limits(limits()).build()?);
    let engines = Engines::new(Some(cache))?;
    let bench = Bench { guests, output, host, engines, places: Places::new()? };
    if let What::Crowd(options) = &what {
        return density::crowd(&bench, options);
    }
    let (name, rows) = measure(&bench, &what)?;
    println!("{}", rows::table(&rows));
    let file = rows::write(&bench.output, name, &rows)?;
    println!("written to {}", file.display());
    bench.places.end();
    Ok(())
}

/// Room for as many actors as any measurement wants.
fn limits() -> HostLimits {
    const ACTORS: usize = 20_000;
    HostLimits { actors: NonZeroUsize::new(ACTORS), ..HostLimits::default() }
}

fn measure(bench: &Bench, what: &What) -> Result<(&'static str, Vec<Row>)> {
    Ok(match what {
        What::Messages(options) => ("messages", messages::run(bench, options)?),
        What::Streams(options) => ("streams", streams::run(bench, options)?),
        What::Lives(options) => ("lives", lives::run(bench, options)?),
        What::Density(options) => ("density", density::run(bench, options)?),
        What::Http(options) => ("http", http::run(bench, options)?),
        What::Cliffs(options) => ("cliffs", cliffs::run(bench, options, &bench.output.join("plots"))?),
        What::Languages(options) => ("languages", languages::run(bench, options)?),
        What::Pulsing(options) => ("pulsing", pulsing::run(bench, options)?),
        What::Rusm(options) => ("rusm", rusm::run(bench, options)?),
        What::Profile(options) => ("profile", profile::run(bench, options)?),
        What::Isolation(options) => {
            // As `pulsing-host run` has it: a worker for each core.
            let runtime = tokio::runtime::Runtime::new()?;
            let rows = runtime.block_on(isolation::run(bench, options))?;
            runtime.shutdown_background();
            ("isolation", rows)
        }
        What::Crowd(_) | What::BareServer => ("nothing", Vec::new()),
    })
}
