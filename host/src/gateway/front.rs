//! A thread for a gateway that polls no guest.
//!
//! A guest gives up its thread after a slice, but for what a slice does not end: an instruction that fills or copies its
//! memory, and what the host does for it in one call. As many guests as a runtime has threads can hold them all for as
//! long as that takes. With a [`Front`], connections are accepted and the host's health is told all the while; whatever
//! else is asked for waits for those threads: docs/design/0017 says why.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeMetrics};
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

/// How often a look is taken at the threads that poll guests: as long as two slices.
const BEAT: Duration = Duration::from_millis(10);

/// A thread on which a gateway accepts connections and tells the host's health, and nothing else is done. It ends when this
/// is dropped.
#[derive(Debug)]
pub struct Front {
    /// None once it is dropped.
    runtime: Option<Runtime>,
}

impl Front {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// Where the system gives none.
    pub fn new() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("pulsing-front").enable_all().build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Has a socket's events come by this thread.
    ///
    /// # Errors
    ///
    /// Where the system refuses it.
    pub(super) fn adopt(&self, listener: tokio::net::TcpListener) -> io::Result<tokio::net::TcpListener> {
        let listener = listener.into_std()?;
        let _here = self.runtime.as_ref().map(Runtime::enter);
        tokio::net::TcpListener::from_std(listener)
    }

    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        match &self.runtime {
            Some(runtime) => runtime.spawn(work),
            None => Handle::current().spawn(work),
        }
    }

    /// Nudges the threads of a runtime until the answer is dropped.
    pub(super) fn nudge(&self, home: Handle) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(self.spawn(nudge(home)))
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // Does not wait, so that it may happen in a task.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Has another thread of the runtime see to its clocks and sockets while one of them is held.
///
/// The thread that waits for these sees to the work that they bring, and no other takes its place, if that is one task: a
/// guest that holds it then holds up all that waits for a clock or a socket, however many threads sleep. tokio's remedy
/// (`enable_eager_driver_handoff`) is not stable yet; with it, this can go.
async fn nudge(home: Handle) {
    let metrics = home.metrics();
    let mut beats = tokio::time::interval(BEAT);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = Vec::new();
    loop {
        beats.tick().await;
        let now: Vec<_> = (0..metrics.num_workers()).map(|worker| Turn::of(&metrics, worker)).collect();
        let is_one_held = before.iter().zip(&now).any(|(before, now): (&Turn, &Turn)| now.is_still(*before));
        if is_one_held && now.iter().any(|turn| turn.is_asleep) {
            // Whoever wakes for it waits for the clocks and sockets next.
            drop(home.spawn(async {}));
        }
        before = now;
    }
}

/// What a thread of a runtime was at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    number: u64,
    is_asleep: bool,
}

impl Turn {
    fn of(metrics: &RuntimeMetrics, worker: usize) -> Self {
        // Counts both: it is odd while the thread sleeps.
        let number = metrics.worker_park_unpark_count(worker);
        Self { number, is_asleep: number % 2 == 1 }
    }

    /// Whether it is awake and has not slept since.
    fn is_still(self, before: Self) -> bool {
        !self.is_asleep && self == before
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// No wait in these tests is longer, unless something is wrong.
    const BOUND: Duration = Duration::from_secs(20);

    #[test]
    fn a_clock_goes_on_while_the_thread_that_waited_for_it_is_held() {
        let home = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let front = Front::new().unwrap();
        let _nudging = front.nudge(home.handle().clone());
        for _ in 0..10 {
            let (let_go, holds) = mpsc::sync_channel::<()>(1);
            let held = home.spawn(async move {
                tokio::time::sleep(BEAT).await;
                holds.recv_timeout(BOUND)
            });
            let clock = home.spawn(async move {
                tokio::time::sleep(BEAT * 2).await;
                let_go.send(())
            });
            assert_eq!(home.block_on(held).unwrap(), Ok(()));
            home.block_on(clock).unwrap().unwrap();
        }
        home.shutdown_background();
    }

    #[test]
    fn a_thread_is_held_that_has_not_slept_since() {
        let turn = |number| Turn { number, is_asleep: number % 2 == 1 };
        assert!(turn(4).is_still(turn(4)));
        assert!(!turn(3).is_still(turn(3)), "it sleeps");
        assert!(!turn(6).is_still(turn(4)), "it slept");
    }
}
