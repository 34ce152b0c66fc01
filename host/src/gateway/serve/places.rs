//! Places for connections: who has one, who gives way to whom, and which requests are served when there are many.
//!
//! A client holds a place as long as it likes: with half a head, a body that trickles, an answer that it does not read.
//! So there is a place for each that comes, and the one that has been of no use for longest gives way:
//!
//! | what comes | when all of these are taken | gives way |
//! |---|---|---|
//! | a connection | [`RESERVE`] more than requests | of those that came [`FRESH`] ago and carry no request, the one that has waited for longest |
//! | a request with a message | the maximum of requests | one whose body has been coming for longest, [`BODY_MIN`] at least; then one whose client has left something unread for longest, [`UNREAD_MIN`] at least; else it is refused |
//! | one of an operator | the maximum, and half of [`RESERVE`] | one whose client has left something unread for longest, [`UNREAD_MIN`] at least, of the reserve [`OPERATOR_UNREAD_MIN`]; else it is refused |
//! | one for the host's health, and one that its sender may not make | | it is served, and carries nothing |
//!
//! Where there is no room for what a client is sent or sends, those give way that keep most of it: in [`keeping`].
//!
//! Where the system has no socket left before, the first that may gives way: of those that carry nothing, then of those
//! whose body is coming, then of those that leave something unread.
//!
//! So half of [`RESERVE`] never carries anything but requests for health, and whoever comes has a place within [`FRESH`],
//! whatever the others do. Whoever may do nothing takes nothing from those who may. A request that an actor has got is
//! thrown out for another's sake only where its client leaves unread what came of it. What was thrown out before its body
//! was whole has reached no actor.
//!
//! Not by address: clients of one machine, and those behind one proxy, share one.

mod keeping;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many connections there are beyond the most requests.
const RESERVE: usize = 64;
/// How many of the reserve may carry requests of operators.
const OPERATORS_MAX: usize = RESERVE / 2;
/// How long a connection keeps its place whoever comes, from when it came: by then its client has sent a head, or is
/// slow. Not from its last request: then those who ask again and again would keep theirs for ever.
const FRESH: Duration = Duration::from_secs(1);
/// How long a body may take whoever comes.
const BODY_MIN: Duration = Duration::from_secs(1);
/// How long a client may leave something unread whoever comes. Longer: the message has been handled.
const UNREAD_MIN: Duration = Duration::from_secs(10);
/// How long that is in the reserve of operators, whose requests can be made again.
const OPERATOR_UNREAD_MIN: Duration = Duration::from_secs(1);

/// What a request is for, which decides when it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Purpose {
    /// Whether the host is alive.
    Health,
    /// Looking at actors, stopping them, and so on.
    Operation,
    /// A message for an actor.
    Message,
    /// What its sender may not do: it is told so, and no more.
    Refusal,
}

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Unserved {
    /// There are too many.
    #[error("there are as many requests as there may be")]
    Full,
    /// Its connection has given way.
    #[error("the connection has given way to another")]
    Gone,
}

/// The places of a server.
#[derive(Debug)]
pub(super) struct Places {
    table: Mutex<Table>,
    /// Somebody who waits for a place may look again.
    freed: Notify,
}

#[derive(Debug)]
struct Table {
    requests_max: usize,
    /// How many places carry messages, or requests of operators in their stead.
    requests: usize,
    /// How many carry requests of operators beyond those.
    operators: usize,
    places: HashMap<u64, Place>,
    next: u64,
    /// Before then no request gives way to a message: looking through all of them at each would be of use to nobody.
    messages_from: Instant,
    /// And none to one of an operator.
    operations_from: Instant,
    /// And none for room.
    room_from: Instant,
}

/// A connection, as the others see it.
#[derive(Debug)]
struct Place {
    /// As what it is counted; none where it carries no request, or one that everybody may make.
    share: Option<Share>,
    stage: Stage,
    /// Whether its body cannot come on, since there is no room for it yet.
    waits_for_room: bool,
    came: Instant,
    /// Since when it is in this stage.
    since: Instant,
    /// Since when its client has left something unread.
    unread: Option<Instant>,
    /// When its client read last of what it had left unread.
    read: Instant,
    /// How many bytes the gateway keeps for it.
    kept: Arc<AtomicUsize>,
    leave: Arc<Notify>,
}

/// How long a connection has been of no use.
#[derive(Debug, Clone, Copy)]
struct Idleness {
    since: Instant,
    /// From when on it gives way.
    yields_from: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    Request,
    Operator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waiting for a head.
    Idle,
    /// The body is coming.
    Body,
    /// All there is has come.
    Served,
}

impl Places {
    /// Places for so many requests at once.
    pub(super) fn new(requests_max: usize) -> Arc<Self> {
        let now = Instant::now();
        let table = Table {
            requests_max,
            requests: 0,
            operators: 0,
            places: HashMap::new(),
            next: 0,
            messages_from: now,
            operations_from: now,
            room_from: now,
        };
        Arc::new(Self { table: Mutex::new(table), freed: Notify::new() })
    }

