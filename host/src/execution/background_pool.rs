//! Threads of lower priority, for the lives of busy actors.
//!
//! As many as the machine has cores; the system gives them what the other threads leave. They only poll. Clocks and
//! sockets that are made there belong to a *keeper*, a runtime of its own: its one thread has the priority of all
//! others, so that nothing is late, and the threads that it starts for blocking calls, which inherit a low priority
//! from whoever calls, serve nobody else.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// About a tenth of what another thread gets, and preempted by one that wakes up.
const NICE: i32 = 10;

/// Threads of lower priority. Cheap to clone; they end with the last clone.
#[derive(Clone)]
pub struct BackgroundPool {
    threads: Arc<Threads>,
}

struct Threads {
    batch: Handle,
    keeper: Handle,
    /// Of both.
    runtimes: Vec<Runtime>,
}

impl BackgroundPool {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// Where the system gives no threads.
    pub fn new() -> io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let batch = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("pulsing-batch")
            .on_thread_start(be_nice)
            .build()?;
        let keeper = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("pulsing-keeper")
            .enable_all()
            .build()?;
        let (batch_handle, keeper_handle) = (batch.handle().clone(), keeper.handle().clone());
        let runtimes = vec![batch, keeper];
        Ok(Self { threads: Arc::new(Threads { batch: batch_handle, keeper: keeper_handle, runtimes }) })
    }

    /// What the clocks and sockets of busy lives belong to.
    pub(super) fn keeper(&self) -> Handle {
        self.threads.keeper.clone()
    }

    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.threads.batch.spawn(work)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Does not wait, so that it may happen in a task: what is polled gives up its thread soon.
        self.runtimes.drain(..).for_each(Runtime::shutdown_background);
    }
}

/// Linux keeps a priority for each thread; where a process has but one, all stay as they are.
fn be_nice() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "the threads for busy actors have the same priority as all others");
    }
}
