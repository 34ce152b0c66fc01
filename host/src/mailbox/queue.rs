//! A bounded queue that can be closed and opened again.
//!
//! Senders are many, the reader is the actor's life, whoever polls it. Bounded by its capacity; a sender that finds it full,
//! or has more than its [share](Shares) of it, waits, is refused, or displaces a message, as [`Overflow`] says. Closing and
//! opening it again keeps the capacity; what was in it when it closed stays for [`Queue::pop`]. Generic over the message:
//! nothing here knows more of one than who sent it.
//!
//! How many messages wait is also kept outside the lock, so that a reader that finds none takes no lock:
//!
//! | a sender | the reader | without it |
//! |---|---|---|
//! | stores `waiting`, then wakes | registers its waker, then loads `waiting` | the reader sees no message, and nobody wakes it |
//!
//! A sender whose message is not [alone](Sent::Queued) need not wake: whoever put in the one before it has, or is about to, or
//! runs the life itself. So whoever is told that it is alone must do one of the two. A life that a caller runs is idle, hence
//! its owner is registered or has been woken, and the caller registers nobody.
//!
//! To wake and to register are each a read-modify-write of the one state of an `AtomicWaker`, that releases or acquires. Is
//! the sender's first, the reader acquires what the sender stored before it. Is the reader's first, the sender finds its
//! waker. Whoever looks without having registered may see what was true a moment ago, as it would on having let go of the
//! lock.

mod shares;

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

pub(crate) use self::shares::FromSender;
use self::shares::{Shares, Waiting};
use crate::grants::Caller;
use crate::limits::Overflow;

/// At how many messages, the oldest first, [`Overflow::DropOldest`] looks for one of a sender's own.
const OWN_LOOK_MAX: usize = 64;

/// A bounded queue that can be closed and opened again.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    /// How many messages `state` has. Stored under its lock.
    waiting: AtomicUsize,
    capacity: NonZeroUsize,
    /// With fewer messages, everybody has room.
    shared_at: usize,
    overflow: Overflow,
}

#[derive(Debug)]
struct State<T> {
    messages: VecDeque<T>,
    /// Who has how many of them and who waits for room; none where nobody can be over its share, and so nobody waits.
    shares: Option<Box<Shares<T>>>,
    /// Grows also from one count to the next: whoever looks late for what became of its message gives up no other.
    next_ticket: u64,
    open: bool,
}

/// Tells a sender that its message has got room, or gives it back.
type Told<T> = oneshot::Sender<Result<(), T>>;

/// A message that was not taken, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendError<T> {
    /// The queue is full or its sender has its share, and its overflow policy does not let senders wait.
    Full(T),
    /// The queue is closed.
    Closed(T),
}

/// What became of a message that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Sent<T> {
    /// It is in the queue.
    Queued {
        /// No other message waits there.
        alone: bool,
    },
    /// It is in the queue, in the place of this older one.
    Displaced(T),
    /// It was dropped, as the overflow policy wants.
    Dropped(T),
}

impl<T: FromSender> Queue<T> {
    /// An open, empty queue for `capacity` messages.
    pub(crate) fn new(capacity: NonZeroUsize, overflow: Overflow) -> Self {
        Self {
            state: Mutex::new(State { messages: VecDeque::new(), shares: None, next_ticket: 0, open: true }),
            waiting: AtomicUsize::new(0),
            shared_at: Shares::<T>::begin_at(capacity.get()),
            capacity,
            overflow,
        }
    }

    /// Sends without waiting.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] also where the policy is to wait: then [`Self::send`] does.
    pub(crate) fn try_send(&self, message: T) -> Result<Sent<T>, SendError<T>> {
        self.push(&mut self.lock(), message)
    }

    /// Sends, waiting for room where the queue is full and its policy is to wait.
    ///
    /// The message takes its place when this is called, not when the future is first polled. Whoever has fewest messages in
    /// the queue gets room first; of several, the one that has waited longest.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] when the queue is closed, also while waiting. [`SendError::Full`] where the
    /// policy is to reject.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line. A message that has got room by then stays sent.
    pub(crate) fn send<Q: Borrow<Self>>(queue: Q, message: T) -> Sending<Q, T> {
        match queue.borrow().enter(message) {
            Err(done) => Sending::Done(done),
            Ok(Entered { sender, ticket, answer }) => Sending::InLine(InLine {
                _place: Place { queue, sender, ticket, message: PhantomData },
                answer,
            }),
        }
    }

    /// Takes a place in line, where the sender has to wait; or returns what became of the message.
    fn enter(&self, message: T) -> Result<Entered<T>, Result<Sent<T>, SendError<T>>> {
        let mut state = self.lock();
        match self.push(&mut state, message) {
            Err(SendError::Full(message)) if self.overflow == Overflow::Wait => {
                Ok(state.stand_in_line(message))
            }
            done => Err(done),
        }
    }

