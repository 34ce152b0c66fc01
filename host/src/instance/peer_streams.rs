//! The streams of other actors that a guest reads, and its watches.
//!
//! Bounded: a guest has `open_streams` of them open.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::delivery::ActorRef;
use crate::lifecycle::Watch;
use crate::stream::{Batch, Item, StreamReader};
use crate::wait_graph::Origin;
use crate::wire::{ActorError, CallError, Payload, RuntimeError, RuntimeErrorKind};

/// How many items a guest draws at once, at most.
const BATCH_MAX: u32 = 1024;

/// What a guest reads of another actor.
pub(super) enum Source {
    /// A stream, and whose it is.
    Items(ActorRef, StreamReader),
    /// The ends of its lives.
    Ends(Watch),
    /// The same, once that has begun.
    Beginning(BoxFuture<'static, Result<Watch, RuntimeError>>),
    /// Why that could not begin.
    Failed(RuntimeError),
}

/// The streams of other actors that a guest reads.
pub(super) struct PeerStreams {
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
    pub(super) fn new(max: usize) -> Self {
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
            Self::Beginning(beginning) => {
                *self = match beginning.await {
                    Ok(watch) => Self::Ends(watch),
                    Err(error) => Self::Failed(error),
                };
                Box::pin(self.next_batch(max, origin)).await
            }
            Self::Failed(error) => Err(error.clone().into()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_watch_that_could_not_begin_says_so_to_all_who_draw_on_it() {
        let refused = RuntimeError::new(RuntimeErrorKind::ActorNotFound, "gone");
        let beginning = async move {
            tokio::task::yield_now().await;
            Err(refused)
        };
        let mut streams = PeerStreams::new(1);
        let id = streams.add(Source::Beginning(beginning.boxed())).unwrap();
        let (first, second) = (streams.get(id).unwrap(), streams.get(id).unwrap());
        let origin = Origin::default();
        let both = futures::join!(first.draw(1, &origin), second.draw(1, &origin));
        assert!(both.0.is_err());
        assert!(both.1.is_err() || both.1.is_ok_and(|batch| batch.done));
    }
}
