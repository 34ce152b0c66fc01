//! From a file to compiled code.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::Component;

use super::Engines;
use super::ahead::{is_compiled, revive};
use super::error::LoadError;
use super::preview::preview;
use super::progress::telling;
use crate::actor::behavior::Lane;

/// The most bytes that a component has. The largest that guest tools make today is a tenth of it.
const COMPONENT_MAX_BYTES: u64 = 256 << 20;

/// How often people are told that a component is still being compiled. Small ones are done before the first time.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Where a component comes from.
#[derive(Debug, Clone)]
pub enum ComponentSource {
    /// A file.
    File(PathBuf),
    /// Its bytes.
    Bytes(Arc<[u8]>),
}

impl ComponentSource {
    /// What messages call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Bytes(_) => "the component".to_owned(),
        }
    }

    /// The component.
    ///
    /// # Errors
    ///
    /// [`LoadError`] where its file cannot be read, or is none.
    ///
    /// # Blocking
    ///
    /// Reads the file.
    pub fn read(&self) -> Result<Arc<[u8]>, LoadError> {
        match self {
            Self::File(path) => read(&self.name(), path).map(Into::into),
            Self::Bytes(bytes) => Ok(Arc::clone(bytes)),
        }
    }
}

/// A compiled component, and what is known of it.
#[derive(Clone)]
pub struct Loaded {
    /// What messages call it.
    pub name: String,
    /// Its code.
    pub component: Component,
    /// Which engine compiled it.
    pub lane: Lane,
    /// What it imports, in its own order.
    pub imports: Vec<String>,
    /// Where its code comes from.
    pub origin: CodeOrigin,
}

/// Where compiled code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeOrigin {
    /// It was compiled now.
    Compiled,
    /// It was compiled before, and kept.
    Cache,
    /// It came as compiled code.
    Ahead,
}

/// Reads and compiles a component, or takes its compiled code from the cache.
///
/// # Errors
///
/// [`LoadError`] says what is wrong with it, in one line.
///
/// # Blocking
///
/// Reads files, and compiles on all cores: seconds, for a large component that is not in the cache.
pub fn load(engines: &Engines, source: &ComponentSource) -> Result<Loaded, LoadError> {
    compile(engines, &source.name(), &source.read()?)
}

/// The same, for a component that was read already.
///
/// # Errors
///
/// As of [`load`].
///
/// # Blocking
///
/// As of [`load`].
pub fn compile(engines: &Engines, name: &str, bytes: &[u8]) -> Result<Loaded, LoadError> {
    if is_compiled(bytes) {
        return revive(engines, name, bytes);
    }
    let name = name.to_owned();
    let preview = preview(&name, bytes)?;
    let (begun, hits) = (Instant::now(), engines.cache_hits());
    let tell = || {
        let so_far = begun.elapsed();
        tracing::info!(component = %name, ?so_far, "compiling, which takes seconds at a large component's first start");
    };
    let compiled = telling(TOLD_EVERY, tell, || Component::from_binary(engines.of(preview.lane), bytes));
    let component =
        compiled.map_err(|error| LoadError::Malformed { name: name.clone(), error: format!("{error:#}") })?;
    let origin = if engines.cache_hits() > hits { CodeOrigin::Cache } else { CodeOrigin::Compiled };
    tracing::info!(component = %name, ?origin, took = ?begun.elapsed(), "component loaded");
    Ok(Loaded { name, component, lane: preview.lane, imports: preview.imports, origin })
}

fn read(name: &str, path: &PathBuf) -> Result<Vec<u8>, LoadError> {
    let unreadable = |error: std::io::Error| LoadError::Unreadable {
        name: name.to_owned(),
        error: match error.kind() {
            std::io::ErrorKind::NotFound => "no such file".to_owned(),
            _ => error.to_string(),
        },
    };
    let refused = |error: &str| LoadError::Unreadable { name: name.to_owned(), error: error.to_owned() };
    // Before it is opened: opening a pipe waits for its other end.
    let metadata = path.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(refused("this is a folder; give a .wasm file"));
    }
    if !metadata.is_file() {
        return Err(refused("this is no plain file"));
    }
    let bytes = metadata.len();
    if bytes > COMPONENT_MAX_BYTES {
        return Err(LoadError::TooLarge { name: name.to_owned(), bytes, max: COMPONENT_MAX_BYTES });
    }
    let mut content = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    // The file may grow while it is read.
    file.take(COMPONENT_MAX_BYTES).read_to_end(&mut content).map_err(unreadable)?;
    Ok(content)
}
