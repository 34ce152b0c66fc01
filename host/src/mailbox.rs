//! A bounded queue of messages that outlives its reader's lives.
//!
//! Senders are many, the reader is the actor's run loop. Bounded by its capacity; a sender that finds it full
//! waits, is refused, or displaces a message, as [`Overflow`] says. Closing and opening it again keeps the
//! capacity; what was in it when it closed stays for [`Mailbox::pop`]. Generic over the message, so nothing
//! here knows what one is.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore};

use crate::limits::Overflow;

/// A bounded queue that can be closed and opened again.
#[derive(Debug)]
pub struct Mailbox<T> {
    state: Mutex<State<T>>,
    /// One permit for each free place. A queued message holds one until it is popped.
    room: Semaphore,
    closing: Notify,
    overflow: Overflow,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    open: bool,
}

/// A message that was not taken, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError<T> {
    /// The mailbox is full, and its overflow policy does not let senders wait.
    Full(T),
    /// The mailbox is closed.
    Closed(T),
}

/// What became of a message that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Sent<T> {
    /// It is in the mailbox.
    Queued,
    /// It is in the mailbox, in the place of this older one.
    Displaced(T),
    /// It was dropped, as the overflow policy wants.
    Dropped(T),
}

impl<T> Mailbox<T> {
    /// An open, empty mailbox for `capacity` messages.
    #[must_use]
    pub fn new(capacity: NonZeroUsize, overflow: Overflow) -> Self {
        Self {
            state: Mutex::new(State { queue: VecDeque::new(), open: true }),
            room: Semaphore::new(capacity.get().min(Semaphore::MAX_PERMITS)),
            closing: Notify::new(),
            overflow,
        }
    }

    /// Sends without waiting.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] also where the policy is to wait: then [`Self::send`] does.
    pub fn try_send(&self, message: T) -> Result<Sent<T>, SendError<T>> {
        match self.room.try_acquire() {
            Ok(permit) => {
                permit.forget();
                self.push(message).map(|()| Sent::Queued)
            }
            Err(_no_room) => self.overflow(message),
        }
    }

    /// Sends, waiting for room where the mailbox is full and its policy is to wait.
    ///
    /// Room is granted in the order in which senders asked.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] when the mailbox is closed, also while waiting. [`SendError::Full`] where the
    /// policy is to reject.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line and sends nothing.
    pub async fn send(&self, message: T) -> Result<Sent<T>, SendError<T>> {
        let message = match self.try_send(message) {
            Err(SendError::Full(message)) if self.overflow == Overflow::Wait => message,
            done => return done,
        };
        let closing = self.closing.notified();
        tokio::pin!(closing);
        closing.as_mut().enable();
        if !self.lock().open {
            return Err(SendError::Closed(message));
        }
        tokio::select! {
            permit = self.room.acquire() => {
                permit.expect("the semaphore is never closed").forget();
                self.push(message).map(|()| Sent::Queued)
            }
            () = closing => Err(SendError::Closed(message)),
        }
    }

    /// Takes the oldest message.
    pub fn pop(&self) -> Option<T> {
        let message = self.lock().queue.pop_front()?;
        self.room.add_permits(1);
        Some(message)
    }

    /// Refuses all further messages, also those whose senders wait for room.
    pub fn close(&self) {
        self.lock().open = false;
        self.closing.notify_waiters();
    }

    /// Takes messages again.
    pub fn open(&self) {
        self.lock().open = true;
    }

