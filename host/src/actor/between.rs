//! What happens between two lives: who is answered, whether another life follows, and when.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::behavior::Lane;
use super::core::Core;
use super::desk::cut_off;
use super::lifecycle::State;
use super::schedule::Stage;
use super::signals::Signal;
use super::watch::LifeEnd;
use crate::exit::{ExitReason, Overdue};
use crate::id::Generation;
use crate::observe::Event;
use crate::restart::{Ended, RestartTracker, Verdict};
use crate::text::printable;

/// How much of an end is told: a guest's text may be in it.
const EXIT_MAX_CHARS: usize = 500;

/// How a life ended.
pub(super) struct End {
    pub(super) exit: ExitReason,
    /// How long it lasted.
    pub(super) lived: Duration,
    /// Whether somebody asked for another life before.
    pub(super) restart_requested: bool,
}

/// What follows a life.
pub(super) enum Next {
    Life,
    /// Nothing, until somebody asks for a restart.
    Rest,
}

/// Decides what follows a life that ended, answers those whom it left waiting, and waits out the backoff.
pub(super) async fn conclude(core: &Arc<Core>, tracker: &mut RestartTracker, end: End) -> Next {
    let End { exit, lived, restart_requested } = end;
    let stopping = core.status.borrow().state == State::Stopping;
    if exit.is_failure() && !restart_requested {
        note_culprit(core, &exit);
    }
    if exit == ExitReason::Passivated && !stopping {
        return rest(core, tracker).await;
    }
    let verdict = match &exit {
        ExitReason::Killed => Verdict::Stop,
        // However it ended then: what was asked for is not held against the actor.
        _ if restart_requested => {
            begin_anew(core, tracker);
            Verdict::Restart { after: Duration::ZERO }
        }
        // Somebody wants it to stop: however it ended, no life follows.
        _ if stopping => {
            if exit.is_failure() {
                Verdict::Fail
            } else {
                Verdict::Stop
            }
        }
        exit => {
            let ended = if exit.is_failure() { Ended::ByFailure } else { Ended::InGoodOrder };
            let chance = rand::random_range(-1.0..=1.0);
            tracker.decide(ended, lived, Instant::now().into_std(), chance)
        }
    };
    log_end(core, &exit, verdict);
    let generation = core.status.borrow().generation;
    core.watchers.tell(|| LifeEnd {
        generation,
        exit: exit.clone(),
        restarts: matches!(verdict, Verdict::Restart { .. }),
    });
    let after = match verdict {
        Verdict::Restart { after } => after,
        Verdict::Stop => return settle(core, State::Stopped, &exit, generation),
        Verdict::Fail => return settle(core, State::Failed, &exit, generation),
    };
    core.counters.count(Event::Restarted);
    core.status.send_modify(|status| {
        status.state = State::Restarting;
        status.restarts += 1;
        status.last_exit = Some(exit.clone());
        status.backoff = Some(after);
    });
    end_calls(core, &exit, true);
    let delay = async {
        if after.is_zero() {
            // The clock's shortest time is a millisecond.
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(after).await;
        }
    };
    wait_for_next(core, tracker, &exit, delay).await
}

/// Waits for a message, without a life.
async fn rest(core: &Arc<Core>, tracker: &mut RestartTracker) -> Next {
    let (exit, generation) = (ExitReason::Passivated, core.status.borrow().generation);
    tracing::info!(actor = %core.name, %generation, "the actor {exit}");
    core.watchers.tell(|| LifeEnd { generation, exit: exit.clone(), restarts: true });
    core.counters.set_memory_bytes(0);
    core.status.send_modify(|status| {
        status.state = State::Passive;
        status.last_exit = Some(exit.clone());
    });
    end_calls(core, &exit, true);
    let message = poll_fn(|context| {
        // First: whoever brings a message after this has looked wakes us.
        core.work_arrived.register(context.waker());
        if core.mailbox.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    });
    wait_for_next(core, tracker, &exit, message).await
}

/// Waits until the next life may begin, or somebody wants none.
async fn wait_for_next(
    core: &Arc<Core>,
    tracker: &mut RestartTracker,
    exit: &ExitReason,
    ready: impl Future<Output = ()>,
) -> Next {
    match wait(core, ready).await {
        Waited::Out => Next::Life,
        Waited::Restart => {
            begin_anew(core, tracker);
            Next::Life
        }
        Waited::Stop(order) => {
            // The life that was promised ends before it began.
            let generation = core.status.borrow().generation.next();
            core.watchers.tell(|| LifeEnd { generation, exit: order, restarts: false });
            settle(core, State::Stopped, exit, generation)
        }
    }
}

