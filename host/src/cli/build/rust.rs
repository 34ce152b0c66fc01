//! Rust, by cargo.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::Work;
use crate::cli::failure::Failure;

const TARGET: &str = "wasm32-wasip2";

/// What cargo says of a package that it has built.
#[derive(Deserialize)]
struct Artifact {
    manifest_path: PathBuf,
    filenames: Vec<PathBuf>,
}

pub(super) fn build(work: &Work<'_>) -> Result<(), Failure> {
    // As cargo itself says it, where it is the one that called.
    let cargo = std::env::var_os("CARGO").filter(|cargo| !cargo.is_empty()).unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    command.current_dir(&work.project.folder).stdin(Stdio::null()).stderr(Stdio::inherit());
    let built = command.output().map_err(|error| {
        Failure::system(format!("cargo cannot be run: {error}; install Rust: see rustup.rs"))
    })?;
    if !built.status.success() {
        let hint = if has_target() {
            String::new()
        } else {
            format!("; is the target there? rustup target add {TARGET}")
        };
        return Err(Failure::system(format!("cargo failed ({}){hint}", built.status)));
    }
    let component = component(&built.stdout, &work.project.folder.join("Cargo.toml")).ok_or_else(|| {
        Failure::usage("the package makes no component; in Cargo.toml: [lib] crate-type = [\"cdylib\"]")
    })?;
    fs::copy(&component, work.out)
        .map(drop)
        .map_err(|error| Failure::system(format!("cannot copy {}: {error}", component.display())))
}

/// The component of the package with this manifest, among what cargo has built.
fn component(messages: &[u8], manifest: &Path) -> Option<PathBuf> {
    let artifacts =
        messages.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let own = artifacts.filter(|artifact: &Artifact| artifact.manifest_path == manifest);
    own.flat_map(|artifact| artifact.filenames)
        .find(|file| file.extension().is_some_and(|ending| ending == "wasm"))
}

/// Whether the compiler has a std for components, as far as can be told.
fn has_target() -> bool {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
    sysroot.is_ok_and(|sysroot| Path::new(&sysroot).join("lib/rustlib").join(TARGET).is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_that_of_the_package_itself() {
        let line = |package: &str, file: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/w/{package}/Cargo.toml","filenames":["/t/{file}"]}}"#
            )
        };
        let messages =
            [line("other", "other.wasm"), "{}".to_owned(), line("own", "own.rlib"), line("own", "own.wasm")];
        let messages = messages.join("\n");
        let found = |manifest: &str| component(messages.as_bytes(), Path::new(manifest));
        assert_eq!(found("/w/own/Cargo.toml"), Some("/t/own.wasm".into()));
        assert_eq!(found("/w/none/Cargo.toml"), None);
    }
}
