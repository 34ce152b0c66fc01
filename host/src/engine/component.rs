//! From a file to compiled code.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

use super::Engines;
use super::ahead::{self, COMPILED_ENDING, is_compiled, revive};
use super::bounds::{COMPONENT_MAX_BYTES, measure, measure_apart};
use super::compiler::{Compiler, Stop};
use super::error::{CompilerEnd, LoadError};
use super::preview::{Preview, preview, uses_async};
use super::progress::telling;
use super::world::World;
use crate::files::{self, AsRead, ReadError, Stamp};

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

    /// Refuses the address of something that is elsewhere.
    ///
    /// # Errors
    ///
    /// [`LoadError::Remote`].
    pub(crate) fn check_is_here(&self) -> Result<(), LoadError> {
        match self {
            Self::File(path) if files::is_url(path) => Err(LoadError::Remote { name: self.name() }),
            Self::File(_) | Self::Bytes(_) => Ok(()),
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
    pub fn read(&self) -> Result<Content, LoadError> {
        let name = self.name();
        self.check_is_here()?;
        let path = match self {
            Self::File(path) => Some(path),
            Self::Bytes(_) => None,
        };
        let stamp = path.and_then(|path| Stamp::of(path));
        let bytes = match self {
            Self::File(path) => Bytes::from(read(&name, path)?),
            Self::Bytes(bytes) => Bytes::from_owner(Arc::clone(bytes)),
        };
        let length = bytes.len() as u64;
        if length > COMPONENT_MAX_BYTES {
            return Err(LoadError::TooLarge { name, bytes: length, max: COMPONENT_MAX_BYTES });
        }
        let may_be_compiled = match self {
            Self::File(path) => path.extension().is_some_and(|ending| ending == COMPILED_ENDING),
            Self::Bytes(_) => true,
        };
        let digest = digest_of(&bytes);
        let file = path.cloned().map(|path| {
            let take_fingerprint = |bytes: &[u8]| digest_of(bytes).0;
            AsRead { path, stamp, bytes: length, fingerprint: digest.0, take_fingerprint }
        });
        Ok(Content { digest, name, bytes, may_be_compiled, file })
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    if is_compiled(bytes) { ahead::digest(bytes) } else { Digest::of(bytes) }
}

/// A component as it was read.
#[derive(Debug, Clone)]
pub struct Content {
    /// What messages call it.
    pub name: String,
    /// All of it.
    pub bytes: Bytes,
    /// Of its bytes, or of those of compiled code that tell it from other.
    pub digest: Digest,
    /// Whether it may be code that was compiled ahead, where the host trusts such: a file is called so.
    pub may_be_compiled: bool,
    /// The file that it was read from, if any.
    pub(crate) file: Option<AsRead>,
}

/// The SHA-256 of a component: what it is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// A compiled component, and what is known of it.
#[derive(Clone)]
pub struct Loaded {
    /// What messages call it.
    pub name: String,
    /// Its code.
    pub component: Component,
    /// Which engine compiled it, and how it is given work.
    pub world: World,
    /// What it imports, in its own order.
    pub imports: Vec<String>,
    /// Where its code comes from.
    pub origin: CodeOrigin,
    /// How many bytes of the host an instance of it takes, beside its memories and the entries of its tables.
    pub instance_bytes: usize,
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
    compile(engines, source.read()?, &Stop::default())
}

/// The same, for a component that was read already; until `stop` says so, where it is compiled in a process of its own.
///
/// # Errors
///
/// As of [`load`].
///
/// # Blocking
///
/// As of [`load`].
pub(crate) fn compile(engines: &Engines, content: Content, stop: &Stop) -> Result<Loaded, LoadError> {
    if is_compiled(&content.bytes) {
        return revive(engines, &content);
    }
    let Preview { world, imports } = preview(&content.name, &content.bytes)?;
    let begun = Instant::now();
    // What was compiled before was perhaps by a host with other bounds.
    let instance_bytes = measure_apart(&content.name, &content.bytes)?;
    let compiled = take_or_compile(engines, world, &content, stop);
    let (component, origin) = compiled.map_err(|error| explained(error, world, &content.bytes))?;
    let Content { name, .. } = content;
    tracing::info!(component = %name, ?origin, took = ?begun.elapsed(), "component loaded");
    Ok(Loaded { name, component, world, imports, origin, instance_bytes })
}

/// What the compiler refuses, as what a person can do something about. Its words quote the component: only bytes are looked at.
fn explained(error: LoadError, world: World, bytes: &[u8]) -> LoadError {
    match error {
        LoadError::Malformed { name, .. } if !world.calls_overlap() && uses_async(bytes) => {
            LoadError::Async { name, export: world.export() }
        }
        error => error,
    }
}

fn take_or_compile(
    engines: &Engines,
    world: World,
    content: &Content,
    stop: &Stop,
) -> Result<(Component, CodeOrigin), LoadError> {
    let Content { name, bytes, digest, .. } = content;
    let engine = engines.of(world);
    if let Some(component) = engines.cache().and_then(|cache| cache.find(engine, digest)) {
        return Ok((component, CodeOrigin::Cache));
    }
    if engines.compiler().is_none() {
        measure(name, bytes)?;
    }
    if stop.is_unwanted() {
        return Err(LoadError::Uncompiled { name: name.clone(), end: CompilerEnd::Unwanted });
    }
    let begun = Instant::now();
    let tell = || {
        let so_far = begun.elapsed();
        tracing::info!(component = %name, ?so_far, "compiling, which takes seconds at a large component's first start");
    };
    let component = telling(TOLD_EVERY, tell, || match engines.compiler() {
        Some(compiler) => compile_apart(compiler, engines, world, content, stop),
        None => Component::from_binary(engine, bytes)
            .map_err(|error| LoadError::Malformed { name: name.clone(), error: format!("{error:#}") }),
    })?;
    if let Some(cache) = engines.cache() {
        cache.keep(engine, digest, &component);
    }
    Ok((component, CodeOrigin::Compiled))
}

/// Compiles a component in a process of its own.
fn compile_apart(
    compiler: &Compiler,
    engines: &Engines,
    world: World,
    content: &Content,
    stop: &Stop,
) -> Result<Component, LoadError> {
    let Content { name, bytes, .. } = content;
    let code = compiler.compile(world, bytes, stop).map_err(|failed| failed.of(name))?;
    // SAFETY: it is what `Engine::precompile_component` gave, whole, in a process that was started with a program that
    // whoever runs this host vouches for, and through a pipe that is ours alone. The engine itself refuses what other
    // settings or other versions compiled.
    #[expect(unsafe_code, reason = "there is no safe way to load compiled code")]
    let component = unsafe { Component::deserialize(engines.of(world), code.bytes()) };
    component.map_err(|error| {
        let end = CompilerEnd::Failed(format!("it is that of another host: {error:#}"));
        LoadError::Uncompiled { name: name.clone(), end }
    })
}

fn read(name: &str, path: &Path) -> Result<Vec<u8>, LoadError> {
    files::read(path, COMPONENT_MAX_BYTES).map_err(|error| {
        let name = name.to_owned();
        match error {
            ReadError::TooLarge { bytes, max } => LoadError::TooLarge { name, bytes, max },
            ReadError::Unreadable(_) => LoadError::Unreadable { name, error: error.to_string() },
        }
    })
}
