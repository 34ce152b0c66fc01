//! Where the owner of a life polls it: on the supervisor's task, or in the background pool while the actor is busy.
//!
//! The supervisor itself stays where it is: it hears signals and keeps deadlines also while many busy lives share the
//! pool. A life that is polled there stays in its actor's cell, so that the supervisor can end it without waiting for its
//! turn: only for a poll under way, which lasts a slice.
//!
//! | the actor is | the life is polled by | goes to the pool | comes back |
//! |---|---|---|---|
//! | calm | the supervisor | after a turn that makes it busy, or when a new life of a busy actor begins | |
//! | busy | a task of the pool | | before a turn in which it is calm again, or, without a turn, once it has been calm |
//! | busy, without a pool | the supervisor | | |

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;
use pulsing_life_cell::LifeNumber;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::Execution;
use super::background_pool::BackgroundPool;
use super::cpu_ledger::CALM;
use crate::exit::{ExitReason, OperatorText};

/// One life, polled by its owner wherever that is. As a future it is ready once the life has ended. Dropping it ends the
/// life, but does not wait for a poll that is under way.
pub(crate) struct Placement {
    execution: Arc<Execution>,
    life: LifeNumber,
    pool: Option<BackgroundPool>,
    /// The task in the pool that polls the life. It returns how the life ended, or none once the actor is calm again.
    away: Option<JoinHandle<Option<ExitReason>>>,
}

impl Placement {
    /// Puts the life in its cell. An actor that was busy before begins in the pool. Without a pool, its lives stay here.
    pub(crate) fn new(
        execution: &Arc<Execution>,
        pool: Option<BackgroundPool>,
        life: BoxFuture<'static, ExitReason>,
    ) -> Self {
        let life = execution.occupy(life);
        let mut placement = Self { execution: Arc::clone(execution), life, pool, away: None };
        if execution.ledger.is_busy(Instant::now) {
            placement.go_away();
        }
        placement
    }

    /// Ends the life, wherever it is. Nothing of it goes on afterwards.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the life all the same, but does not wait for a poll that is under way.
    pub(crate) async fn end(mut self) {
        let away = self.away.take();
        if let Some(away) = &away {
            away.abort();
        }
        if self.execution.cell.vacate() {
            return;
        }
        // A poll is under way, which ends the life.
        if let Some(away) = away {
            drop(away.await);
        }
        poll_fn(|context| self.execution.cell.poll_vacated(context)).await;
    }

    /// Hands the life to the background pool, if there is one.
    fn go_away(&mut self) {
        let Some(pool) = &self.pool else { return };
        let (execution, life, keeper) = (Arc::clone(&self.execution), self.life, pool.keeper());
        // Made here, so that it is a timer of the supervisor's runtime: the pool's own has none.
        let mut calm = Box::pin(tokio::time::sleep(CALM));
        self.away = Some(pool.spawn(poll_fn(move |context| {
            let poll = poll_away(&execution, life, &keeper, context);
            // An actor that has nothing to do comes back by itself.
            while poll.is_pending() && calm.as_mut().poll(context).is_ready() {
                if !execution.ledger.is_busy(Instant::now) {
                    return Poll::Ready(None);
                }
                calm.as_mut().reset(tokio::time::Instant::now() + CALM);
            }
            poll
        })));
        self.execution.counters.set_in_batch(true);
    }
}

impl Future for Placement {
    type Output = ExitReason;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ExitReason> {
        loop {
            if let Some(away) = &mut self.away {
                let returned = ready!(away.poll_unpin(context));
                self.away = None;
                self.execution.counters.set_in_batch(false);
                match returned {
                    Ok(Some(exit)) => return Poll::Ready(exit),
                    Ok(None) => {}
                    Err(error) => {
                        return Poll::Ready(ExitReason::HostFault {
                            words: OperatorText::new(&error.to_string()),
                        });
                    }
                }
            }
            let exit = match self.execution.poll(self.life, context) {
                Poll::Ready(Some(exit)) => Poll::Ready(exit),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            };
            if exit.is_ready() || !self.execution.ledger.is_busy(Instant::now) {
                return exit;
            }
            self.go_away();
            if self.away.is_none() {
                return exit;
            }
        }
    }
}

impl Drop for Placement {
    fn drop(&mut self) {
        self.execution.counters.set_in_batch(false);
        if let Some(away) = self.away.take() {
            away.abort();
        }
        // Where a poll is under way, whoever polls ends the life.
        self.execution.cell.vacate();
    }
}

/// Polls a life in the background pool.
fn poll_away(
    execution: &Execution,
    life: LifeNumber,
    keeper: &Handle,
    context: &mut Context<'_>,
) -> Poll<Option<ExitReason>> {
    if !execution.ledger.is_busy(Instant::now) {
        return Poll::Ready(None);
    }
    let _keeper = keeper.enter();
    execution.poll(life, context)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::task::Waker;
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;
    use crate::execution::Options;
    use crate::execution::clock::thread_time;
    use crate::observe::Counters;

    const SLICE: Duration = Duration::from_millis(5);

    fn compute(time: Duration) {
        let begun = thread_time();
        while thread_time() - begun < time {}
    }

    /// Keeps the thread waiting.
    fn wait(time: Duration) {
        let (_alive, never) = mpsc::channel::<()>();
        assert_eq!(never.recv_timeout(time), Err(mpsc::RecvTimeoutError::Timeout));
    }

    /// A life that does this in each turn, and is preempted then.
    fn preempted_after(
        turn: impl Fn() + Send + 'static,
        handler_max_cpu: Duration,
    ) -> (Arc<Execution>, Placement, Arc<Counters>) {
        let counters = Arc::<Counters>::default();
        let execution = Execution::new(Options {
            counters: Arc::clone(&counters),
            handler_max_cpu,
            may_run_inline: true,
        });
        let preempted = Arc::clone(&execution);
        let life = poll_fn(move |_| {
            turn();
            preempted.preempted();
            Poll::Pending
        });
        let placement = Placement::new(&execution, None, life.boxed());
        (execution, placement, counters)
    }

    fn poll_as_owner(placement: &mut Placement) -> Poll<ExitReason> {
        Pin::new(placement).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn an_actor_whose_thread_is_kept_waiting_has_computed_nothing_meanwhile() {
        let (execution, mut placement, counters) = preempted_after(|| wait(SLICE * 4), SLICE * 4);
        for turn in 0..10 {
            // The thread has other work, which is not the actor's.
            compute(SLICE);
            assert!(poll_as_owner(&mut placement).is_pending(), "turn {turn}");
            assert!(!execution.ledger.is_busy(Instant::now), "turn {turn}");
        }
        let counted = counters.read();
        assert_eq!(counted.slices, 0);
        assert!(counted.cpu < SLICE * 4, "ten waits of that: {counted:?}");
    }

    #[tokio::test]
    async fn an_actor_that_computes_is_busy_and_ended_though_its_thread_is_kept_waiting_as_well() {
        let turn = || {
            compute(SLICE);
            wait(SLICE);
        };
        let (execution, mut placement, counters) = preempted_after(turn, SLICE * 5 / 2);
        assert!(poll_as_owner(&mut placement).is_pending());
        assert!(!execution.ledger.is_busy(Instant::now));
        assert!(poll_as_owner(&mut placement).is_pending(), "it waited for as long as it computed");
        assert!(execution.ledger.is_busy(Instant::now));
        assert!(poll_as_owner(&mut placement).is_ready());
        assert_eq!(counters.read().slices, 3);
    }
}
