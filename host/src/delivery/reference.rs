//! What one holds to talk to an actor.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::port::{ActorSnapshot, Call, Command, Done, Port, Told, View};
use super::request::{Ask, Open, Request, Tell};
use super::waiting::within;
use crate::budget::Budget;
use crate::call::{Answer, CallContext, Deadline, Outcome, WhenFull, WhenRestarting};
use crate::exit::ExitReason;
use crate::grants::Caller;
use crate::id::ActorId;
use crate::lifecycle::{State, Status, Watch};
use crate::limits::Limits;
use crate::mailbox::DeadLetter;
use crate::stream::StreamReader;
use crate::wait_graph::{Origin, Wait};
use crate::wire::{ActorError, CallError, Message, Payload, RuntimeError};

/// How a message is sent.
#[derive(Debug, Clone, Default)]
pub struct SendOptions {
    /// How long the sender waits for the answer, or for a stream to begin; none for the actor's `ask_timeout`.
    pub timeout: Option<Duration>,
    /// Where the mailbox is full.
    pub when_full: WhenFull,
    /// Where the actor is between two lives.
    pub when_restarting: WhenRestarting,
    /// From which call the message is sent: [`LifeContext::origin`](crate::dispatch::LifeContext::origin).
    pub origin: Origin,
}

impl SendOptions {
    fn context(&self, deadline: Option<Deadline>) -> CallContext {
        CallContext {
            deadline,
            path: self.origin.path().clone(),
            when_full: self.when_full,
            when_restarting: self.when_restarting,
        }
    }
}

/// What one holds to talk to an actor, on behalf of one caller. Cheap to clone; good over restarts.
#[derive(Clone)]
pub struct ActorRef {
    port: Arc<dyn Port>,
    caller: Caller,
}

