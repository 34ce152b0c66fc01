//! Builds the benchmarks and what they measure, and runs one or all.

mod smoke;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::Value;

use crate::guests;
use crate::languages::{self, Language};
use crate::process::{self, step};
use crate::toolchain::apt;
use crate::tree::Tree;

/// For programs that answer about themselves.
const QUERY_BOUND: Duration = Duration::from_secs(30);

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
    /// Asks over HTTP beside a bare server; by wrk, where that can be had.
    Http,
    /// How costs grow, as plots.
    Cliffs,
    /// A healthy actor beside others that loop, grow and crash, and how exactly loops are ended.
    Isolation,
    /// The same actor in each language; without those whose tools cannot be had.
    Languages,
    /// Asks, tells and streams beside Pulsing: `bench pulsing -- --python PATH`. Not a part of all.
    Pulsing,
    /// Asks and tells between actors, and over HTTP, beside RUSM: `bench rusm -- --rusm PATH`. Not a part of all.
    Rusm,
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
            Self::Rusm => "rusm",
        }
    }

    /// Whether it needs nothing that a person has to name.
    fn is_part_of_all(self) -> bool {
        !matches!(self, Self::Pulsing | Self::Rusm)
    }
}

/// Builds and runs a benchmark, with more options for it, or all of them, one after the other. One that fails does not
/// keep the others from being measured. What each measured last is in `target/bench/latest.json`.
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
    let programs = Programs {
        bench: tree.target.join("release/pulsing-bench"),
        host: tree.target.join("release/pulsing-host"),
        folder: tree.target.join("bench"),
    };
    let outcome = each(benchmark, |benchmark| {
        prepare(tree, benchmark, &programs.host)?;
        programs.measure(tree, benchmark, options)
    });
    gather(&programs.folder)?;
    outcome
}

/// Runs one short round of a benchmark, or of all, to see that they work: with the code as the tests build it, which is
/// not optimised, so that nothing is compiled for this alone. The figures mean nothing, and are kept apart.
///
/// # Errors
///
/// When something does not build, fails, or shows no figures.
pub(crate) fn smoke(tree: &Tree, benchmark: Option<Benchmark>) -> Result<()> {
    guests::build(tree)?;
    step("build the benchmarks as the tests are built", || {
        // `--tests`, since cargo takes other features without the tests' dependencies.
        let programs = ["--tests", "--bin", "pulsing-bench", "--bin", "pulsing-host-under-test"];
        process::run(process::cargo(&tree.root).arg("build").args(programs))
    })?;
    let programs = Programs {
        bench: tree.target.join("debug/pulsing-bench"),
        host: tree.target.join("debug/pulsing-host-under-test"),
        folder: tree.target.join("bench/smoke"),
    };
    each(benchmark, |benchmark| {
        if benchmark == Benchmark::Languages {
            prepare(tree, benchmark, &programs.host)?;
        }
        let file = programs.folder.join(benchmark.as_str()).with_extension("json");
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
        programs.measure(tree, benchmark, &smoke::options(benchmark, &programs.host))?;
        smoke::check(&rows(&file)?).with_context(|| benchmark.as_str())
    })
}

/// What is run, and where what it measured goes.
struct Programs {
    bench: PathBuf,
    host: PathBuf,
    folder: PathBuf,
}

impl Programs {
    fn measure(&self, tree: &Tree, benchmark: Benchmark, options: &[String]) -> Result<()> {
        step(&format!("measure {}", benchmark.as_str()), || {
            let mut program = Command::new(&self.bench);
            program.arg(benchmark.as_str()).arg("--guests").arg(tree.guests_dir());
            process::run(program.arg("--output").arg(&self.folder).args(options))
        })
    }
}

/// Does so for the one benchmark, or for all that need nothing from a person, and says at the end which failed.
fn each(benchmark: Option<Benchmark>, mut work: impl FnMut(Benchmark) -> Result<()>) -> Result<()> {
    if let Some(benchmark) = benchmark {
        return work(benchmark);
    }
    let mut failed = Vec::new();
    for benchmark in Benchmark::value_variants().iter().filter(|one| one.is_part_of_all()) {
        if let Err(error) = work(*benchmark) {
            println!("    {error:#}");
            failed.push(benchmark.as_str());
        }
    }
    ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}

/// Gets what a benchmark needs beside the guests in Rust. Where something cannot be had, says why, and what follows.
fn prepare(tree: &Tree, benchmark: Benchmark, host: &Path) -> Result<()> {
    match benchmark {
        Benchmark::Http | Benchmark::Rusm => {
            if process::answer(Command::new("which").arg("wrk"), QUERY_BOUND).is_err()
                && let Err(error) = step("get wrk", || apt::install(&["wrk"]))
            {
                println!("    measured without wrk: {error:#}");
            }
        }
        Benchmark::Languages => {
            let mut without = Vec::new();
            for language in Language::ALL {
                if let Err(error) = languages::get_tools_of(tree, language) {
                    println!("    {language} is left out: {error:#}");
                    without.push(language);
                }
            }
            languages::build(tree, host, &without)?;
        }
        Benchmark::Messages
        | Benchmark::Streams
        | Benchmark::Lives
        | Benchmark::Density
        | Benchmark::Cliffs
        | Benchmark::Isolation
        | Benchmark::Pulsing => {}
    }
    Ok(())
}

/// Puts together what each benchmark measured last.
fn gather(folder: &Path) -> Result<()> {
    let mut rows = Vec::new();
    for benchmark in Benchmark::value_variants() {
        let file = folder.join(benchmark.as_str()).with_extension("json");
        if !file.exists() {
            continue;
        }
        rows.extend(self::rows(&file)?);
    }
    let file = folder.join("latest.json");
    fs::write(&file, serde_json::to_string_pretty(&rows)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("    all rows are in {}", file.display());
    Ok(())
}

/// The rows that a benchmark wrote.
fn rows(file: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no rows", file.display()))
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
