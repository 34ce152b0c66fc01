//! Room for what the gateway keeps for clients: bodies that come, answers and events that leave, and what actors look like.
//!
//! One budget for all clients of a gateway. What is kept is counted with its bytes as they go over the wire, before it is
//! made, until the last of it was written. Who waits for room is served in the order of [`line`]: who keeps least first. An
//! eighth is a reserve for answers that are there already, and wait for room; another for operators, so that neither takes
//! what the other needs. What finds no room has those give way that stand still, as `places` says.
//!
//! Not counted: what a connection keeps whatever it does. That is its buffers, and [`FREE_MAX_BYTES`] of a body and of an
//! answer; it is bounded by the number of connections.

mod line;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::line::{Held, Line};
use super::places::Seat;
use crate::grants::Caller;

/// How many bytes go without room. Most messages have fewer: they are answered whatever others do.
pub(in crate::gateway) const FREE_MAX_BYTES: usize = 4 << 10;
/// How many bytes are kept for all clients together: a thousand answers of 64 KiB, and some of 4 MiB.
pub(in crate::gateway) const ROOM_DEFAULT_BYTES: usize = 256 << 20;
/// How long a request waits for room: longer than a client may stand still.
pub(in crate::gateway) const WAIT_MAX: Duration = Duration::from_secs(5);
/// How long a stream does, and a list that has begun.
pub(in crate::gateway) const STREAM_WAIT_MAX: Duration = Duration::from_secs(10);
/// How many threads do what takes long for one client.
const ASIDE_MAX: usize = 2;

/// What is kept for all clients of a gateway.
#[derive(Debug)]
pub(in crate::gateway) struct Room {
    all: Arc<Line>,
    /// For answers that are there, and wait.
    answers: Arc<Line>,
    operators: Arc<Line>,
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
        let reserve_bytes = max_bytes / 8;
        Arc::new(Self {
            all: Line::new(max_bytes - 2 * reserve_bytes),
            answers: Line::new(reserve_bytes),
            operators: Line::new(reserve_bytes),
            aside: Arc::new(Semaphore::new(ASIDE_MAX)),
        })
    }

    /// How many bytes are kept.
    pub(in crate::gateway) fn used(&self) -> usize {
        self.all.used() + self.answers.used() + self.operators.used()
    }

    /// How many may be.
    pub(in crate::gateway) fn max(&self) -> usize {
        self.all.max() + self.answers.max() + self.operators.max()
    }

    /// How many may be for one client: there never is room for more.
    pub(in crate::gateway) fn max_for_one(&self) -> usize {
        self.all.max()
    }

    /// # Errors
    ///
    /// Where there never is room for so many.
    fn check(&self, bytes: usize) -> Result<(), NoRoom> {
        if bytes > self.max_for_one() { Err(self.no_room(bytes)) } else { Ok(()) }
    }

    fn no_room(&self, bytes: usize) -> NoRoom {
        NoRoom { bytes, max: self.max_for_one() }
    }
}

/// Keeps bytes for one client. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Keeper {
    room: Arc<Room>,
    /// Whose share it is.
    sender: Caller,
    /// None where the request came over no connection.
    seat: Option<Arc<Seat>>,
}

/// Bytes that are kept for a client. Gives them back when dropped.
#[derive(Debug)]
pub(in crate::gateway) struct Kept {
    /// Of each line one at most.
    held: Vec<Held>,
    of_client: Option<Arc<AtomicUsize>>,
}

impl Keeper {
    pub(super) fn new(room: Arc<Room>, seat: Arc<Seat>, sender: Caller) -> Self {
        Self { room, sender, seat: Some(seat) }
    }

    /// For a request over no connection: with a room of its own.
    pub(in crate::gateway) fn alone() -> Self {
        Self { room: Room::new(ROOM_DEFAULT_BYTES), sender: Caller::Http, seat: None }
    }

    /// The room for all clients.
    pub(in crate::gateway) fn room(&self) -> &Room {
        &self.room
    }

    /// Room for so many bytes, which are not there yet. Waits for it in line.
    ///
    /// # Errors
    ///
    /// Where there is none within `limit`, or never; that is found at once, and takes nothing from others.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future keeps nothing, and gives up the place in line.
    pub(in crate::gateway) async fn keep(&self, bytes: usize, limit: Duration) -> Result<Kept, NoRoom> {
        self.room.check(bytes)?;
        if let Some(held) = self.room.all.take(&self.sender, bytes) {
            return Ok(self.kept(held));
        }
        let _is_no_idleness = self.seat.as_ref().map(Seat::wait_for_room);
        let held = self.room.all.wait(&self.sender, bytes, limit, |lacking| self.make_room(lacking)).await;
        held.map(|held| self.kept(held)).ok_or_else(|| self.room.no_room(bytes))
    }