/// Why an actor did not do what it was told to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ControlError {
    /// It ended instead, or had ended.
    #[error("it {0}")]
    Ended(ExitReason),
    /// It could not be told.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl ActorRef {
    /// A reference over `port`, for messages of `caller`.
    pub(crate) fn new(port: Arc<dyn Port>, caller: Caller) -> Self {
        Self { port, caller }
    }

    /// Checks that the caller may send to the actor, before anything is read or kept for that.
    ///
    /// # Errors
    ///
    /// `permission-denied`, with the grant that is missing.
    pub(crate) fn admit(&self) -> Result<(), RuntimeError> {
        self.port.admit(&self.caller)
    }

    /// The same actor, for messages of another caller.
    #[must_use]
    pub fn on_behalf_of(&self, caller: Caller) -> Self {
        Self { port: Arc::clone(&self.port), caller }
    }

    /// Which actor it is.
    #[must_use]
    pub fn id(&self) -> &ActorId {
        &self.port.profile().id
    }

    /// The actor's ceilings.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.port.profile().limits
    }

    /// For whoever reads messages to the actor from elsewhere: what it may hold of those of which only a part is there,
    /// as much as the actor may have in its mailbox.
    #[must_use]
    pub fn incoming(&self) -> &Budget {
        &self.port.profile().incoming
    }

    /// An ask, sent when it is awaited.
    ///
    /// `args` become JSON: a struct or map by name, a tuple or list by position, `()` for none.
    pub fn ask<R: DeserializeOwned>(
        &self,
        method: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Request<Ask<R>> {
        Request::new(self.clone(), method, args)
    }

    /// A stream, opened when it is awaited.
    pub fn stream(&self, method: &str, args: &(impl Serialize + ?Sized)) -> Request<Open> {
        Request::new(self.clone(), method, args)
    }

    /// A tell, sent when it is awaited.
    pub fn tell(&self, method: &str, args: &(impl Serialize + ?Sized)) -> Request<Tell> {
        Request::new(self.clone(), method, args)
    }

    /// Sends a message and waits for its answer; if that is a stream, for its last item (`null` if it has none).
    ///
    /// # Errors
    ///
    /// [`ActorError::Timeout`] after the timeout, whatever the actor does. The other classes say whose fault
    /// it was: see [`CallError`]. `deadlock`, where the answer would have to wait for this call to end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the call: one that waits in the mailbox is not handled, a handler that
    /// runs is told to stop.
    pub fn ask_message(
        &self,
        message: Message,
        options: SendOptions,
    ) -> impl Future<Output = Result<Payload, CallError>> + Send {
        self.ask_shared(Arc::new(message), options)
    }

    /// [`Self::ask_message`], for whoever has the message in an `Arc` already.
    pub(super) async fn ask_shared(
        &self,
        message: Arc<Message>,
        options: SendOptions,
    ) -> Result<Payload, CallError> {
        let answer = self.ask_once(message, options).await;
        // Also where nothing was waited for, who asks in a loop lets others have a turn now and then.
        tokio::task::consume_budget().await;
        answer
    }

    async fn ask_once(&self, message: Arc<Message>, options: SendOptions) -> Result<Payload, CallError> {
        let _wait = options.origin.begin_wait(self.id())?;
        let timeout = options.timeout.unwrap_or(self.limits().ask_timeout);
        let deadline = Deadline::after(timeout);
        let call = self.call(Arc::clone(&message), options.context(deadline));
        let answer = match call.outcome_by(deadline).await {
            Some(Ok(Answer::Value(value))) => return Ok(value),
            Some(Ok(Answer::Stream(reader))) => within(deadline, last_item(reader)).await,
            Some(Err(error)) => return Err(error),
            None => None,
        };
        answer.unwrap_or_else(|| Err(self.late("ask", &message, timeout)))
    }

    /// Sends a message and waits for the stream that it answers. A single value becomes a stream of one item.
    ///
    /// The timeout is for the stream to begin; dropping the reader ends it.
    ///
    /// # Errors
    ///
    /// As of [`Self::ask_message`]; once the stream has begun, errors come out of the reader.
    ///
    /// # Cancel safety
    ///
    /// As of [`Self::ask_message`].
    pub fn stream_message(
        &self,
        message: Message,
        options: SendOptions,
    ) -> impl Future<Output = Result<StreamReader, CallError>> + Send {
        self.stream_shared(Arc::new(message), options)
    }

    /// [`Self::stream_message`], for whoever has the message in an `Arc` already.
    pub(super) async fn stream_shared(
        &self,
        message: Arc<Message>,
        options: SendOptions,
    ) -> Result<StreamReader, CallError> {
        let resume_after = message.resume_after.unwrap_or(0);
        let answer = self.open_once(message, options).await;
        // As of an ask.
        tokio::task::consume_budget().await;
        Ok(match answer? {
            Answer::Value(value) => StreamReader::of_one(value, resume_after),
            Answer::Stream(reader) => reader,
        })
    }

    async fn open_once(&self, message: Arc<Message>, options: SendOptions) -> Outcome {
        let _wait = options.origin.begin_wait(self.id())?;
        let timeout = options.timeout.unwrap_or(self.limits().ask_timeout);
        let deadline = Deadline::after(timeout);
        let call = self.call(Arc::clone(&message), options.context(deadline));
        let outcome = call.outcome_by(deadline).await;
        outcome.unwrap_or_else(|| Err(self.late("stream", &message, timeout)))
    }

    /// Puts a message into the mailbox. Whether and how it is handled is not told.
    ///
    /// # Errors
    ///
    /// Where the message cannot be put there: the actor has ended, the mailbox is full and its policy is to
    /// reject, or the message is too large.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves open whether the message was sent.
    pub async fn tell_message(&self, message: Message, options: SendOptions) -> Result<(), RuntimeError> {
        let told = match self.port.tell(&self.caller, message, options.context(None)) {
            Told::Ended(told) => told,
            Told::OnItsWay(told) => told.await,
            Told::Waiting(told) => match options.origin.begin_wait(self.id()) {
                Ok(_wait) => told.await,
                Err(deadlock) => Err(deadlock),
            },
        };
        // Who tells in a loop lets the actor have a turn now and then.
        tokio::task::consume_budget().await;
        told
    }

    /// What the caller of `message` is told once its `timeout` is over.
    fn late(&self, operation: &str, message: &Message, timeout: Duration) -> CallError {
        let operation = format!("{operation} {}.{}", self.id(), message.method);
        ActorError::Timeout { operation, duration: timeout }.into()
    }

    fn call(&self, message: Arc<Message>, context: CallContext) -> Call {
        self.port.call(&self.caller, message, context)
    }

    /// Notes that the actor of `origin` waits for this one until the result is dropped, where it can do nothing
    /// else meanwhile. For whoever draws on a stream; the other ways to wait do it themselves.
    ///
    /// # Errors
    ///
    /// `deadlock`, where this actor waits for that one.
    pub fn begin_wait(&self, origin: &Origin) -> Result<Option<Wait>, RuntimeError> {
        origin.begin_wait(self.id())
    }

    /// Is told of every end of the actor's lives from this call on, crashes included.
    ///
    /// # Errors
    ///
    /// `permission-denied`, where the caller may not send to the actor; where the actor cannot be reached.
    pub fn watch(&self) -> impl Future<Output = Result<Watch, RuntimeError>> + Send + use<> {
        Arc::clone(&self.port).watch(&self.caller)
    }

    /// Where the actor is in its life.
    ///
    /// # Errors
    ///
    /// Where the actor cannot be reached.
    pub async fn status(&self) -> Result<Status, RuntimeError> {
        Ok(Arc::clone(&self.port).status(None).await?.status)
    }

    /// Everything that is known of the actor at this moment, but for its dead letters.
    ///
    /// # Errors
    ///
    /// Where the actor cannot be reached.
    pub async fn snapshot(&self) -> Result<ActorSnapshot, RuntimeError> {
        Arc::clone(&self.port).snapshot(View::Summary).await
    }

    /// The last messages that came to nothing, oldest first.
    ///
    /// # Errors
    ///
    /// Where the actor cannot be reached.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, RuntimeError> {
        Ok(Arc::clone(&self.port).snapshot(View::WithDeadLetters).await?.dead_letters)
    }

    /// Tells the actor its dead letters again, oldest first, and takes those that fit its mailbox out of them. What
    /// was in quarantine is let in again. Returns how many there were.
    ///
    /// # Errors
    ///
    /// Where not even the first fits, or the actor has ended.
    pub async fn requeue_dead_letters(&self) -> Result<usize, RuntimeError> {
        Ok(self.control(Command::RequeueDeadLetters).await?.requeued)
    }

    /// Waits until the actor handles messages.
    ///
    /// # Errors
    ///
    /// How its last life ended, where the actor has ended and none follows.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn ready(&self) -> Result<(), ControlError> {
        let is_ready = |state| matches!(state, State::Running | State::Passive);
        let status = self.wait_for(|status| is_ready(status.state) || status.state.is_final()).await?;
        if is_ready(status.state) { Ok(()) } else { Err(ended(status)) }
    }

    /// Stops the actor in good order, and waits for that: no new messages, those that wait are handled, its
    /// `stop` is called; at most for `stop_timeout`. An actor that has ended stays as it is.
    ///
    /// # Errors
    ///
    /// Where the actor cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the order back.
    pub async fn stop(&self) -> Result<Status, RuntimeError> {
        Ok(self.control(Command::Stop).await?.status)
    }

    /// Ends the actor at once, and waits for that. Calls in flight and in the mailbox are answered.
    ///
    /// # Errors
    ///
    /// Where the actor cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the order back.
    pub async fn kill(&self) -> Result<Status, RuntimeError> {
        Ok(self.control(Command::Kill).await?.status)
    }

    /// Begins another life, and waits until it runs: after what is in flight, where a life runs; at once,
    /// where the actor waits for its restart or has ended.
    ///
    /// # Errors
    ///
    /// How the actor ended instead; or had ended, where somebody stops or kills it before its next life begins.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the order back.
    pub async fn restart(&self) -> Result<Status, ControlError> {
        let status = self.control(Command::Restart).await?.status;
        if status.state == State::Running { Ok(status) } else { Err(ended(status)) }
    }

    /// Waits until the actor has been at rest: no call in flight, no stream open, and nothing of it on the guest's stack, so that
    /// the guest's memory is all there is of it. The next time that this is so; messages that wait come after it. An actor
    /// whose handlers overlap may take long to come there.
    ///
    /// # Errors
    ///
    /// Where the actor cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the order back.
    pub async fn rest(&self) -> Result<Status, RuntimeError> {
        Ok(self.control(Command::Rest).await?.status)
    }

    fn control(&self, command: Command) -> impl Future<Output = Result<Done, RuntimeError>> + use<> {
        Arc::clone(&self.port).control(command)
    }

    /// Waits until the actor's status is such as wanted, or its host is gone. What it is only for a moment may be missed.
    ///
    /// # Errors
    ///
    /// Where the actor cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn wait_for(&self, mut wanted: impl FnMut(&Status) -> bool) -> Result<Status, RuntimeError> {
        let mut before = None;
        loop {
            let seen = Arc::clone(&self.port).status(before).await?;
            if wanted(&seen.status) || seen.is_gone {
                return Ok(seen.status);
            }
            before = Some(seen.status);
        }
    }
}

fn ended(status: Status) -> ControlError {
    ControlError::Ended(status.last_exit.unwrap_or(ExitReason::Killed))
}

/// Reads a stream to its end.
async fn last_item(mut reader: StreamReader) -> Result<Payload, CallError> {
    /// Each crossing of the buffer's lock takes what is there.
    const BATCH: usize = 64;
    let mut last = Payload::json("null");
    loop {
        let batch = reader.next_batch(BATCH).await?;
        if let Some(item) = batch.items.into_iter().next_back() {
            last = item.payload;
        }
        if batch.done {
            return Ok(last);
        }
    }
}
