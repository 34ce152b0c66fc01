//! Builds the fuzz targets and runs each for a while.
//!
//! Only the members of the workspace are compiled for it, by `fuzz/rustc-with-coverage`: what they depend on is the
//! same as for `cargo test`, whose features cargo is made to take by naming the same packages and a test.
//! Inputs that a target has found by itself are kept in `target/fuzz/corpus`, where the next run begins. Bounds: of
//! an input's length, its time and the process's memory, below; of a target's run, the time asked for and [`SLACK`].

mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Deserialize;

use crate::process::{self, step};
use crate::toolchain;
use crate::tree::Tree;
use report::Report;

const PACKAGE: &str = "pulsing-fuzz";
const PROGRAM: &str = "fuzz";
/// The longest input. What is read is read in one go; longer inputs only take longer.
const INPUT_MAX_BYTES: u32 = 4096;
/// How long one input may take: a thousand times as long as any has taken.
const INPUT_MAX_SECS: u32 = 10;
/// How much memory a target's process may hold. All have stayed below 64; telling of a panic takes 250.
const MEMORY_MAX_MIB: u32 = 1024;
/// For the start, for the inputs that are there already, and for the last input.
const SLACK: Duration = Duration::from_secs(120);

/// What is fuzzed: see the crate `fuzz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Components of any bytes.
    Loader,
    /// What components say of themselves.
    Description,
    /// Requests.
    Gateway,
    /// Configuration files, command lines, and the words in them.
    Config,
    /// Lists of work, and of what came of it.
    Work,
}

impl Target {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Loader => "loader",
            Self::Description => "description",
            Self::Gateway => "gateway",
            Self::Config => "config",
            Self::Work => "work",
        }
    }
}

/// Runs all targets, or one, each for so many seconds.
///
/// # Errors
///
/// When a target does not build, or an input crashes one: all are run first, and each crash is told with the file of
/// its input.
pub(crate) fn run(tree: &Tree, secs: u32, only: Option<Target>, seed: Option<u32>) -> Result<()> {
    toolchain::get_cpp()?;
    let targets = only.map_or_else(|| Target::value_variants().to_vec(), |target| vec![target]);
    let program = step("build the fuzz targets", || build(tree))?;
    let mut crashed = Vec::new();
    for target in targets {
        let what = format!("fuzz {} for {secs} s", target.as_str());
        let report = step(&what, || fuzz(tree, target, &program, secs, seed))?;
        println!("{}", report.shown(target.as_str(), tree.shown(&program)));
        if report.has_crashed() {
            crashed.push(target.as_str());
        }
    }
    if !crashed.is_empty() {
        bail!("crashed: {}; keep the input in fuzz/corpus/TARGET/ with what mends it", crashed.join(", "));
    }
    Ok(())
}

/// An artifact in cargo's words.
#[derive(Deserialize)]
struct Artifact {
    target: ArtifactTarget,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    name: String,
}

/// Builds the program that all targets are in.
fn build(tree: &Tree) -> Result<PathBuf> {
    let mut cargo = process::cargo(&tree.root);
    cargo.env("RUSTC_WORKSPACE_WRAPPER", tree.root.join("fuzz/rustc-with-coverage"));
    cargo.args(["test", "--no-run", "--locked", "--message-format", "json-render-diagnostics"]);
    for package in &tree.default_members {
        cargo.args(["--package", package]);
    }
    cargo.args(["--package", PACKAGE, "--features", "pulsing-fuzz/libfuzzer", "--test", PROGRAM]);
    println!("    $ {}", process::shown(&cargo));
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("`{}` failed: {}", process::shown(&cargo), output.status);
    }
    program(&String::from_utf8_lossy(&output.stdout)).context("cargo built no fuzz targets")
}

/// Where cargo says that it put the program.
fn program(messages: &str) -> Option<PathBuf> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    artifacts.filter(|artifact| artifact.target.name == PROGRAM).find_map(|artifact| artifact.executable)
}

fn fuzz(tree: &Tree, target: Target, program: &Path, secs: u32, seed: Option<u32>) -> Result<Report> {
    let name = target.as_str();
    let folder = tree.target.join("fuzz");
    let (found, artifacts) = (folder.join("corpus").join(name), folder.join("artifacts").join(name));
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut command = Command::new(program);
    command.current_dir(&tree.root).arg(&found).arg(tree.root.join("fuzz/corpus").join(name));
    command.args([
        format!("--target={name}"),
        format!("-max_total_time={secs}"),
        format!("-max_len={INPUT_MAX_BYTES}"),
        format!("-timeout={INPUT_MAX_SECS}"),
        format!("-rss_limit_mb={MEMORY_MAX_MIB}"),
        // 0 is any.
        format!("-seed={}", seed.unwrap_or(0)),
        format!("-dict={}", tree.root.join("fuzz/dictionaries").join(name).display()),
        format!("-artifact_prefix={}/", artifacts.display()),
        "-print_final_stats=1".to_owned(),
    ]);
    println!("    $ {}", process::shown(&command));
    let captured = process::capture(&mut command, Duration::from_secs(secs.into()) + SLACK)?;
    let log = folder.join(format!("{name}.log"));
    fs::write(&log, &captured.stderr).with_context(|| format!("cannot write {}", log.display()))?;
    Ok(Report::of(&captured, &log))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_read_out_of_cargos_messages() {
        let messages = r#"
            {"reason":"compiler-artifact","target":{"name":"pulsing_fuzz"},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"fuzz"},"executable":"/t/fuzz-1"}
            {"reason":"build-finished","success":true}
        "#;
        assert_eq!(program(messages).as_deref(), Some(Path::new("/t/fuzz-1")));
        assert_eq!(program(""), None);
    }
}
