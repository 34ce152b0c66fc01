//! Runs every test of the tree.
//!
//! One cargo call over the default members, so that everything is compiled once, with one set of features. Cargo
//! goes on after a failed test binary and names all of them in its closing lines, which stay the last thing shown.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::guests;
use crate::languages::{self, Language};
use crate::process::{self, step};
use crate::toolchain::Toolchain;
use crate::tree::Tree;

/// How long the tests take to say what they are called.
const LIST_BOUND: Duration = Duration::from_secs(120);
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
    step("build the tests", || {
        process::run(process::cargo(&tree.root).args(["test", "--no-run", "--quiet"]))
    })?;
    languages::build(tree, &tree.target.join(HOST), without)?;
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

/// Tells what tests where the guests are, and where compiled code is kept.
///
/// # Errors
///
/// Where the folder for compiled code cannot be made.
pub(crate) fn show_guests(tree: &Tree, program: &mut Command) -> Result<()> {
    let cache = tree.target.join("test-cache");
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    program.env("PULSING_GUESTS_DIR", tree.guests_dir()).env("PULSING_TEST_CACHE", cache);
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
