//! Where a life is polled: by its run loop, or, while it uses up its slices, by the batch pool.
//!
//! The run loop itself stays where it is: it hears signals and keeps deadlines also while many busy lives share
//! the batch pool. A life that is polled elsewhere stays in its actor's slot, so that the run loop can end it without
//! waiting for its turn: only for a poll under way, which lasts a slice.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::batch::{BatchPool, thread_time};
use super::core::Core;
use super::slices::CALM;
use super::slot::{LifeNumber, monotonic_time};
use crate::exit::ExitReason;

/// A life that is polled, here or elsewhere.
pub(super) struct Seat {
    core: Arc<Core>,
    life: LifeNumber,
    batch: Option<BatchPool>,
    /// The task in the batch pool that polls the life. It answers how the life ended, or nothing where the life
    /// behaves again.
    away: Option<JoinHandle<Option<ExitReason>>>,
}

impl Seat {
    /// Seats a life. An actor that used up its slices before begins where it left off.
    pub(super) fn new(
        core: &Arc<Core>,
        batch: Option<BatchPool>,
        life: BoxFuture<'static, ExitReason>,
    ) -> Self {
        let life = core.slot.seat(life);
        let mut seat = Self { core: Arc::clone(core), life, batch, away: None };
        if core.slices.is_busy(Instant::now) {
            seat.leave();
        }
        seat
    }

    /// Ends the life, wherever it is. Nothing of it goes on afterwards.
    pub(super) async fn end(mut self) {
        let away = self.away.take();
        if let Some(away) = &away {
            away.abort();
        }
        if self.core.slot.vacate() {
            return;
        }
        // A poll is under way, which ends the life.
        if let Some(away) = away {
            drop(away.await);
        }
        poll_fn(|context| self.core.slot.poll_vacated(context)).await;
    }

    /// Hands the life to the batch pool, where there is one.
    fn leave(&mut self) {
        let Some(batch) = &self.batch else { return };
        let (core, life, keeper) = (Arc::clone(&self.core), self.life, batch.keeper());
        // Made here: of the run loop's clock.
        let mut calm = Box::pin(tokio::time::sleep(CALM));
        self.away = Some(batch.spawn(poll_fn(move |context| {
            let poll = poll_away(&core, life, &keeper, context);
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
            let exit = match self.core.slot.poll(&self.core, self.life, context, monotonic_time) {
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
        }
        // Where a poll is under way, whoever polls ends the life.
        self.core.slot.vacate();
    }
}

/// Polls a life in the batch pool.
fn poll_away(
    core: &Core,
    life: LifeNumber,
    keeper: &Handle,
    context: &mut Context<'_>,
) -> Poll<Option<ExitReason>> {
    if !core.slices.is_busy(Instant::now) {
        return Poll::Ready(None);
    }
    let _keeper = keeper.enter();
    core.slot.poll(core, life, context, thread_time)
}
