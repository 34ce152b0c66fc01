//! One life, while it runs, and when it is to end.
//!
//! Listens, in this order, to signals (kill, fault, stop, restart, cancel), to the life itself, and to the clock.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;

use super::Supervisor;
use super::idleness::Idleness;
use crate::dispatch::{Birth, LifeContext, Phase};
use crate::execution::Placement;
use crate::exit::{ExitReason, OperatorText, Overdue};
use crate::journal::Entry;
use crate::lifecycle::{Event, Signal, State};
use crate::text::of_panic;

/// One life, while it runs.
pub(super) struct Life<'a> {
    supervisor: &'a Supervisor,
    placement: Placement,
    start_due: Option<Instant>,
    stop_due: Option<Instant>,
    /// When to look for idle streams.
    idle_due: Option<Instant>,
    /// Where it is to end for want of work.
    idleness: Option<Idleness>,
    wanted: Wanted,
}

/// Why a life is about to end in good order, as far as that decides what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// It is not, or to be followed by nothing.
    Nothing,
    /// Another life was asked for.
    Restart,
    /// It has nothing to do.
    Passivation,
    /// A stop was asked for, and then another life.
    StopThenRestart,
}

impl<'a> Life<'a> {
    /// Begins a life.
    pub(super) fn begin(supervisor: &'a Supervisor, birth: Birth) -> Self {
        let behavior = Arc::clone(&supervisor.behavior);
        let context = LifeContext::new(Arc::clone(&supervisor.dispatch));
        supervisor.dispatch.begin_life();
        // The inner call too may panic, and ends this actor alone if it does.
        let life = AssertUnwindSafe(async move { behavior.live(birth, context).await }).catch_unwind();
        let life = life.map(|end| end.unwrap_or_else(|panic| host_fault(&*panic))).boxed();
        let start_due = Instant::now().checked_add(supervisor.limits.start_timeout);
        let placement = Placement::new(&supervisor.execution, supervisor.pool.clone(), life);
        let idleness = supervisor.limits.passivate_after.map(Idleness::new);
        Self {
            supervisor,
            placement,
            start_due,
            stop_due: None,
            idle_due: None,
            idleness,
            wanted: Wanted::Nothing,
        }
    }

    /// Runs the life to its end. Returns also whether another was asked for.
    pub(super) async fn run(mut self) -> (ExitReason, bool) {
        let exit = self.run_to_end().await;
        // A poll of the life may be under way on another thread: what it hands in until then still counts for this life.
        self.placement.end().await;
        if self.wanted == Wanted::StopThenRestart {
            self.supervisor.lifecycle.signals().send(Signal::Restart);
        }
        let exit = match (exit, self.wanted) {
            (ExitReason::Stopped, Wanted::Restart) => ExitReason::RestartRequested,
            (ExitReason::Stopped, Wanted::Passivation) => ExitReason::Passivated,
            (exit, Wanted::Nothing | Wanted::Restart | Wanted::Passivation | Wanted::StopThenRestart) => exit,
        };
        (exit, self.wanted == Wanted::Restart)
    }

    async fn run_to_end(&mut self) -> ExitReason {
        let supervisor = self.supervisor;
        loop {
            let due = self.next_due();
            let alarm = pin!(sleep_until(due));
            // In this order: a life that is always ready would otherwise keep a kill waiting, and a deadline that is over
            // counts for nothing once the life has ended by itself.
            tokio::select! {
                biased;
                signal = supervisor.lifecycle.signals().next() => {
                    if let Some(exit) = self.obey(signal) {
                        return exit;
                    }
                }
                exit = &mut self.placement => return exit,
                () = alarm => {
                    if let Some(exit) = self.check_overdue(Instant::now()) {
                        return exit;
                    }
                }
            }
        }
    }

