//! Runs the models of the cell that lives are polled in: under `cfg(loom)`, its tests are run in all interleavings.
//!
//! The flag holds for all that is compiled with it, hence a target directory of its own. Bounds are in the models.

use anyhow::Result;

use crate::process::{self, step};
use crate::tree::Tree;

/// Builds the models, optimised, and runs them.
///
/// # Errors
///
/// When an interleaving breaks what a model says; the test's name says what that is.
pub(crate) fn run(tree: &Tree) -> Result<()> {
    let mut cargo = process::cargo(&tree.root);
    cargo.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", "--cfg loom");
    cargo.args(["test", "--locked", "--release", "--package", "pulsing-life-cell", "--lib"]);
    cargo.arg("--target-dir").arg(tree.target.join("model"));
    step("check the models of the life cell", || process::run(&mut cargo))
}
