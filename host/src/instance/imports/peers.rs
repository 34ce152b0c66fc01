//! Messages from a guest to other actors. Only to those that were granted to it by name.
//!
//! What is left of a caller's time goes along, and a call that is told to stop cancels what it waits for.
//! Bounded: a guest holds at most `open_streams` streams of others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::actor::desk::Desk;
use crate::actor::reference::{ActorRef, SendOptions};
use crate::error::{ActorError, CallError, RuntimeError, RuntimeErrorKind};
use crate::id::CallId;
use crate::instance::store::Guest;
use crate::message::{Message, Payload};
use crate::stream::{Batch, StreamReader};

/// How many items a guest draws at once, at most.
const BATCH_MAX: u32 = 1024;

/// What a call of a guest to another actor needs, taken out of the store so that the store is free meanwhile.
pub(super) struct Outgoing {
    desk: Desk,
    peer: ActorRef,
    message: Message,
    within: CallId,
    options: SendOptions,
}

impl Guest {
    /// Finds the actor that a guest names, if the guest may send it messages.
    pub(super) fn peer(&self, target: &str) -> Result<ActorRef, RuntimeError> {
        let name = self.desk.name();
        if !self.peers.contains(target) {
            let text =
                format!("`{name}` may not send messages to `{target}`; grant it with `--ask {target}`");
            return Err(RuntimeError::new(RuntimeErrorKind::PermissionDenied, text));
        }
        let gone = || RuntimeError::new(RuntimeErrorKind::Internal, "the host is going away");
        self.registry.upgrade().ok_or_else(gone)?.get(target)
    }

    /// A call to another actor, on behalf of the call `within`.
    pub(super) fn outgoing(
        &self,
        within: u64,
        target: &str,
        message: Message,
        timeout_ms: Option<u64>,
    ) -> Result<Outgoing, CallError> {
        let peer = self.peer(target)?;
        let within = CallId(within);
        let wanted = timeout_ms.map_or(peer.limits().ask_timeout, Duration::from_millis);
        let left = self.desk.remaining(within).unwrap_or(wanted);
        let options = SendOptions { timeout: Some(wanted.min(left)), ..SendOptions::default() };
        Ok(Outgoing { desk: self.desk.clone(), peer, message, within, options })
    }
}

impl Outgoing {
    pub(super) async fn ask(self) -> Result<Payload, CallError> {
        tokio::select! {
            answer = self.peer.ask_message(self.message, self.options) => answer,
            () = self.desk.cancelled(self.within) => Err(ActorError::Cancelled.into()),
        }
    }

    pub(super) async fn open(self) -> Result<StreamReader, CallError> {
        tokio::select! {
            reader = self.peer.stream_message(self.message, self.options) => reader,
            () = self.desk.cancelled(self.within) => Err(ActorError::Cancelled.into()),
        }
    }
}

/// The streams of other actors that a guest reads.
pub(in crate::instance) struct PeerStreams {
    open: BTreeMap<u64, Arc<PeerStream>>,
    next: u64,
    max: usize,
}

/// A stream of another actor.
pub(super) struct PeerStream {
    reader: Mutex<StreamReader>,
    closed: CancellationToken,
}

impl PeerStreams {
    pub(in crate::instance) fn new(max: usize) -> Self {
        Self { open: BTreeMap::new(), next: 1, max }
    }

    /// Keeps a stream for the guest.
    pub(super) fn add(&mut self, reader: StreamReader) -> Result<u64, CallError> {
        if self.open.len() >= self.max {
            let text = format!("{} streams of other actors are open, and there may be no more", self.max);
            return Err(ActorError::system(text).into());
        }
        let id = self.next;
        self.next += 1;
        let stream = PeerStream { reader: Mutex::new(reader), closed: CancellationToken::new() };
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
    pub(super) async fn draw(&self, max_items: u32) -> Result<Batch, CallError> {
        let max = usize::try_from(max_items.clamp(1, BATCH_MAX)).unwrap_or(usize::MAX);
        let mut reader = self.reader.lock().await;
        tokio::select! {
            batch = reader.next_batch(max) => batch,
            () = self.closed.cancelled() => Ok(Batch { items: Vec::new(), done: true }),
        }
    }
}
