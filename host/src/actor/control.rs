//! Commands to an actor of this process, carried out.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::LocalPort;
use crate::delivery::{Command, Done};
use crate::lifecycle::{Signal, State, Status};
use crate::wire::RuntimeError;

impl LocalPort {
    /// Gives the command at once; the future waits until it is carried out.
    pub(super) fn carry_out(
        self: Arc<Self>,
        command: Command,
    ) -> BoxFuture<'static, Result<Done, RuntimeError>> {
        match command {
            Command::Stop => self.end(Signal::Stop).boxed(),
            Command::Kill => self.end(Signal::Kill).boxed(),
            Command::Restart => self.restart().boxed(),
            Command::RequeueDeadLetters => std::future::ready(self.requeue()).boxed(),
            Command::Rest => self.rest().boxed(),
        }
    }

    /// Has the actor end. Where somebody revives it at the same moment, its next life says so.
    fn end(
        self: Arc<Self>,
        signal: Signal,
    ) -> impl Future<Output = Result<Done, RuntimeError>> + Send + 'static {
        let before = self.lifecycle.generation();
        self.lifecycle.signals().send(signal);
        async move {
            let ended = |status: &Status| status.state.is_final() || status.generation > before;
            Ok(done(self.lifecycle.wait_for(ended).await))
        }
    }

    fn restart(self: Arc<Self>) -> impl Future<Output = Result<Done, RuntimeError>> + Send + 'static {
        let before = self.lifecycle.status();
        let ends = self.lifecycle.signals().send(Signal::Restart);
        async move {
            let arrived = |status: &Status| {
                let next_life = status.generation > before.generation;
                let taken_back = || self.lifecycle.signals().ends() > ends;
                let ended_instead = status.state.is_final() && (!before.state.is_final() || taken_back());
                let arrived = status.state == State::Running || status.state.is_final();
                (next_life && arrived) || ended_instead
            };
            Ok(done(self.lifecycle.wait_for(arrived).await))
        }
    }

    /// Has the life come to rest. Where none runs, the actor rests.
    fn rest(self: Arc<Self>) -> impl Future<Output = Result<Done, RuntimeError>> + Send + 'static {
        let (rest, before) = (self.dispatch.ask_to_rest(), self.lifecycle.generation());
        async move {
            let is_over = |status: &Status| status.state != State::Running || status.generation > before;
            tokio::select! {
                biased;
                _status = self.lifecycle.wait_for(is_over) => {}
                () = rest => {}
            }
            Ok(done(self.lifecycle.status()))
        }
    }

    /// Tells the actor its dead letters again, those that fit its mailbox.
    fn requeue(&self) -> Result<Done, RuntimeError> {
        let mut requeued = 0;
        // What fails again meanwhile comes to the end: each letter that is there now is sent once at most.
        for _ in 0..self.mailbox.dead_letters().len() {
            match self.mailbox.requeue_dead_letter() {
                Ok(true) => {
                    requeued += 1;
                    // Those who send behind it rely on that.
                    self.dispatch.wake();
                }
                Ok(false) => break,
                Err(not_sent) if requeued == 0 => return Err(self.not_sent(not_sent)),
                Err(_full) => break,
            }
        }
        Ok(Done { requeued, ..done(self.lifecycle.status()) })
    }
}

fn done(status: Status) -> Done {
    Done { status, requeued: 0 }
}
