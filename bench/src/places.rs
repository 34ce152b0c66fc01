//! Where callers and actors run: on one worker, or on one each.

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Handle, Runtime};

/// Where a caller runs, seen from its actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// On the same worker: an ask wakes nobody's thread.
    Same,
    /// On another: an ask goes from thread to thread, and back.
    Across,
}

impl Placement {
    pub(crate) const ALL: [Self; 2] = [Self::Same, Self::Across];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "one worker",
            Self::Across => "two workers",
        }
    }
}

/// Two runtimes with a worker each. Every actor, whoever's it is, lives in the first.
pub(crate) struct Places {
    home: Runtime,
    away: Runtime,
}

impl Places {
    pub(crate) fn new() -> Result<Self> {
        let runtime =
            |name: &str| Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build();
        Ok(Self {
            home: runtime("home").context("no runtime")?,
            away: runtime("away").context("no runtime")?,
        })
    }

    /// Runs `work` where actors live. The calling thread only waits.
    pub(crate) fn at_home<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.run(Placement::Same, work)
    }

    /// Runs `work` as a caller. The calling thread only waits.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        placement: Placement,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let task = self.handle(placement).spawn(work);
        futures::executor::block_on(task).context("a measurement panicked")?
    }

    fn handle(&self, placement: Placement) -> &Handle {
        match placement {
            Placement::Same => self.home.handle(),
            Placement::Across => self.away.handle(),
        }
    }

    /// Ends what still runs, without waiting for it.
    pub(crate) fn end(self) {
        self.home.shutdown_background();
        self.away.shutdown_background();
    }
}