    /// Takes a place for a connection; where there is none, another's. Waits no longer than [`FRESH`], but behind
    /// others who wait.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes none.
    pub(super) async fn take(self: &Arc<Self>) -> Seat {
        loop {
            let until = match self.table().seat(Instant::now()) {
                Ok((id, kept, leave)) => {
                    let places = Arc::clone(self);
                    let (answered, unsent) = (AtomicBool::new(false), AtomicU64::new(0));
                    return Seat { places, id, kept, leave, answered, unsent };
                }
                Err(until) => until.unwrap_or_else(|| Instant::now() + FRESH),
            };
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = self.freed.notified() => {}
            }
        }
    }

    /// Has a connection give way where the system has no room for another, and waits for that room, `max` at most. False
    /// where all are of use, or have just come.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the wait.
    pub(super) async fn spare_one(&self, max: Duration) -> bool {
        let is_spared = self.table().any_gives_way(Instant::now());
        drop(tokio::time::timeout(max, self.freed.notified()).await);
        is_spared
    }

    /// Whether none carries anything that counts.
    #[cfg(test)]
    pub(super) fn is_free(&self) -> bool {
        let table = self.table();
        (table.requests, table.operators) == (0, 0)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing that is done with it can be interrupted half-way.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// A place, or when to look again.
    fn seat(&mut self, now: Instant) -> Result<(u64, Arc<AtomicUsize>, Arc<Notify>), Option<Instant>> {
        if self.places.len() >= self.requests_max.saturating_add(RESERVE) {
            self.idle_gives_way(now)?;
        }
        let (id, kept, leave) = (self.next, Arc::default(), Arc::new(Notify::new()));
        self.next += 1;
        let place = Place {
            share: None,
            stage: Stage::Idle,
            waits_for_room: false,
            came: now,
            since: now,
            unread: None,
            read: now,
            kept: Arc::clone(&kept),
            leave: Arc::clone(&leave),
        };
        self.places.insert(id, place);
        Ok((id, kept, leave))
    }

    /// Throws out the one that has been idle for longest, of those that may be; else says when one may be, unless
    /// another becomes idle.
    fn give_way(
        &mut self,
        now: Instant,
        idleness: impl Fn(&Place) -> Option<Idleness>,
    ) -> Result<(), Option<Instant>> {
        let idle = || self.places.iter().filter_map(|(id, place)| Some((idleness(place)?, *id)));
        let longest =
            idle().filter(|(idle, _)| idle.yields_from <= now).min_by_key(|(idle, id)| (idle.since, *id));
        let Some((_, id)) = longest else { return Err(idle().map(|(idle, _)| idle.yields_from).min()) };
        self.throw_out(id);
        Ok(())
    }

    fn throw_out(&mut self, id: u64) {
        if let Some(place) = self.remove(id) {
            place.leave.notify_one();
        }
    }

    fn remove(&mut self, id: u64) -> Option<Place> {
        let place = self.places.remove(&id)?;
        self.uncount(place.share);
        Some(place)
    }

    fn uncount(&mut self, share: Option<Share>) {
        match share {
            Some(Share::Request) => self.requests -= 1,
            Some(Share::Operator) => self.operators -= 1,
            None => {}
        }
    }

    fn begin(&mut self, id: u64, purpose: Purpose, stage: Stage, now: Instant) -> Result<(), Unserved> {
        // The answer before may not have left yet: clients may send their requests in one go.
        let before = self.places.get_mut(&id).ok_or(Unserved::Gone)?.share.take();
        self.uncount(before);
        let share = self.share(purpose, now)?;
        let place = self.places.get_mut(&id).ok_or(Unserved::Gone)?;
        (place.share, place.stage, place.since, place.waits_for_room) = (share, stage, now, false);
        match share {
            Some(Share::Request) => self.requests += 1,
            Some(Share::Operator) => self.operators += 1,
            None => {}
        }
        Ok(())
    }

    fn share(&mut self, purpose: Purpose, now: Instant) -> Result<Option<Share>, Unserved> {
        let is_full = self.requests >= self.requests_max;
        match purpose {
            Purpose::Health | Purpose::Refusal => Ok(None),
            Purpose::Operation | Purpose::Message if !is_full => Ok(Some(Share::Request)),
            Purpose::Operation if self.operators < OPERATORS_MAX => Ok(Some(Share::Operator)),
            Purpose::Message => self.take_over_for_message(now).map(Some),
            Purpose::Operation => self.take_over_for_operation(now).map(Some),
        }
    }

    /// The share of a request that gives way to a message.
    fn take_over_for_message(&mut self, now: Instant) -> Result<Share, Unserved> {
        if now < self.messages_from {
            return Err(Unserved::Full);
        }
        let is_request = |share| share == Share::Request;
        let bodies = self.body_gives_way(now);
        let given = bodies
            .or_else(|bodies| self.unread_gives_way(now, is_request).map_err(|unread| [bodies, unread]));
        given.map(|()| Share::Request).map_err(|next| {
            // One that begins to wait from now on waits for that long.
            self.messages_from = next.into_iter().flatten().fold(now + BODY_MIN, Instant::min);
            Unserved::Full
        })
    }

    /// The share of a request that gives way to one of an operator.
    fn take_over_for_operation(&mut self, now: Instant) -> Result<Share, Unserved> {
        if now < self.operations_from {
            return Err(Unserved::Full);
        }
        match self.unread_gives_way(now, |_share| true) {
            Ok(()) if self.requests < self.requests_max => Ok(Share::Request),
            Ok(()) => Ok(Share::Operator),
            Err(next) => {
                let soonest = now + OPERATOR_UNREAD_MIN;
                self.operations_from = next.map_or(soonest, |next| next.min(soonest));
                Err(Unserved::Full)
            }
        }
    }

    /// Throws out whatever may be, the one that is of least use first.
    fn any_gives_way(&mut self, now: Instant) -> bool {
        self.idle_gives_way(now).is_ok()
            || self.body_gives_way(now).is_ok()
            || self.unread_gives_way(now, |_share| true).is_ok()
    }

    /// Throws a connection out that carries no request; else says when that can be at the earliest.
    fn idle_gives_way(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        self.give_way(now, |place| {
            let idleness = Idleness { since: place.since, yields_from: place.came + FRESH };
            place.share.is_none().then_some(idleness)
        })
    }

    /// Throws a request out whose body is coming; else says when that can be at the earliest.
    fn body_gives_way(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        self.give_way(now, |place| {
            let is_body = place.share == Some(Share::Request) && place.is_coming();
            is_body.then_some(Idleness { since: place.since, yields_from: place.since + BODY_MIN })
        })
    }

    /// Throws a request of these shares out whose client leaves something unread; else says when that can be at the
    /// earliest.
    fn unread_gives_way(
        &mut self,
        now: Instant,
        is_meant: impl Fn(Share) -> bool,
    ) -> Result<(), Option<Instant>> {
        self.give_way(now, |place| {
            let (share, since) = (place.share.filter(|share| is_meant(*share))?, place.unread?);
            let min = match share {
                Share::Request => UNREAD_MIN,
                Share::Operator => OPERATOR_UNREAD_MIN,
            };
            Some(Idleness { since, yields_from: since + min })
        })
    }
}

