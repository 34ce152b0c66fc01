//! Ends a compilation that is under way.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why a process was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nobody waits for the component any more.
    Unwanted,
    TooLong,
}

/// Ends one compilation, before or while it runs. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    cause: Option<Cause>,
    /// While it runs.
    child: Option<Child>,
}

impl Stop {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody waits for the component any more.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.state().cause == Some(Cause::Unwanted)
    }

    pub(super) fn end(&self, cause: Cause) {
        let mut state = self.state();
        state.cause.get_or_insert(cause);
        if let Some(child) = &mut state.child {
            // One that has ended already is not waited for yet: its number is nobody else's.
            drop(child.kill());
        }
    }

    /// From now on, this is what ends.
    pub(super) fn take_over(&self, mut child: Child) {
        let mut state = self.state();
        if state.cause.is_some() {
            drop(child.kill());
        }
        state.child = Some(child);
    }

    /// Ends the process, if it has not ended, and returns how it did, and whether it was for a cause.
    ///
    /// One that is about to end has its status already, whatever is sent to it then.
    pub(super) fn collect(&self) -> (Option<Cause>, io::Result<ExitStatus>) {
        let mut state = self.state();
        let (cause, child) = (state.cause, state.child.take());
        drop(state);
        let status = child.ok_or(io::ErrorKind::NotFound.into()).and_then(|mut child| {
            drop(child.kill());
            child.wait()
        });
        (cause, status)
    }
}

/// Ends a compilation when it is dropped.
#[derive(Debug)]
pub(crate) struct StopOnDrop(pub(crate) Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.end(Cause::Unwanted);
    }
}
