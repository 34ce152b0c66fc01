//! The lock of the standard library and the waker's place of `futures`.

use std::sync::{Mutex, PoisonError, TryLockError};

pub(crate) use std::sync::MutexGuard as Guard;
pub(crate) use std::sync::atomic::{AtomicBool, Ordering, fence};

pub(crate) use futures::task::AtomicWaker;

/// A mutex that a panic does not lock for ever: a life whose poll panicked is dropped like any other.
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn try_lock(&self) -> Option<Guard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
