//! Builds what a user runs: the release host, and the guests beside it.

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
