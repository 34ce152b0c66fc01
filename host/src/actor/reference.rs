//! What one holds to talk to an actor.
//!
//! A reference stays good over restarts. It reaches a local mailbox; the `Deliver` behind it is the seam for
//! one that reaches another machine.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::behavior::{Description, Lane};
use super::core::Core;
use super::dead_letters::DeadLetter;
use super::envelope::{Answer, Deadline, Outcome};
use super::lifecycle::{State, Status};
use super::request::{Ask, Open, Request, Tell};
use super::signals::Signal;
use super::waits::{Origin, Wait};
use super::watch::Watch;
use crate::budget::Budget;
use crate::error::{ActorError, CallError, RuntimeError, RuntimeErrorKind};
use crate::exit::ExitReason;
use crate::grants::{Caller, Callers};
use crate::id::ActorName;
use crate::limits::Limits;
use crate::message::{Message, Payload};
use crate::observe::Counted;
use crate::stream::StreamReader;

/// What a sender wants where the mailbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// What the actor's overflow policy says.
    #[default]
    AsConfigured,
    /// `mailbox-full` at once, where the policy would be to wait.
    Reject,
}

/// What a sender wants where the actor is between two lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenRestarting {
    /// The message waits in the mailbox.
    #[default]
    Wait,
    /// `actor-restarting` at once, with the time after which to try again.
    Reject,
}

/// How a message is sent.
#[derive(Debug, Clone, Default)]
pub struct SendOptions {
    /// How long the sender waits for the answer, or for a stream to begin; none for the actor's `ask_timeout`.
    pub timeout: Option<Duration>,
    /// Where the mailbox is full.
    pub when_full: WhenFull,
    /// Where the actor is between two lives.
    pub when_restarting: WhenRestarting,
    /// From which call the message is sent: [`Desk::origin`](super::desk::Desk::origin).
    pub origin: Origin,
}

/// What brings messages and control to one actor, wherever it is.
pub(super) trait Deliver: Send + Sync {
    fn name(&self) -> &ActorName;
    fn call(self: Arc<Self>, message: Arc<Message>, options: SendOptions, deadline: Option<Deadline>)
    -> Call;
    fn tell(self: Arc<Self>, message: Message, options: SendOptions) -> Told;
    fn begin_wait(self: Arc<Self>, origin: &Origin) -> Result<Option<Wait>, RuntimeError>;
    fn status(&self) -> watch::Receiver<Status>;
    /// Answers how often somebody has wanted the actor to end by then.
    fn signal(&self, signal: Signal) -> u64;
    /// How often somebody wanted the actor to end. Where it is more, the status is looked at again.
    fn ends(&self) -> u64;
    /// Whether nothing becomes of the actor any more: its host is gone.
    fn is_gone(&self) -> bool;
    fn watch(&self) -> Watch;
    fn inspect(&self) -> Inspection;
    fn dead_letters(&self) -> Vec<DeadLetter>;
    fn requeue_dead_letters(self: Arc<Self>) -> BoxFuture<'static, Result<usize, RuntimeError>>;
    fn limits(&self) -> &Limits;
    fn callers(&self) -> &Callers;
    fn coming_in(&self) -> &Budget;
}

/// A call that was sent.
pub(super) enum Call {
    /// It came to its end at once.
    Ended(Outcome),
    /// Dropping this cancels it.
    Pending(BoxFuture<'static, Outcome>),
}

/// A tell that was sent, or waits for room.
pub(super) enum Told {
    /// It came to its end at once.
    Ended(Result<(), RuntimeError>),
    /// It waits for room.
    Pending(BoxFuture<'static, Result<(), RuntimeError>>),
}

/// What one holds to talk to an actor. Cheap to clone; good over restarts.
#[derive(Clone)]
pub struct ActorRef {
    to: Arc<dyn Deliver>,
}

/// An actor at one moment.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Its name.
    pub name: ActorName,
    /// Where it is in its life.
    pub status: Status,
    /// How its handlers share its instance.
    pub lane: Lane,
    /// What it says of itself; empty before its first start.
    pub description: Arc<Description>,
    /// How many messages wait.
    pub mailbox_depth: usize,
    /// How many handlers run.
    pub in_flight: usize,
    /// How many streams are open.
    pub streams: usize,
    /// How many bytes the host keeps for it: messages that wait or are in flight, and items that wait for readers.
    pub kept_bytes: usize,
    /// What it has counted.
    pub counted: Counted,
}

impl ActorRef {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { to: core }
    }

