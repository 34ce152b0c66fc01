//! Rows: tells that a life handles one after another, and tells of together.
//!
//! As every message ahead, a tell of a row stays in the mailbox until the life says that it has begun. Here it says so
//! afterwards, of several at once. Nothing else takes a tell out of the mailbox meanwhile: nobody waits for it, so nobody
//! gives it up, and a mailbox in which the oldest gives way has no rows.

use super::life_context::LifeContext;
use crate::call::Deadline;
use crate::id::CallId;
use crate::limits::Overflow;
use crate::mailbox::Fate;

impl LifeContext {
    /// Whether the life may be shown rows.
    pub(crate) fn may_have_rows(&self) -> bool {
        self.limits().overflow != Overflow::DropOldest
    }

    /// Says that each of `ended` has ended well, the tell in hand and those that were begun after it, and that `begins` has
    /// begun.
    pub(crate) fn went_on(&self, ended: impl Iterator<Item = CallId>, begins: Option<CallId>) {
        let (dispatch, mut ended) = (&self.dispatch, ended);
        let mut in_flight = dispatch.in_flight();
        let first = ended.next().and_then(|in_hand| in_flight.end_handling(in_hand, true));
        let mut taken = dispatch.mailbox.take_row(ended.chain(begins));
        taken.iter().for_each(|_| dispatch.execution.begin_work());
        // What ran before it has ended.
        dispatch.execution.broken();
        if let Some(envelope) = taken.pop_if(|envelope| Some(envelope.call) == begins) {
            let _time_left = dispatch.begin(&mut in_flight, envelope, Deadline::sent);
        }
        // Under the lock: one at a time.
        taken.iter().for_each(|_| dispatch.counters.count_begun(false));
        drop(in_flight);
        for envelope in first.into_iter().chain(taken) {
            dispatch.mailbox.settle(envelope, Fate::told());
        }
    }
}
