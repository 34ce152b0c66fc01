//! What happens between two lives: who is told, whether another life follows, and when.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use super::restart::Ended;
use super::{Next, Supervisor};
use crate::dispatch::Culprit;
use crate::exit::{ExitReason, Overdue};
use crate::journal::{self, Entry};
use crate::lifecycle::{Event, LifeEnd, Signal, State, Then};
use crate::observe;

/// What ended the wait for the next life.
enum Waited {
    /// What was waited for.
    Out,
    /// Somebody who wants it now.
    Restart,
    /// Somebody who wants none: how it would have ended.
    Stop(ExitReason),
}

impl Supervisor {
    /// Decides what follows a life that ended, settles what it left behind, and waits until the next one may begin.
    /// `restart_requested` says whether somebody asked for another life before this one ended.
    pub(super) async fn conclude(
        &mut self,
        exit: ExitReason,
        lived: Duration,
        restart_requested: bool,
    ) -> Next {
        if !restart_requested
            && blames_its_message(&exit)
            && let Some(Culprit { message, sender }) = self.dispatch.culprit()
        {
            self.mailbox.blame(&message, &sender, &exit);
        }
        let then = self.what_follows(&exit, lived, restart_requested);
        self.log_end(&exit, then);
        let generation = self.lifecycle.generation();
        let restarts = match then {
            Then::Restart(_) | Then::Rest => true,
            Then::Stop | Then::Fail => false,
        };
        self.lifecycle.tell_watchers(|| LifeEnd { generation, exit: exit.clone(), restarts });
        match then {
            Then::Restart(after) => {
                self.counters.count(observe::Event::Restarted);
                self.wait_between(exit, then, wait_out(after)).await
            }
            Then::Rest => {
                self.counters.set_memory(0, 0);
                let dispatch = std::sync::Arc::clone(&self.dispatch);
                let message = poll_fn(move |context| dispatch.poll_message(context));
                self.wait_between(exit, then, message).await
            }
            Then::Stop | Then::Fail => {
                self.end(&exit, Event::Ended { exit: exit.clone(), then });
                Next::Rest
            }
        }
    }

    fn what_follows(&mut self, exit: &ExitReason, lived: Duration, restart_requested: bool) -> Then {
        if *exit == ExitReason::Killed {
            return Then::Stop;
        }
        if restart_requested {
            // However it ended then: what was asked for is not held against the actor.
            self.begin_anew();
            return Then::Restart(Duration::ZERO);
        }
        let is_stopping = self.lifecycle.state() == State::Stopping;
        match (exit.is_failure(), is_stopping) {
            // Somebody wants it to stop: however it ended, no life follows.
            (true, true) => Then::Fail,
            (false, true) => Then::Stop,
            (false, false) if *exit == ExitReason::Passivated => Then::Rest,
            (_is_failure, false) => {
                let ended = Ended::by_itself(exit);
                let chance = rand::random_range(-1.0..=1.0);
                self.restarts.decide(ended, lived, Instant::now().into_std(), chance)
            }
        }
    }

    /// Waits until the next life may begin, or somebody wants none.
    async fn wait_between(&mut self, exit: ExitReason, then: Then, ready: impl Future<Output = ()>) -> Next {
        // The status first: a caller that is cut off and looks finds an actor that restarts, and not one that runs.
        self.lifecycle.apply(Event::Ended { exit: exit.clone(), then });
        self.dispatch.cut_off(&exit, true);
        match self.wait(ready).await {
            Waited::Out => Next::Life,
            Waited::Restart => {
                self.begin_anew();
                Next::Life
            }
            Waited::Stop(order) => {
                // The life that was promised ends before it began.
                let generation = self.lifecycle.generation().next();
                self.lifecycle.tell_watchers(|| LifeEnd { generation, exit: order, restarts: false });
                self.end(&exit, Event::Withdrawn);
                Next::Rest
            }
        }
    }

    async fn wait(&self, ready: impl Future<Output = ()>) -> Waited {
        let mut ready = pin!(ready);
        loop {
            tokio::select! {
                biased;
                signal = self.lifecycle.signals().next() => match signal {
                    Signal::Kill => return Waited::Stop(ExitReason::Killed),
                    Signal::Stop => return Waited::Stop(ExitReason::Stopped),
                    Signal::Restart => return Waited::Restart,
                    // No life is there to come to it.
                    Signal::Cancel(_) => self.mailbox.note_given_up(),
                    Signal::Fault(_) | Signal::DeadlinesChanged => {}
                },
                () = &mut ready => return Waited::Out,
            }
        }
    }

    /// Ends the actor, until somebody asks for a restart.
    fn end(&self, exit: &ExitReason, event: Event) {
        // Closed first, so that no message comes behind those that are refused last; these are told the final state, which
        // is why the status changes before them.
        self.mailbox.close();
        self.counters.set_memory(0, 0);
        self.dispatch.cut_off(exit, false);
        self.lifecycle.apply(event);
        self.refuse_waiting();
    }

    fn log_end(&self, exit: &ExitReason, then: Then) {
        let next = match then {
            Then::Restart(after) => journal::Next::Restart(after),
            Then::Fail => journal::Next::Fail,
            Then::Rest | Then::Stop => journal::Next::Rest,
        };
        let generation = self.lifecycle.generation();
        self.lifecycle.account().write(Entry::Ended { generation, exit, next });
    }
}

/// Whether the message that was in progress is to blame, where one was alone in that.
fn blames_its_message(exit: &ExitReason) -> bool {
    match exit {
        ExitReason::Trapped { .. } | ExitReason::Exited { .. } | ExitReason::Faulted { .. } => true,
        // How long a call may take is its caller's to say, and no fault of the message.
        ExitReason::Forced { overdue, .. } => match overdue {
            Overdue::Break => true,
            Overdue::Start | Overdue::Call { .. } | Overdue::Stop => false,
        },
        ExitReason::Stopped
        | ExitReason::Killed
        | ExitReason::RestartRequested
        | ExitReason::Passivated
        | ExitReason::StartFailed { .. }
        | ExitReason::HostFault { .. } => false,
    }
}

async fn wait_out(delay: Duration) {
    if delay.is_zero() {
        // The clock's shortest time is a millisecond.
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(delay).await;
    }
}
