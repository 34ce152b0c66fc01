//! What the program carries with it for those who write actors: the contract, the SDKs and the templates, as they are
//! in its own repository. So a project has the SDK of the host that began it.

use std::fs;
use std::path::Path;

use rust_embed::{Embed, EmbeddedFile};

use super::failure::Failure;

#[derive(Embed)]
#[folder = "../wit"]
pub(super) struct Wit;

#[derive(Embed)]
#[folder = "../guest-sdk"]
#[exclude = "*node_modules*"]
#[exclude = "*__pycache__*"]
#[exclude = "*.egg-info*"]
#[exclude = "*/.venv/*"]
#[exclude = "*tests/*"]
pub(super) struct Sdk;

#[derive(Embed)]
#[folder = "../examples"]
#[include = "*/counter/*"]
#[exclude = "*node_modules*"]
#[exclude = "*__pycache__*"]
#[exclude = "*/.venv/*"]
#[exclude = "*.wasm"]
#[exclude = "*.pulsing"]
pub(super) struct Examples;

/// The workspace's manifest, for the versions of what the Rust SDK depends on.
pub(super) const WORKSPACE: &str = include_str!("../../../Cargo.toml");

/// Writes the contract to a new folder.
pub(super) fn write_wit(folder: &Path) -> Result<(), Failure> {
    write_below::<Wit>("", folder)
}

/// Writes all files whose path begins with `prefix` to a folder, without it.
pub(super) fn write_below<E: Embed>(prefix: &str, folder: &Path) -> Result<(), Failure> {
    for path in E::iter() {
        let Some(rest) = path.strip_prefix(prefix) else { continue };
        // It is there: its name came from the same list.
        let file: Option<EmbeddedFile> = E::get(&path);
        write(&folder.join(rest), &file.map(|file| file.data).unwrap_or_default())?;
    }
    Ok(())
}

/// Writes a file, and makes the folders that it is in.
pub(super) fn write(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let parent = file.parent().unwrap_or(file);
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(file, bytes));
    written.map_err(|error| Failure::system(format!("cannot write {}: {error}", file.display())))
}
