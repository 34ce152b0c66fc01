//! Delivery to an actor that runs in this process.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::core::Core;
use super::dead_letters::DeadLetter;
use super::envelope::{Answer, Envelope, FirstTry, Outcome};
use super::lifecycle::{State, Status};
use super::reference::{Deliver, Inspection, SendOptions, WhenFull, WhenRestarting};
use super::signals::Signal;
use super::waits::{Origin, Wait};
use super::watch::Watch;
use crate::budget::Budget;
use crate::error::{ActorError, CallError, RuntimeError, RuntimeErrorKind};
use crate::grants::Callers;
use crate::id::{ActorName, CallId};
use crate::limits::Limits;
use crate::message::{Encoding, Message, Payload};
use crate::reply_cache::{Found, Key};

impl Deliver for Core {
    fn name(&self) -> &ActorName {
        &self.name
    }

    fn call(self: Arc<Self>, message: Message, options: SendOptions) -> BoxFuture<'static, Outcome> {
        async move {
            self.check_size(&message)?;
            let due = options.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
            let held = self.keep(&message)?;
            let first_try = match &message.idempotency_key {
                Some(key) if self.limits.reply_cache > 0 => {
                    let key = Key::new(options.origin.sender_name(), &message.method, key);
                    match self.first_try(key, &message, &options).await? {
                        Tried::Answered(answer) => return answer.map(Answer::Value),
                        Tried::Not(first_try) => Some(first_try),
                    }
                }
                _ => None,
            };
            self.check_restarting(options.when_restarting)?;
            options.origin.check(&self)?;
            let (envelope, outcome) = self.envelope(message, due, options.origin.clone(), held);
            let envelope = Envelope { first_try, ..envelope };
            let mut pending = PendingCall { call: envelope.call, core: &self, outcome: Some(outcome) };
            self.deliver(envelope, &options).await.inspect_err(|_| pending.outcome = None)?;
            // The actor may have begun to wait for this very call while its message waited for room.
            options.origin.check(&self)?;
            pending.wait().await
        }
        .boxed()
    }

    fn tell(
        self: Arc<Self>,
        message: Message,
        options: SendOptions,
    ) -> BoxFuture<'static, Result<(), RuntimeError>> {
        async move {
            self.check_size(&message)?;
            self.check_restarting(options.when_restarting)?;
            let held = self.keep(&message)?;
            self.deliver(self.tell_envelope(message, held), &options).await
        }
        .boxed()
    }

    fn begin_wait(self: Arc<Self>, origin: &Origin) -> Result<Option<Wait>, RuntimeError> {
        origin.wait_for(&self)
    }

    fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    fn signal(&self, signal: Signal) -> u64 {
        self.signals.send(signal)
    }

    fn ends(&self) -> u64 {
        self.signals.ends()
    }

    fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    fn watch(&self) -> Watch {
        self.watchers.watch()
    }

    fn inspect(&self) -> Inspection {
        let (in_flight, streams) = {
            let schedule = self.schedule();
            (schedule.handling(), schedule.streaming())
        };
        Inspection {
            name: self.name.clone(),
            status: self.status.borrow().clone(),
            lane: self.lane,
            description: self.description(),
            mailbox_depth: self.mailbox.len(),
            in_flight,
            streams,
            kept_bytes: self.kept_bytes(),
            counted: self.counters.read(),
        }
    }

    fn dead_letters(&self) -> Vec<DeadLetter> {
        self.dead_letters.list()
    }

    fn requeue_dead_letters(self: Arc<Self>) -> BoxFuture<'static, Result<usize, RuntimeError>> {
        async move {
            let options = SendOptions { when_full: WhenFull::Reject, ..SendOptions::default() };
            let mut requeued = 0;
            // What fails again meanwhile comes to the end: each letter that is there now is sent once at most.
            for _ in 0..self.dead_letters.list().len() {
                let Some(letter) = self.dead_letters.take_oldest() else { break };
                self.quarantine().release(&letter.message);
                let message = Message::clone(&letter.message);
                let sent = async {
                    let held = self.keep(&message)?;
                    self.deliver(self.tell_envelope(message, held), &options).await
                };
                if let Err(error) = sent.await {
                    self.dead_letters.put_back(letter);
                    return if requeued > 0 { Ok(requeued) } else { Err(error) };
                }
                requeued += 1;
            }
            Ok(requeued)
        }
        .boxed()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn callers(&self) -> &Callers {
        &self.callers
    }

    fn coming_in(&self) -> &Budget {
        &self.coming_in
    }
}

impl Core {
    /// The answer that a call got before, or the right to be its first try. Waits for an earlier try that still
    /// runs.
    async fn first_try(
        self: &Arc<Self>,
        key: Key,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Tried, CallError> {
        // Before the lock: the arguments may be large.
        let arguments_hash =
            self.hasher.hash_one((&message.args.body, message.args.encoding == Encoding::Json));
        loop {
            let found = self.replies().find(&key, arguments_hash, Instant::now().into_std());
            match found {
                Found::Answered(answer) => return Ok(Tried::Answered(answer)),
                Found::OtherArguments => return Err(other_arguments().into()),
                Found::Nothing => return Ok(Tried::Not(FirstTry::new(self, key))),
                Found::Running(mut earlier) => {
                    self.check_restarting(options.when_restarting)?;
                    options.origin.check(self)?;
                    // It ends by being forgotten: either there is an answer then, or this is the first try now.
                    while earlier.changed().await.is_ok() {}
                }
            }
        }
    }

    fn check_restarting(&self, when_restarting: WhenRestarting) -> Result<(), RuntimeError> {
        let status = self.status.borrow();
        if when_restarting == WhenRestarting::Wait || status.state != State::Restarting {
            return Ok(());
        }
        let text = format!("`{}` is between two lives", self.name);
        let error = RuntimeError::new(RuntimeErrorKind::ActorRestarting, text);
        Err(RuntimeError { retry_after: status.backoff, ..error })
    }
}

fn other_arguments() -> ActorError {
    /// As HTTP has it for a request that is understood and cannot be followed.
    const UNPROCESSABLE: u32 = 422;
    let message = "the idempotency key was used before, with other arguments".to_owned();
    ActorError::Business { code: UNPROCESSABLE, message, details: None }
}

/// What is known of a call with a key.
enum Tried {
    Answered(Result<Payload, CallError>),
    Not(FirstTry),
}

/// A call that was sent. Dropped before its answer, it cancels the call.
struct PendingCall<'a> {
    call: CallId,
    core: &'a Core,
    outcome: Option<oneshot::Receiver<Outcome>>,
}

impl PendingCall<'_> {
    async fn wait(mut self) -> Outcome {
        let Some(outcome) = &mut self.outcome else { return Err(self.core.stopped_error().into()) };
        let outcome = outcome.await;
        self.outcome = None;
        // Nothing drops an envelope unanswered but a message that its caller gave up, or a host that goes away.
        match outcome {
            Ok(outcome) => outcome,
            Err(_) if self.core.status.borrow().state.is_final() => Err(self.core.stopped_error().into()),
            // It was given up because its time is over: the caller's own clock says so in a moment.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for PendingCall<'_> {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome.take() {
            // First: whoever takes the message from the mailbox after the signal sees that nobody waits.
            drop(outcome);
            self.core.signals.send(Signal::Cancel(self.call));
        }
    }
}
