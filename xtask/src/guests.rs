//! Builds every guest of the tree as a component, to `target/guests/NAME.wasm`.
//!
//! One cargo call and one target directory for all of them, so that std is built at most once. A guest's file is
//! replaced only when its content changed: what is derived from it elsewhere (a host's cache of compiled code, a
//! test's) stays good.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{self, step};
use crate::toolchain::{TARGET, Toolchain};
use crate::tree::Tree;

/// What is built once more, with line tables: for tests of what a trap is told with.
const WITH_LINES: &str = "saboteur";

/// Gets the toolchain where it is missing, and builds all guests.
///
/// # Errors
///
/// When no toolchain can be had (the error says what to run), or a guest does not build.
pub(crate) fn build(tree: &Tree) -> Result<()> {
    let toolchain = Toolchain::get(tree)?;
    let names = tree.guests.iter().map(|guest| guest.package.as_str()).collect::<Vec<_>>().join(", ");
    step(&format!("build the guests {names}"), || compile(tree, &toolchain))?;
    let changed = publish(tree)?;
    let with_lines = tree.guests_dir().join(format!("{WITH_LINES}-with-lines.wasm"));
    // Cargo forgets the one when it builds the other: it does so only where the guest changed.
    if !is_newer(&with_lines, &tree.guests_dir().join(format!("{WITH_LINES}.wasm"))) {
        let what = format!("build {WITH_LINES} with line tables");
        step(&what, || compile_with_lines(tree, &toolchain, &with_lines))?;
    }
    let folder = tree.guests_dir();
    println!("    {} guests in {}, {changed} changed", tree.guests.len(), tree.shown(&folder).display());
    Ok(())
}

fn build_dir(tree: &Tree) -> std::path::PathBuf {
    tree.target.join("guest-build")
}

/// Where cargo puts its components.
fn built_dir(tree: &Tree) -> std::path::PathBuf {
    build_dir(tree).join(TARGET).join("release")
}

fn cargo_build(tree: &Tree) -> Command {
    let mut cargo = process::cargo(&tree.root);
    cargo.args(["build", "--release", "--target", TARGET]).arg("--target-dir").arg(build_dir(tree));
    cargo
}

/// Builds one guest as the workspace's profile has it, beside the same without.
fn compile_with_lines(tree: &Tree, toolchain: &Toolchain, to: &Path) -> Result<()> {
    let mut cargo = cargo_build(tree);
    toolchain.apply(cargo.args(["--package", WITH_LINES]))?;
    process::run(&mut cargo)?;
    let from = built_dir(tree).join(format!("{WITH_LINES}.wasm"));
    fs::copy(&from, to).map(drop).with_context(|| format!("cannot copy {}", from.display()))
}

/// Whether both files are there, and the first was written after the second.
fn is_newer(file: &Path, than: &Path) -> bool {
    let written = |file: &Path| fs::metadata(file).and_then(|metadata| metadata.modified()).ok();
    written(file).zip(written(than)).is_some_and(|(written, than)| written >= than)
}

fn compile(tree: &Tree, toolchain: &Toolchain) -> Result<()> {
    let mut cargo = cargo_build(tree);
    for guest in &tree.guests {
        cargo.args(["--package", &guest.package]);
    }
    // The workspace's release profile keeps line tables, for the host: in a guest they are most of its size, and
    // names of functions, which traps are reported with, stay without them.
    cargo.env("CARGO_PROFILE_RELEASE_DEBUG", "none").env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo");
    toolchain.apply(&mut cargo)?;
    process::run(&mut cargo)
}

/// Copies the built guests to their folder and says how many of them changed.
fn publish(tree: &Tree) -> Result<usize> {
    let folder = tree.guests_dir();
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let built = built_dir(tree);
    let mut changed = 0;
    for guest in &tree.guests {
        let from = built.join(format!("{}.wasm", guest.artifact));
        let to = folder.join(format!("{}.wasm", guest.package));
        changed += usize::from(replace_if_changed(&from, &to)?);
    }
    Ok(changed)
}

/// Makes `to` a copy of `from`, in one step for whoever reads it, and leaves it alone if it is one already.
fn replace_if_changed(from: &Path, to: &Path) -> Result<bool> {
    let new = fs::read(from).with_context(|| format!("cannot read the built guest {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(false);
    }
    let unfinished = to.with_extension("wasm.new");
    fs::write(&unfinished, new)
        .and_then(|()| fs::rename(&unfinished, to))
        .with_context(|| format!("cannot write {}", to.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_copied_only_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a.wasm"), folder.path().join("b.wasm"));
        fs::write(&from, "one").unwrap();
        assert!(replace_if_changed(&from, &to).unwrap());
        assert!(!replace_if_changed(&from, &to).unwrap());
        fs::write(&from, "two").unwrap();
        assert!(replace_if_changed(&from, &to).unwrap());
        assert_eq!(fs::read_to_string(&to).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_guest_that_was_not_built_is_named() {
        let missing = Path::new("/nowhere/rogue.wasm");
        let error = replace_if_changed(missing, missing).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/rogue.wasm"));
    }
}
