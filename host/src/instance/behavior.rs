//! A component as what runs in an actor.

use std::sync::{Arc, Weak};

use futures::FutureExt;
use futures::future::BoxFuture;
use wasmtime::component::Linker;

use super::bindings::overlapping::OverlappingPre;
use super::bindings::serial::SerialPre;
use super::imports::http::{HttpClient, Network};
use super::imports::{is_offered, linker};
use super::store::{Guest, Household};
use super::{overlapping, serial};
use crate::actor::behavior::{Behavior, Birth, Description, Lane};
use crate::actor::desk::Desk;
use crate::budget::Budget;
use crate::engine::{BuildError, Engines, LoadError, Loaded};
use crate::exit::ExitReason;
use crate::grants::Grants;
use crate::id::ActorName;
use crate::limits::Limits;
use crate::observe::Counters;
use crate::registry::Registry;

/// What a host offers to guests, for each lane.
pub struct Linkers {
    serial: Linker<Guest>,
    overlapping: Linker<Guest>,
    network: Network,
}

impl Linkers {
    /// Links what the host offers.
    ///
    /// # Errors
    ///
    /// [`BuildError::Engine`]: a bug in the host.
    pub fn new(engines: &Engines) -> Result<Self, BuildError> {
        let linker =
            |lane| linker(engines.of(lane), lane).map_err(|error| BuildError::Engine(format!("{error:#}")));
        Ok(Self {
            serial: linker(Lane::Serial)?,
            overlapping: linker(Lane::Overlapping)?,
            network: Network::new(),
        })
    }
}

/// A linked component: every life of it is a new instance.
pub struct WasmBehavior {
    household: Household,
    code: Code,
}

enum Code {
    Serial(SerialPre<Guest>),
    Overlapping(OverlappingPre<Guest>),
}

impl WasmBehavior {
    /// Links a compiled component. Its lives look for other actors in `registry`, count in `counters`, and take
    /// their memory from that of the host.
    ///
    /// # Errors
    ///
    /// [`LoadError`] names the imports that the host does not offer, or what else does not fit.
    pub fn new(
        linkers: &Linkers,
        loaded: Loaded,
        grants: Grants,
        registry: Weak<Registry>,
        counters: Arc<Counters>,
        memory: Budget,
    ) -> Result<Self, LoadError> {
        let Loaded { name, component, lane, imports, .. } = loaded;
        let missing: Vec<_> = imports.into_iter().filter(|import| !is_offered(lane, import)).collect();
        if !missing.is_empty() {
            return Err(LoadError::Imports { name, imports: missing });
        }
        let unfit =
            |error: wasmtime::Error| LoadError::Unfit { name: name.clone(), error: format!("{error:#}") };
        let code = match lane {
            Lane::Serial => {
                let pre = linkers.serial.instantiate_pre(&component).map_err(unfit)?;
                Code::Serial(SerialPre::new(pre).map_err(unfit)?)
            }
            Lane::Overlapping => {
                let pre = linkers.overlapping.instantiate_pre(&component).map_err(unfit)?;
                Code::Overlapping(OverlappingPre::new(pre).map_err(unfit)?)
            }
        };
        let http = Arc::new(HttpClient::new(&grants.http, &linkers.network));
        Ok(Self { household: Household { grants, registry, counters, http, memory }, code })
    }

    /// Asks the component what it says of itself, in an instance that does nothing else.
    ///
    /// # Errors
    ///
    /// How it failed, in one line.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the instance.
    pub async fn describe(&self) -> Result<Description, String> {
        let limits = Limits::default();
        let timeout = limits.start_timeout;
        let name = ActorName::new("check").map_err(|error| error.to_string())?;
        let desk = Desk::of_nobody(name, self.lane(), limits, Arc::clone(&self.household.counters));
        let description = async {
            match &self.code {
                Code::Serial(pre) => serial::describe(pre, &self.household, desk).await,
                Code::Overlapping(pre) => overlapping::describe(pre, &self.household, desk).await,
            }
        };
        let late = |_late| Err(format!("it did not answer within {}", humantime::format_duration(timeout)));
        tokio::time::timeout(timeout, description).await.unwrap_or_else(late)
    }
}

impl Behavior for WasmBehavior {
    fn lane(&self) -> Lane {
        match self.code {
            Code::Serial(_) => Lane::Serial,
            Code::Overlapping(_) => Lane::Overlapping,
        }
    }

    fn live(&self, birth: Birth, desk: Desk) -> BoxFuture<'_, ExitReason> {
        match &self.code {
            Code::Serial(pre) => serial::live(pre, &self.household, birth, desk).boxed(),
            Code::Overlapping(pre) => overlapping::live(pre, &self.household, birth, desk).boxed(),
        }
    }
}
