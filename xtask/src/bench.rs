//! Builds the benchmarks and what they measure, and runs one.

use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::guests;
use crate::process::{self, step};
use crate::tree::Tree;

/// What is measured: see the crate `bench`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Benchmark {
    /// A healthy actor beside others that loop, grow and crash, and how exactly loops are ended.
    Isolation,
}

impl Benchmark {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Isolation => "isolation",
        }
    }
}

/// Builds and runs a benchmark, with more options for it.
///
/// # Errors
///
/// When something does not build, or cannot be measured. A target that is not met is no error.
pub(crate) fn run(tree: &Tree, benchmark: Benchmark, options: &[String]) -> Result<()> {
    guests::build(tree)?;
    step("build the benchmarks", || {
        process::run(process::cargo(&tree.root).args(["build", "--release", "--package", "pulsing-bench"]))
    })?;
    step(&format!("measure {}", benchmark.as_str()), || {
        let mut program = Command::new(tree.target.join("release/pulsing-bench"));
        program.arg(benchmark.as_str()).arg("--guests").arg(tree.guests_dir());
        process::run(program.arg("--output").arg(tree.target.join("bench")).args(options))
    })
}
