//! Where a life is polled: by its run loop, or, while it uses up its slices, by the batch pool.
//!
//! The run loop itself stays where it is: it hears signals and keeps deadlines also while many busy lives share
//! the batch pool. A life that is elsewhere stays in the seat, so that the run loop can end it without waiting
//! for its turn: only for a poll under way, which lasts a slice.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::batch::{BatchPool, thread_time};
use super::core::Core;
use super::slices::CALM;
use crate::exit::{ExitReason, Overdue};
use crate::observe::Event;

/// A life that is polled, here or elsewhere.
pub(super) struct Seat {
    life: Arc<Slot>,
    core: Arc<Core>,
    batch: Option<BatchPool>,
    /// The task in the batch pool that polls the life. It answers how the life ended, or nothing where the life
    /// behaves again.
    away: Option<JoinHandle<Option<ExitReason>>>,
}

/// Empty once the life has ended.
type Slot = Mutex<Option<Metered>>;

impl Seat {
    /// Seats a life. An actor that used up its slices before begins where it left off.
    pub(super) fn new(
        core: &Arc<Core>,
        batch: Option<BatchPool>,
        life: BoxFuture<'static, ExitReason>,
    ) -> Self {
        let metered = Metered { core: Arc::clone(core), life };
        let mut seat =
            Self { life: Arc::new(Mutex::new(Some(metered))), core: Arc::clone(core), batch, away: None };
        if core.slices.is_busy(Instant::now) {
            seat.leave();
        }
        seat
    }

    /// Ends the life, wherever it is. Nothing of it goes on afterwards.
    pub(super) async fn end(mut self) {
        let Some(away) = self.away.take() else { return };
        away.abort();
        if !self.try_empty() {
            // A poll is under way; the task ends with it.
            drop(away.await);
        }
    }

    /// Empties the slot, unless it is being polled. Answers whether it is empty.
    fn try_empty(&self) -> bool {
        let life = match self.life.try_lock() {
            Ok(mut slot) => slot.take(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
            Err(TryLockError::WouldBlock) => return false,
        };
        drop(life);
        true
    }

    /// Hands the life to the batch pool, where there is one.
    fn leave(&mut self) {
        let Some(batch) = &self.batch else { return };
        let (slot, core, keeper) = (Arc::clone(&self.life), Arc::clone(&self.core), batch.keeper());
        // Made here: of the run loop's clock.
        let mut calm = Box::pin(tokio::time::sleep(CALM));
        self.away = Some(batch.spawn(poll_fn(move |context| {
            let poll = poll_away(&slot, &core, &keeper, context);
            // An actor that has nothing to do comes back by itself.
            while poll.is_pending() && calm.as_mut().poll(context).is_ready() {
                if !core.slices.is_busy(Instant::now) {
                    return Poll::Ready(None);
                }
                calm.as_mut().reset(tokio::time::Instant::now() + CALM);
            }
            poll
        })));
        self.core.counters.set_in_batch(true);
    }
}

impl Future for Seat {
    type Output = ExitReason;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ExitReason> {
        loop {
            if let Some(away) = &mut self.away {
                let returned = ready!(away.poll_unpin(context));
                self.away = None;
                self.core.counters.set_in_batch(false);
                match returned {
                    Ok(Some(exit)) => return Poll::Ready(exit),
                    Ok(None) => {}
                    Err(error) => return Poll::Ready(ExitReason::HostFault { message: error.to_string() }),
                }
            }
            let exit = match poll_slot(&self.life, context, wall_time) {
                Poll::Ready(Some(exit)) => Poll::Ready(exit),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            };
            if exit.is_ready() || !self.core.slices.is_busy(Instant::now) {
                return exit;
            }
            self.leave();
            if self.away.is_none() {
                return exit;
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.core.counters.set_in_batch(false);
        if let Some(away) = self.away.take() {
            away.abort();
            // Where a poll is under way, the task is the last that holds the life.
            let _emptied = self.try_empty();
        }
    }
}

/// Polls the life in a slot, and empties the slot at its end. None where it is empty already.
fn poll_slot(slot: &Slot, context: &mut Context<'_>, clock: fn() -> Duration) -> Poll<Option<ExitReason>> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(life) = slot.as_mut() else { return Poll::Ready(None) };
    let exit = ready!(life.poll_metered(context, clock));
    *slot = None;
    Poll::Ready(Some(exit))
}

/// Polls a life in the batch pool.
fn poll_away(
    slot: &Slot,
    core: &Core,
    keeper: &Handle,
    context: &mut Context<'_>,
) -> Poll<Option<ExitReason>> {
    if !core.slices.is_busy(Instant::now) {
        return Poll::Ready(None);
    }
    let _keeper = keeper.enter();
    poll_slot(slot, context, thread_time)
}

/// The time since some moment: cheaper than [`thread_time`], and the same where the thread is not kept waiting.
fn wall_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(time).unwrap_or_default()
}

/// Adds up the time that a life spends on threads, and ends one that computes too long without a break.
struct Metered {
    core: Arc<Core>,
    life: BoxFuture<'static, ExitReason>,
}

impl Metered {
    fn poll_metered(&mut self, context: &mut Context<'_>, clock: fn() -> Duration) -> Poll<ExitReason> {
        let core = &*self.core;
        core.slices.begin_turn();
        core.burst.begin_turn();
        let begun = clock();
        let poll = self.life.poll_unpin(context);
        let computed = clock().saturating_sub(begun);
        core.counters.add_cpu(computed);
        if poll.is_ready() {
            return poll;
        }
        let burst = core.burst.yielded(computed);
        if core.slices.end_turn(computed, burst, Instant::now) {
            core.counters.count(Event::SliceUsedUp);
        }
        let limit = core.limits.handler_max_cpu;
        if burst.is_some_and(|burst| burst > limit) {
            return Poll::Ready(ExitReason::Forced { overdue: Overdue::Break, limit });
        }
        poll
    }
}
