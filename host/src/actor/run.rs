//! The loop that runs an actor: one life after another, and what happens between them.
//!
//! Listens, in this order, to signals (kill, fault, stop, restart, cancel), to the life that runs, and to the
//! clock. It is the only one that changes the actor's [`Status`](super::lifecycle::Status). A life that fails, also by a panic of the
//! host's own code, takes with it the calls in flight and the open streams, and no message that waits.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;

use super::batch::BatchPool;
use super::behavior::{Behavior, Birth};
use super::between::{End, Next, begin_anew, begin_next, conclude, end_calls, refuse_waiting};
use super::core::Core;
use super::desk::Desk;
use super::idleness::Idleness;
use super::lifecycle::State;
use super::schedule::Phase;
use super::seat::Seat;
use super::signals::Signal;
use super::watch::LifeEnd;
use crate::error::{ActorError, RuntimeError, RuntimeErrorKind};
use crate::exit::{ExitReason, Overdue};
use crate::message::Payload;
use crate::policy::RestartSettings;
use crate::restart::RestartTracker;

/// Runs an actor until the future is dropped.
pub(super) fn run(
    core: Arc<Core>,
    behavior: Arc<dyn Behavior>,
    config: Payload,
    restart: RestartSettings,
    batch: Option<BatchPool>,
) -> impl Future<Output = ()> + Send + 'static {
    // Made here, so that it closes the actor also if the future is dropped before it ever ran.
    let closing = CloseOnDrop(Arc::clone(&core));
    async move {
        let _closing = closing;
        run_lives(core, behavior, config, RestartTracker::new(restart), batch).await;
    }
}

async fn run_lives(
    core: Arc<Core>,
    behavior: Arc<dyn Behavior>,
    config: Payload,
    mut tracker: RestartTracker,
    batch: Option<BatchPool>,
) {
    loop {
        let born = Instant::now();
        let birth = Birth {
            name: core.name.clone(),
            generation: core.status.borrow().generation,
            config: config.clone(),
        };
        let (exit, restart_requested) = Life::new(&core, &behavior, birth, batch.clone()).run().await;
        if exit.is_failure() {
            core.slices.failed(std::time::Instant::now());
        }
        let end = End { exit, lived: born.elapsed(), restart_requested };
        let next = conclude(&core, &mut tracker, end).await;
        if let Next::Rest = next {
            while core.signals.next().await != Signal::Restart {
                // Whoever waits for a restart that was taken back looks again.
                core.status.send_modify(|_same| {});
            }
            core.mailbox.open();
            begin_anew(&core, &mut tracker);
        }
        begin_next(&core);
    }
}

/// Answers everybody when the host drops a run loop.
struct CloseOnDrop(Arc<Core>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        let core = &self.0;
        core.is_gone.store(true, Ordering::Release);
        core.mailbox.close();
        // In this order: a life elsewhere may still be in its last slice, and what it takes up now is in flight.
        refuse_waiting(core);
        end_calls(core, &ExitReason::Killed, false);
        // A life that ran ends with it; between two lives, the end was told.
        let (generation, lives) = {
            let status = core.status.borrow();
            let between = matches!(status.state, State::Restarting | State::Passive);
            (status.generation, !status.state.is_final() && !between)
        };
        if lives {
            core.watchers.tell(|| LifeEnd { generation, exit: ExitReason::Killed, restarts: false });
        }
        core.watchers.close();
        core.status.send_modify(|status| {
            if !status.state.is_final() {
                status.state = State::Stopped;
                status.last_exit = Some(ExitReason::Killed);
            }
        });
    }
}

/// One life, while it runs.
struct Life<'a> {
    core: &'a Arc<Core>,
    seat: Seat,
    start_due: Option<Instant>,
    stop_due: Option<Instant>,
    /// When to look for idle streams.
    idle_due: Option<Instant>,
    /// Where it is to end for want of work.
    idleness: Option<Idleness>,
    /// Whether it ends for want of work.
    passivates: bool,
    /// Whether another life was asked for.
    restart: bool,
    /// Whether another life was asked for after the stop.
    revive: bool,
}

impl<'a> Life<'a> {
    fn new(
        core: &'a Arc<Core>,
        behavior: &Arc<dyn Behavior>,
        birth: Birth,
        batch: Option<BatchPool>,
    ) -> Self {
        let (behavior, desk) = (Arc::clone(behavior), Desk::new(Arc::clone(core)));
        core.burst.broken();
        core.may_passivate.store(false, Ordering::Relaxed);
        // The inner call too may panic, and ends this actor alone if it does.
        let life = AssertUnwindSafe(async move { behavior.live(birth, desk).await }).catch_unwind();
        let life = life.map(|end| end.unwrap_or_else(|panic| host_fault(&*panic))).boxed();
        let start_due = Instant::now().checked_add(core.limits.start_timeout);
        let seat = Seat::new(core, batch, life);
        let idleness = core.limits.passivate_after.map(Idleness::new);
        Self {
            core,
            seat,
            start_due,
            stop_due: None,
            idle_due: None,
            idleness,
            passivates: false,
            restart: false,
            revive: false,
        }
    }

