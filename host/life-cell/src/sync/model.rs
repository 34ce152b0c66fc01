//! Stand-ins for the model checker.
//!
//! loom's own mutex does not do: its unlock is no point at which threads are switched, so that loom does not explore a
//! `try_lock` that fails. And loom's place for a waker is another algorithm than that of `futures`.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::task::Waker;

use loom::sync::atomic::AtomicUsize;
pub(crate) use loom::sync::atomic::{Ordering, fence};

/// A flag. loom treats sequentially consistent loads and stores as acquire and release, but for the order among those of
/// one flag, which it does not weaken as far as the language allows. Here they are acquire and release, so that nothing
/// but the fences makes more of them.
#[derive(Debug)]
pub(crate) struct AtomicBool(loom::sync::atomic::AtomicBool);

impl AtomicBool {
    pub(crate) fn new(value: bool) -> Self {
        Self(loom::sync::atomic::AtomicBool::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> bool {
        self.0.load(if order == Ordering::SeqCst { Ordering::Acquire } else { order })
    }

    /// An exchange, because loom lets an exchange read past a store that it is not ordered with: what the language rules
    /// out, since an exchange comes directly after what it has read.
    pub(crate) fn store(&self, value: bool, order: Ordering) {
        self.0.swap(value, if order == Ordering::SeqCst { Ordering::Release } else { order });
    }

    pub(crate) fn swap(&self, value: bool, order: Ordering) -> bool {
        self.0.swap(value, if order == Ordering::SeqCst { Ordering::AcqRel } else { order })
    }

    fn take(&self) -> bool {
        self.0.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

/// A mutex, as the standard library has it on Linux: a word that is taken with acquire and given back with release.
#[derive(Debug)]
pub(crate) struct Lock<T> {
    is_locked: AtomicBool,
    value: Mutex<T>,
}

pub(crate) struct Guard<'a, T> {
    lock: &'a Lock<T>,
    /// None once it is given back.
    value: Option<MutexGuard<'a, T>>,
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Self { is_locked: AtomicBool::new(false), value: Mutex::default() }
    }
}

impl<T> Lock<T> {
    pub(crate) fn try_lock(&self) -> Option<Guard<'_, T>> {
        // An exchange that fails is a load, which may see what is no longer so. In loom, only loads do.
        if self.is_locked.load(Ordering::Relaxed) || !self.is_locked.take() {
            return None;
        }
        Some(Guard { lock: self, value: Some(only(&self.value)) })
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        loop {
            match self.try_lock() {
                Some(guard) => return guard,
                None => loom::thread::yield_now(),
            }
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("the lock is held")
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("the lock is held")
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.value = None;
        self.lock.is_locked.store(false, Ordering::Release);
    }
}

/// What only one thread uses at a time: the model fails where another does.
fn only<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    match value.try_lock() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => unreachable!("two threads use what is for one at a time"),
    }
}

/// The algorithm of `futures::task::AtomicWaker`.
#[derive(Debug)]
pub(crate) struct AtomicWaker {
    state: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

const WAITING: usize = 0;
const REGISTERING: usize = 1;
const WAKING: usize = 2;

impl Default for AtomicWaker {
    fn default() -> Self {
        Self { state: AtomicUsize::new(WAITING), waker: Mutex::default() }
    }
}

impl AtomicWaker {
    pub(crate) fn register(&self, waker: &Waker) {
        let begun = self.state.compare_exchange(WAITING, REGISTERING, Ordering::Acquire, Ordering::Acquire);
        if let Err(state) = begun {
            assert_eq!(state, WAKING, "one registers at a time");
            waker.wake_by_ref();
            // Until whoever wakes has done so, this comes back: loom has to know that it spins.
            loom::thread::yield_now();
            return;
        }
        *only(&self.waker) = Some(waker.clone());
        let ended = self.state.compare_exchange(REGISTERING, WAITING, Ordering::AcqRel, Ordering::Acquire);
        if ended.is_err() {
            // Somebody woke meanwhile.
            let waker = only(&self.waker).take();
            self.state.swap(WAITING, Ordering::AcqRel);
            waker.into_iter().for_each(Waker::wake);
        }
    }

    pub(crate) fn wake(&self) {
        if self.state.fetch_or(WAKING, Ordering::AcqRel) != WAITING {
            return;
        }
        let waker = only(&self.waker).take();
        self.state.fetch_and(!WAKING, Ordering::Release);
        waker.into_iter().for_each(Waker::wake);
    }
}
