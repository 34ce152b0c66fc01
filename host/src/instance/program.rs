//! The code of components, linked and ready for instances: that of the same component is shared by all its actors.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, Type};

use super::bindings::overlapping::OverlappingPre;
use super::bindings::serial::SerialPre;
use super::imports::http::{Network, Resolver};
use super::imports::{is_offered, linker};
use super::resident::ResidentPre;
use super::store::Guest;
use crate::engine::{
    BuildError, CodeOrigin, ComponentSource, Content, Digest, Engines, LoadError, Loaded, Stop, World,
    compile, other_version, supported,
};
use crate::wire::Lane;

/// A component's code, linked to what the host offers.
pub struct Program {
    /// What it imports, in its own order.
    pub imports: Vec<String>,
    /// Where its compiled code came from when it was loaded: before, perhaps, for another actor.
    pub origin: CodeOrigin,
    pub(super) code: Code,
    /// How many bytes of the host an instance takes, beside its memories and the entries of its tables.
    pub(super) instance_bytes: usize,
    /// Their clock ends guests that loop: it goes on for as long as there is one that could.
    _engines: Engines,
}

pub(super) enum Code {
    Serial(SerialPre<Guest>),
    Overlapping(OverlappingPre<Guest>),
    Resident(ResidentPre),
}

impl Program {
    /// How its handlers share an instance.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match &self.code {
            Code::Serial(_) => Lane::Serial,
            Code::Overlapping(_) => Lane::Overlapping,
            Code::Resident(pre) => pre.lane(),
        }
    }
}

/// The programs of a host, and what they are linked to.
pub struct Programs {
    engines: Engines,
    /// For all whose calls do not overlap.
    serial: Linker<Guest>,
    overlapping: Linker<Guest>,
    pub(super) network: Network,
    /// Those that actors run now, by the digest of their components.
    loaded: Mutex<HashMap<Digest, Weak<Program>>>,
}

impl Programs {
    /// Links what the host offers.
    ///
    /// # Errors
    ///
    /// [`BuildError::Engine`]: a bug in the host.
    pub fn new(engines: Engines) -> Result<Self, BuildError> {
        let linker = |world| {
            linker(engines.of(world), world).map_err(|error| BuildError::Engine(format!("{error:#}")))
        };
        let (serial, overlapping) = (linker(World::Serial)?, linker(World::Overlapping)?);
        Ok(Self {
            engines,
            serial,
            overlapping,
            network: Network::new(Resolver::default()),
            loaded: Mutex::default(),
        })
    }

    /// Looks up the names of servers by this one.
    #[must_use]
    pub(crate) fn resolve_by(self, resolver: Resolver) -> Self {
        Self { network: Network::new(resolver), ..self }
    }

    /// As of [`Engines::cache_dir`].
    #[must_use]
    pub fn cache_dir(&self) -> Option<&Path> {
        self.engines.cache_dir()
    }

    /// The program of a component: that which other actors run already, or a new one.
    ///
    /// # Errors
    ///
    /// [`LoadError`] names the imports that the host does not offer, or what else does not fit.
    ///
    /// # Blocking
    ///
    /// Reads files, and compiles on all cores: seconds, for a large component that is not in the cache.
    pub fn load(&self, source: &ComponentSource) -> Result<Arc<Program>, LoadError> {
        self.load_until(source.read()?, &Stop::default())
    }

    /// The same of one that was read already, until `stop` says that nobody waits for it.
    pub(crate) fn load_until(&self, content: Content, stop: &Stop) -> Result<Arc<Program>, LoadError> {
        let digest = content.digest;
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = loaded.get(&digest).and_then(Weak::upgrade) {
            return Ok(program);
        }
        drop(loaded);
        let program = Arc::new(self.link(compile(&self.engines, content, stop)?)?);
        loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|_, program| program.strong_count() > 0);
        loaded.insert(digest, Arc::downgrade(&program));
        Ok(program)
    }

    fn link(&self, loaded: Loaded) -> Result<Program, LoadError> {
        let Loaded { name, component, world, imports, origin, instance_bytes } = loaded;
        let missing: Vec<_> = imports.iter().filter(|import| !is_offered(world, import)).cloned().collect();
        if let Some(version) = missing.iter().find_map(|import| other_version(import)) {
            return Err(LoadError::OtherVersion {
                name,
                version: version.to_owned(),
                supported: supported(),
            });
        }
        if !missing.is_empty() {
            return Err(LoadError::Imports { name, imports: missing });
        }
        check_describe(&name, &component, world)?;
        let unfit =
            |error: wasmtime::Error| LoadError::Unfit { name: name.clone(), error: format!("{error:#}") };
        let code = match world {
            World::Serial => {
                let pre = self.serial.instantiate_pre(&component).map_err(unfit)?;
                Code::Serial(SerialPre::new(pre).map_err(unfit)?)
            }
            World::Overlapping => {
                let pre = self.overlapping.instantiate_pre(&component).map_err(unfit)?;
                Code::Overlapping(OverlappingPre::new(pre).map_err(unfit)?)
            }
            World::Resident | World::ResidentOverlapping => {
                let pre = self.serial.instantiate_pre(&component).map_err(unfit)?;
                Code::Resident(ResidentPre::new(pre, world).map_err(unfit)?)
            }
        };
        Ok(Program { imports, origin, code, instance_bytes, _engines: self.engines.clone() })
    }
}

/// Refuses a component whose `describe` is another than the contract's: the first function that is called. One that has none
/// is refused where its functions are looked up.
fn check_describe(name: &str, component: &Component, world: World) -> Result<(), LoadError> {
    const FUNCTION: &str = "describe";
    let actor = component.get_export_index(None, world.export());
    let described = actor.and_then(|actor| component.get_export(Some(&actor), FUNCTION));
    let fits = match described {
        Some((ComponentItem::ComponentFunc(function), _)) => {
            function.params().len() == 0 && function.results().eq([Type::String])
        }
        Some(_no_function) => false,
        None => true,
    };
    if fits {
        return Ok(());
    }
    let (name, export) = (name.to_owned(), world.export());
    Err(LoadError::OtherType { name, export, function: FUNCTION, expected: "func() -> string" })
}
