//! The lock around what a life works on, with a note outside of it.
//!
//! Whoever polls a life looks after each piece of work whether there is more, and mostly there is not. The note says so
//! without the lock. It is right in the same sense as the count of a [queue](crate::mailbox): whoever gives a life work
//! wakes it afterwards, and a life whose waker is registered before it looks is woken for what it did not see.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::in_flight::InFlight;

/// What one life works on, for all who come to it.
#[derive(Default)]
pub(super) struct InFlightLock {
    in_flight: Mutex<InFlight>,
    /// [`InFlight::may_have_work`] when the lock was last let go of. Stored under it.
    may_have_work: AtomicBool,
}

impl InFlightLock {
    pub(super) fn lock(&self) -> InFlightGuard<'_> {
        // A panic while the lock is held is the host's own bug, and ends this actor alone.
        let in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        InFlightGuard { in_flight, may_have_work: &self.may_have_work }
    }

    /// Whether there may be something to do but messages. Takes no lock.
    pub(super) fn may_have_work(&self) -> bool {
        self.may_have_work.load(Ordering::Acquire)
    }
}

/// The lock, held.
pub(super) struct InFlightGuard<'a> {
    in_flight: MutexGuard<'a, InFlight>,
    may_have_work: &'a AtomicBool,
}

impl Deref for InFlightGuard<'_> {
    type Target = InFlight;

    fn deref(&self) -> &InFlight {
        &self.in_flight
    }
}

impl DerefMut for InFlightGuard<'_> {
    fn deref_mut(&mut self) -> &mut InFlight {
        &mut self.in_flight
    }
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        self.may_have_work.store(self.in_flight.may_have_work(), Ordering::Release);
    }
}
