//! The items that wait for readers, of all streams of one actor together.
//!
//! Bounded by `kept_max` bytes. Streams that have ended and are not read count too.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::budget::{Budget, Held};
use crate::stream::Buffered;
use crate::wire::CallError;

/// The buffers of an actor's streams.
pub(super) struct StreamBuffers {
    kept: Budget,
    buffers: Mutex<Vec<Buffered>>,
}

impl StreamBuffers {
    /// Buffers that hold `max_bytes` together.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { kept: Budget::new(max_bytes), buffers: Mutex::default() }
    }

    /// How many bytes of items wait.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept.used()
    }

    /// Looks after another buffer.
    pub(super) fn add(&self, buffer: Buffered) {
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
    pub(super) fn keep(&self, bytes: usize, own: &Buffered, error: &CallError) -> Option<Held> {
        let now = Instant::now();
        if let Some(held) = self.kept.take(bytes) {
            return Some(held);
        }
        let own_unread = own.unread_for(now).unwrap_or_default();
        let buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut unread: Vec<_> =
            buffers.iter().filter_map(|buffer| Some((buffer.unread_for(now)?, buffer))).collect();
        unread.sort_by_key(|(unread, _)| *unread);
        while let Some((_, longest)) = unread.pop().filter(|(unread, _)| *unread > own_unread) {
            longest.break_off(error.clone());
            if let Some(held) = self.kept.take(bytes) {
                return Some(held);
            }
        }
        None
    }
}
