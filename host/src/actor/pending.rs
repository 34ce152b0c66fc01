//! A call whose message was sent, until its outcome.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::LocalPort;
use crate::call::Outcome;
use crate::id::CallId;
use crate::lifecycle::Signal;

/// A call that was sent. Dropped before its outcome, it cancels the call.
pub(super) struct PendingCall {
    call: CallId,
    port: Arc<LocalPort>,
    outcome: Option<oneshot::Receiver<Outcome>>,
}

impl PendingCall {
    pub(super) fn new(call: CallId, port: Arc<LocalPort>, outcome: oneshot::Receiver<Outcome>) -> Self {
        Self { call, port, outcome: Some(outcome) }
    }

    /// Waits, but not before other tasks had a turn.
    pub(super) async fn wait_after_others(self) -> Outcome {
        // The inline run took the time of other tasks on this thread.
        tokio::task::yield_now().await;
        self.wait().await
    }

    /// Waits for the outcome.
    pub(super) async fn wait(mut self) -> Outcome {
        let lifecycle = &self.port.lifecycle;
        let Some(outcome) = &mut self.outcome else { return Err(lifecycle.stopped_error().into()) };
        // One that was found to be given up must not be polled.
        let outcome = if outcome.is_terminated() { None } else { outcome.await.ok() };
        self.outcome = None;
        // Nothing drops an envelope unsettled but a message that its caller gave up, or a host that goes away.
        match outcome {
            Some(outcome) => outcome,
            None if lifecycle.state().is_final() => Err(lifecycle.stopped_error().into()),
            // It was given up because its time is over: the caller's own clock says so in a moment.
            None => std::future::pending().await,
        }
    }

    /// The message did not get there: there is nothing to cancel.
    pub(super) fn give_up(mut self) -> Arc<LocalPort> {
        self.outcome = None;
        Arc::clone(&self.port)
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome.take() {
            // First: whoever takes the message from the mailbox after the signal sees that nobody waits.
            drop(outcome);
            self.port.lifecycle.signals().send(Signal::Cancel(self.call));
        }
    }
}
