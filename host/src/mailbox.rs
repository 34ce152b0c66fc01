//! What waits for one actor, and what becomes of each message.
//!
//! One mailbox for an actor; it outlives the actor's lives. Senders put messages in, whoever polls the life takes them
//! out, and each ends by one [`Fate`]. Knows nothing of handlers. Bounds, of which no sender has all: `mailbox_messages`
//! messages of `message_max` bytes, `kept_max` bytes together with those in flight. More bounds: `dead_letters`, `reply_cache`, and 64 messages in
//! quarantine.

mod dead_letters;
mod envelope;
mod fate;
mod message_budget;
mod quarantine;
mod queue;
mod reply_cache;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytesize::ByteSize;
use tokio::sync::oneshot;
use tokio::time::Instant;

pub use self::dead_letters::DeadLetter;
use self::dead_letters::DeadLetters;
pub(crate) use self::envelope::{Envelope, ReplyTo, Unsettled};
pub(crate) use self::fate::{Fate, cut_off_error};
pub(crate) use self::message_budget::HeldMessage;
use self::message_budget::MessageBudget;
use self::quarantine::{Quarantine, SharedQuarantine};
use self::queue::{Queue, SendError, Sending, Sent};
pub(crate) use self::reply_cache::{FirstTry, Key, ReplyCache, Tried};
use crate::call::{CallContext, Outcome, WhenFull};
use crate::exit::ExitReason;
use crate::grants::Caller;
use crate::id::{ActorId, CallId};
use crate::journal::{Entry, Journal};
use crate::limits::{Limits, Overflow};
use crate::observe::{Counters, Event};
use crate::policy::RestartSettings;
use crate::text::printable;
use crate::wire::{Message, RuntimeError, RuntimeErrorKind};

/// How much is told of why a message came to nothing: a guest's text may be in it.
const REASON_MAX_CHARS: usize = 500;

/// What waits for one actor.
pub(crate) struct Mailbox {
    id: ActorId,
    queue: Arc<Queue<Box<Envelope>>>,
    overflow: Overflow,
    message_max: ByteSize,
    /// For messages that wait or are in flight.
    kept: MessageBudget,
    dead_letters: DeadLetters,
    replies: ReplyCache,
    quarantine: SharedQuarantine,
    counters: Arc<Counters>,
    journal: Arc<Journal>,
    next_call: AtomicU64,
    /// How many callers have given up a message since it was last looked for such.
    given_up: AtomicUsize,
}

/// Why a message is not in the mailbox.
pub(crate) enum NotSent {
    /// The mailbox is full, and the sender may wait: by [`Mailbox::send`].
    MayWait(Box<Envelope>),
    /// It is full.
    Full(RuntimeError),
    /// It takes no messages: the actor has ended or is about to.
    Closed,
}

impl Mailbox {
    /// An open, empty mailbox.
    pub(crate) fn new(
        id: ActorId,
        limits: &Limits,
        restart: &RestartSettings,
        counters: Arc<Counters>,
        journal: Arc<Journal>,
    ) -> Self {
        Self {
            id,
            queue: Arc::new(Queue::new(limits.mailbox_messages, limits.overflow)),
            overflow: limits.overflow,
            message_max: limits.message_max,
            kept: MessageBudget::new(limits.kept_max_bytes()),
            dead_letters: DeadLetters::new(limits.dead_letters),
            replies: ReplyCache::new(limits),
            quarantine: SharedQuarantine::new(Quarantine::new(restart.quarantine_after, restart.window)),
            counters,
            journal,
            next_call: AtomicU64::new(first_call()),
            given_up: AtomicUsize::new(0),
        }
    }

    /// Refuses a message that is too large for the actor.
    ///
    /// # Errors
    ///
    /// `message-too-large`.
    pub(crate) fn check_size(&self, message: &Message) -> Result<(), RuntimeError> {
        let bytes = message.sent_bytes();
        let max = self.message_max.as_u64();
        if u64::try_from(bytes).is_ok_and(|bytes| bytes <= max) {
            return Ok(());
        }
        let text =
            format!("the message to `{}` has {bytes} bytes, more than the {max} that it takes", self.id);
        Err(RuntimeError::new(RuntimeErrorKind::MessageTooLarge, text))
    }

