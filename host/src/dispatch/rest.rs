//! How a life is brought to rest: to where no call is in flight and nothing of the actor is on its stack, so that its memory is
//! all there is of it. It goes on from there at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::Dispatch;
use super::in_flight::{InFlight, Phase};
use super::life_context::LifeContext;

/// Whether somebody wants a life to rest.
#[derive(Debug, Default)]
pub(super) struct Rest {
    is_wanted: AtomicBool,
    /// The life has rested, or has ended.
    came: Notify,
}

impl Rest {
    /// Tells all who wait that it is over.
    pub(super) fn is_over(&self) {
        self.is_wanted.store(false, Ordering::Release);
        self.came.notify_waiters();
    }

    /// Whether the life is to rest now.
    pub(super) fn is_due(&self, in_flight: &InFlight) -> bool {
        self.is_wanted.load(Ordering::Acquire) && in_flight.is_idle() && in_flight.phase() == Phase::Working
    }
}

impl Dispatch {
    /// Has the life rest the next time that nothing is in flight. The future is ready once it has, or has ended.
    pub(crate) fn ask_to_rest(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        let dispatch = Arc::clone(self);
        async move {
            let came = dispatch.rest.came.notified();
            dispatch.rest.is_wanted.store(true, Ordering::Release);
            dispatch.wake();
            came.await;
        }
    }
}

impl LifeContext {
    /// Says that the life rests: [`Work::Leave`](super::Work::Leave) was carried out.
    pub fn rests(&self) {
        self.dispatch.rest.is_over();
    }
}
