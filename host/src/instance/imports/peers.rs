//! Messages from a guest to other actors. Only to those that were granted to it by name.
//!
//! What is left of a caller's time goes along, and a call that is told to stop cancels what it waits for.
//! Bounded: a guest holds at most `open_streams` streams of others.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::json;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::actor::desk::Desk;
use crate::actor::reference::{ActorRef, SendOptions};
use crate::actor::waits::Origin;
use crate::actor::watch::Watch;
use crate::budget::Held;
use crate::error::{ActorError, CallError, RuntimeError, RuntimeErrorKind};
use crate::grants::Caller;
use crate::id::{ActorName, CallId};
use crate::instance::bindings::types::CallOptions;
use crate::instance::store::Guest;
use crate::message::{Message, Payload};
use crate::stream::{Batch, Item, StreamReader};
use crate::text::printable;

/// How many items a guest draws at once, at most.
const BATCH_MAX: u32 = 1024;

/// What a call of a guest to another actor needs, taken out of the store so that the store is free meanwhile.
pub(super) struct Outgoing {
    desk: Desk,
    peer: ActorRef,
    message: Message,
    within: CallId,
    /// The longest that is waited, where more is left of the call's own time.
    wanted: Duration,
    /// Until there is an answer.
    _held: Held,
}

impl Guest {
    /// Finds the actor that a guest names, if the guest may send it messages.
    pub(super) fn peer(&self, target: &str) -> Result<ActorRef, RuntimeError> {
        let name = self.desk.name();
        if !self.peers.contains(target) {
            let target = printable(target, ActorName::LENGTH_MAX);
            let text =
                format!("`{name}` may not send messages to `{target}`; grant it with `--ask {target}`");
            return Err(RuntimeError::new(RuntimeErrorKind::PermissionDenied, text));
        }
        let gone = || RuntimeError::new(RuntimeErrorKind::Internal, "the host is going away");
        let peer = self.registry.upgrade().ok_or_else(gone)?.get(target)?;
        peer.admit(&Caller::Actor(name.clone()))?;
        Ok(peer)
    }

    /// A call to another actor, on behalf of the call `within`.
    pub(super) fn outgoing(
        &self,
        within: u64,
        target: &str,
        message: Message,
        options: CallOptions,
    ) -> Result<Outgoing, CallError> {
        let peer = self.peer(target)?;
        // In a serial actor, what runs is known, whatever the guest says.
        let within = if self.current == CallId::NONE { CallId(within) } else { self.current };
        let wanted = options.timeout_ms.map_or(peer.limits().ask_timeout, Duration::from_millis);
        let message = Message { idempotency_key: options.idempotency_key, ..message };
        let (desk, _held) = (self.desk.clone(), self.hold(&message)?);
        Ok(Outgoing { desk, peer, message, within, wanted, _held })
    }

    /// Tells `peer`, waiting for room no longer than an ask of it would wait.
    pub(super) async fn tell_in_time(
        peer: &ActorRef,
        message: Message,
        origin: Origin,
    ) -> Result<(), RuntimeError> {
        let limit = peer.limits().ask_timeout;
        let options = SendOptions { origin, ..SendOptions::default() };
        let late = |_late| {
            let limit = humantime::format_duration(limit);
            let text = format!("the mailbox of `{}` has had no room for {limit}", peer.name());
            Err(RuntimeError::new(RuntimeErrorKind::MailboxFull, text))
        };
        tokio::time::timeout(limit, peer.tell_message(message, options)).await.unwrap_or_else(late)
    }

    /// Takes what the host needs to keep a message of the guest on its way.
    pub(super) fn hold(&self, message: &Message) -> Result<Held, RuntimeError> {
        self.outgoing.take(message.kept_bytes()).ok_or_else(|| {
            let text = format!(
                "`{}` has {} bytes of messages on their way already",
                self.desk.name(),
                self.outgoing.used()
            );
            RuntimeError::new(RuntimeErrorKind::MailboxFull, text)
        })
    }
}

/// Why a tell did not find room.
pub(super) fn told_to_stop() -> RuntimeError {
    let text = "the call was told to stop while it waited for room in the mailbox";
    RuntimeError::new(RuntimeErrorKind::MailboxFull, text)
}

impl Guest {
    /// Begins to watch another actor.
    pub(super) fn watch_peer(&mut self, target: &str) -> Result<u64, CallError> {
        let peer = self.peer(target)?;
        self.peer_streams.add(Source::Ends(peer.watch()))
    }
}

impl Outgoing {
    pub(super) async fn ask(self) -> Result<Payload, CallError> {
        let options = self.options(self.desk.origin(self.within));
        tokio::select! {
            answer = self.peer.ask_message(self.message, options) => answer,
            () = self.desk.cancelled(self.within) => Err(ActorError::Cancelled.into()),
        }
    }

