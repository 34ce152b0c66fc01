//! Threads of lower priority, for lives that use up their slices.
//!
//! As many as the machine has cores; the system gives them what the other threads leave. They only poll. Clocks and
//! sockets that are made there belong to a *keeper*, a runtime of its own: its one thread has the priority of all
//! others, so that nothing is late, and the threads that it starts for blocking calls, which inherit a low priority
//! from whoever calls, serve nobody else.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// About a tenth of what another thread gets, and preempted by one that wakes up.
const NICE: i32 = 10;

/// Threads of lower priority. Cheap to clone; they end with the last clone.
#[derive(Clone)]
pub struct BatchPool {
    threads: Arc<Threads>,
}

struct Threads {
    /// Some until they are dropped.
    runtime: Option<Runtime>,
    keeper: Option<Runtime>,
    keeper_handle: Handle,
}

impl BatchPool {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// Where the system gives no threads.
    pub fn new() -> io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(threads).thread_name("pulsing-batch").on_thread_start(be_nice);
        let keeper = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("pulsing-keeper")
            .enable_all()
            .build()?;
        let keeper_handle = keeper.handle().clone();
        let threads = Threads { runtime: Some(runtime.build()?), keeper: Some(keeper), keeper_handle };
        Ok(Self { threads: Arc::new(threads) })
    }

    /// What the clocks and sockets of busy lives belong to.
    pub(super) fn keeper(&self) -> Handle {
        self.threads.keeper_handle.clone()
    }

    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        self.threads.runtime.as_ref().map(|runtime| runtime.spawn(work))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for runtime in [self.runtime.take(), self.keeper.take()].into_iter().flatten() {
            // Does not wait, so that it may happen in a task: what is polled gives up its thread soon.
            runtime.shutdown_background();
        }
    }
}

/// Linux keeps a priority for each thread; where a process has but one, all stay as they are.
fn be_nice() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "the threads for busy actors have the same priority as all others");
    }
}

/// The processor time that this thread has had.
pub(super) fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
