//! A budget of bytes that many senders share, and the line of those who wait for it.
//!
//! Who keeps least of it is served next; of several, who has waited for longest. Nobody passes the first, however much that
//! needs: what becomes free is kept for it. So a sender who keeps much waits behind those who keep less, whatever it sends,
//! and a large message waits no longer for many small ones.
//!
//! Bounded by its bytes; one that waits is a request, of which the server has so many. Only the first looks for room again
//! and again; the others sleep until they are told.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::grants::Caller;

/// How often the first in line has others give way.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Bytes that are shared, and who waits for some.
#[derive(Debug)]
pub(super) struct Line {
    table: Mutex<Table>,
    max: usize,
}

#[derive(Debug)]
struct Table {
    free: usize,
    /// Those who keep something, and those who wait.
    senders: HashMap<Caller, Share>,
    waiting: usize,
    next_number: u64,
}

/// What a sender keeps, and what it waits for, in the order in which it came.
#[derive(Debug, Default)]
struct Share {
    kept: usize,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    bytes: usize,
    /// It has its bytes, or is the first.
    told: Arc<Notify>,
}

/// How it stands with one that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Served,
    /// So many bytes are lacking.
    First(usize),
    Behind,
}

impl Line {
    pub(super) fn new(max: usize) -> Arc<Self> {
        let table = Table { free: max, senders: HashMap::new(), waiting: 0, next_number: 0 };
        Arc::new(Self { table: Mutex::new(table), max })
    }

    /// How many bytes are kept.
    pub(super) fn used(&self) -> usize {
        self.max - self.table().free
    }

    /// How many may be.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// So many bytes, if they are free and nobody waits for them.
    pub(super) fn take(self: &Arc<Self>, sender: &Caller, bytes: usize) -> Option<Held> {
        let mut table = self.table();
        if table.waiting > 0 || !table.give(sender, bytes) {
            return None;
        }
        Some(Held { line: Arc::clone(self), sender: sender.clone(), bytes })
    }

    /// As [`Self::take`]; but whoever has some leaves a quarter of all to those who have none.
    pub(super) fn take_a_share(self: &Arc<Self>, sender: &Caller, bytes: usize) -> Option<Held> {
        let leaves = {
            let table = self.table();
            table.senders.get(sender).map_or(0, |_has_some| self.max / 4).saturating_add(bytes) <= table.free
        };
        if leaves { self.take(sender, bytes) } else { None }
    }

    /// So many bytes, in their turn; none where they are not free within `limit`. Has others give way meanwhile by
    /// `make_room`, which is told how many bytes are lacking.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line.
    pub(super) async fn wait(
        self: &Arc<Self>,
        sender: &Caller,
        bytes: usize,
        limit: Duration,
        make_room: impl Fn(usize),
    ) -> Option<Held> {
        let until = Instant::now() + limit;
        let waiting = self.join(sender, bytes);
        loop {
            let standing = self.table().standing(sender, waiting.number);
            let look_again = match standing {
                Standing::Served => return Some(waiting.served()),
                _ if Instant::now() >= until => return None,
                Standing::First(lacking) => {
                    make_room(lacking);
                    until.min(Instant::now() + LOOK_EVERY)
                }
                Standing::Behind => until,
            };
            tokio::select! {
                () = waiting.told.notified() => {}
                () = tokio::time::sleep_until(look_again) => {}
            }
        }
    }

    fn join(self: &Arc<Self>, sender: &Caller, bytes: usize) -> Waiting {
        let (mut table, told) = (self.table(), Arc::new(Notify::new()));
        let number = table.next_number;
        table.next_number += 1;
        table.waiting += 1;
        let waiter = Waiter { number, bytes, told: Arc::clone(&told) };
        table.senders.entry(sender.clone()).or_default().waiting.push_back(waiter);
        table.serve();
        Waiting { line: Arc::clone(self), sender: sender.clone(), number, bytes, told, has_it: false }
    }