    /// The actor's name.
    #[must_use]
    pub fn name(&self) -> &ActorName {
        self.to.name()
    }

    /// The actor's ceilings.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.to.limits()
    }

    /// Checks that `caller` may send the actor messages: for whoever sends them on behalf of somebody.
    ///
    /// # Errors
    ///
    /// `permission-denied`, with the grant that is missing.
    pub fn admit(&self, caller: &Caller) -> Result<(), RuntimeError> {
        if self.to.callers().admit(caller) {
            return Ok(());
        }
        let text = format!(
            "`{}` takes no messages from {caller}; it can be told to with `--from {caller}`",
            self.name()
        );
        Err(RuntimeError::new(RuntimeErrorKind::PermissionDenied, text))
    }

    /// For whoever reads messages to the actor from elsewhere: what it may hold of those of which only a part is there,
    /// as much as the actor may have in its mailbox.
    #[must_use]
    pub fn coming_in(&self) -> &Budget {
        self.to.coming_in()
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

    /// Sends a message and waits for its answer; of a stream, for its last item (`null` if it has none).
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
    pub async fn ask_message(&self, message: Message, options: SendOptions) -> Result<Payload, CallError> {
        let answer = self.ask_once(message, options).await;
        // Also where nothing was waited for, who asks in a loop lets others have a turn now and then.
        tokio::task::consume_budget().await;
        answer
    }

    async fn ask_once(&self, message: Message, options: SendOptions) -> Result<Payload, CallError> {
        let _wait = self.begin_wait(&options.origin)?;
        let timeout = options.timeout.unwrap_or(self.limits().ask_timeout);
        let (message, deadline) = (Arc::new(message), Deadline::after(timeout));
        let answer = match Arc::clone(&self.to).call(Arc::clone(&message), options, deadline) {
            Call::Ended(Ok(Answer::Value(value))) => return Ok(value),
            Call::Ended(Ok(Answer::Stream(reader))) => last_item(reader).boxed(),
            Call::Ended(Err(error)) => return Err(error),
            Call::Pending(outcome) => async {
                match outcome.await? {
                    Answer::Value(value) => Ok(value),
                    Answer::Stream(reader) => last_item(reader).await,
                }
            }
            .boxed(),
        };
        let Some(deadline) = deadline else { return answer.await };
        tokio::time::timeout_at(deadline.at, answer)
            .await
            .unwrap_or_else(|_late| Err(self.late("ask", &message, timeout)))
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
    pub async fn stream_message(
        &self,
        message: Message,
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

    async fn open_once(&self, message: Message, options: SendOptions) -> Outcome {
        let _wait = self.begin_wait(&options.origin)?;
        let timeout = options.timeout.unwrap_or(self.limits().ask_timeout);
        let (message, deadline) = (Arc::new(message), Deadline::after(timeout));
        let answer = match Arc::clone(&self.to).call(Arc::clone(&message), options, deadline) {
            Call::Ended(outcome) => return outcome,
            Call::Pending(answer) => answer,
        };
        let Some(deadline) = deadline else { return answer.await };
        tokio::time::timeout_at(deadline.at, answer)
            .await
            .unwrap_or_else(|_late| Err(self.late("stream", &message, timeout)))
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
        let told = match Arc::clone(&self.to).tell(message, options) {
            Told::Ended(told) => told,
            Told::Pending(told) => told.await,
        };
        // Who tells in a loop lets the actor have a turn now and then.
        tokio::task::consume_budget().await;
        told
    }

    /// What the caller of `message` is told once its `timeout` is over.
    fn late(&self, operation: &str, message: &Message, timeout: Duration) -> CallError {
        let operation = format!("{operation} {}.{}", self.name(), message.method);
        ActorError::Timeout { operation, duration: timeout }.into()
    }

    /// Notes that the actor of `origin` waits for this one until the result is dropped, where it can do nothing
    /// else meanwhile. For whoever draws on a stream; the other ways to wait do it themselves.
    ///
    /// # Errors
    ///
    /// `deadlock`, where this actor waits for that one.
    pub fn begin_wait(&self, origin: &Origin) -> Result<Option<Wait>, RuntimeError> {
        Arc::clone(&self.to).begin_wait(origin)
    }

    /// Where the actor is in its life.
    #[must_use]
    pub fn status(&self) -> Status {
        self.to.status().borrow().clone()
    }

    /// Is told of every end of the actor's lives from now on, crashes included.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.to.watch()
    }

    /// Everything that is known of the actor at this moment.
    #[must_use]
    pub fn inspect(&self) -> Inspection {
        self.to.inspect()
    }

    /// The last messages that came to nothing, oldest first.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.to.dead_letters()
    }

    /// Tells the actor its dead letters again, oldest first, and takes those that fit its mailbox out of them. What
    /// was in quarantine is let in again. Answers how many there were.
    ///
    /// # Errors
    ///
    /// Where not even the first fits, or the actor has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves those that were not sent where they are, but for one.
    pub async fn requeue_dead_letters(&self) -> Result<usize, RuntimeError> {
        Arc::clone(&self.to).requeue_dead_letters().await
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
    pub async fn ready(&self) -> Result<(), ExitReason> {
        let is_ready = |state| matches!(state, State::Running | State::Passive);
        let status = self.wait_for(|status| is_ready(status.state) || status.state.is_final()).await;
        match status.state {
            state if is_ready(state) => Ok(()),
            _ended => Err(status.last_exit.unwrap_or(ExitReason::Killed)),
        }
    }

    /// Stops the actor in good order, and waits for that: no new messages, those that wait are handled, its
    /// `stop` is called; at most for `stop_timeout`. An actor that has ended stays as it is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the order back.
    pub async fn stop(&self) -> Status {
        self.end(Signal::Stop).await
    }

    /// Ends the actor at once, and waits for that. Calls in flight and in the mailbox are answered.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the order back.
    pub async fn kill(&self) -> Status {
        self.end(Signal::Kill).await
    }

    /// Sends `signal`, and waits until the actor has ended: where somebody revives it at the same moment, its
    /// next life says so.
    async fn end(&self, signal: Signal) -> Status {
        let before = self.status().generation;
        self.to.signal(signal);
        self.wait_for(|status| status.state.is_final() || status.generation > before).await
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
    pub async fn restart(&self) -> Result<Status, ExitReason> {
        let before = self.status();
        let ends = self.to.signal(Signal::Restart);
        let done = |status: &Status| {
            let next_life = status.generation > before.generation;
            let taken_back = || self.to.ends() > ends;
            let ended_instead = status.state.is_final() && (!before.state.is_final() || taken_back());
            let arrived = status.state == State::Running || status.state.is_final();
            (next_life && arrived) || ended_instead
        };
        let status = self.wait_for(done).await;
        match status.state {
            State::Running => Ok(status),
            _ended => Err(status.last_exit.unwrap_or(ExitReason::Killed)),
        }
    }

    /// Waits until the actor's status is such as wanted, or its host is gone.
    pub async fn wait_for(&self, mut wanted: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.to.status();
        let arrived = |status: &Status| wanted(status) || self.to.is_gone();
        match status.wait_for(arrived).await {
            Ok(status) => status.clone(),
            Err(_host_gone) => self.status(),
        }
    }
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