    /// Takes what the host needs to keep a message of `sender`.
    ///
    /// # Errors
    ///
    /// `mailbox-full`, also where the policy is to wait: large messages are no reason to keep more of them.
    pub(crate) fn keep(&self, message: &Message, sender: &Caller) -> Result<HeldMessage, RuntimeError> {
        self.kept.take(message.kept_bytes(), sender).ok_or_else(|| self.full_error())
    }

    /// How many bytes of messages are kept.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.kept.used()
    }

    /// An envelope for a message that somebody waits for, with the receiver of its outcome.
    pub(crate) fn ask(
        &self,
        message: Arc<Message>,
        held: HeldMessage,
        sender: Caller,
        context: CallContext,
        first_try: Option<FirstTry>,
    ) -> (Box<Envelope>, oneshot::Receiver<Outcome>) {
        let (unsettled, outcome) = Unsettled::ask(message, sender, held, first_try);
        let CallContext { deadline, path, .. } = context;
        (Box::new(Envelope { call: self.next_call(), unsettled, deadline, path }), outcome)
    }

    /// An envelope for a message that nobody waits for. It is part of no other call: whoever told it goes on.
    pub(crate) fn tell(&self, message: Message, held: HeldMessage, sender: Caller) -> Box<Envelope> {
        let unsettled = Unsettled::tell(message, sender, held);
        Box::new(Envelope { call: self.next_call(), unsettled, deadline: None, path: Default::default() })
    }

    /// Puts an envelope in, without waiting. Returns whether it waits alone there.
    ///
    /// # Errors
    ///
    /// [`NotSent`]; the overflow policy decides whether the sender may wait, unless it wants not to.
    pub(crate) fn try_send(&self, envelope: Box<Envelope>, when_full: WhenFull) -> Result<bool, NotSent> {
        match self.queue.try_send(envelope) {
            Err(SendError::Full(envelope))
                if self.overflow == Overflow::Wait && when_full == WhenFull::AsConfigured =>
            {
                Err(NotSent::MayWait(envelope))
            }
            sent => self.sent(sent),
        }
    }

    /// Puts an envelope in, or into the line before it: where it is when this returns. Returns what waits for room, if it
    /// has to.
    ///
    /// # Errors
    ///
    /// [`NotSent`], and what is returned [`NotSent::Closed`] where that happens while it waits.
    ///
    /// # Cancel safety
    ///
    /// Dropping what is returned gives up a place in line. An envelope that has got room by then stays sent.
    pub(crate) fn send(
        self: &Arc<Self>,
        envelope: Box<Envelope>,
    ) -> Result<Option<impl Future<Output = Result<(), NotSent>> + Send + use<>>, NotSent> {
        match Queue::send(Arc::clone(&self.queue), envelope) {
            Sending::Done(sent) => self.sent(sent).map(|_is_alone| None),
            Sending::InLine(line) => {
                let mailbox = Arc::clone(self);
                Ok(Some(async move { mailbox.sent(line.room().await).map(|_is_alone| ()) }))
            }
        }
    }

    /// Gives a message up that might have waited for room.
    pub(crate) fn give_up(&self, envelope: Box<Envelope>) -> RuntimeError {
        drop(envelope);
        self.full_error()
    }

    fn sent(&self, sent: Result<Sent<Box<Envelope>>, SendError<Box<Envelope>>>) -> Result<bool, NotSent> {
        match sent {
            Ok(Sent::Queued { alone }) => Ok(alone),
            Ok(Sent::Displaced(other) | Sent::Dropped(other)) => {
                self.settle(other, Fate::Dropped);
                Ok(false)
            }
            Err(SendError::Full(_)) => Err(NotSent::Full(self.full_error())),
            Err(SendError::Closed(_)) => Err(NotSent::Closed),
        }
    }

    /// Takes the oldest message out.
    pub(crate) fn pop(&self) -> Option<Box<Envelope>> {
        self.queue.pop()
    }

    /// Takes the oldest message out if it is that of `call`: another may have gone out, or been given up, since somebody
    /// [looked ahead](Self::look_ahead).
    pub(crate) fn pop_if(&self, call: CallId) -> Option<Box<Envelope>> {
        self.queue.pop_if(|envelope| envelope.call == call)
    }

    /// Takes out the oldest messages, those of `calls` that are there, in their order.
    #[expect(clippy::vec_box, reason = "an envelope stays in its box from its beginning to its end")]
    pub(crate) fn take_row(&self, calls: impl Iterator<Item = CallId>) -> Vec<Box<Envelope>> {
        self.queue.pop_each(calls, |envelope, call| envelope.call == *call)
    }

    /// Looks at the messages that wait, the oldest first, and takes none: at most at `max` of them, and at no other once
    /// `look` finds nothing in one.
    ///
    /// # Blocking
    ///
    /// Senders wait meanwhile: `look` must be short, and must not come back here.
    pub(crate) fn look_ahead<T>(&self, max: usize, mut look: impl FnMut(&Envelope) -> Option<T>) -> Vec<T> {
        self.queue.look_ahead(max, |envelope| look(envelope))
    }

    /// Whether no message waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Takes no more messages. Those in it stay; those in line before it are refused.
    pub(crate) fn close(&self) {
        self.queue.close();
    }

    /// Takes messages again.
    pub(crate) fn open(&self) {
        self.queue.open();
    }

    /// Refuses all messages that wait.
    pub(crate) fn refuse_all(&self, error: &RuntimeError) {
        while let Some(envelope) = self.queue.pop() {
            self.settle(envelope, Fate::Refused(error.clone().into()));
        }
    }

    /// Takes the messages out for which `wanted` is true, from whatever place.
    pub(crate) fn take_where(
        &self,
        mut wanted: impl FnMut(&Envelope) -> bool,
    ) -> impl Iterator<Item = Box<Envelope>> {
        self.queue.take_all(|envelope| wanted(envelope)).into_iter()
    }

    /// Notes that the caller of a message has given it up that has not begun: it has its place until it is come to. Once these
    /// may be an eighth of those that wait, they are taken out, so that what nobody waits for keeps few places of others, and
    /// is looked for rarely.
    pub(crate) fn note_given_up(&self) {
        const SHARE: usize = 8;
        let given_up = self.given_up.fetch_add(1, Ordering::Relaxed) + 1;
        if given_up.saturating_mul(SHARE) < self.len() {
            return;
        }
        self.given_up.store(0, Ordering::Relaxed);
        for envelope in self.take_where(|envelope| envelope.unsettled.is_abandoned()) {
            self.settle(envelope, Fate::Abandoned);
        }
    }

    /// The answers that are kept by idempotency key.
    pub(crate) fn replies(&self) -> &ReplyCache {
        &self.replies
    }

    /// Whether any message may be in quarantine: where none is, no message needs a look. Takes no lock.
    pub(crate) fn has_quarantine(&self) -> bool {
        self.quarantine.is_in_use()
    }

    /// Why a message is in quarantine, if it is for its sender: in the host's words, for that one.
    pub(crate) fn quarantined(&self, message: &Message, sender: &Caller) -> Option<String> {
        if !self.has_quarantine() {
            return None;
        }
        let now = Instant::now().into_std();
        self.quarantine.with(|quarantine| Some(quarantine.kept_out(message, sender, now)?.reason(message)))
    }

    /// Notes that a message ended a life, and keeps it in the dead letters where it is in quarantine from now on.
    pub(crate) fn blame(&self, message: &Arc<Message>, sender: &Caller, exit: &ExitReason) {
        let now = Instant::now().into_std();
        let reason = self.quarantine.with(|quarantine| {
            quarantine.note(message, sender, exit, now);
            let kept_out = quarantine.kept_out(message, sender, now);
            kept_out.map(|kept_out| kept_out.reason_with(message, &exit.report()))
        });
        if let Some(reason) = reason {
            self.bury(Arc::clone(message), sender.actor(), reason);
        }
    }

    /// Lets every message out of quarantine.
    pub(crate) fn forgive_all(&self) {
        self.quarantine.with(Quarantine::release_all);
    }

    /// The last messages that came to nothing, oldest first.
    pub(crate) fn dead_letters(&self) -> Vec<DeadLetter> {
        self.dead_letters.list()
    }

    /// Tells the actor its oldest dead letter again, out of quarantine. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// Where there is no room for it: then it stays a dead letter.
    pub(crate) fn requeue_dead_letter(&self) -> Result<bool, NotSent> {
        let Some(letter) = self.dead_letters.take_oldest() else { return Ok(false) };
        self.quarantine.with(|quarantine| quarantine.release(&letter.message));
        let message = Arc::clone(&letter.message);
        let sender = letter.caller.clone().map_or(Caller::Program, Caller::Actor);
        let kept = self.keep(&message, &sender).map_err(NotSent::Full);
        let sent = kept.and_then(|held| {
            let message = Arc::unwrap_or_clone(message);
            self.try_send(self.tell(message, held, sender), WhenFull::Reject)
        });
        match sent {
            Ok(_is_alone) => Ok(true),
            Err(not_sent) => {
                self.dead_letters.put_back(letter);
                Err(not_sent)
            }
        }
    }

    /// Keeps a message that came to nothing, and says so.
    fn bury(&self, message: Arc<Message>, caller: Option<&ActorId>, reason: String) {
        let reason = printable(&reason, REASON_MAX_CHARS);
        // Whoever sends what cannot be handled causes the line.
        let entry = Entry::DeadLetter { actor: &self.id, method: &message.method, reason: &reason };
        self.journal.of_sender(caller).write(entry);
        self.count(Event::DeadLetter);
        self.dead_letters.add(message, caller.cloned(), reason);
    }

    fn count(&self, event: Event) {
        self.counters.count(event);
    }

    fn full_error(&self) -> RuntimeError {
        /// About as long as a mailbox of short messages takes to empty.
        const RETRY_AFTER: Duration = Duration::from_millis(100);
        let text = format!("the mailbox of `{}` is full", self.id);
        let error = RuntimeError::new(RuntimeErrorKind::MailboxFull, text);
        RuntimeError { retry_after: Some(RETRY_AFTER), ..error }
    }

    fn next_call(&self) -> CallId {
        CallId(self.next_call.fetch_add(1, Ordering::Relaxed))
    }
}

