//! Measures the host, in one process with it. Called by `cargo xtask bench`, which builds what it needs.
//!
//! Each figure stands beside its baseline, measured in the same run, and rounds of both take turns: what else the
//! machine does falls upon both. Nothing is asserted here; a target that is not met is said to be so.

#![allow(clippy::print_stdout, reason = "a benchmark talks to the person who started it")]

mod asked;
mod contest;
mod isolation;
mod messages;
mod native;
mod places;
mod profile;
mod raw;
mod rows;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use pulsing_host::actor::reference::ActorRef;
use pulsing_host::engine::{ComponentSource, Engines};
use pulsing_host::host::{ActorSpec, Host};
use pulsing_host::id::ActorName;

use crate::places::Places;

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
    /// One kind of work over and over, for a profiler.
    Profile(profile::Options),
    /// A healthy actor beside others that loop, grow and crash.
    Isolation(isolation::Options),
}

/// What every benchmark needs.
struct Bench {
    guests: PathBuf,
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
            actor.ready().await.map_err(|exit| anyhow::anyhow!("{} {exit}", actor.name()))?;
            Ok(actor)
        })
    }
}

fn main() -> Result<()> {
    let Arguments { what, guests, output } = Arguments::parse();
    let host = Arc::new(Host::builder().cache_dir(output.join("cache")).build()?);
    let engines = Engines::new(Some(output.join("cache")))?;
    let bench = Bench { guests, host, engines, places: Places::new()? };
    let (name, rows) = match what {
        What::Messages(options) => ("messages", messages::run(&bench, &options)?),
        What::Profile(options) => ("profile", profile::run(&bench, &options)?),
        What::Isolation(options) => {
            // As `pulsing-host run` has it: a worker for each core.
            let runtime = tokio::runtime::Runtime::new()?;
            let rows = runtime.block_on(isolation::run(&bench, &options))?;
            runtime.shutdown_background();
            ("isolation", rows)
        }
    };
    println!("{}", rows::table(&rows));
    let file = rows::write(&output, name, &rows)?;
    println!("written to {}", file.display());
    bench.places.end();
    Ok(())
}
