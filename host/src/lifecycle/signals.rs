//! Control traffic to a supervisor, ahead of all messages.
//!
//! Bounded without a capacity: every kind but `cancel` is a flag, and a call is cancelled at most once, by
//! its caller, while it waits in the mailbox (bounded), runs (bounded), or has just ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::exit::OperatorText;
use crate::id::CallId;

/// Something a supervisor is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signal {
    /// End now, whatever runs.
    Kill,
    /// This life cannot go on: the actor said so itself.
    Fault(OperatorText),
    /// Take no more messages, handle those that wait, and end.
    Stop,
    /// End this life in good order, and begin another. Where none runs, begin one.
    Restart,
    /// The caller of this call, or the reader of the stream that it answered, is gone.
    Cancel(CallId),
    /// Something changed that the supervisor keeps a deadline for.
    DeadlinesChanged,
}

#[derive(Debug, Default)]
struct Pending {
    kill: bool,
    fault: Option<OperatorText>,
    stop: bool,
    restart: bool,
    cancelled: Vec<CallId>,
    deadlines_changed: bool,
    /// How often somebody wanted the actor to end.
    ends: u64,
}

/// The signals that a supervisor has yet to see.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    pending: Mutex<Pending>,
    arrived: Notify,
    /// Whether a life is to end, as far as the supervisor has not seen to that yet.
    pressing: AtomicBool,
    /// Whether calls are cancelled.
    cancels: AtomicBool,
}

impl Signals {
    /// Returns how often somebody has wanted the actor to end by then: once that is more, a restart that was sent may
    /// be forgotten.
    pub(crate) fn send(&self, signal: Signal) -> u64 {
        let ends = {
            let mut pending = self.lock();
            match &signal {
                Signal::Kill | Signal::Fault(_) | Signal::Stop | Signal::Restart => {
                    self.pressing.store(true, Ordering::Release);
                }
                Signal::Cancel(_) => self.cancels.store(true, Ordering::Release),
                Signal::DeadlinesChanged => {}
            }
            match signal {
                // What comes later stands: a restart that was asked for before is not wanted any more.
                Signal::Kill => {
                    (pending.kill, pending.restart) = (true, false);
                    pending.ends += 1;
                }
                Signal::Fault(message) => pending.fault = Some(message),
                Signal::Stop => {
                    (pending.stop, pending.restart) = (true, false);
                    pending.ends += 1;
                }
                Signal::Restart => pending.restart = true,
                Signal::Cancel(call) => pending.cancelled.push(call),
                Signal::DeadlinesChanged => pending.deadlines_changed = true,
            }
            pending.ends
        };
        self.arrived.notify_one();
        ends
    }

    /// How often somebody wanted the actor to end.
    pub(crate) fn ends(&self) -> u64 {
        self.lock().ends
    }

    /// Waits for the most urgent signal. For one supervisor alone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no signal.
    pub(crate) async fn next(&self) -> Signal {
        loop {
            let arrived = self.arrived.notified();
            if let Some(signal) = self.take() {
                return signal;
            }
            arrived.await;
        }
    }

    /// Forgets what was meant for a life that has ended.
    pub(crate) fn forget_life(&self) {
        let mut pending = self.lock();
        pending.fault = None;
        pending.cancelled.clear();
        pending.deadlines_changed = false;
    }

    /// Whether a life is to end: then nobody but the supervisor polls it.
    pub(crate) fn is_pressing(&self) -> bool {
        self.pressing.load(Ordering::Acquire)
    }

    /// The next call that is cancelled, for whoever polls a life before its supervisor has heard of that.
    pub(crate) fn take_cancel(&self) -> Option<CallId> {
        if !self.cancels.load(Ordering::Acquire) {
            return None;
        }
        let mut pending = self.lock();
        let call = pending.cancelled.pop();
        if call.is_none() {
            self.cancels.store(false, Ordering::Release);
        }
        call
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Signal> {
        let mut pending = self.lock();
        if std::mem::take(&mut pending.kill) {
            return Some(Signal::Kill);
        }
        if let Some(message) = pending.fault.take() {
            return Some(Signal::Fault(message));
        }
        if std::mem::take(&mut pending.stop) {
            return Some(Signal::Stop);
        }
        if std::mem::take(&mut pending.restart) {
            return Some(Signal::Restart);
        }
        // Only now: the supervisor has done what it was told before.
        self.pressing.store(false, Ordering::Release);
        if let Some(call) = pending.cancelled.pop() {
            return Some(Signal::Cancel(call));
        }
        self.cancels.store(false, Ordering::Release);
        std::mem::take(&mut pending.deadlines_changed).then_some(Signal::DeadlinesChanged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_that_was_asked_for_before_a_stop_is_forgotten() {
        for end in [Signal::Stop, Signal::Kill] {
            let signals = Signals::default();
            signals.send(Signal::Restart);
            signals.send(end.clone());
            assert_eq!((signals.take(), signals.take()), (Some(end), None));
        }
    }

    #[tokio::test]
    async fn urgent_signals_come_first_and_each_comes_once() {
        let signals = Signals::default();
        for signal in [
            Signal::DeadlinesChanged,
            Signal::Cancel(CallId(7)),
            Signal::Stop,
            Signal::Stop,
            Signal::Fault(OperatorText::new("x")),
            Signal::Kill,
            Signal::Restart,
        ] {
            signals.send(signal);
        }
        let mut seen = Vec::new();
        while let Some(signal) = signals.take() {
            seen.push(signal);
        }
        assert_eq!(
            seen,
            [
                Signal::Kill,
                Signal::Fault(OperatorText::new("x")),
                Signal::Stop,
                Signal::Restart,
                Signal::Cancel(CallId(7)),
                Signal::DeadlinesChanged
            ]
        );
    }
}