/// Where the calls of an actor begin to be numbered: at random, so that a call of an actor that had the same name before
/// is not taken for one of this actor's. Below 2^52, since some guests count to 2^53 alone.
fn first_call() -> u64 {
    rand::random_range(1..1 << 52)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Payload;

    fn mailbox() -> Mailbox {
        let id = "a".parse().unwrap();
        let (limits, restart) =
            (Limits::default(), RestartSettings { quarantine_after: 1, ..Default::default() });
        Mailbox::new(id, &limits, &restart, Arc::default(), Arc::default())
    }

    /// Puts tells with these arguments in, and returns their calls.
    fn send<const N: usize>(mailbox: &Mailbox, args: [&'static str; N]) -> [CallId; N] {
        args.map(|args| {
            let message = Message::new("m", Payload::json(args));
            let held = mailbox.keep(&message, &Caller::Program).unwrap();
            let envelope = mailbox.tell(message, held, Caller::Program);
            let call = envelope.call;
            assert!(mailbox.try_send(envelope, WhenFull::Reject).is_ok());
            call
        })
    }

    #[test]
    fn what_was_looked_ahead_at_is_taken_by_its_call_unless_another_is_the_oldest() {
        let mailbox = mailbox();
        let [first, second, third] = send(&mailbox, ["1", "2", "3"]);
        let seen = mailbox.look_ahead(2, |envelope| Some(envelope.call));
        assert_eq!(seen, [first, second]);
        assert!(mailbox.pop_if(second).is_none(), "another is the oldest");
        assert_eq!(mailbox.pop_if(first).map(|envelope| envelope.call), Some(first));
        assert!(mailbox.pop_if(first).is_none(), "it is out");
        assert_eq!(mailbox.take_where(|envelope| envelope.call == second).count(), 1);
        assert!(mailbox.pop_if(second).is_none(), "it was refused since");
        assert_eq!(mailbox.pop_if(third).map(|envelope| envelope.call), Some(third));
        assert!(mailbox.pop_if(third).is_none() && mailbox.is_empty());
    }

    #[test]
    fn there_is_a_quarantine_from_a_blamed_message_until_it_is_forgiven() {
        let mailbox = mailbox();
        let message = Arc::new(Message::new("m", Payload::none()));
        let (us, other) = (Caller::Program, Caller::Http);
        assert!(!mailbox.has_quarantine() && mailbox.quarantined(&message, &us).is_none());
        mailbox.blame(&message, &us, &ExitReason::Killed);
        assert!(mailbox.has_quarantine() && mailbox.quarantined(&message, &us).is_some());
        assert!(mailbox.quarantined(&message, &other).is_none(), "it is its sender's");
        mailbox.forgive_all();
        assert!(!mailbox.has_quarantine() && mailbox.quarantined(&message, &us).is_none());
        mailbox.blame(&message, &us, &ExitReason::Killed);
        assert!(mailbox.requeue_dead_letter().is_ok_and(|requeued| requeued));
        assert!(!mailbox.has_quarantine(), "who tells it again lets it out");
    }
}
