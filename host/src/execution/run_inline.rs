//! A caller that polls an idle life itself.
//!
//! A caller whose message is the only one that waits need not wake the owner of the life: it polls the life once, in the
//! owner's name, and finds its answer there, without a change of tasks or threads. What that leaves undone, the owner
//! goes on with, for the life waits with the owner's waker, whoever polls. A caller that finds the life being polled does
//! not wait for it, but wakes the owner as if it had not tried.

use super::clock::monotonic_time;
use super::cpu_ledger::FAIR;
use super::turn::PolledBy;
use super::{Execution, POLLS_A_LIFE, Polled};

/// What goes ahead of messages, as whoever would run a life inline has to know.
pub(crate) trait Interrupts {
    /// Whether somebody asked for the life to end, so that nobody but its owner may poll it.
    fn is_pressing(&self) -> bool;

    /// Tells the life of the calls that were cancelled and that it does not know of yet. Called just before it is polled.
    fn deliver_cancellations(&self);
}

/// What came of an attempt to run a life inline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inline {
    /// The life was not polled: the owner has to be woken.
    None,
    /// It was polled, for less time than others would notice.
    Brief,
    /// It was polled, and other tasks of this thread waited.
    Long,
}

impl Execution {
    /// Polls the life in the name of its owner, if it waits for work alone: once, until it waits or its slice is over.
    pub(crate) fn run_inline(&self, interrupts: &impl Interrupts) -> Inline {
        let is_free = self.cell.is_idle() && !self.ledger.may_be_busy();
        if !is_free || !self.may_run_inline || interrupts.is_pressing() || POLLS_A_LIFE.get() {
            return Inline::None;
        }
        let visit = self.cell.visit(|life, context, home| {
            interrupts.deliver_cancellations();
            let home = home.enter();
            let Polled { poll, computed, preempted } =
                self.poll_metered(life, context, monotonic_time, PolledBy::Caller);
            drop(home);
            // Where tokio has the life come back, after a slice or a long row of small things, it would be when this
            // thread has time: the owner may have it sooner. Of an end, the cell tells the owner.
            let comes_back = preempted || !tokio::task::coop::has_budget_remaining();
            if poll.is_pending() && (self.ledger.may_be_busy() || comes_back) {
                context.waker().wake_by_ref();
            }
            (poll, computed)
        });
        match visit {
            None => Inline::None,
            Some(computed) if computed < FAIR => Inline::Brief,
            Some(_) => Inline::Long,
        }
    }
}
