//! Measures the host, in one process with it. Called by `cargo xtask bench`, which builds what it needs.
//!
//! Each figure stands beside its baseline, measured in the same run, and rounds of both take turns: what else the
//! machine does falls upon both. Nothing is asserted here; a target that is not met is said to be so.

#![allow(clippy::print_stdout, reason = "a benchmark talks to the person who started it")]

mod isolation;
mod rows;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use pulsing_host::engine::ComponentSource;
use pulsing_host::host::{ActorSpec, Host};
use pulsing_host::id::ActorName;

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
    /// A healthy actor beside others that loop, grow and crash.
    Isolation(isolation::Options),
}

/// What every benchmark needs.
struct Bench {
    guests: PathBuf,
    host: Host,
}

impl Bench {
    fn spec(&self, guest: &str, name: &str) -> Result<ActorSpec> {
        let file = self.guests.join(guest).with_extension("wasm");
        ensure!(file.is_file(), "{} is missing: `cargo xtask bench` builds it", file.display());
        Ok(ActorSpec::new(ActorName::new(name)?, ComponentSource::File(file)))
    }
}

fn main() -> Result<()> {
    let Arguments { what, guests, output } = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
    let (name, rows) = runtime.block_on(async {
        let host = Host::builder().cache_dir(output.join("cache")).build()?;
        let bench = Bench { guests, host };
        match what {
            What::Isolation(options) => anyhow::Ok(("isolation", isolation::run(bench, &options).await?)),
        }
    })?;
    runtime.shutdown_background();
    println!("{}", rows::table(&rows));
    let file = rows::write(&output, name, &rows)?;
    println!("written to {}", file.display());
    Ok(())
}
