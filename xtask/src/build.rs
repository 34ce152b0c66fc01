//! Builds what a user runs: the release host, and the guests beside it.

use std::path::PathBuf;

use anyhow::Result;

use crate::guests;
use crate::process::{self, step};
use crate::tree::Tree;

/// Builds the guests first: what they need from outside is the likelier thing to be missing.
///
/// # Errors
///
/// When either does not build.
pub(crate) fn build(tree: &Tree) -> Result<()> {
    guests::build(tree)?;
    step("build the host", || {
        let mut cargo = process::cargo(&tree.root);
        process::run(cargo.args(["build", "--release", "--package", "pulsing-host"]))
    })
}

/// Builds the debug host that the tests start, and says where it is.
///
/// # Errors
///
/// When it does not build.
pub(crate) fn debug_host(tree: &Tree) -> Result<PathBuf> {
    // As the tests build it: `cargo build` takes other features, and compiles the engine anew for that.
    step("build the debug host", || process::run(process::cargo(&tree.root).args(["test", "--no-run"])))?;
    Ok(tree.target.join("debug/pulsing-host-under-test"))
}