    /// Runs the life to its end. Answers also whether another was asked for.
    async fn run(mut self) -> (ExitReason, bool) {
        let exit = self.run_to_end().await;
        self.seat.end().await;
        if self.revive {
            self.core.signals.send(Signal::Restart);
        }
        match exit {
            ExitReason::Stopped if self.restart => (ExitReason::RestartRequested, true),
            ExitReason::Stopped if self.passivates => (ExitReason::Passivated, false),
            exit => (exit, self.restart),
        }
    }

    async fn run_to_end(&mut self) -> ExitReason {
        loop {
            let due = self.next_due();
            let alarm = pin!(sleep_until(due));
            tokio::select! {
                biased;
                signal = self.core.signals.next() => {
                    if let Some(exit) = self.heed(signal) {
                        return exit;
                    }
                }
                exit = &mut self.seat => return exit,
                () = alarm => {
                    if let Some(exit) = self.check_overdue(Instant::now()) {
                        return exit;
                    }
                }
            }
        }
    }

    fn heed(&mut self, signal: Signal) -> Option<ExitReason> {
        let core = self.core;
        let (now, grace) = (Instant::now(), core.limits.grace);
        match signal {
            Signal::Kill => {
                self.revive = false;
                return Some(ExitReason::Killed);
            }
            Signal::Fault(message) => return Some(ExitReason::Faulted { message }),
            Signal::Stop => {
                core.mailbox.close();
                core.status.send_modify(|status| status.state = State::Stopping);
                // What comes later stands.
                (self.restart, self.revive, self.passivates) = (false, false, false);
                self.drain(Phase::Draining { mailbox: true });
            }
            Signal::Restart if core.status.borrow().state == State::Stopping => self.revive = true,
            Signal::Restart => {
                self.restart = true;
                self.drain(Phase::Draining { mailbox: false });
            }
            Signal::Cancel(call) => {
                core.schedule().cancel(call, now, grace);
                core.work_arrived.wake();
            }
            Signal::Rearm => {
                if core.status.borrow().state != State::Starting {
                    self.start_due = None;
                }
            }
        }
        None
    }

    /// Lets what is in flight end, and then the life. Streams, which may have no end, are ended now.
    fn drain(&mut self, phase: Phase) {
        let core = self.core;
        // However often it is asked for.
        self.stop_due = self.stop_due.or_else(|| Instant::now().checked_add(core.limits.stop_timeout));
        let mut schedule = core.schedule();
        if schedule.phase != Phase::Stopping {
            schedule.phase = phase;
        }
        let why = if self.restart || self.passivates { "is being restarted" } else { "is stopping" };
        let error = RuntimeError::new(RuntimeErrorKind::ActorStopped, format!("`{}` {why}", core.name));
        schedule.break_streams(&error.into(), Instant::now(), core.limits.grace);
        drop(schedule);
        core.work_arrived.wake();
    }

    fn next_due(&mut self) -> Option<Instant> {
        /// However short the idle limit is, looking for idle streams takes no more than a trifle.
        const IDLE_CHECK_MIN: Duration = Duration::from_millis(10);
        let schedule = self.core.schedule();
        if schedule.streaming() > 0 && self.idle_due.is_none() {
            // Often enough to end them at most an eighth late.
            let every = (self.core.limits.stream_idle / 8).max(IDLE_CHECK_MIN);
            self.idle_due = Instant::now().checked_add(every);
        }
        let next_look = self.idleness.as_ref().and_then(Idleness::next_look);
        [self.start_due, self.stop_due, schedule.next_due(), self.idle_due, next_look]
            .into_iter()
            .flatten()
            .min()
    }

    fn check_overdue(&mut self, now: Instant) -> Option<ExitReason> {
        let limits = &self.core.limits;
        self.idle_due = self.idle_due.filter(|due| *due > now);
        if self.start_due.is_some_and(|due| due <= now) {
            return Some(ExitReason::Forced { overdue: Overdue::Start, limit: limits.start_timeout });
        }
        if self.stop_due.is_some_and(|due| due <= now) {
            return Some(ExitReason::Forced { overdue: Overdue::Stop, limit: limits.stop_timeout });
        }
        self.look_for_work(now);
        let mut schedule = self.core.schedule();
        for call in schedule.idle_streams(now, limits.stream_idle) {
            let operation = "reading the stream".to_owned();
            let error = ActorError::Timeout { operation, duration: limits.stream_idle };
            schedule.break_stream(call, error.into(), now, limits.grace);
            self.core.work_arrived.wake();
        }
        let message = schedule.take_overdue(now)?;
        let overdue = Overdue::Call { method: message.method.clone() };
        Some(ExitReason::Forced { overdue, limit: limits.grace })
    }
}

impl Life<'_> {
    /// Ends the life in good order, if there is nothing to do, has not been for long, and the actor lets that happen.
    fn look_for_work(&mut self, now: Instant) {
        let Some(idleness) = &mut self.idleness else { return };
        if !idleness.look(self.core, now) {
            return;
        }
        self.idleness = None;
        if self.core.may_passivate.load(Ordering::Relaxed) {
            self.passivates = true;
            self.drain(Phase::Draining { mailbox: false });
        } else {
            let actor = &self.core.name;
            tracing::warn!(%actor, "passivate_after is set, but the actor does not say that it may be passivated");
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Names a panic of the host's own code.
fn host_fault(panic: &(dyn std::any::Any + Send)) -> ExitReason {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    ExitReason::HostFault { message: text.unwrap_or("a panic without a text").to_owned() }
}
