//! A call whose message is in the mailbox of an actor of this process, until its outcome.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use crate::call::Outcome;
use crate::id::CallId;
use crate::lifecycle::{Lifecycle, Signal};

/// A call that was sent. As a future it is ready with its outcome. Dropped before that, it cancels the call.
pub(crate) struct SentCall {
    call: CallId,
    lifecycle: Arc<Lifecycle>,
    stage: Stage,
}

enum Stage {
    Waits(oneshot::Receiver<Outcome>),
    /// Its message was given up because its time is over: the caller's own clock says so in a moment.
    GivenUp,
    Over,
}

impl SentCall {
    pub(crate) fn new(call: CallId, lifecycle: Arc<Lifecycle>, outcome: oneshot::Receiver<Outcome>) -> Self {
        // One that was found to be given up must not be polled.
        let stage = if outcome.is_terminated() { Stage::GivenUp } else { Stage::Waits(outcome) };
        Self { call, lifecycle, stage }
    }

    /// The message did not get there: there is nothing to cancel.
    pub(crate) fn forget(mut self) {
        self.stage = Stage::Over;
    }
}

impl Future for SentCall {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        if let Stage::Waits(outcome) = &mut self.stage {
            let outcome = ready!(Pin::new(outcome).poll(context));
            self.stage = if outcome.is_ok() { Stage::Over } else { Stage::GivenUp };
            if let Ok(outcome) = outcome {
                return Poll::Ready(outcome);
            }
        }
        // Nothing drops an envelope unsettled but a message that its caller gave up, or a host that goes away.
        match self.stage {
            Stage::GivenUp if !self.lifecycle.state().is_final() => Poll::Pending,
            Stage::Waits(_) | Stage::GivenUp | Stage::Over => {
                Poll::Ready(Err(self.lifecycle.stopped_error().into()))
            }
        }
    }
}

impl Drop for SentCall {
    fn drop(&mut self) {
        if let Stage::Waits(outcome) = std::mem::replace(&mut self.stage, Stage::Over) {
            // First: whoever takes the message from the mailbox after the signal sees that nobody waits.
            drop(outcome);
            self.lifecycle.signals().send(Signal::Cancel(self.call));
        }
    }
}
