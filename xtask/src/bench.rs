//! Builds the benchmarks and what they measure, and runs one or all.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::Value;

use crate::guests;
use crate::process::{self, step};
use crate::tree::Tree;

/// What is measured: see the crate `bench`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Benchmark {
    /// Asks and tells beside native actors and bare calls.
    Messages,
    /// Items of streams beside a channel.
    Streams,
    /// Handlers that wait together, and what a crash costs.
    Lives,
    /// What a live actor takes of memory.
    Density,
    /// Asks over HTTP beside a bare server; needs wrk.
    Http,
    /// How costs grow, as plots.
    Cliffs,
    /// A healthy actor beside others that loop, grow and crash, and how exactly loops are ended.
    Isolation,
    /// The same actor in each language; needs their components, which `cargo xtask test polyglot` builds.
    Languages,
    /// Asks, tells and streams beside Pulsing: `bench pulsing -- --python PATH`. Not a part of all.
    Pulsing,
}

impl Benchmark {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Streams => "streams",
            Self::Lives => "lives",
            Self::Density => "density",
            Self::Http => "http",
            Self::Cliffs => "cliffs",
            Self::Isolation => "isolation",
            Self::Languages => "languages",
            Self::Pulsing => "pulsing",
        }
    }
}

/// Builds and runs a benchmark, with more options for it, or all of them, one after the other. What each measured last
/// is in `target/bench/latest.json`.
///
/// # Errors
///
/// When something does not build, or cannot be measured. A target that is not met is no error.
pub(crate) fn run(tree: &Tree, benchmark: Option<Benchmark>, options: &[String]) -> Result<()> {
    ensure!(benchmark.is_some() || options.is_empty(), "options are for one benchmark: name it");
    guests::build(tree)?;
    step("build the benchmarks", || {
        let packages = ["--package", "pulsing-bench", "--package", "pulsing-host"];
        process::run(process::cargo(&tree.root).args(["build", "--release"]).args(packages))
    })?;
    let folder = tree.target.join("bench");
    let all =
        || Benchmark::value_variants().iter().copied().filter(|one| *one != Benchmark::Pulsing).collect();
    for benchmark in benchmark.map_or_else(all, |one| vec![one]) {
        step(&format!("measure {}", benchmark.as_str()), || {
            let mut program = Command::new(tree.target.join("release/pulsing-bench"));
            program.arg(benchmark.as_str()).arg("--guests").arg(tree.guests_dir());
            process::run(program.arg("--output").arg(&folder).args(options))
        })?;
    }
    gather(&folder)
}

/// Puts together what each benchmark measured last.
fn gather(folder: &Path) -> Result<()> {
    let mut rows = Vec::new();
    for benchmark in Benchmark::value_variants() {
        let file = folder.join(benchmark.as_str()).with_extension("json");
        if !file.exists() {
            continue;
        }
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let measured: Vec<Value> =
            serde_json::from_str(&text).with_context(|| format!("{} holds no rows", file.display()))?;
        rows.extend(measured);
    }
    let file = folder.join("latest.json");
    fs::write(&file, serde_json::to_string_pretty(&rows)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("    all rows are in {}", file.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_that_was_measured_are_put_together() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("messages.json"), r#"[{"work":"a"},{"work":"b"}]"#).unwrap();
        fs::write(folder.path().join("http.json"), r#"[{"work":"c"}]"#).unwrap();
        gather(folder.path()).unwrap();
        let latest = fs::read_to_string(folder.path().join("latest.json")).unwrap();
        let rows: Vec<Value> = serde_json::from_str(&latest).unwrap();
        let works: Vec<_> = rows.iter().map(|row| row["work"].as_str().unwrap()).collect();
        assert_eq!(works, ["a", "b", "c"]);
    }
}
