//! The streams that this actor has opened and that the host draws on, by number.
//!
//! A stream that ends or fails is forgotten with the draw that says so. A draw holds at most as many items as
//! the host asked for, and stops early at [`BATCH_BYTES`], so that many large items do not add up.

mod ready;
mod waiting;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::Error;
use crate::bindings::types::{Payload, StreamBatch};

pub(crate) use ready::ReadyStream;
pub(crate) use waiting::WaitingStream;

/// A draw that has this many bytes takes no further item: a quarter of what the actor's `message_max` is by default.
const BATCH_BYTES: usize = 1 << 20;

/// The open streams of one actor.
pub(crate) struct Table<S> {
    streams: RefCell<BTreeMap<u64, S>>,
    last_id: Cell<u64>,
}

impl<S> Table<S> {
    pub(crate) const fn new() -> Self {
        Self { streams: RefCell::new(BTreeMap::new()), last_id: Cell::new(0) }
    }

    /// Keeps a stream under a number that no other stream of this life has had.
    pub(crate) fn insert(&self, stream: S) -> u64 {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        self.streams.borrow_mut().insert(id, stream);
        id
    }

    /// Does `work` with a stream, for as long as it takes without waiting.
    ///
    /// # Errors
    ///
    /// A system error where there is no such stream: the host has drawn past the end.
    pub(crate) fn with<R>(&self, id: u64, work: impl FnOnce(&mut S) -> R) -> Result<R, Error> {
        match self.streams.borrow_mut().get_mut(&id) {
            Some(stream) => Ok(work(stream)),
            None => Err(Error::fatal(format_args!("no stream {id} is open"))),
        }
    }

    pub(crate) fn remove(&self, id: u64) -> Option<S> {
        self.streams.borrow_mut().remove(&id)
    }

    pub(crate) fn remove_all(&self) -> impl Iterator<Item = S> + use<S> {
        self.streams.take().into_values()
    }

    /// Passes on what a draw brought, and forgets the stream if that was the end.
    pub(crate) fn settle(&self, id: u64, drawn: Result<StreamBatch, Error>) -> Result<StreamBatch, Error> {
        if drawn.as_ref().map_or(true, |batch| batch.done) {
            self.remove(id);
        }
        drawn
    }
}

/// The items of one draw.
#[derive(Default)]
struct Batch {
    items: Vec<Payload>,
    bytes: usize,
}

impl Batch {
    fn has_room(&self, max_items: usize) -> bool {
        self.items.len() < max_items && self.bytes < BATCH_BYTES
    }

    fn push(&mut self, item: Payload) {
        self.bytes += item.body.len();
        self.items.push(item);
    }
}

/// `max-items` as the host gives it: one or more.
fn at_least_one(max_items: u32) -> usize {
    usize::try_from(max_items).unwrap_or(usize::MAX).max(1)
}

/// Whether a source says by its size hint that it has no more.
fn is_exhausted(size_hint: (usize, Option<usize>)) -> bool {
    size_hint == (0, Some(0))
}