    pub(super) async fn open(self) -> Result<Source, CallError> {
        let options = self.options(self.desk.origin(self.within));
        tokio::select! {
            reader = self.peer.stream_message(self.message, options) => Ok(Source::Items(self.peer, reader?)),
            () = self.desk.cancelled(self.within) => Err(ActorError::Cancelled.into()),
        }
    }

    fn options(&self, origin: Origin) -> SendOptions {
        let left = self.desk.remaining(self.within).unwrap_or(self.wanted);
        SendOptions { timeout: Some(self.wanted.min(left)), origin, ..SendOptions::default() }
    }
}

/// What a guest reads of another actor.
pub(super) enum Source {
    /// A stream, and whose it is.
    Items(ActorRef, StreamReader),
    /// The ends of its lives.
    Ends(Watch),
}

/// The streams of other actors that a guest reads.
pub(in crate::instance) struct PeerStreams {
    open: BTreeMap<u64, Arc<PeerStream>>,
    next: u64,
    max: usize,
}

/// A stream of another actor.
pub(super) struct PeerStream {
    source: Mutex<Source>,
    closed: CancellationToken,
}

impl PeerStreams {
    pub(in crate::instance) fn new(max: usize) -> Self {
        Self { open: BTreeMap::new(), next: 1, max }
    }

    /// Keeps a stream for the guest.
    pub(super) fn add(&mut self, source: Source) -> Result<u64, CallError> {
        if self.open.len() >= self.max {
            let text = format!("{} streams of other actors are open, and there may be no more", self.max);
            return Err(ActorError::system(text).into());
        }
        let id = self.next;
        self.next += 1;
        let stream = PeerStream { source: Mutex::new(source), closed: CancellationToken::new() };
        self.open.insert(id, Arc::new(stream));
        Ok(id)
    }

    pub(super) fn get(&self, id: u64) -> Result<Arc<PeerStream>, CallError> {
        let unknown =
            || RuntimeError::new(RuntimeErrorKind::Internal, format!("no stream has the number {id}"));
        Ok(self.open.get(&id).cloned().ok_or_else(unknown)?)
    }

    /// Lets go of a stream that has ended with what was drawn.
    pub(super) fn let_go_if_ended(&mut self, id: u64, drawn: &Result<Batch, CallError>) {
        if drawn.as_ref().map_or(true, |batch| batch.done) {
            self.open.remove(&id);
        }
    }

    /// Gives a stream up. A draw that waits ends.
    pub(super) fn close(&mut self, id: u64) {
        if let Some(stream) = self.open.remove(&id) {
            stream.closed.cancel();
        }
    }
}

impl PeerStream {
    /// Draws up to `max_items`, one at least unless the stream has ended.
    ///
    /// # Errors
    ///
    /// The stream's own; `deadlock`, where its producer waits for the actor of `origin`, which would wait here.
    pub(super) async fn draw(&self, max_items: u32, origin: &Origin) -> Result<Batch, CallError> {
        let max = usize::try_from(max_items.clamp(1, BATCH_MAX)).unwrap_or(usize::MAX);
        let mut source = self.source.lock().await;
        let mut next = pin!(source.next_batch(max, origin));
        tokio::select! {
            biased;
            batch = &mut next => batch,
            () = self.closed.cancelled() => Ok(Batch { items: Vec::new(), done: true }),
        }
    }
}

impl Source {
    async fn next_batch(&mut self, max: usize, origin: &Origin) -> Result<Batch, CallError> {
        match self {
            Self::Ends(watch) => next_end(watch).await,
            Self::Items(peer, reader) => {
                let mut next = pin!(reader.next_batch(max));
                if let Some(batch) = next.as_mut().now_or_never() {
                    return batch;
                }
                let _wait = peer.begin_wait(origin)?;
                next.await
            }
        }
    }
}

async fn next_end(watch: &mut Watch) -> Result<Batch, CallError> {
    let Some(end) = watch.next().await else { return Ok(Batch { items: Vec::new(), done: true }) };
    let end = end.map_err(|missed| ActorError::system(missed.to_string()))?;
    let payload = Payload::from_value(&json!({
        "generation": end.generation,
        "reason": end.exit.as_str(),
        "message": end.exit.to_string(),
        "restarts": end.restarts,
    }));
    let payload = payload.map_err(|error| ActorError::system(error.to_string()))?;
    // The number is the reader's business alone; a watch is not taken up again.
    Ok(Batch { items: vec![Item { number: 0, payload }], done: false })
}