    fn obey(&mut self, signal: Signal) -> Option<ExitReason> {
        let Supervisor { mailbox, lifecycle, dispatch, .. } = self.supervisor;
        match signal {
            Signal::Kill => {
                self.wanted = Wanted::Nothing;
                return Some(ExitReason::Killed);
            }
            Signal::Fault(words) => return Some(ExitReason::Faulted { words }),
            Signal::Stop => {
                mailbox.close();
                lifecycle.apply(Event::StopRequested);
                // What comes later stands.
                self.wanted = Wanted::Nothing;
                self.drain(Phase::Draining { mailbox: true });
            }
            Signal::Restart if lifecycle.state() == State::Stopping => self.wanted = Wanted::StopThenRestart,
            Signal::Restart => {
                self.wanted = Wanted::Restart;
                self.drain(Phase::Draining { mailbox: false });
            }
            Signal::Cancel(call) => dispatch.cancel(call),
            Signal::DeadlinesChanged => {
                if lifecycle.state() != State::Starting {
                    self.start_due = None;
                }
            }
        }
        None
    }

    /// Lets what is in flight end, and then the life.
    fn drain(&mut self, phase: Phase) {
        self.begin_stop_timeout();
        let why = match self.wanted {
            Wanted::Restart | Wanted::Passivation => "is being restarted",
            Wanted::Nothing | Wanted::StopThenRestart => "is stopping",
        };
        self.supervisor.dispatch.drain(phase, why);
    }

    /// However often the life is told to end.
    fn begin_stop_timeout(&mut self) {
        let stop_timeout = self.supervisor.limits.stop_timeout;
        self.stop_due = self.stop_due.or_else(|| Instant::now().checked_add(stop_timeout));
    }

    fn next_due(&mut self) -> Option<Instant> {
        /// However short the idle limit is, looking for idle streams takes no more than a trifle.
        const IDLE_CHECK_MIN: Duration = Duration::from_millis(10);
        let Supervisor { dispatch, limits, .. } = self.supervisor;
        if self.idle_due.is_none() && dispatch.load().streams > 0 {
            // Often enough to end them at most an eighth late.
            self.idle_due = Instant::now().checked_add((limits.stream_idle / 8).max(IDLE_CHECK_MIN));
        }
        let next_look = self.idleness.as_ref().and_then(Idleness::next_look);
        let dues = [self.start_due, self.stop_due, dispatch.next_due(), self.idle_due, next_look];
        dues.into_iter().flatten().min()
    }

    fn check_overdue(&mut self, now: Instant) -> Option<ExitReason> {
        let Supervisor { dispatch, limits, .. } = self.supervisor;
        self.idle_due = self.idle_due.filter(|due| *due > now);
        if self.start_due.is_some_and(|due| due <= now) {
            return Some(ExitReason::Forced { overdue: Overdue::Start, limit: limits.start_timeout });
        }
        if self.stop_due.is_some_and(|due| due <= now) {
            return Some(ExitReason::Forced { overdue: Overdue::Stop, limit: limits.stop_timeout });
        }
        self.passivate_if_idle(now);
        dispatch.end_idle_streams(now);
        let message = dispatch.take_overdue(now)?;
        let overdue = Overdue::Call { method: message.method.to_string() };
        Some(ExitReason::Forced { overdue, limit: limits.grace })
    }

    /// Ends the life in good order, if there is nothing to do, has not been for long, and the actor lets that happen.
    fn passivate_if_idle(&mut self, now: Instant) {
        let Supervisor { dispatch, lifecycle, .. } = self.supervisor;
        let Some(idleness) = &mut self.idleness else { return };
        if !idleness.look(dispatch, now) {
            return;
        }
        if dispatch.may_passivate() {
            if dispatch.drain_if_idle() {
                (self.idleness, self.wanted) = (None, Wanted::Passivation);
                self.begin_stop_timeout();
            }
        } else {
            self.idleness = None;
            let text = "passivate_after is set, but the actor does not say that it may be passivated";
            lifecycle.account().write(Entry::Note { text });
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
    ExitReason::HostFault { words: OperatorText::new(of_panic(panic).unwrap_or("a panic without a text")) }
}
