//! Runs every test of the tree.
//!
//! One cargo call over the default members, so that everything is compiled once, with one set of features. Cargo
//! goes on after a failed test binary and names all of them in its closing lines, which stay the last thing shown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::browser;
use crate::guests;
use crate::languages::{self, Language};
use crate::process::{self, step};
use crate::toolchain::Toolchain;
use crate::tree::Tree;

/// How long the tests take to say what they are called, on a busy machine.
const LIST_BOUND: Duration = Duration::from_secs(10 * 60);
/// How long it takes to compile one component: half a minute for the largest, were nothing else going on.
const COMPILE_BOUND: Duration = Duration::from_secs(30 * 60);
/// From this size on, a component takes so long to compile that tests should not have to wait for it.
const LARGE_BYTES: u64 = 1 << 20;
/// The host as the tests start it. Cargo builds it with them.
const HOST: &str = "debug/pulsing-host-under-test";

/// Builds the guests and runs the tests whose name contains one of the filters; all, without one. Languages that are left
/// out have no guests, and the tests say so.
///
/// # Errors
///
/// When a guest does not build or a test fails.
pub(crate) fn run(tree: &Tree, filter: &[String], without: &[Language]) -> Result<()> {
    guests::build(tree)?;
    languages::get_tools(tree, without)?;
    browser::get(filter)?;
    step("build the tests", || {
        process::run(process::cargo(&tree.root).args(["test", "--no-run", "--quiet"]))
    })?;
    let host = tree.target.join(HOST);
    languages::build(tree, &host, without)?;
    step("compile the large components that the tests run", || compile_components(tree, &host))?;
    if filter.is_empty() {
        languages::test_sdks(tree, without)?;
    }
    if !filter.is_empty() {
        let listed = process::answer(
            process::cargo(&tree.root).args(["test", "--quiet", "--", "--list"]).args(filter),
            LIST_BOUND,
        )?;
        ensure!(
            listed.lines().any(|line| line.ends_with(": test")),
            "no test's name contains {}",
            filter.join(" or ")
        );
    }
    step("run the tests", || {
        let mut cargo = process::cargo(&tree.root);
        show_guests(tree, cargo.args(["test", "--no-fail-fast"]))?;
        show_languages(tree, &mut cargo, without)?;
        if !filter.is_empty() {
            cargo.arg("--").args(filter);
        }
        process::run(&mut cargo)
    })
}

/// Compiles the large components into the tests' cache, one after another: tests that wait for one of them would do so at once,
/// each with a bound of its own.
fn compile_components(tree: &Tree, host: &Path) -> Result<()> {
    let components = large_components(&tree.guests_dir())?;
    let mut compiled = 0;
    for component in &components {
        compiled += usize::from(compile_component(tree, host, component)?);
    }
    println!("    {compiled} of {} components compiled anew", components.len());
    Ok(())
}

/// The large components in a folder, in the order of their names. Small ones compile in no time, and among them are some
/// that are there to be refused.
fn large_components(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in folder.read_dir().with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let is_large = entry.metadata()?.len() >= LARGE_BYTES;
        let path = entry.path();
        found.extend((is_large && path.extension().is_some_and(|ending| ending == "wasm")).then_some(path));
    }
    found.sort();
    Ok(found)
}

/// Whether its code was not in the cache already.
fn compile_component(tree: &Tree, host: &Path, component: &Path) -> Result<bool> {
    let bytes = component.metadata().with_context(|| component.display().to_string())?.len();
    println!("    {}, {} MB", tree.shown(component).display(), bytes / 1_000_000);
    let mut check = Command::new(host);
    check.arg("check").arg(component).arg("--json").arg("--cache-dir").arg(test_cache(tree)?);
    let report = process::answer(check.current_dir(&tree.root), COMPILE_BOUND)?;
    is_compiled_now(&report).with_context(|| component.display().to_string())
}

/// What `check --json` says of the code.
fn is_compiled_now(report: &str) -> Result<bool> {
    let report: serde_json::Value = serde_json::from_str(report).context("cannot read what `check` says")?;
    let code =
        report.get("code").and_then(serde_json::Value::as_str).context("`check` does not say `code`")?;
    Ok(code == "compiled")
}

/// Where the tests keep compiled code.
fn test_cache(tree: &Tree) -> Result<PathBuf> {
    let cache = tree.target.join("test-cache");
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    Ok(cache)
}

/// Tells what tests where the guests are, and where compiled code is kept.
///
/// # Errors
///
/// Where the folder for compiled code cannot be made.
pub(crate) fn show_guests(tree: &Tree, program: &mut Command) -> Result<()> {
    program.env("PULSING_GUESTS_DIR", tree.guests_dir()).env("PULSING_TEST_CACHE", test_cache(tree)?);
    Ok(())
}

/// Tells the tests which languages there are, and where the tools of Python and C are.
fn show_languages(tree: &Tree, tests: &mut Command, without: &[Language]) -> Result<()> {
    let mut guest = Command::new("cargo");
    Toolchain::get(tree)?.apply(&mut guest)?;
    for (name, value) in guest.get_envs() {
        let name = format!("PULSING_GUEST_ENV_{}", name.to_string_lossy());
        tests.env(name, value.unwrap_or_default());
    }
    if guest.get_args().any(|arg| arg.to_string_lossy().starts_with("-Zbuild-std")) {
        // The same as the flag, which has no room in a call by another program.
        tests.env("PULSING_GUEST_ENV_CARGO_UNSTABLE_BUILD_STD", "std,panic_abort");
    }
    let without: Vec<_> = without.iter().map(Language::to_string).collect();
    tests.env("PULSING_WITHOUT", without.join(",")).env("VIRTUAL_ENV", languages::environment(tree));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_components_are_told_from_small_ones_and_from_other_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.wasm", "a.wasm", "a.wasm.part", "notes"] {
            fs::File::create(folder.path().join(name)).unwrap().set_len(LARGE_BYTES).unwrap();
        }
        fs::write(folder.path().join("small.wasm"), "").unwrap();
        let names: Vec<_> = large_components(folder.path())
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["a.wasm", "b.wasm"]);
    }

    #[test]
    fn a_report_says_whether_code_was_compiled_now() {
        assert!(is_compiled_now(r#"{"lane":"serial","code":"compiled"}"#).unwrap());
        assert!(!is_compiled_now(r#"{"code":"cache"}"#).unwrap());
        assert!(is_compiled_now("{}").is_err() && is_compiled_now("serial").is_err());
    }
}
