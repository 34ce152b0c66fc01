//! A bounded queue that can be closed and opened again.
//!
//! Senders are many, the reader is the actor's life, whoever polls it. Bounded by its capacity; a sender that finds it full
//! waits, is refused, or displaces a message, as [`Overflow`] says. Closing and opening it again keeps the
//! capacity; what was in it when it closed stays for [`Queue::pop`]. Generic over the message: nothing here knows what
//! one is.
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

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::limits::Overflow;

/// A bounded queue that can be closed and opened again.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    /// How many messages `state` has. Stored under its lock.
    waiting: AtomicUsize,
    capacity: NonZeroUsize,
    overflow: Overflow,
}

#[derive(Debug)]
struct State<T> {
    messages: VecDeque<T>,
    /// Those who wait for room, in the order in which they asked. Empty while there is room.
    line: VecDeque<Waiting<T>>,
    next_ticket: u64,
    open: bool,
}

/// A message that waits for room. It goes on into the queue also while nobody looks at its sender, so that no
/// sender, however slow, is overtaken or holds up others.
#[derive(Debug)]
struct Waiting<T> {
    /// Grows along the line.
    ticket: u64,
    message: T,
    /// Told that the message is in the queue, or given it back where the queue closes.
    sender: oneshot::Sender<Result<(), T>>,
}

/// A message that was not taken, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendError<T> {
    /// The queue is full, and its overflow policy does not let senders wait.
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

impl<T> Queue<T> {
    /// An open, empty queue for `capacity` messages.
    pub(crate) fn new(capacity: NonZeroUsize, overflow: Overflow) -> Self {
        Self {
            state: Mutex::new(State {
                messages: VecDeque::new(),
                line: VecDeque::new(),
                next_ticket: 0,
                open: true,
            }),
            waiting: AtomicUsize::new(0),
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
    /// The message takes its place when this is called, not when the future is first polled. Room is granted in the order
    /// of places.
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
            Ok((ticket, answer)) => {
                Sending::InLine(InLine { _place: Place { queue, ticket, message: PhantomData }, answer })
            }
        }
    }

    /// Takes a place in line, where the sender has to wait; or returns what became of the message.
    #[expect(clippy::type_complexity, reason = "a place in line is used in one place")]
    fn enter(
        &self,
        message: T,
    ) -> Result<(u64, oneshot::Receiver<Result<(), T>>), Result<Sent<T>, SendError<T>>> {
        let mut state = self.lock();
        match self.push(&mut state, message) {
            Err(SendError::Full(message)) if self.overflow == Overflow::Wait => {
                Ok(state.stand_in_line(message))
            }
            done => Err(done),
        }
    }

    /// Takes the oldest message. Whoever has waited longest for room has it.
    pub(crate) fn pop(&self) -> Option<T> {
        self.pop_if(|_oldest| true)
    }

    /// Takes the oldest message if it is `wanted`, as [`Self::pop`] does.
    pub(crate) fn pop_if(&self, wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let (message, sender) = {
            let mut state = self.lock();
            let message = state.messages.pop_front_if(|oldest| wanted(oldest))?;
            let sender = state.admit();
            self.note_waiting(&state);
            (message, sender)
        };
        if let Some(sender) = sender {
            // It may have given up just now.
            drop(sender.send(Ok(())));
        }
        Some(message)
    }

    /// Takes the oldest message for each of `keys` that it fits, in their order; one that the oldest does not fit is passed
    /// over. Whoever has waited longest for room has it.
    pub(crate) fn pop_each<K>(&self, keys: impl Iterator<Item = K>, fits: impl Fn(&T, &K) -> bool) -> Vec<T> {
        let mut admitted = Vec::new();
        let mut state = self.lock();
        let taken = keys.filter_map(|key| {
            let message = state.messages.pop_front_if(|oldest| fits(oldest, &key))?;
            admitted.extend(state.admit());
            Some(message)
        });
        let taken = taken.collect();
        self.note_waiting(&state);
        drop(state);
        for sender in admitted {
            // It may have given up just now.
            drop(sender.send(Ok(())));
        }
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
        while state.messages.len() < self.capacity.get()
            && let Some(sender) = state.admit()
        {
            admitted.push(sender);
        }
        self.note_waiting(&state);
        drop(state);
        for sender in admitted {
            // It may have given up just now.
            drop(sender.send(Ok(())));
        }
        taken
    }

    /// Refuses all further messages, also those whose senders wait for room.
    pub(crate) fn close(&self) {
        let refused = {
            let mut state = self.lock();
            state.open = false;
            std::mem::take(&mut state.line)
        };
        for waiting in refused {
            // It may have given up just now.
            drop(waiting.sender.send(Err(waiting.message)));
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
        if state.messages.len() < self.capacity.get() {
            let alone = state.messages.is_empty();
            state.messages.push_back(message);
            self.note_waiting(state);
            return Ok(Sent::Queued { alone });
        }
        match self.overflow {
            Overflow::Wait | Overflow::Reject => Err(SendError::Full(message)),
            Overflow::DropNewest => Ok(Sent::Dropped(message)),
            Overflow::DropOldest => match state.messages.pop_front() {
                Some(oldest) => {
                    state.messages.push_back(message);
                    Ok(Sent::Displaced(oldest))
                }
                None => Err(SendError::Full(message)),
            },
        }
    }

    /// Says outside the lock how many messages wait.
    fn note_waiting(&self, state: &State<T>) {
        self.waiting.store(state.messages.len(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing in here panics while it holds the lock, and a queue is whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// Gives a place to whoever has waited longest, in the step that made it free: nobody who comes now can take it.
    fn admit(&mut self) -> Option<oneshot::Sender<Result<(), T>>> {
        let waiting = self.line.pop_front()?;
        self.messages.push_back(waiting.message);
        Some(waiting.sender)
    }

    fn stand_in_line(&mut self, message: T) -> (u64, oneshot::Receiver<Result<(), T>>) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let (sender, answer) = oneshot::channel();
        self.line.push_back(Waiting { ticket, message, sender });
        (ticket, answer)
    }
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
    ticket: u64,
    message: PhantomData<fn() -> T>,
}

impl<Q: Borrow<Queue<T>>, T> Drop for Place<Q, T> {
    fn drop(&mut self) {
        let mut state = self.queue.borrow().lock();
        let found = state.line.binary_search_by_key(&self.ticket, |waiting| waiting.ticket);
        let given_up = found.ok().and_then(|place| state.line.remove(place));
        // The message may have a destructor of its own.
        drop(state);
        drop(given_up);
    }
}

#[cfg(test)]
mod tests;
