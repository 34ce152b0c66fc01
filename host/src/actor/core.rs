//! What an actor's run loop, its desk and the references to it share.

use std::hash::RandomState;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::task::AtomicWaker;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::batch::BatchPool;
use super::behavior::{Behavior, Description, Lane};
use super::burst::Burst;
use super::dead_letters::DeadLetters;
use super::desk::Schedule;
use super::envelope::{Deadline, Envelope, Outcome};
use super::lifecycle::{State, Status};
use super::reference::{ActorRef, SendOptions, WhenFull};
use super::run;
use super::signals::{Signal, Signals};
use super::slices::Slices;
use super::slot::{Slot, Visit};
use super::waits::Origin;
use super::watch::Watchers;
use crate::budget::{Budget, Held};
use crate::error::{CallError, RuntimeError, RuntimeErrorKind};
use crate::grants::Callers;
use crate::id::{ActorName, CallId};
use crate::limits::{Limits, Overflow};
use crate::mailbox::{Mailbox, SendError, Sent};
use crate::message::{Message, Payload};
use crate::observe::{Counters, Event};
use crate::policy::RestartSettings;
use crate::quarantine::Quarantine;
use crate::reply_cache::ReplyCache;
use crate::stream::{Buffered, Help, Producer};
use crate::text::printable;

/// An actor that is about to run.
pub struct Spawn {
    /// Its name.
    pub name: ActorName,
    /// What runs in it.
    pub behavior: Arc<dyn Behavior>,
    /// Its own configuration.
    pub config: Payload,
    /// Its ceilings.
    pub limits: Limits,
    /// How it is restarted.
    pub restart: RestartSettings,
    /// Who may send it messages.
    pub callers: Callers,
    /// Where it counts.
    pub counters: Arc<Counters>,
    /// Where its lives go while they use up their slices; none for them to stay with the others.
    pub batch: Option<BatchPool>,
}

impl Spawn {
    /// Makes the actor, and the loop that runs it: the caller spawns that, and ends the actor by aborting it.
    pub fn split(self) -> (ActorRef, impl Future<Output = ()> + Send + 'static) {
        let lane = self.behavior.lane();
        let core = Core::new(self.name, lane, self.limits, &self.restart, self.callers, self.counters);
        let run = run::run(Arc::clone(&core), self.behavior, self.config, self.restart, self.batch);
        (ActorRef::new(core), run)
    }
}

/// How much is told of why a message came to nothing: a guest's text may be in it.
const REASON_MAX_CHARS: usize = 500;

pub(super) struct Core {
    pub(super) name: ActorName,
    pub(super) lane: Lane,
    pub(super) limits: Limits,
    pub(super) callers: Callers,
    pub(super) mailbox: Mailbox<Envelope>,
    pub(super) signals: Signals,
    pub(super) schedule: Mutex<Schedule>,
    /// There may be work that there was not before.
    pub(super) work_arrived: AtomicWaker,
    /// The life that runs.
    pub(super) slot: Slot,
    pub(super) status: watch::Sender<Status>,
    pub(super) description: Mutex<Arc<Description>>,
    pub(super) counters: Arc<Counters>,
    pub(super) burst: Burst,
    pub(super) slices: Slices,
    /// For messages of which only a part is there.
    pub(super) coming_in: Budget,
    /// For messages that wait or are in flight.
    kept_messages: Budget,
    /// For items of streams that wait.
    pub(super) kept_items: Budget,
    /// The streams whose items may take of it: also those that have ended and are not read.
    buffers: Mutex<Vec<Buffered>>,
    pub(super) dead_letters: DeadLetters,
    /// What it waits for, where it is serial and its handler waits for another actor.
    pub(super) waits_for: Mutex<Option<Weak<Self>>>,
    replies: Mutex<ReplyCache>,
    /// Secret, so that nobody finds arguments that pass for others.
    pub(super) hasher: RandomState,
    quarantine: Mutex<Quarantine>,
    pub(super) watchers: Watchers,
    /// Whether its run loop has ended: nothing becomes of it any more.
    pub(super) is_gone: AtomicBool,
    /// Whether the life that runs lets itself be ended for want of work.
    pub(super) may_passivate: AtomicBool,
    next_call: AtomicU64,
}

