//! Formatting, clippy and documentation, with warnings as errors.
//!
//! The guests are members of the workspace, so they are checked here too, as code of this machine. The checks of
//! the tree itself (layers, promises and their tests) are ordinary tests of this crate: `xtask/tests/tree`.

use anyhow::Result;

use crate::process::{self, step};
use crate::tree::Tree;

/// Runs all three, cheapest first, up to the first that finds something.
///
/// # Errors
///
/// When one of them finds something.
pub(crate) fn run(tree: &Tree) -> Result<()> {
    step("check the formatting", || {
        process::run(process::cargo(&tree.root).args(["fmt", "--all", "--check"]))
    })?;
    step("clippy", || {
        let mut clippy = process::cargo(&tree.root);
        clippy.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
        process::run(&mut clippy)
    })?;
    step("build the documentation", || {
        let mut doc = process::cargo(&tree.root);
        doc.args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-Dwarnings");
        process::run(&mut doc)
    })
}
