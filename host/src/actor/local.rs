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
use super::envelope::{Answer, Deadline, Envelope, FirstTry, Outcome};
use super::lifecycle::{State, Status};
use super::reference::{Call, Deliver, Inspection, SendOptions, Told, WhenFull, WhenRestarting};
use super::signals::Signal;
use super::slot::Visit;
use super::waits::{Origin, Wait};
use super::watch::Watch;
use crate::budget::{Budget, Held};
use crate::error::{ActorError, CallError, RuntimeError, RuntimeErrorKind};
use crate::grants::Callers;
use crate::id::{ActorName, CallId};
use crate::limits::Limits;
use crate::mailbox::SendError;
use crate::message::{Encoding, Message, Payload};
use crate::reply_cache::{Found, Key};

impl Deliver for Core {
    fn name(&self) -> &ActorName {
        &self.name
    }

    fn call(
        self: Arc<Self>,
        message: Arc<Message>,
        options: SendOptions,
        deadline: Option<Deadline>,
    ) -> Call {
        match self.begin_call(message, options, deadline) {
            Ok(call) => call,
            Err(error) => Call::Ended(Err(error)),
        }
    }

    fn tell(self: Arc<Self>, message: Message, options: SendOptions) -> Told {
        match self.begin_tell(message, &options) {
            Ok(None) => Told::Ended(Ok(())),
            Err(error) => Told::Ended(Err(error)),
            Ok(Some(envelope)) => {
                Told::Pending(async move { self.deliver_with_room(envelope, &options).await }.boxed())
            }
        }
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
                let message = Arc::clone(&letter.message);
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
    /// Puts a tell into the mailbox. Answers it where it has to wait for room.
    fn begin_tell(&self, message: Message, options: &SendOptions) -> Result<Option<Envelope>, RuntimeError> {
        self.check_size(&message)?;
        self.check_restarting(options.when_restarting)?;
        let held = self.keep(&message)?;
        self.try_deliver(self.tell_envelope(Arc::new(message), held), options)
    }

    fn begin_call(
        self: Arc<Self>,
        message: Arc<Message>,
        options: SendOptions,
        deadline: Option<Deadline>,
    ) -> Result<Call, CallError> {
        self.check_size(&message)?;
        let held = self.keep(&message)?;
        if message.idempotency_key.is_some() && self.limits.reply_cache > 0 {
            return Ok(Call::Pending(self.call_once(message, options, deadline, held).boxed()));
        }
        self.check_restarting(options.when_restarting)?;
        options.origin.check(&self)?;
        let (envelope, outcome) = self.envelope(message, deadline, options.origin.clone(), held);
        self.send(envelope, outcome, options)
    }

    /// Calls where no earlier try has or gets the answer.
    async fn call_once(
        self: Arc<Self>,
        message: Arc<Message>,
        options: SendOptions,
        deadline: Option<Deadline>,
        held: Held,
    ) -> Outcome {
        let key = message.idempotency_key.as_deref().unwrap_or_default();
        let key = Key::new(options.origin.sender_name(), &message.method, key);
        let first_try = match self.first_try(key, &message, &options).await? {
            Tried::Answered(answer) => return answer.map(Answer::Value),
            Tried::Not(first_try) => Some(first_try),
        };
        self.check_restarting(options.when_restarting)?;
        options.origin.check(&self)?;
        let deadline = deadline.map(Deadline::sent_now);
        let (envelope, outcome) = self.envelope(message, deadline, options.origin.clone(), held);
        match self.send(Envelope { first_try, ..envelope }, outcome, options)? {
            Call::Ended(outcome) => outcome,
            Call::Pending(outcome) => outcome.await,
        }
    }

    /// Puts an ask into the mailbox, and sees whether it is answered at once.
    fn send(
        self: Arc<Self>,
        envelope: Envelope,
        outcome: oneshot::Receiver<Outcome>,
        options: SendOptions,
    ) -> Result<Call, CallError> {
        let (call, is_near) = (envelope.call, envelope.deadline.is_some_and(Deadline::is_near));
        let mut pending = PendingCall { call, core: Arc::clone(&self), outcome: None };
        let is_alone = match self.mailbox.try_send(envelope) {
            Err(SendError::Full(envelope)) if self.may_wait(&options) => {
                pending.outcome = Some(outcome);
                return Ok(Call::Pending(self.send_with_room(envelope, pending, options).boxed()));
            }
            sent => self.settle_sent(sent)?,
        };
        pending.outcome = Some(outcome);
        // What another actor waits for is left to its owner: it would be a part of that one's turn.
        if !options.origin.is_outside() {
            self.work_arrived.wake();
            // It may have begun to wait for this very call.
            options.origin.check(&self)?;
            return Ok(Call::Pending(pending.wait().boxed()));
        }
        let visit = if is_alone && !is_near { self.slot.visit(&self) } else { Visit::None };
        Ok(match visit {
            Visit::Brief => pending.now_or_later(),
            Visit::Long => Call::Pending(pending.wait_after_others().boxed()),
            Visit::None => {
                self.work_arrived.wake();
                Call::Pending(pending.wait().boxed())
            }
        })
    }

    /// Puts an ask into the mailbox once it has room, and waits for the answer.
    async fn send_with_room(
        self: Arc<Self>,
        envelope: Envelope,
        mut pending: PendingCall,
        options: SendOptions,
    ) -> Outcome {
        self.deliver_with_room(envelope, &options).await.inspect_err(|_| pending.outcome = None)?;
        // The actor may have begun to wait for this very call while its message waited for room.
        options.origin.check(&self)?;
        pending.wait().await
    }

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
        if when_restarting == WhenRestarting::Wait {
            return Ok(());
        }
        let status = self.status.borrow();
        if status.state != State::Restarting {
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
struct PendingCall {
    call: CallId,
    core: Arc<Core>,
    outcome: Option<oneshot::Receiver<Outcome>>,
}

impl PendingCall {
    /// The answer, if it is there.
    fn now_or_later(mut self) -> Call {
        match self.outcome.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Ok(outcome)) => {
                self.outcome = None;
                Call::Ended(outcome)
            }
            Some(Err(_)) | None => Call::Pending(self.wait().boxed()),
        }
    }

    /// Waits, but not before other tasks had a turn.
    async fn wait_after_others(self) -> Outcome {
        tokio::task::yield_now().await;
        self.wait().await
    }

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

impl Drop for PendingCall {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome.take() {
            // First: whoever takes the message from the mailbox after the signal sees that nobody waits.
            drop(outcome);
            self.core.signals.send(Signal::Cancel(self.call));
        }
    }
}