    /// Has room for so many bytes in all, as [`Self::keep`] does. [`FREE_MAX_BYTES`] need none.
    ///
    /// # Errors
    ///
    /// As there. What was kept before stays.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub(in crate::gateway) async fn keep_in_all(
        &self,
        bytes: usize,
        kept: &mut Option<Kept>,
        limit: Duration,
    ) -> Result<(), NoRoom> {
        let Some(more) = Kept::lacking(kept.as_ref(), bytes) else { return Ok(()) };
        // Before the rest of it takes what there is.
        self.room.check(bytes)?;
        Kept::add(kept, self.keep(more, limit).await?);
        Ok(())
    }

    /// Room for so many bytes, which are there already. Waits for it as far as the reserve has room meanwhile.
    ///
    /// # Errors
    ///
    /// Where there is none for [`WAIT_MAX`], none in the reserve, or never.
    ///
    /// # Cancel safety
    ///
    /// As of [`Self::keep`].
    pub(in crate::gateway) async fn keep_made(&self, bytes: usize) -> Result<Kept, NoRoom> {
        self.room.check(bytes)?;
        if let Some(held) = self.room.all.take(&self.sender, bytes) {
            return Ok(self.kept(held));
        }
        let meanwhile = self.room.answers.take_a_share(&self.sender, bytes);
        let _meanwhile = self.kept(meanwhile.ok_or_else(|| self.room.no_room(bytes))?);
        self.keep(bytes, WAIT_MAX).await
    }

    /// Room for so many bytes, also of the reserve for operators. Does not wait.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub(in crate::gateway) fn keep_now(&self, bytes: usize) -> Result<Kept, NoRoom> {
        self.room.check(bytes)?;
        let [all, operators] = [&self.room.all, &self.room.operators];
        let held = all.take(&self.sender, bytes).or_else(|| operators.take(&self.sender, bytes));
        held.map(|held| self.kept(held)).ok_or_else(|| {
            self.make_room(bytes);
            self.room.no_room(bytes)
        })
    }

    /// Has room for so many bytes in all, as [`Self::keep_now`] does. [`FREE_MAX_BYTES`] need none.
    ///
    /// # Errors
    ///
    /// As there. What was kept before stays.
    pub(in crate::gateway) fn keep_up_to(&self, bytes: usize, kept: &mut Option<Kept>) -> Result<(), NoRoom> {
        let Some(more) = Kept::lacking(kept.as_ref(), bytes) else { return Ok(()) };
        Kept::add(kept, self.keep_now(more)?);
        Ok(())
    }

    /// A turn at doing what takes long, one of [`ASIDE_MAX`]. Waits for it, in the order in which clients came; none within
    /// `limit`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line.
    pub(in crate::gateway) async fn turn_aside(&self, limit: Duration) -> Option<Aside> {
        let turn = tokio::time::timeout(limit, Arc::clone(&self.room.aside).acquire_owned());
        // It is never closed.
        Some(Aside { _permit: turn.await.ok()?.ok()? })
    }

    fn kept(&self, held: Held) -> Kept {
        let of_client = self.seat.as_ref().map(|seat| Arc::clone(seat.kept()));
        if let Some(of_client) = &of_client {
            of_client.fetch_add(held.bytes(), Ordering::Relaxed);
        }
        Kept { held: vec![held], of_client }
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
        self.held.iter().map(Held::bytes).sum()
    }

    /// How many bytes are lacking for so many in all; none where these need no room, or have it.
    fn lacking(kept: Option<&Self>, bytes: usize) -> Option<usize> {
        let before = kept.map_or(0, Self::bytes);
        (bytes > FREE_MAX_BYTES && bytes > before).then(|| bytes - before)
    }

    /// Keeps more, of the same client.
    pub(in crate::gateway) fn add(kept: &mut Option<Self>, more: Self) {
        match kept {
            Some(kept) => kept.merge(more),
            none => *none = Some(more),
        }
    }

    fn merge(&mut self, mut other: Self) {
        // The client's count has them already.
        other.of_client = None;
        for more in std::mem::take(&mut other.held) {
            let unlike = self.held.iter_mut().try_fold(more, |more, held| held.merge(more).ok_or(()));
            self.held.extend(unlike.ok());
        }
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
    _permit: OwnedSemaphorePermit,
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
