//! A message that waits, with all that goes along with it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::reply_cache::FirstTry;
use crate::budget::Held;
use crate::call::{Deadline, Outcome};
use crate::id::{ActorId, CallId};
use crate::wait_graph::CallPath;
use crate::wire::Message;

/// One message on its way to a handler. Kept in a box from its beginning: it goes through some ten hands until its handler
/// begins, and each would move it.
pub(crate) struct Envelope {
    pub(crate) call: CallId,
    pub(crate) unsettled: Unsettled,
    /// When the caller stops waiting.
    pub(crate) deadline: Option<Deadline>,
    pub(crate) path: CallPath,
}

/// A message whose fate is open, with everybody who is to know it. Ends by [`Mailbox::settle`](super::Mailbox::settle).
///
/// Dropped unsettled, it tells its caller nothing (whose own clock does), and lets the next try of the same call begin.
pub(crate) struct Unsettled {
    message: Arc<Message>,
    /// The actor that sent it.
    caller: Option<ActorId>,
    reply: ReplyTo,
    /// In a box: few messages have one.
    first_try: Option<Box<FirstTry>>,
    /// What it takes of the actor's budget.
    _held: Held,
}

/// Where the outcome of a call goes; nowhere for a tell.
pub(crate) struct ReplyTo(Option<oneshot::Sender<Outcome>>);

impl ReplyTo {
    /// Tells the caller, if there is one who still waits.
    pub(crate) fn send(self, outcome: Outcome) {
        if let Some(reply) = self.0 {
            // The caller may be gone: then nobody wants to know. A stream's reader that is dropped here tells us so.
            drop(reply.send(outcome));
        }
    }
}

impl Unsettled {
    /// A message that somebody waits for, with the receiver of its outcome.
    pub(super) fn ask(
        message: Arc<Message>,
        caller: Option<ActorId>,
        held: Held,
        first_try: Option<FirstTry>,
    ) -> (Self, oneshot::Receiver<Outcome>) {
        let (reply, outcome) = oneshot::channel();
        let first_try = first_try.map(Box::new);
        (Self { message, caller, reply: ReplyTo(Some(reply)), first_try, _held: held }, outcome)
    }

    /// A message that nobody waits for.
    pub(super) fn tell(message: Arc<Message>, caller: Option<ActorId>, held: Held) -> Self {
        Self { message, caller, reply: ReplyTo(None), first_try: None, _held: held }
    }

    /// What its sender wrote.
    pub(crate) fn message(&self) -> &Arc<Message> {
        &self.message
    }

    /// The actor that sent it; none from outside.
    pub(crate) fn caller(&self) -> Option<&ActorId> {
        self.caller.as_ref()
    }

    /// Whether somebody waits for its outcome, or did.
    pub(crate) fn is_ask(&self) -> bool {
        self.reply.0.is_some()
    }

    /// Whether there was a caller, and it is gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.reply.0.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    /// The call goes on as a stream, whose reader the caller gets: there is no other outcome, and none to keep for
    /// another try, since a stream cannot be handed out twice.
    pub(crate) fn become_stream(&mut self) -> ReplyTo {
        self.first_try = None;
        ReplyTo(self.reply.0.take())
    }

    /// Its parts, for who settles it.
    pub(super) fn into_parts(self) -> Parts {
        let Self { message, caller, reply, first_try, _held } = self;
        Parts { message, caller, reply, first_try }
    }
}

/// What a message consists of whose fate is known.
pub(super) struct Parts {
    pub(super) message: Arc<Message>,
    pub(super) caller: Option<ActorId>,
    pub(super) reply: ReplyTo,
    pub(super) first_try: Option<Box<FirstTry>>,
}
