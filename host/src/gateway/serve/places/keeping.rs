//! Who gives way where there is no room left for what the gateway keeps: whoever keeps most, of those that stand still.
//!
//! | what is kept | gives way |
//! |---|---|
//! | an answer, or events of a stream | once its client has read nothing of it for [`STILL_MIN`], or not all for [`UNREAD_MIN`] |
//! | a body that is coming | after [`BODY_MIN`], without the time in which it waits for room itself |
//!
//! As many at once as make the room that is wanted, and none for a while after: those that go need a moment to do so.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::{BODY_MIN, Place, Seat, Stage, Table, UNREAD_MIN};

/// How long a client may read nothing whoever wants the room.
const STILL_MIN: Duration = Duration::from_secs(4);
/// How long after some have given way others may.
const PAUSE: Duration = Duration::from_millis(20);

impl Seat {
    /// How many bytes the gateway keeps for the connection.
    pub(in crate::gateway::serve) fn kept(&self) -> &Arc<AtomicUsize> {
        &self.kept
    }

    /// Says that the connection waits for room, until what is returned is dropped: meanwhile it is not its client that
    /// stands still.
    pub(in crate::gateway::serve) fn wait_for_room(self: &Arc<Self>) -> WaitForRoom {
        self.set_waits(true);
        WaitForRoom { seat: Arc::clone(self) }
    }

    fn set_waits(&self, waits: bool) {
        if let Some(place) = self.places.table().places.get_mut(&self.id)
            && place.stage == Stage::Body
        {
            (place.waits_for_room, place.since) = (waits, Instant::now());
        }
    }

    /// Has others give way, so that there will be room for so many bytes more, as far as there are such.
    pub(in crate::gateway::serve) fn make_room(&self, bytes: usize) {
        self.places.table().keepers_give_way(bytes, self.id, Instant::now());
    }
}

/// The time in which a connection waits for room.
#[derive(Debug)]
pub(in crate::gateway::serve) struct WaitForRoom {
    seat: Arc<Seat>,
}

impl Drop for WaitForRoom {
    fn drop(&mut self) {
        self.seat.set_waits(false);
    }
}

impl Table {
    fn keepers_give_way(&mut self, bytes: usize, but: u64, now: Instant) {
        if now < self.room_from {
            return;
        }
        self.room_from = now + PAUSE;
        let of_others = self.places.iter().filter(|(id, place)| **id != but && place.stands_still(now));
        let kept = of_others.map(|(id, place)| (place.kept.load(Ordering::Relaxed), *id));
        let mut keepers: Vec<_> = kept.filter(|(kept, _)| *kept > 0).collect();
        keepers.sort_unstable_by_key(|keeper| Reverse(*keeper));
        let mut freed = 0_usize;
        for (kept, id) in keepers {
            if freed >= bytes {
                break;
            }
            freed = freed.saturating_add(kept);
            self.throw_out(id);
        }
    }
}

impl Place {
    /// Whether its body is coming, and nothing but its client keeps it from that.
    pub(super) fn is_coming(&self) -> bool {
        self.stage == Stage::Body && !self.waits_for_room
    }

    fn stands_still(&self, now: Instant) -> bool {
        let is_unread =
            self.unread.is_some_and(|since| self.read + STILL_MIN <= now || since + UNREAD_MIN <= now);
        is_unread || (self.is_coming() && self.since + BODY_MIN <= now)
    }
}