/// Has it in mind if one message ended the life, and keeps that message where it is not the first time.
fn note_culprit(core: &Core, exit: &ExitReason) {
    let by_message = match exit {
        ExitReason::Trapped { .. } | ExitReason::Exited { .. } | ExitReason::Faulted { .. } => true,
        ExitReason::Forced { overdue, .. } => *overdue == Overdue::Break,
        // How long a call may take is its caller's to say, and no fault of the message.
        _other => false,
    };
    if !by_message {
        return;
    }
    // Where handlers overlap, only one that has not waited yet is sure to have been the one that ran.
    let begun = (core.lane == Lane::Overlapping).then(|| core.burst.begun());
    let culprit = core.schedule().culprit(begun);
    let Some(message) = culprit else { return };
    let now = Instant::now().into_std();
    let mut quarantine = core.quarantine();
    quarantine.note(&message, printable(&exit.to_string(), EXIT_MAX_CHARS), now);
    let reason = quarantine.reason(&message, now);
    drop(quarantine);
    if let Some(reason) = reason {
        core.bury(&message, reason);
    }
}

/// Holds nothing against the actor of what was before: somebody asked for another life.
pub(super) fn begin_anew(core: &Core, tracker: &mut RestartTracker) {
    tracker.reset();
    core.quarantine().release_all();
}

/// Ends the actor in `state`, with the life of this `generation` as its last.
fn settle(core: &Core, state: State, exit: &ExitReason, generation: Generation) -> Next {
    core.mailbox.close();
    core.counters.set_memory_bytes(0);
    end_calls(core, exit, false);
    core.status.send_modify(|status| {
        status.state = state;
        status.generation = generation;
        status.last_exit = Some(exit.clone());
        status.backoff = None;
    });
    refuse_waiting(core);
    Next::Rest
}

/// What ended the wait for the next life.
enum Waited {
    /// What was waited for.
    Out,
    /// Somebody who wants it now.
    Restart,
    /// Somebody who wants none: how it would have ended.
    Stop(ExitReason),
}

async fn wait(core: &Core, ready: impl Future<Output = ()>) -> Waited {
    let mut ready = pin!(ready);
    loop {
        tokio::select! {
            biased;
            signal = core.signals.next() => match signal {
                Signal::Kill => return Waited::Stop(ExitReason::Killed),
                Signal::Stop => return Waited::Stop(ExitReason::Stopped),
                Signal::Restart => return Waited::Restart,
                Signal::Fault(_) | Signal::Cancel(_) | Signal::Rearm => {}
            },
            () = &mut ready => return Waited::Out,
        }
    }
}

pub(super) fn begin_next(core: &Core) {
    core.signals.forget_life();
    core.status.send_modify(|status| {
        status.state = State::Starting;
        status.generation = status.generation.next();
        status.backoff = None;
    });
}

/// Answers what waits in a mailbox that is closed.
pub(super) fn refuse_waiting(core: &Core) {
    while let Some(envelope) = core.mailbox.pop() {
        let error = core.stopped_error();
        if envelope.reply.is_none() {
            core.bury(&envelope.message, error.to_string());
        }
        envelope.answer(Err(error.into()));
    }
}

/// Answers the calls that a life left behind, and ends its streams.
pub(super) fn end_calls(core: &Core, exit: &ExitReason, recoverable: bool) {
    let cut_offs = core.schedule().clear();
    for mut running in cut_offs {
        let outcome = cut_off(&running.message, &exit.to_string(), recoverable);
        match &mut running.stage {
            Stage::Handling(None) => core.bury(&running.message, format!("cut off: the actor {exit}")),
            Stage::Handling(reply) => {
                if let Some(reply) = reply.take() {
                    // A caller that is gone need not know.
                    drop(reply.send(outcome));
                }
            }
            Stage::Streaming(stream) => stream.writer.end(outcome.map(drop)),
        }
    }
}

fn log_end(core: &Core, exit: &ExitReason, verdict: Verdict) {
    let generation = core.status.borrow().generation;
    let (name, end) = (&core.name, printable(&exit.to_string(), EXIT_MAX_CHARS));
    match (exit, verdict) {
        (ExitReason::Trapped { backtrace, .. }, Verdict::Restart { after }) => {
            tracing::warn!(actor = %name, %generation, ?after, %backtrace, "the actor {end}; restarting");
        }
        (_, Verdict::Restart { after }) => {
            tracing::warn!(actor = %name, %generation, ?after, "the actor {end}; restarting");
        }
        (ExitReason::Trapped { backtrace, .. }, Verdict::Fail) => {
            tracing::error!(actor = %name, %generation, %backtrace, "the actor {end}; it is not restarted");
        }
        (_, Verdict::Fail) => {
            tracing::error!(actor = %name, %generation, "the actor {end}; it is not restarted");
        }
        (_, Verdict::Stop) => tracing::info!(actor = %name, %generation, "the actor {end}"),
    }
}
