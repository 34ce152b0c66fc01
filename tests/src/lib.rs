//! What tests with real guests have in common: where the guests are, and a host for each test.

pub mod bombs;
pub mod chaos;
pub mod console;
pub mod languages;
pub mod scenario;

use std::env;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use pulsing_host::{ActorName, ActorRef, ActorSpec, ComponentSource, Host};

/// The folder with the built guests.
pub(crate) fn guests_dir() -> PathBuf {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
    env::var_os("PULSING_GUESTS_DIR").map_or_else(default, PathBuf::from)
}

/// The file of a guest.
///
/// # Errors
///
/// Where it was not built.
pub fn guest_file(name: &str) -> Result<PathBuf> {
    let file = guests_dir().join(name).with_extension("wasm");
    ensure!(file.is_file(), "{} is missing: run `cargo xtask test`, which builds it", file.display());
    Ok(file)
}

/// The files of all guests that were built, of whatever languages those are.
///
/// # Errors
///
/// Where their folder cannot be read.
pub fn guest_files() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(guests_dir())? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "wasm") {
            files.push(path);
        }
    }
    Ok(files)
}

/// The folder for compiled code that all tests share, so that each guest is compiled once.
#[must_use]
pub fn cache_dir() -> PathBuf {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/test-cache");
    env::var_os("PULSING_TEST_CACHE").map_or_else(default, PathBuf::from)
}

/// A host of one's own, with the shared cache.
///
/// # Errors
///
/// Where the host cannot be made.
pub fn host() -> Result<Host> {
    Ok(Host::builder().cache_dir(cache_dir()).build()?)
}

/// An actor from a guest, called like it, with default limits.
///
/// # Errors
///
/// Where the guest was not built.
pub fn spec(guest: &str) -> Result<ActorSpec> {
    Ok(ActorSpec::new(ActorName::new(guest)?, ComponentSource::File(guest_file(guest)?)))
}

/// Spawns an actor and waits until it runs.
///
/// # Errors
///
/// Where it does not.
pub async fn spawn(host: &Host, spec: ActorSpec) -> Result<ActorRef> {
    let actor = host.spawn(spec).await?;
    actor.ready().await.map_err(|exit| anyhow::anyhow!("{} {exit}", actor.id()))?;
    Ok(actor)
}
