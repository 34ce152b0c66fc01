//! A caller that polls an idle life itself.
//!
//! A caller whose message is the only one that waits need not wake the owner of the life: it polls the life once, in the
//! owner's name, and finds its answer there, without a change of tasks or threads. What that leaves undone, the owner
//! goes on with, for the life waits with the owner's waker, whoever polls. A caller that finds the life being polled does
//! not wait for it, but wakes the owner as if it had not tried.

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
            let Polled { poll, wall, preempted } = self.poll_metered(life, context, PolledBy::Caller);
            drop(home);
            // Where tokio has the life come back, after a slice or a long row of small things, it would be when this
            // thread has time: the owner may have it sooner. Of an end, the cell tells the owner.
            let comes_back = preempted || !tokio::task::coop::has_budget_remaining();
            if poll.is_pending() && (self.ledger.may_be_busy() || comes_back) {
                context.waker().wake_by_ref();
            }
            (poll, wall)
        });
        match visit {
            None => Inline::None,
            Some(wall) if wall < FAIR => Inline::Brief,
            Some(_) => Inline::Long,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};
    use std::time::{Duration, Instant};

    use futures::FutureExt;

    use super::*;
    use crate::execution::{Options, Placement};
    use crate::exit::ExitReason;

    #[derive(Default)]
    struct Heard {
        is_pressing: bool,
        deliveries: Cell<u32>,
    }

    impl Interrupts for Heard {
        fn is_pressing(&self) -> bool {
            self.is_pressing
        }

        fn deliver_cancellations(&self) {
            self.deliveries.set(self.deliveries.get() + 1);
        }
    }

    fn execution(may_run_inline: bool) -> Arc<Execution> {
        let handler_max_cpu = Duration::from_secs(1);
        Execution::new(Options { counters: Arc::default(), handler_max_cpu, may_run_inline })
    }

    /// A life that its owner has polled, and that is idle from then on.
    fn idle(
        execution: &Arc<Execution>,
        mut poll: impl FnMut() -> Poll<ExitReason> + Send + 'static,
    ) -> Placement {
        let life = std::future::poll_fn(move |_| poll());
        let mut placement = Placement::new(execution, None, life.boxed());
        assert!(poll_as_owner(&mut placement).is_pending());
        execution.set_idle(true);
        placement
    }

    fn poll_as_owner(placement: &mut Placement) -> Poll<ExitReason> {
        Pin::new(placement).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn a_life_is_run_inline_only_while_it_is_idle_and_nothing_else_is_due() {
        let (execution, calm) = (execution(true), Heard::default());
        assert_eq!(execution.run_inline(&calm), Inline::None, "there is no life");
        let _placement = idle(&execution, || Poll::Pending);
        assert_ne!(execution.run_inline(&calm), Inline::None);
        assert_eq!(calm.deliveries.get(), 1, "before the life is polled");
        assert!(execution.is_inline());
        let pressing = Heard { is_pressing: true, ..Heard::default() };
        assert_eq!(execution.run_inline(&pressing), Inline::None);
        execution.set_idle(false);
        assert_eq!(execution.run_inline(&calm), Inline::None, "it has something to do");
        execution.set_idle(true);
        (0..100).for_each(|_| execution.failed(Instant::now()));
        assert_eq!(execution.run_inline(&calm), Inline::None, "it is busy");
        assert_eq!((calm.deliveries.get(), pressing.deliveries.get()), (1, 0));
    }

    #[tokio::test]
    async fn a_life_that_may_not_be_run_inline_is_left_to_its_owner() {
        let execution = execution(false);
        let _placement = idle(&execution, || Poll::Pending);
        assert_eq!(execution.run_inline(&Heard::default()), Inline::None);
    }

    #[tokio::test]
    async fn a_life_that_is_polled_runs_no_other_inline() {
        let (outer, inner) = (execution(true), execution(true));
        let _inner = idle(&inner, || Poll::Pending);
        let tried = Arc::clone(&inner);
        let mut outer_placement = idle(&outer, move || {
            assert_eq!(tried.run_inline(&Heard::default()), Inline::None);
            Poll::Pending
        });
        assert_ne!(outer.run_inline(&Heard::default()), Inline::None);
        assert!(poll_as_owner(&mut outer_placement).is_pending());
        assert_ne!(inner.run_inline(&Heard::default()), Inline::None, "now it may");
    }

    #[tokio::test]
    async fn the_owner_learns_how_a_life_ended_in_an_inline_run() {
        let execution = execution(true);
        let mut polls = 0;
        let mut placement = idle(&execution, move || {
            polls += 1;
            if polls == 2 { Poll::Ready(ExitReason::Stopped) } else { Poll::Pending }
        });
        assert_ne!(execution.run_inline(&Heard::default()), Inline::None);
        assert_eq!(poll_as_owner(&mut placement), Poll::Ready(ExitReason::Stopped));
    }

    #[tokio::test]
    async fn a_burst_that_is_too_long_ends_the_life() {
        let execution = Execution::new(Options {
            counters: Arc::default(),
            handler_max_cpu: Duration::ZERO,
            may_run_inline: true,
        });
        let preempted = Arc::clone(&execution);
        let mut polls = 0;
        let mut placement = idle(&execution, move || {
            polls += 1;
            if polls > 1 {
                let begun = Instant::now();
                while begun.elapsed().is_zero() {}
                preempted.preempted();
            }
            Poll::Pending
        });
        assert_ne!(execution.run_inline(&Heard::default()), Inline::None);
        let exit = poll_as_owner(&mut placement);
        assert!(matches!(exit, Poll::Ready(ExitReason::Forced { .. })), "{exit:?}");
    }
}