    /// Takes the oldest message. Its place goes on to whoever is first in line.
    pub(crate) fn pop(&self) -> Option<T> {
        self.pop_if(|_oldest| true)
    }

    /// Takes the oldest message if it is `wanted`, as [`Self::pop`] does.
    pub(crate) fn pop_if(&self, wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let mut state = self.lock();
        let (message, admitted) = state.take_front(self.capacity, wanted)?;
        self.note_waiting(&state);
        drop(state);
        tell_all(admitted);
        Some(message)
    }

    /// Takes the oldest message for each of `keys` that it fits, in their order, as [`Self::pop`] does; one that the oldest
    /// does not fit is passed over.
    pub(crate) fn pop_each<K>(&self, keys: impl Iterator<Item = K>, fits: impl Fn(&T, &K) -> bool) -> Vec<T> {
        let mut admitted = Vec::new();
        let mut state = self.lock();
        let taken = keys.filter_map(|key| {
            let (message, told) = state.take_front(self.capacity, |oldest| fits(oldest, &key))?;
            admitted.extend(told);
            Some(message)
        });
        let taken = taken.collect();
        self.note_waiting(&state);
        drop(state);
        tell_all(admitted);
        taken
    }

    /// Looks at the messages, the oldest first, and takes none: at most at `max` of them, and at no other once `look`
    /// finds nothing in one. Nobody sends or takes meanwhile, and those in line for room are not looked at.
    pub(crate) fn look_ahead<R>(&self, max: usize, look: impl FnMut(&T) -> Option<R>) -> Vec<R> {
        self.lock().messages.iter().map_while(look).take(max).collect()
    }

    /// Takes all messages for which `wanted` is true, from whatever place.
    pub(crate) fn take_all(&self, mut wanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut taken = Vec::new();
        let mut admitted = Vec::new();
        let mut state = self.lock();
        if !state.messages.iter().any(&mut wanted) {
            return taken;
        }
        for message in std::mem::take(&mut state.messages) {
            if wanted(&message) {
                taken.push(message);
            } else {
                state.messages.push_back(message);
            }
        }
        taken.iter().for_each(|message| state.note_taken(message.sender()));
        while let Some(told) = state.admit(self.capacity) {
            admitted.push(told);
        }
        self.note_waiting(&state);
        drop(state);
        tell_all(admitted);
        taken
    }

    /// Refuses all further messages, also those whose senders wait for room.
    pub(crate) fn close(&self) {
        let refused = {
            let mut state = self.lock();
            state.open = false;
            state.shares.as_mut().map(|shares| shares.take_line())
        };
        for waiting in refused.into_iter().flatten() {
            // It may have given up just now.
            drop(waiting.told.send(Err(waiting.message)));
        }
    }

    /// Takes messages again.
    pub(crate) fn open(&self) {
        self.lock().open = true;
    }

