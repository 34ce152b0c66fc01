//! Room for what the gateway keeps for clients: bodies that come, answers and events that leave, and what actors look like.
//!
//! One budget for all clients of a gateway. What is kept is counted with its bytes as they go over the wire, before it is
//! made, until the last of it was written. A quarter is a reserve, for answers that are there already, and wait for room,
//! and for operators. What finds no room has those give way that stand still, as `places` says.
//!
//! Not counted: what a connection keeps whatever it does. That is its buffers, and [`FREE_MAX_BYTES`] of a body and of an
//! answer; it is bounded by the number of connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::places::Seat;
use crate::budget::{Budget, Held};

/// How many bytes go without room. Most messages have fewer: they are answered whatever others do.
pub(in crate::gateway) const FREE_MAX_BYTES: usize = 4 << 10;
/// How many bytes are kept for all clients together: a thousand answers of 64 KiB, and some of 4 MiB.
pub(in crate::gateway) const ROOM_DEFAULT_BYTES: usize = 256 << 20;
/// How long a request waits for room: longer than a client may stand still.
pub(in crate::gateway) const WAIT_MAX: Duration = Duration::from_secs(2);
/// How long a stream does, and a list that has begun.
pub(in crate::gateway) const STREAM_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often somebody who waits looks again. To tell all of them of each answer that has left would wake thousands each time.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How many threads do what takes long for one client.
const ASIDE_MAX: usize = 2;

/// What is kept for all clients of a gateway.
#[derive(Debug)]
pub(in crate::gateway) struct Room {
    kept: Budget,
    reserve: Budget,
    aside: Arc<Semaphore>,
}

/// There is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the host keeps {max} bytes for its clients at most, and has no room for {bytes}")]
pub(in crate::gateway) struct NoRoom {
    bytes: usize,
    max: usize,
}

impl NoRoom {
    /// Whether there never is.
    pub(in crate::gateway) fn is_final(self) -> bool {
        self.bytes > self.max
    }
}

impl Room {
    pub(in crate::gateway) fn new(max_bytes: usize) -> Arc<Self> {
        let reserve_bytes = max_bytes / 4;
        Arc::new(Self {
            kept: Budget::new(max_bytes - reserve_bytes),
            reserve: Budget::new(reserve_bytes),
            aside: Arc::new(Semaphore::new(ASIDE_MAX)),
        })
    }

    /// How many bytes are kept.
    pub(in crate::gateway) fn used(&self) -> usize {
        self.kept.used() + self.reserve.used()
    }

    /// How many may be.
    pub(in crate::gateway) fn max(&self) -> usize {
        self.kept.max() + self.reserve.max()
    }
}

/// Keeps bytes for one client. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Keeper {
    room: Arc<Room>,
    /// None where the request came over no connection.
    seat: Option<Arc<Seat>>,
}

/// Bytes that are kept for a client. Gives them back when dropped.
#[derive(Debug)]
pub(in crate::gateway) struct Kept {
    kept: Held,
    /// Of the reserve.
    reserved: Held,
    of_client: Option<Arc<AtomicUsize>>,
}

impl Keeper {
    pub(super) fn new(room: Arc<Room>, seat: Arc<Seat>) -> Self {
        Self { room, seat: Some(seat) }
    }

    /// For a request over no connection: with a room of its own.
    pub(in crate::gateway) fn alone() -> Self {
        Self { room: Room::new(ROOM_DEFAULT_BYTES), seat: None }
    }

    /// The room for all clients.
    pub(in crate::gateway) fn room(&self) -> &Room {
        &self.room
    }