    /// How many messages wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().queue.len()
    }

    /// Whether no message waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Queues a message whose permit was taken.
    fn push(&self, message: T) -> Result<(), SendError<T>> {
        let mut state = self.lock();
        if state.open {
            state.queue.push_back(message);
            Ok(())
        } else {
            drop(state);
            self.room.add_permits(1);
            Err(SendError::Closed(message))
        }
    }

    fn overflow(&self, message: T) -> Result<Sent<T>, SendError<T>> {
        let mut state = self.lock();
        if !state.open {
            return Err(SendError::Closed(message));
        }
        match self.overflow {
            Overflow::Wait | Overflow::Reject => Err(SendError::Full(message)),
            Overflow::DropNewest => Ok(Sent::Dropped(message)),
            Overflow::DropOldest => match state.queue.pop_front() {
                // The new message takes over the permit of the old one.
                Some(oldest) => {
                    state.queue.push_back(message);
                    Ok(Sent::Displaced(oldest))
                }
                // Another sender holds the last permit and has yet to push.
                None => Err(SendError::Full(message)),
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing in here panics while it holds the lock, and a queue is whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;

    use super::*;

    fn mailbox(capacity: usize, overflow: Overflow) -> Mailbox<u32> {
        Mailbox::new(NonZeroUsize::new(capacity).unwrap(), overflow)
    }

    fn filled(capacity: u32, overflow: Overflow) -> Mailbox<u32> {
        let mailbox = mailbox(capacity as usize, overflow);
        for n in 0..capacity {
            assert_eq!(mailbox.try_send(n), Ok(Sent::Queued));
        }
        mailbox
    }

    #[test]
    fn messages_come_out_in_the_order_in_which_they_went_in() {
        let mailbox = filled(4, Overflow::Wait);
        assert_eq!(std::iter::from_fn(|| mailbox.pop()).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert!(mailbox.is_empty());
    }

    #[test]
    fn a_full_mailbox_rejects_displaces_or_drops_as_its_policy_says() {
        let rejecting = filled(2, Overflow::Reject);
        assert_eq!(rejecting.try_send(9), Err(SendError::Full(9)));
        let displacing = filled(2, Overflow::DropOldest);
        assert_eq!(displacing.try_send(9), Ok(Sent::Displaced(0)));
        assert_eq!((displacing.pop(), displacing.pop(), displacing.pop()), (Some(1), Some(9), None));
        let dropping = filled(2, Overflow::DropNewest);
        assert_eq!(dropping.try_send(9), Ok(Sent::Dropped(9)));
        assert_eq!((dropping.pop(), dropping.pop(), dropping.pop()), (Some(0), Some(1), None));
    }

    #[tokio::test(start_paused = true)]
    async fn senders_get_room_in_the_order_in_which_they_asked() {
        let mailbox = filled(1, Overflow::Wait);
        let mut first = Box::pin(mailbox.send(10));
        let mut second = Box::pin(mailbox.send(11));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(mailbox.pop(), Some(0));
        assert_eq!(mailbox.try_send(12), Err(SendError::Full(12)), "the place is the first waiter's");
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(first.await, Ok(Sent::Queued));
        assert_eq!(mailbox.pop(), Some(10));
        assert_eq!(second.await, Ok(Sent::Queued));
        assert_eq!(mailbox.pop(), Some(11));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_gives_up_leaves_nothing_behind() {
        let mailbox = filled(1, Overflow::Wait);
        assert!(mailbox.send(10).now_or_never().is_none());
        assert_eq!(mailbox.pop(), Some(0));
        assert_eq!(mailbox.try_send(11), Ok(Sent::Queued));
        assert_eq!((mailbox.pop(), mailbox.pop()), (Some(11), None));
    }

    #[tokio::test(start_paused = true)]
    async fn closing_refuses_those_who_wait_and_keeps_what_is_queued() {
        let mailbox = Arc::new(filled(1, Overflow::Wait));
        let waiting = tokio::spawn({
            let mailbox = Arc::clone(&mailbox);
            async move { mailbox.send(10).await }
        });
        tokio::task::yield_now().await;
        mailbox.close();
        assert_eq!(waiting.await.unwrap(), Err(SendError::Closed(10)));
        assert_eq!(mailbox.send(11).await, Err(SendError::Closed(11)));
        assert_eq!((mailbox.pop(), mailbox.pop()), (Some(0), None));
        mailbox.open();
        assert_eq!(mailbox.send(12).await, Ok(Sent::Queued));
    }

    #[tokio::test]
    async fn no_room_is_lost_to_a_mailbox_that_was_closed() {
        let mailbox = mailbox(2, Overflow::Wait);
        for _ in 0..10 {
            mailbox.close();
            assert_eq!(mailbox.try_send(1), Err(SendError::Closed(1)));
            mailbox.open();
        }
        assert_eq!((mailbox.try_send(1), mailbox.try_send(2)), (Ok(Sent::Queued), Ok(Sent::Queued)));
    }
}
