//! A component as what runs in an actor.

use std::sync::{Arc, OnceLock, Weak};

use super::file_quota::FileGrant;
use super::folders::OpenFolders;
use super::imports::http::HttpClient;
use super::program::{Code, Program, Programs};
use super::store::Household;
use super::{overlapping, resident, serial};
use crate::actor::context_of_nobody;
use crate::budget::Budget;
use crate::delivery::Directory;
use crate::dispatch::LifeContext;
use crate::dispatch::{Behavior, Birth, Description};
use crate::exit::ExitReason;
use crate::grants::Grants;
use crate::id::ActorName;
use crate::limits::Limits;
use crate::observe::Counters;
use crate::wire::Lane;
use futures::FutureExt;
use futures::future::BoxFuture;

/// A program as what runs in an actor: every life of it is a new instance.
pub(crate) struct WasmBehavior {
    household: Household,
    program: Arc<Program>,
}

impl WasmBehavior {
    /// Lives of a program look for other actors in `directory`, count in `counters`, and take their memory from that of
    /// the host. All of them have `files` together.
    #[must_use]
    pub(crate) fn new(
        programs: &Programs,
        program: Arc<Program>,
        grants: Grants,
        directory: Weak<dyn Directory>,
        counters: Arc<Counters>,
        memory: Budget,
        files: FileGrant,
    ) -> Self {
        let http = Arc::new(HttpClient::new(&grants.http, &programs.network));
        let folders = OpenFolders::new(files.folders);
        let (described, instance_bytes) = (OnceLock::new(), program.instance_bytes);
        Self {
            household: Household {
                grants,
                folders,
                directory,
                counters,
                http,
                memory,
                files: Arc::new(files.quota),
                instance_bytes,
                described,
            },
            program,
        }
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
    pub(crate) async fn describe(&self) -> Result<Description, String> {
        let limits = Limits::default();
        let timeout = limits.start_timeout;
        let name = ActorName::new("check").map_err(|error| error.to_string())?;
        let context = context_of_nobody(name.into(), self.lane(), limits, &self.household.counters);
        let description = async {
            match &self.program.code {
                Code::Serial(pre) => serial::describe(pre, &self.household, context).await,
                Code::Overlapping(pre) => overlapping::describe(pre, &self.household, context).await,
                Code::Resident(pre) => resident::describe(pre, &self.household, context).await,
            }
        };
        let late = |_late| Err(format!("it did not answer within {}", humantime::format_duration(timeout)));
        tokio::time::timeout(timeout, description).await.unwrap_or_else(late)
    }
}

impl Behavior for WasmBehavior {
    fn lane(&self) -> Lane {
        self.program.lane()
    }

    fn may_run_inline(&self) -> bool {
        match &self.program.code {
            Code::Serial(_) | Code::Resident(_) => true,
            // An answer mostly takes the engine more than one poll.
            Code::Overlapping(_) => false,
        }
    }

    fn live(&self, birth: Birth, context: LifeContext) -> BoxFuture<'_, ExitReason> {
        match &self.program.code {
            Code::Serial(pre) => serial::live(pre, &self.household, birth, context).boxed(),
            Code::Overlapping(pre) => overlapping::live(pre, &self.household, birth, context).boxed(),
            Code::Resident(pre) => resident::live(pre, &self.household, birth, context).boxed(),
        }
    }
}