impl Core {
    pub(super) fn new(
        name: ActorName,
        lane: Lane,
        limits: Limits,
        restart: &RestartSettings,
        callers: Callers,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            callers,
            lane,
            mailbox: Mailbox::new(limits.mailbox_messages, limits.overflow),
            signals: Signals::default(),
            schedule: Mutex::default(),
            work_arrived: AtomicWaker::new(),
            slot: Slot::default(),
            status: watch::Sender::new(Status::default()),
            description: Mutex::default(),
            counters,
            burst: Burst::default(),
            slices: Slices::default(),
            coming_in: Budget::new(limits.kept_max_bytes()),
            kept_messages: Budget::new(limits.kept_max_bytes()),
            kept_items: Budget::new(limits.kept_max_bytes()),
            buffers: Mutex::default(),
            dead_letters: DeadLetters::new(limits.dead_letters),
            waits_for: Mutex::default(),
            replies: Mutex::new(ReplyCache::new(&limits)),
            hasher: RandomState::new(),
            quarantine: Mutex::new(Quarantine::new(restart.quarantine_after, restart.window)),
            watchers: Watchers::default(),
            is_gone: AtomicBool::new(false),
            may_passivate: AtomicBool::new(false),
            next_call: AtomicU64::new(1),
            limits,
        })
    }

    pub(super) fn schedule(&self) -> MutexGuard<'_, Schedule> {
        // A panic while the lock is held is the host's own bug, and ends this actor alone.
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn description(&self) -> Arc<Description> {
        Arc::clone(&self.description.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replies(&self) -> MutexGuard<'_, ReplyCache> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn quarantine(&self) -> MutexGuard<'_, Quarantine> {
        self.quarantine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An envelope for `message`, with the receiver of its outcome.
    pub(super) fn envelope(
        &self,
        message: Arc<Message>,
        deadline: Option<Deadline>,
        origin: Origin,
        held: Held,
    ) -> (Envelope, oneshot::Receiver<Outcome>) {
        let (reply, outcome) = oneshot::channel();
        (Envelope { reply: Some(reply), deadline, origin, ..self.tell_envelope(message, held) }, outcome)
    }

    /// An envelope for a `message` that nobody waits for.
    pub(super) fn tell_envelope(&self, message: Arc<Message>, held: Held) -> Envelope {
        let call = CallId(self.next_call.fetch_add(1, Ordering::Relaxed));
        Envelope {
            call,
            message,
            reply: None,
            deadline: None,
            origin: Origin::default(),
            held,
            first_try: None,
        }
    }

    /// Refuses a message that no mailbox state could let through.
    pub(super) fn check_size(&self, message: &Message) -> Result<(), RuntimeError> {
        let key = message.idempotency_key.as_ref().map_or(0, String::len);
        let bytes = message.args.body.len().saturating_add(message.method.len()).saturating_add(key);
        if bytes <= self.limits.message_max_bytes() {
            return Ok(());
        }
        let text = format!(
            "the message to `{}` has {bytes} bytes, more than the {} that it takes",
            self.name,
            self.limits.message_max.as_u64()
        );
        Err(RuntimeError::new(RuntimeErrorKind::MessageTooLarge, text))
    }

    /// Takes what the host needs to keep a message.
    ///
    /// # Errors
    ///
    /// `mailbox-full`, also where the policy is to wait: large messages are no reason to keep more of them.
    pub(super) fn keep(&self, message: &Message) -> Result<Held, RuntimeError> {
        self.kept_messages.take(message.kept_bytes()).ok_or_else(|| self.mailbox_full())
    }

    /// How many bytes are kept, of messages and of items.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept_messages.used().saturating_add(self.kept_items.used())
    }

    /// Looks after a stream's buffer.
    pub(super) fn add_buffer(&self, buffer: Buffered) {
        /// Below it, looking for what is gone is not worth it.
        const KEPT_MIN: usize = 64;
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.len() >= KEPT_MIN && buffers.len() == buffers.capacity() {
            buffers.retain(Buffered::is_there);
        }
        buffers.push(buffer);
    }

    /// Takes what the next items of the stream `own` need. Where there is not enough left, streams that have gone
    /// unread for longer are broken off with `error`, the longest first.
    pub(super) fn keep_items(&self, bytes: usize, own: &Buffered, error: &CallError) -> Option<Held> {
        let now = Instant::now();
        if let Some(held) = self.kept_items.take(bytes) {
            return Some(held);
        }
        let own_unread = own.unread_for(now).unwrap_or_default();
        let buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut unread: Vec<_> =
            buffers.iter().filter_map(|buffer| Some((buffer.unread_for(now)?, buffer))).collect();
        unread.sort_by_key(|(unread, _)| *unread);
        while let Some((_, longest)) = unread.pop().filter(|(unread, _)| *unread > own_unread) {
            longest.break_off(error.clone());
            if let Some(held) = self.kept_items.take(bytes) {
                return Some(held);
            }
        }
        None
    }

    /// Puts an envelope into the mailbox.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up a place in line. An envelope that has got room by then stays sent.
    pub(super) async fn deliver(
        self: &Arc<Self>,
        envelope: Envelope,
        options: &SendOptions,
    ) -> Result<(), RuntimeError> {
        match self.try_deliver(envelope, options)? {
            None => Ok(()),
            Some(envelope) => self.deliver_with_room(envelope, options).await,
        }
    }

    /// The same without waiting. Gives the envelope back where it has to wait for room.
    pub(super) fn try_deliver(
        &self,
        envelope: Envelope,
        options: &SendOptions,
    ) -> Result<Option<Envelope>, RuntimeError> {
        match self.mailbox.try_send(envelope) {
            Err(SendError::Full(envelope)) if self.may_wait(options) => return Ok(Some(envelope)),
            sent => self.settle_sent(sent)?,
        };
        self.work_arrived.wake();
        Ok(None)
    }

    /// Whether the sender is to wait while the mailbox is full.
    pub(super) fn may_wait(&self, options: &SendOptions) -> bool {
        options.when_full == WhenFull::AsConfigured && self.limits.overflow == Overflow::Wait
    }

    /// The same as [`Self::deliver`], for an envelope that found the mailbox full.
    pub(super) async fn deliver_with_room(
        self: &Arc<Self>,
        envelope: Envelope,
        options: &SendOptions,
    ) -> Result<(), RuntimeError> {
        let _wait = options.origin.wait_for(self)?;
        let sent = self.mailbox.send(envelope).await;
        self.settle_sent(sent)?;
        self.work_arrived.wake();
        Ok(())
    }

    /// Does what became of an envelope asks for. Answers whether it waits alone.
    pub(super) fn settle_sent(
        &self,
        sent: Result<Sent<Envelope>, SendError<Envelope>>,
    ) -> Result<bool, RuntimeError> {
        match sent {
            Ok(Sent::Queued { alone }) => Ok(alone),
            Ok(Sent::Displaced(other) | Sent::Dropped(other)) => {
                self.drop_for_room(other);
                Ok(false)
            }
            Err(SendError::Full(_)) => Err(self.mailbox_full()),
            Err(SendError::Closed(_)) => Err(self.stopped_error()),
        }
    }

    fn drop_for_room(&self, envelope: Envelope) {
        if envelope.reply.is_none() {
            self.bury(&envelope.message, "the mailbox was full");
        }
        envelope.answer(Err(self.mailbox_full().into()));
    }

    fn mailbox_full(&self) -> RuntimeError {
        /// About as long as a mailbox of short messages takes to empty.
        const RETRY_AFTER: Duration = Duration::from_millis(100);
        let text = format!("the mailbox of `{}` is full", self.name);
        let error = RuntimeError::new(RuntimeErrorKind::MailboxFull, text);
        RuntimeError { retry_after: Some(RETRY_AFTER), ..error }
    }

    /// Why this actor takes no messages.
    pub(super) fn stopped_error(&self) -> RuntimeError {
        let status = self.status.borrow();
        let cause = match (&status.last_exit, status.state) {
            (_, State::Stopping) => " is stopping".to_owned(),
            (Some(exit), State::Failed) => format!(" has failed: it {exit}"),
            (_, _) => " has stopped".to_owned(),
        };
        RuntimeError::new(RuntimeErrorKind::ActorStopped, format!("`{}`{cause}", self.name))
    }

    /// Keeps a message that came to nothing, and says so.
    pub(super) fn bury(&self, message: &Arc<Message>, reason: impl Into<String>) {
        let reason = printable(&reason.into(), REASON_MAX_CHARS);
        let method = printable(&message.method, REASON_MAX_CHARS);
        tracing::warn!(actor = %self.name, method, reason, "dead letter");
        self.counters.count(Event::DeadLetter);
        self.dead_letters.add(Arc::clone(message), reason);
    }
}

impl Producer for Core {
    fn wanted(&self, call: CallId) {
        self.schedule().wanted(call);
        self.work_arrived.wake();
    }

    fn abandoned(&self, call: CallId) {
        self.signals.send(Signal::Cancel(call));
    }

    fn awaited(&self) -> Help {
        match self.slot.visit(self) {
            Visit::None => Help::None,
            Visit::Brief => Help::Brief,
            Visit::Long => Help::Long,
        }
    }
}
