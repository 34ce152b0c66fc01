//! How a caller waits for the outcome of its call, at most until its deadline.

use std::future::poll_fn;
use std::task::Poll;

use super::port::Call;
use crate::call::{Deadline, Outcome};

/// How often a caller lets others have a turn before it counts on a longer wait. The second time, those of its batch have
/// had theirs who came after the owner's portion was full.
const TURNS: u32 = 2;

impl Call {
    /// Waits for the outcome, however long that takes.
    ///
    /// # Cancel safety
    ///
    /// As of [`Self::outcome_by`].
    pub(crate) async fn outcome(self) -> Outcome {
        match self {
            Self::Ended(outcome) => outcome,
            Self::Pending(outcome) | Self::AfterOthers(outcome) => outcome.await,
        }
    }

    /// Waits for the outcome, at most until `deadline`; none where that comes first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the call.
    pub(super) async fn outcome_by(self, deadline: Option<Deadline>) -> Option<Outcome> {
        let outcome = match self {
            Self::Ended(outcome) => return Some(outcome),
            Self::Pending(outcome) => outcome,
            Self::AfterOthers(mut outcome) => {
                // Without a timer, which costs as much as a small message.
                for _ in 0..TURNS {
                    others_go_first().await;
                    if let Poll::Ready(outcome) = futures::poll!(&mut outcome) {
                        return Some(outcome);
                    }
                }
                outcome
            }
        };
        within(deadline, outcome).await
    }
}

/// Waits at most until `deadline`; none where that comes first.
pub(super) async fn within<T>(deadline: Option<Deadline>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline.at(), work).await.ok(),
        None => Some(work.await),
    }
}

/// Goes to the end of this thread's run queue, once. Unlike tokio's `yield_now`, it does not have timers and sockets looked
/// at, whose turn comes in time.
async fn others_go_first() {
    let mut went = false;
    poll_fn(|context| {
        if std::mem::replace(&mut went, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
