//! A Rust project: its SDK is a workspace of its own, with the versions that the program's own workspace names.

use std::path::Path;

use toml::{Table, Value};

use super::SDK;
use crate::cli::embedded::{Sdk, WORKSPACE, write, write_below};
use crate::cli::failure::Failure;

const MEMBERS: [&str; 3] = ["guest-sdk", "guest-sdk/macros", "guest-sdk/work"];

/// Writes the SDK.
pub(super) fn fill(folder: &Path, _name: &str, sdk: &Path) -> Result<(), Failure> {
    write_below::<Sdk>("src/", &sdk.join("guest-sdk/src"))?;
    write_below::<Sdk>("macros/", &sdk.join("guest-sdk/macros"))?;
    write_below::<Sdk>("work/", &sdk.join("guest-sdk/work"))?;
    let manifest = Sdk::get("Cargo.toml").map(|file| file.data).unwrap_or_default();
    write(&sdk.join("guest-sdk/Cargo.toml"), &manifest)?;
    write(&folder.join(SDK).join("Cargo.toml"), workspace()?.as_bytes())
}

/// The manifest of the SDK's workspace: what its packages take from the program's.
fn workspace() -> Result<String, Failure> {
    let whole: Table = toml::from_str(WORKSPACE).map_err(Failure::system)?;
    let mut workspace = whole.get("workspace").and_then(Value::as_table).cloned().unwrap_or_default();
    workspace.remove("default-members");
    workspace.insert("members".to_owned(), MEMBERS.map(Value::from).to_vec().into());
    workspace.entry("resolver").or_insert_with(|| "3".into());
    // Packages of the repository that are not here.
    if let Some(dependencies) = workspace.get_mut("dependencies").and_then(Value::as_table_mut) {
        let is_here = |value: &Value| match value.get("path").and_then(Value::as_str) {
            Some(path) => MEMBERS.contains(&path),
            None => true,
        };
        dependencies.retain(|_, value| is_here(value));
    }
    toml::to_string(&Table::from_iter([("workspace".to_owned(), workspace.into())])).map_err(Failure::system)
}

/// Writes the project's own manifest over the example's, which is a member of another workspace.
pub(super) fn write_manifest(folder: &Path, name: &str) -> Result<(), Failure> {
    let manifest = format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[dependencies]
pulsing-guest = {{ path = "{SDK}/guest-sdk" }}

[profile.release]
strip = "debuginfo"
lto = "thin"
codegen-units = 1

[workspace]
exclude = ["{SDK}"]
"#
    );
    write(&folder.join("Cargo.toml"), manifest.as_bytes())
}
