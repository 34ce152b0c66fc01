//! A message that waits, with all that goes along with it.

use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;

use super::message_budget::HeldMessage;
use super::queue::FromSender;
use super::reply_cache::FirstTry;
use crate::call::{Deadline, Outcome};
use crate::grants::Caller;
use crate::id::CallId;
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

impl FromSender for Box<Envelope> {
    fn sender(&self) -> &Caller {
        self.unsettled.sender()
    }
}

/// A message whose fate is open, with everybody who is to know it. Ends by
/// [`Mailbox::settle`](super::Mailbox::settle).
///
/// Dropped unsettled, it tells its caller nothing (whose own clock does), and lets the next try of the same call begin.
pub(crate) struct Unsettled {
    content: Content,
    sender: Caller,
    reply: ReplyTo,
    /// In a box: few messages have one.
    first_try: Option<Box<FirstTry>>,
    /// What it takes of the actor's budget.
    held: HeldMessage,
}

/// What a sender wrote.
enum Content {
    /// Of a tell: in the envelope's own allocation, since mostly nobody else wants it. The copy that others share is made
    /// once: a message is the same dead letter whoever brings it there.
    Own(Message, OnceLock<Arc<Message>>),
    /// Of an ask: its caller has it, too.
    Shared(Arc<Message>),
}

impl Content {
    fn message(&self) -> &Message {
        match self {
            Self::Own(message, _) => message,
            Self::Shared(message) => message,
        }
    }

    fn share(&self) -> Arc<Message> {
        match self {
            Self::Own(message, shared) => Arc::clone(shared.get_or_init(|| Arc::new(message.clone()))),
            Self::Shared(message) => Arc::clone(message),
        }
    }
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
    #[inline]
    pub(super) fn ask(
        message: Arc<Message>,
        sender: Caller,
        held: HeldMessage,
        first_try: Option<FirstTry>,
    ) -> (Self, oneshot::Receiver<Outcome>) {
        let (reply, outcome) = oneshot::channel();
        let first_try = first_try.map(Box::new);
        let content = Content::Shared(message);
        (Self { content, sender, reply: ReplyTo(Some(reply)), first_try, held }, outcome)
    }

    /// A message that nobody waits for.
    #[inline]
    pub(super) fn tell(message: Message, sender: Caller, held: HeldMessage) -> Self {
        let content = Content::Own(message, OnceLock::new());
        Self { content, sender, reply: ReplyTo(None), first_try: None, held }
    }

    /// What its sender wrote.
    pub(crate) fn message(&self) -> &Message {
        self.content.message()
    }

    /// What its sender wrote, for who keeps it longer.
    pub(crate) fn share_message(&self) -> Arc<Message> {
        self.content.share()
    }

    /// Who sent it.
    pub(crate) fn sender(&self) -> &Caller {
        &self.sender
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
        self.take_reply()
    }

    /// Gives back what it takes of the actor's budget: whoever hears of its end may send the next one.
    pub(super) fn give_back(&mut self) {
        self.held.give_back();
    }

    /// Where its outcome goes, for who settles it.
    pub(super) fn take_reply(&mut self) -> ReplyTo {
        ReplyTo(self.reply.0.take())
    }

    /// What keeps its outcome for another try, for who settles it.
    pub(super) fn take_first_try(&mut self) -> Option<Box<FirstTry>> {
        self.first_try.take()
    }
}