    fn give_back(&self, sender: &Caller, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let mut table = self.table();
        table.free += bytes;
        if let Some(share) = table.senders.get_mut(sender) {
            share.kept -= bytes;
        }
        table.forget_if_idle(sender);
        table.serve();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing that is done with it can be interrupted half-way.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn give(&mut self, sender: &Caller, bytes: usize) -> bool {
        let Some(free) = self.free.checked_sub(bytes) else { return false };
        self.free = free;
        match self.senders.get_mut(sender) {
            Some(share) => share.kept += bytes,
            None => {
                drop(self.senders.insert(sender.clone(), Share { kept: bytes, waiting: VecDeque::new() }))
            }
        }
        true
    }

    /// Whose turn it is. Looks at each sender that keeps or waits, of which there are no more than requests.
    fn first(&self) -> Option<Caller> {
        let waiting = self.senders.iter().filter_map(|(sender, share)| {
            let oldest = share.waiting.front()?;
            Some(((share.kept, oldest.number), sender))
        });
        waiting.min_by_key(|(order, _)| *order).map(|(_, sender)| sender.clone())
    }

    /// Gives what is free to those whose turn it is, and tells the first who has to wait for more.
    fn serve(&mut self) {
        while self.waiting > 0 {
            let Some(sender) = self.first() else { return };
            let Some(share) = self.senders.get_mut(&sender) else { return };
            let Some(waiter) = share.waiting.front() else { return };
            waiter.told.notify_one();
            let Some(free) = self.free.checked_sub(waiter.bytes) else { return };
            share.kept += waiter.bytes;
            share.waiting.pop_front();
            self.free = free;
            self.waiting -= 1;
        }
    }

    fn standing(&self, sender: &Caller, number: u64) -> Standing {
        let share = self.senders.get(sender);
        let Some(waiter) =
            share.and_then(|share| share.waiting.iter().find(|waiter| waiter.number == number))
        else {
            return Standing::Served;
        };
        let is_first_of_sender =
            share.and_then(|share| share.waiting.front()).is_some_and(|first| first.number == number);
        match is_first_of_sender && self.first().as_ref() == Some(sender) {
            true => Standing::First(waiter.bytes.saturating_sub(self.free)),
            false => Standing::Behind,
        }
    }

    /// Takes one out of the line. False where it has been served.
    fn leave(&mut self, sender: &Caller, number: u64) -> bool {
        let Some(share) = self.senders.get_mut(sender) else { return false };
        let Some(at) = share.waiting.iter().position(|waiter| waiter.number == number) else { return false };
        share.waiting.remove(at);
        self.waiting -= 1;
        self.forget_if_idle(sender);
        self.serve();
        true
    }

    fn forget_if_idle(&mut self, sender: &Caller) {
        if self.senders.get(sender).is_some_and(|share| share.kept == 0 && share.waiting.is_empty()) {
            self.senders.remove(sender);
        }
    }
}

/// A place in line. Given up when dropped.
#[derive(Debug)]
struct Waiting {
    line: Arc<Line>,
    sender: Caller,
    number: u64,
    bytes: usize,
    told: Arc<Notify>,
    has_it: bool,
}

impl Waiting {
    fn served(mut self) -> Held {
        self.has_it = true;
        Held { line: Arc::clone(&self.line), sender: self.sender.clone(), bytes: self.bytes }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.has_it && !self.line.table().leave(&self.sender, self.number) {
            // It was served, and nobody looked any more.
            self.line.give_back(&self.sender, self.bytes);
        }
    }
}

/// Bytes of a line that a sender keeps. Gives them back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    line: Arc<Line>,
    sender: Caller,
    bytes: usize,
}

impl Held {
    /// How many.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes over what another keeps of the same line for the same sender; else returns that.
    pub(super) fn merge(&mut self, mut other: Self) -> Option<Self> {
        if !Arc::ptr_eq(&self.line, &other.line) || self.sender != other.sender {
            return Some(other);
        }
        self.bytes += std::mem::take(&mut other.bytes);
        None
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.line.give_back(&self.sender, self.bytes);
    }
}
