//! What there is in the checkout: where its root and its target directory are, and which packages are guests.
//!
//! Cargo is asked, once per task, so that `CARGO_TARGET_DIR` and the workspace's globs mean what they mean to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// Folders whose packages are guests: built for wasm32-wasip2, and natively only checked.
const GUEST_FOLDERS: [&str; 3] = ["examples/rust", "tests/guests", "tests/polyglot"];

/// Reading a dozen manifests takes milliseconds; a minute also covers another cargo that holds the lock.
const METADATA_BOUND: Duration = Duration::from_secs(60);

/// The checkout.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
    pub(crate) guests: Vec<Guest>,
    /// The packages that cargo takes where none is named.
    pub(crate) default_members: Vec<String>,
}

/// A package that becomes a component.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Guest {
    pub(crate) package: String,
    /// The name of its file in cargo's output, without `.wasm`: as the package's, with underscores.
    pub(crate) artifact: String,
}

impl Tree {
    /// Asks cargo about the workspace that this task belongs to.
    ///
    /// # Errors
    ///
    /// When cargo cannot read the manifests; its complaint is in the error.
    pub(crate) fn read() -> Result<Self> {
        // In the root: elsewhere, what cargo takes by itself is the package that it is in.
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut metadata = process::cargo(&root);
        metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
        Self::parse(&process::answer(&mut metadata, METADATA_BOUND)?)
    }

    fn parse(json: &str) -> Result<Self> {
        let metadata: Metadata = serde_json::from_str(json).context("cannot read cargo's metadata")?;
        let root = metadata.workspace_root;
        let is_default = |package: &&Package| metadata.workspace_default_members.contains(&package.id);
        let default_members =
            metadata.packages.iter().filter(is_default).map(|package| package.name.clone()).collect();
        let mut guests: Vec<_> =
            metadata.packages.into_iter().filter_map(|package| package.guest(&root)).collect();
        guests.sort();
        Ok(Self { root, target: metadata.target_directory, guests, default_members })
    }

    /// Where the built guests go, one `NAME.wasm` for each package.
    pub(crate) fn guests_dir(&self) -> PathBuf {
        self.target.join("guests")
    }

    /// The release host.
    pub(crate) fn host_binary(&self) -> PathBuf {
        self.target.join("release/pulsing-host")
    }

    /// The path as somebody in the root of the tree would type it.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
    workspace_default_members: Vec<String>,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

impl Package {
    fn guest(self, root: &Path) -> Option<Guest> {
        if !GUEST_FOLDERS.iter().any(|folder| self.manifest_path.starts_with(root.join(folder))) {
            return None;
        }
        let library =
            self.targets.into_iter().find(|target| target.crate_types.iter().any(|t| t == "cdylib"))?;
        Some(Guest { package: self.name, artifact: library.name.replace('-', "_") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_the_cdylibs_under_the_guest_folders() {
        let package = |name: &str, path: &str, crate_type: &str| {
            format!(
                r#"{{"id":"id of {name}","name":"{name}","manifest_path":"/w/{path}/Cargo.toml",
                    "targets":[{{"name":"{name}","crate_types":["{crate_type}"]}}]}}"#
            )
        };
        let json = format!(
            r#"{{"workspace_root":"/w","target_directory":"/elsewhere","packages":[{},{},{},{}],
                "workspace_default_members":["id of plugin"]}}"#,
            package("slow-start", "tests/guests/slow-start", "cdylib"),
            package("counter", "examples/rust/counter", "cdylib"),
            package("client", "examples/rust/client", "bin"),
            package("plugin", "host/plugin", "cdylib"),
        );
        let tree = Tree::parse(&json).unwrap();
        let guest =
            |package: &str, artifact: &str| Guest { package: package.into(), artifact: artifact.into() };
        assert_eq!(tree.guests, [guest("counter", "counter"), guest("slow-start", "slow_start")]);
        assert_eq!(tree.default_members, ["plugin"]);
        assert_eq!(tree.guests_dir(), Path::new("/elsewhere/guests"));
        assert_eq!(tree.shown(Path::new("/w/target/x")), Path::new("target/x"));
    }
}