/// A connection's place. Given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    places: Arc<Places>,
    id: u64,
    kept: Arc<AtomicUsize>,
    leave: Arc<Notify>,
    /// Whether the request has been answered, and only the last of it may not have left yet.
    answered: AtomicBool,
    /// How much of the last body nobody has read, in bytes, as far as can be told.
    unsent: AtomicU64,
}

impl Seat {
    /// Waits until the connection has to give way.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn given_away(&self) {
        self.leave.notified().await;
    }

    /// A request has come; its body may be still to come.
    ///
    /// # Errors
    ///
    /// Where it is not served.
    pub(super) fn begin(self: &Arc<Self>, purpose: Purpose, has_body: bool) -> Result<Turn, Unserved> {
        self.answered.store(false, Ordering::Relaxed);
        self.unsent.store(0, Ordering::Relaxed);
        let stage = if has_body { Stage::Body } else { Stage::Served };
        self.places.table().begin(self.id, purpose, stage, Instant::now())?;
        Ok(Turn { seat: Arc::clone(self) })
    }

    /// The body has come, or nobody wants the rest, of `unread_bytes`.
    pub(super) fn received(&self, unread_bytes: u64) {
        self.unsent.store(unread_bytes, Ordering::Relaxed);
        if let Some(place) = self.places.table().places.get_mut(&self.id)
            && place.stage == Stage::Body
        {
            place.stage = Stage::Served;
        }
    }

    /// How much of the last body nobody has read.
    pub(super) fn unread_bytes(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed)
    }

    /// Whether its client leaves unread what is to be written.
    pub(super) fn set_unread(&self, is_unread: bool) {
        if let Some(place) = self.places.table().places.get_mut(&self.id) {
            let now = Instant::now();
            (place.unread, place.read) = (is_unread.then_some(now), now);
        }
    }

    /// Its client has read some of what it had left unread.
    pub(super) fn read_on(&self) {
        if let Some(place) = self.places.table().places.get_mut(&self.id) {
            place.read = Instant::now();
        }
    }

    /// All that was to be written has left.
    pub(super) fn flushed(&self) {
        if self.answered.swap(false, Ordering::Relaxed) {
            self.idle();
        }
    }

    /// It carries no request any more.
    pub(super) fn idle(&self) {
        let mut table = self.places.table();
        let Some(place) = table.places.get_mut(&self.id) else { return };
        (place.stage, place.since) = (Stage::Idle, Instant::now());
        let share = place.share.take();
        table.uncount(share);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.places.table().remove(self.id);
        self.places.freed.notify_one();
    }
}

/// The time in which a connection carries a request: from its head to the end of its answer.
#[derive(Debug)]
pub(super) struct Turn {
    seat: Arc<Seat>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.seat.answered.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
