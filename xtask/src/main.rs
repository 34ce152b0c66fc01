//! The project's own tasks, called as `cargo xtask <verb>`.
//!
//! Every verb says what it does before each step and how long the step took, and ends in an error that names the
//! missing piece. `.ci/run` calls `lint`, `test`, `model` and `fuzz`, and nothing that a person could not call too.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task runner talks to the person who started it"
)]

mod bench;
mod browser;
mod build;
mod chaos;
mod demo;
mod fuzz;
mod guests;
mod languages;
mod lint;
mod model;
mod process;
mod soak;
mod suite;
mod toolchain;
mod tree;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::tree::Tree;

/// The tasks of pulsing-host.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Get the compiler for wasm32-wasip2 where it is missing, and build all guests to target/guests.
    Guests,
    /// Build the release host (target/release/pulsing-host) and all guests.
    Build,
    /// Build, run the host on the example guests, and show asks, a stream and a crash with its restart.
    Demo,
    /// Build all guests and run every test, or those whose name contains one of the filters.
    Test {
        /// Parts of test names; a test runs if its name contains one of them.
        filter: Vec<String>,
        /// A language to leave out, whose tools cannot be had here.
        #[arg(long, value_enum, value_name = "LANGUAGE")]
        without: Vec<languages::Language>,
    },
    /// Read an endless stream at full speed, or do all kinds of work at once, and fail where memory grows.
    Soak {
        /// Asks, tells, streams, crashes, passivation, and clients that come, go and do not read.
        #[arg(long)]
        mixed: bool,
        /// For how long.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        minutes: u32,
        /// Take the debug host, which is slower and is there after any test.
        #[arg(long)]
        debug: bool,
    },
    /// Give what reads the words of strangers (components, requests, configuration) inputs of all kinds, and fail
    /// where one crashes it.
    Fuzz {
        /// For how long, for each target.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
        secs: u32,
        /// Run this target alone.
        #[arg(long, value_enum)]
        target: Option<fuzz::Target>,
        /// Where chance begins, for inputs that are the same each time; anywhere, if not given.
        #[arg(long)]
        seed: Option<u32>,
    },
    /// Check the cell that lives are polled in against all interleavings (loom).
    Model,
    /// Do to a host and its actors what a seed says, with faults of every kind, and fail where a promise is broken or
    /// anything is left behind.
    Chaos {
        /// Where chance begins: the same seed does the same. Any, if not given; it is shown.
        #[arg(long)]
        seed: Option<u64>,
        /// For how long.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
        secs: u32,
    },
    /// Measure, each figure beside its baseline in the same run.
    Bench {
        /// What is measured; everything, if this is not given.
        #[arg(value_enum)]
        benchmark: Option<bench::Benchmark>,
        /// Only see that they work: one short round of each, with the code as the tests build it.
        #[arg(long, conflicts_with = "options")]
        smoke: bool,
        /// Options of the benchmark, after `--`; `--help` is one.
        #[arg(last = true)]
        options: Vec<String>,
    },
    /// Check formatting, clippy and the documentation, with warnings as errors.
    Lint,
}

fn main() -> ExitCode {
    match run(Arguments::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    process::end_all_on_interrupt()?;
    let tree = Tree::read()?;
    match verb {
        Verb::Guests => guests::build(&tree),
        Verb::Build => build::build(&tree),
        Verb::Demo => demo::run(&tree),
        Verb::Test { filter, without } => suite::run(&tree, &filter, &without),
        Verb::Soak { mixed: true, minutes, debug } => soak::mixed::run(&tree, minutes, debug),
        Verb::Soak { minutes, debug, .. } => soak::run(&tree, minutes, debug),
        Verb::Fuzz { secs, target, seed } => fuzz::run(&tree, secs, target, seed),
        Verb::Model => model::run(&tree),
        Verb::Chaos { seed, secs } => chaos::run(&tree, seed, secs),
        Verb::Bench { benchmark, smoke: true, .. } => bench::smoke(&tree, benchmark),
        Verb::Bench { benchmark, options, .. } => bench::run(&tree, benchmark, &options),
        Verb::Lint => lint::run(&tree),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