    /// Room for so many bytes, which are not there yet. Waits for it.
    ///
    /// # Errors
    ///
    /// Where there is none for `limit`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future keeps nothing.
    pub(in crate::gateway) async fn keep(&self, bytes: usize, limit: Duration) -> Result<Kept, NoRoom> {
        let (max, until) = (self.room.kept.max(), Instant::now() + limit);
        loop {
            if let Some(kept) = self.take(bytes) {
                return Ok(kept);
            }
            if bytes > max || Instant::now() >= until {
                return Err(NoRoom { bytes, max });
            }
            self.make_room(bytes);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Room for so many bytes, which are there already. Waits for it as far as the reserve has room meanwhile.
    ///
    /// # Errors
    ///
    /// Where there is none for [`WAIT_MAX`], or none in the reserve.
    ///
    /// # Cancel safety
    ///
    /// As of [`Self::keep`].
    pub(in crate::gateway) async fn keep_made(&self, bytes: usize) -> Result<Kept, NoRoom> {
        if let Some(kept) = self.take(bytes) {
            return Ok(kept);
        }
        let _meanwhile = self.reserve(bytes)?;
        self.keep(bytes, WAIT_MAX).await
    }

    /// Room for so many bytes, also of the reserve: for operators. Does not wait.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub(in crate::gateway) fn keep_now(&self, bytes: usize) -> Result<Kept, NoRoom> {
        self.take(bytes).map_or_else(|| self.reserve(bytes), Ok)
    }

    /// Has room for so many bytes in all, as [`Self::keep_now`] does. [`FREE_MAX_BYTES`] need none.
    ///
    /// # Errors
    ///
    /// As there. What was kept before stays.
    pub(in crate::gateway) fn keep_up_to(&self, bytes: usize, kept: &mut Option<Kept>) -> Result<(), NoRoom> {
        let before = kept.as_ref().map_or(0, Kept::bytes);
        if bytes <= FREE_MAX_BYTES || bytes <= before {
            return Ok(());
        }
        Kept::add(kept, self.keep_now(bytes - before)?);
        Ok(())
    }

    /// What is free of the room beside the reserve.
    fn take(&self, bytes: usize) -> Option<Kept> {
        let held = self.room.kept.take(bytes)?;
        Some(self.kept(held, self.room.reserve.nothing()))
    }

    fn reserve(&self, bytes: usize) -> Result<Kept, NoRoom> {
        match self.room.reserve.take(bytes) {
            Some(held) => Ok(self.kept(self.room.kept.nothing(), held)),
            None => {
                self.make_room(bytes);
                Err(NoRoom { bytes, max: self.room.kept.max() })
            }
        }
    }

    /// A turn at doing what takes long, one of [`ASIDE_MAX`]. Waits for it, in the order in which clients came.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line.
    pub(in crate::gateway) async fn turn_aside(&self) -> Aside {
        // It is never closed.
        Aside { _permit: Arc::clone(&self.room.aside).acquire_owned().await.ok() }
    }

    fn kept(&self, kept: Held, reserved: Held) -> Kept {
        let of_client = self.seat.as_ref().map(|seat| Arc::clone(seat.kept()));
        if let Some(of_client) = &of_client {
            of_client.fetch_add(kept.bytes() + reserved.bytes(), Ordering::Relaxed);
        }
        Kept { kept, reserved, of_client }
    }

    fn make_room(&self, bytes: usize) {
        if let Some(seat) = &self.seat {
            seat.make_room(bytes);
        }
    }
}

/// That of the connection; without one, a room of its own.
impl<S: Sync> FromRequestParts<S> for Keeper {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let keeper = parts.extensions.get::<Self>().cloned();
        Ok(keeper.unwrap_or_else(Self::alone))
    }
}

impl Kept {
    /// How many bytes are kept.
    pub(in crate::gateway) fn bytes(&self) -> usize {
        self.kept.bytes() + self.reserved.bytes()
    }

    /// Keeps more, of the same client.
    pub(in crate::gateway) fn add(kept: &mut Option<Self>, more: Self) {
        match kept {
            Some(kept) => kept.merge(more),
            none => *none = Some(more),
        }
    }

    fn merge(&mut self, mut other: Self) {
        let (kept, reserved) = (other.kept.bytes(), other.reserved.bytes());
        self.kept.merge(other.kept.split(kept));
        self.reserved.merge(other.reserved.split(reserved));
        // The client's count has them already.
        other.of_client = None;
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(of_client) = &self.of_client {
            of_client.fetch_sub(self.bytes(), Ordering::Relaxed);
        }
    }
}

/// A turn at doing what takes long.
#[derive(Debug)]
pub(in crate::gateway) struct Aside {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Aside {
    /// Does it on a thread that serves nobody else.
    ///
    /// # Errors
    ///
    /// What it says where it panics.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not end what has begun.
    pub(in crate::gateway) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let turn = move || {
            let _turn = self;
            work()
        };
        tokio::task::spawn_blocking(turn).await.map_err(|failed| failed.to_string())
    }
}

#[cfg(test)]
mod tests;
