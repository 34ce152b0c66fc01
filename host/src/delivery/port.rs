//! The way to one actor. [`actor`](crate::actor) has the one within this process.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;

use super::sent::SentCall;
use crate::budget::Budget;
use crate::call::{CallContext, Outcome};
use crate::dispatch::Description;
use crate::grants::Caller;
use crate::id::ActorId;
use crate::lifecycle::{Status, Watch};
use crate::limits::Limits;
use crate::mailbox::DeadLetter;
use crate::observe::Counted;
use crate::wire::{Lane, Message, RuntimeError};

/// What brings messages and control to one actor, wherever it is.
///
/// Everything is owned, so that it may cross to another machine. A message takes its place in line when
/// [`call`](Self::call) or [`tell`](Self::tell) is called, and not when what they return is first polled. These two take
/// no share of the port, since most calls have come to their end when they return; what goes on after that takes one.
pub(crate) trait Port: Send + Sync + 'static {
    /// What a sender knows of the actor without asking it.
    fn profile(&self) -> &Profile;

    /// Whether `caller` may send to the actor, as far as that is known here: so that nothing is read or kept for those who
    /// may not. Calls, tells and watches check it again.
    ///
    /// # Errors
    ///
    /// `permission-denied`.
    fn admit(&self, caller: &Caller) -> Result<(), RuntimeError>;

    /// Sends a message that its caller waits for, if `caller` may.
    fn call(&self, caller: &Caller, message: Arc<Message>, context: CallContext) -> Call;

    /// Sends a message that nobody waits for, if `caller` may.
    fn tell(&self, caller: &Caller, message: Message, context: CallContext) -> Told;

    /// Is told of every end of the actor's lives from this call on, or once the actor is found, if `caller` may send to it.
    fn watch(self: Arc<Self>, caller: &Caller) -> BoxFuture<'static, Result<Watch, RuntimeError>>;

    /// Carries out a command, and waits for that. Dropping the future does not take the command back, once it has reached
    /// the actor.
    fn control(self: Arc<Self>, command: Command) -> BoxFuture<'static, Result<Done, RuntimeError>>;

    /// Waits until the status is another than `unless`.
    fn status(self: Arc<Self>, unless: Option<Status>) -> BoxFuture<'static, Result<Seen, RuntimeError>>;

    /// Everything that is known of the actor at one moment.
    fn snapshot(self: Arc<Self>, view: View) -> BoxFuture<'static, Result<ActorSnapshot, RuntimeError>>;
}

/// What a sender knows of an actor without asking it.
#[derive(Debug)]
pub(crate) struct Profile {
    /// Which actor it is.
    pub id: ActorId,
    /// Its ceilings.
    pub limits: Arc<Limits>,
    /// For whoever reads messages to the actor from elsewhere: what it may hold of those of which only a part is there.
    pub incoming: Budget,
}

impl Profile {
    /// That of the actor `id`.
    #[must_use]
    pub(crate) fn new(id: ActorId, limits: Arc<Limits>) -> Self {
        Self { id, incoming: Budget::new(limits.kept_max_bytes()), limits }
    }
}

/// A call that was sent.
pub(crate) enum Call {
    /// It came to its end at once.
    Ended(Outcome),
    /// Dropping this cancels it.
    Pending(PendingCall),
    /// As [`Self::Pending`]; but most likely it comes to its end while the tasks of this thread that are ready have a turn.
    AfterOthers(PendingCall),
}

/// A call until its outcome, as a future.
pub(crate) enum PendingCall {
    /// Its message is in the mailbox of an actor of this process: no allocation for the common case.
    Sent(SentCall),
    /// It is on its way, or waits for more than its outcome.
    Other(BoxFuture<'static, Outcome>),
}

impl Future for PendingCall {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        match self.get_mut() {
            Self::Sent(call) => Pin::new(call).poll(context),
            Self::Other(call) => call.as_mut().poll(context),
        }
    }
}

/// A tell that was sent, or waits for room.
pub(crate) enum Told {
    /// It came to its end at once.
    Ended(Result<(), RuntimeError>),
    /// It waits for room, and its sender for the actor. Dropping this gives up its place in line.
    Waiting(BoxFuture<'static, Result<(), RuntimeError>>),
    /// It is on its way. Its sender waits for nothing but that.
    OnItsWay(BoxFuture<'static, Result<(), RuntimeError>>),
}

/// What an actor is told to do with itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// End in good order: no new messages, those that wait are handled. Done when the actor has ended.
    Stop,
    /// End at once. Done when the actor has ended.
    Kill,
    /// Begin another life, after what is in flight. Done when that runs, or the actor has ended instead.
    Restart,
    /// Tell the actor its dead letters again.
    RequeueDeadLetters,
    /// Come to where no call is in flight and nothing of the actor is on the guest's stack, and go on from there. Done when
    /// the life has been there, or has ended instead.
    Rest,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    /// The actor's status when it was carried out.
    pub status: Status,
    /// How many dead letters were told again.
    pub requeued: usize,
}

/// An actor's status, as somebody sees it who waits for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The status.
    pub status: Status,
    /// Whether nothing becomes of the actor any more: its host is gone.
    pub is_gone: bool,
}

/// How much of an actor is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// All but the dead letters.
    Summary,
    /// All.
    WithDeadLetters,
}

/// An actor at one moment.
#[derive(Debug, Clone)]
pub struct ActorSnapshot {
    /// Which actor it is.
    pub id: ActorId,
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
    /// The last messages that came to nothing, oldest first; empty where only a summary was asked for.
    pub dead_letters: Vec<DeadLetter>,
}