    /// How many messages wait. Takes no lock.
    ///
    /// # Ordering
    ///
    /// A reader that is to be woken registers its waker before it looks.
    pub(crate) fn len(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Whether no message waits. As [`Self::len`].
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Queues a message, or does with it what the policy says where that can be done at once.
    fn push(&self, state: &mut State<T>, message: T) -> Result<Sent<T>, SendError<T>> {
        if !state.open {
            return Err(SendError::Closed(message));
        }
        if state.messages.len() < self.shared_at || state.has_room_for(&message, self.capacity) {
            let alone = state.messages.is_empty();
            state.push(message);
            self.note_waiting(state);
            return Ok(Sent::Queued { alone });
        }
        match self.overflow {
            Overflow::Wait | Overflow::Reject => Err(SendError::Full(message)),
            Overflow::DropNewest => Ok(Sent::Dropped(message)),
            Overflow::DropOldest => Ok(state.displace(message)),
        }
    }

    /// Says outside the lock how many messages wait.
    fn note_waiting(&self, state: &State<T>) {
        self.waiting.store(state.messages.len(), Ordering::Release);
    }
}

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing in here panics while it holds the lock, and a queue is whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: FromSender> State<T> {
    /// Who has how many messages: counted now, where that was not known.
    fn shares(&mut self) -> &mut Shares<T> {
        self.shares.get_or_insert_with(|| Box::new(Shares::of(&self.messages)))
    }

    /// Whether a message may have one of the last places.
    fn has_room_for(&mut self, message: &T, capacity: NonZeroUsize) -> bool {
        let free = capacity.get().saturating_sub(self.messages.len());
        self.shares().admit(message.sender(), free)
    }

    fn stand_in_line(&mut self, message: T) -> Entered<T> {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let sender = message.sender().clone();
        let (told, answer) = oneshot::channel();
        self.shares().stand_in_line(&sender, Waiting { ticket, message, told });
        Entered { sender, ticket, answer }
    }

    fn push(&mut self, message: T) {
        if let Some(shares) = &mut self.shares {
            shares.entered(message.sender());
        }
        self.messages.push_back(message);
    }

    /// Takes the oldest message if it is `wanted`, and gives its place away in the same step: nobody who comes now can take
    /// it. Returns whom to tell of that, too.
    fn take_front(
        &mut self,
        capacity: NonZeroUsize,
        wanted: impl FnOnce(&T) -> bool,
    ) -> Option<(T, Option<Told<T>>)> {
        let message = self.messages.pop_front_if(|oldest| wanted(oldest))?;
        self.note_taken(message.sender());
        let admitted = self.admit(capacity);
        Some((message, admitted))
    }

    /// A message of `sender` was taken. Its place is for [`Self::admit`] to give away.
    fn note_taken(&mut self, sender: &Caller) {
        if let Some(shares) = &mut self.shares {
            shares.left(sender);
        }
    }

    /// Gives a place that was left to whoever is first in line, if that one may have it. Returns whom to tell.
    fn admit(&mut self, capacity: NonZeroUsize) -> Option<Told<T>> {
        let shares = self.shares.as_mut()?;
        let free = capacity.get().saturating_sub(self.messages.len());
        if let Some(waiting) = shares.next(free) {
            self.messages.push_back(waiting.message);
            return Some(waiting.told);
        }
        if Shares::<T>::end_at(self.messages.len(), capacity.get()) {
            self.shares = None;
        }
        None
    }

    /// Puts a message in the place of its sender's oldest one. Where it has none in the queue, in that of the oldest of all;
    /// where all of its own are far behind, nowhere.
    fn displace(&mut self, message: T) -> Sent<T> {
        let sender = message.sender();
        let own = self.messages.iter().take(OWN_LOOK_MAX).position(|older| older.sender() == sender);
        let place = own.or_else(|| (self.shares().queued(message.sender()) == 0).then_some(0));
        let Some(older) = place.and_then(|place| self.messages.remove(place)) else {
            return Sent::Dropped(message);
        };
        self.shares().left(older.sender());
        self.push(message);
        Sent::Displaced(older)
    }
}

/// Tells senders that their messages have got room.
fn tell_all<T>(admitted: impl IntoIterator<Item = Told<T>>) {
    for told in admitted {
        // It may have given up just now.
        drop(told.send(Ok(())));
    }
}

/// A place in line that was taken.
struct Entered<T> {
    sender: Caller,
    ticket: u64,
    answer: oneshot::Receiver<Result<(), T>>,
}

/// A message that is sent and may have to wait for room.
pub(crate) enum Sending<Q: Borrow<Queue<T>>, T> {
    /// It did not have to.
    Done(Result<Sent<T>, SendError<T>>),
    /// It waits.
    InLine(InLine<Q, T>),
}

/// A message that waits for room. Dropped, it leaves the line, unless it has got room by then.
pub(crate) struct InLine<Q: Borrow<Queue<T>>, T> {
    _place: Place<Q, T>,
    answer: oneshot::Receiver<Result<(), T>>,
}

impl<Q: Borrow<Queue<T>>, T> InLine<Q, T> {
    /// Waits for room.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] when the queue is closed meanwhile.
    pub(crate) async fn room(self) -> Result<Sent<T>, SendError<T>> {
        match self.answer.await.expect("who waits is told, or leaves the line with this future") {
            Ok(()) => Ok(Sent::Queued { alone: false }),
            Err(message) => Err(SendError::Closed(message)),
        }
    }
}

#[cfg(test)]
impl<Q: Borrow<Queue<T>>, T> Sending<Q, T> {
    /// Waits, if it has to.
    async fn done(self) -> Result<Sent<T>, SendError<T>> {
        match self {
            Self::Done(done) => done,
            Self::InLine(line) => line.room().await,
        }
    }
}

/// A place in the line for room, given up when it is dropped.
struct Place<Q: Borrow<Queue<T>>, T> {
    queue: Q,
    sender: Caller,
    ticket: u64,
    message: PhantomData<fn() -> T>,
}

impl<Q: Borrow<Queue<T>>, T> Drop for Place<Q, T> {
    fn drop(&mut self) {
        let mut state = self.queue.borrow().lock();
        let given_up = state.shares.as_mut().and_then(|shares| shares.give_up(&self.sender, self.ticket));
        // The message may have a destructor of its own.
        drop(state);
        drop(given_up);
    }
}

#[cfg(test)]
mod tests;
