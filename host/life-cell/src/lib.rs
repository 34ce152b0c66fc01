//! The cell in which an actor's life is polled: by its owner, whom the life wakes, and by visitors, who find it idle and
//! poll it once in the owner's name.
//!
//! Nobody waits for anybody here: whoever finds the life being polled goes away, and an owner is woken once it is free.
//! The life always waits with its owner's waker, whoever polls it, so that a visitor leaves nothing undone. There is one
//! owner at a time: [`LifeCell::occupy`], [`LifeCell::poll`] and [`LifeCell::poll_vacated`] are for it alone, though a
//! task that was the owner and does not know yet that it no longer is does no harm.
//!
//! # States and events
//!
//! | state | `occupy` | `poll`, by the owner | `visit` | `vacate` (`poll_vacated`) |
//! |---|---|---|---|---|
//! | vacant | → waiting, with the next number | `Ready(None)` | `None` | true (ready) |
//! | waiting | drops the life, → waiting | → polled | → polled; `None` before the owner's first poll | → vacant, true (ready) |
//! | polled | waits until it is not | `Pending`, → polled and wanted | `None` | → polled and to be vacated, false (pending) |
//! | ended | → waiting | → vacant, `Ready(Some(end))` | `None` | → vacant, true (ready) |
//!
//! A poll is over:
//!
//! | state | the owner's, pending | the owner's, ready | a visitor's, pending | a visitor's, ready |
//! |---|---|---|---|---|
//! | polled | → waiting | → vacant | → waiting | wakes the owner, → ended |
//! | polled and wanted | the same, and wakes the owner | the same | the same, and wakes the owner | the same |
//! | polled and to be vacated | → vacant, and wakes the owner | the same | the same | the same; the end is lost |
//!
//! A wake that the life has asked for makes the owner poll, in any state. It is not lost where the owner finds the life
//! being polled: that poll may have looked too early for what the wake was about, so the owner polls after it.
//!
//! # What pairs with what
//!
//! | one thread | another | without it |
//! |---|---|---|
//! | owner: stores `wanted`, fence, looks at the lock once more | poller: unlocks, fence, loads `wanted` | each may look before the other's store can be seen: the owner waits for a wake that never comes |
//! | `vacate`: stores `vacated`, fence, looks at the lock | poller: unlocks, fence, loads `vacated` | the same: nobody drops the life, and an owner in `poll_vacated` waits for ever |
//! | `occupy`: takes `vacated` back under the lock | `clear`: loads `vacated` once more under the lock | a poller that saw `vacated` and comes late drops the next life |
//! | owner: registers its waker, then stores `wanted` or `vacated` | poller: loads the flag, then wakes | the poller finds no waker |
//! | poller: drops the life, then unlocks | owner: locks | the owner hears that the life has ended while it is still being dropped elsewhere |
//!
//! Of the two fences of a row, one comes first. Is it the owner's, the poller sees the flag, and does what the owner came
//! for. Is it the poller's, the owner sees that the lock is free. `idle` is a hint and pairs with nothing: what is stale
//! costs a visit, or the owner a poll.
//!
//! `cargo xtask model` checks this in all interleavings of two and three threads, up to a number of preemptions; the
//! models are in `model.rs`.

mod sync;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures::future::BoxFuture;

use crate::sync::{AtomicBool, AtomicWaker, Guard, Lock, Ordering, fence};

/// A life, or the place for one. `T` is how a life ends, `H` is what a visitor has to enter before it polls.
pub struct LifeCell<T, H> {
    state: Lock<State<T, H>>,
    /// Whether the life waits for nothing but work.
    idle: AtomicBool,
    /// The owner found the life being polled, and waits to be woken once it is not.
    wanted: AtomicBool,
    owner: AtomicWaker,
    /// The life is to be dropped, by whoever polls it if somebody does.
    vacated: AtomicBool,
}

struct State<T, H> {
    occupant: Occupant<T>,
    number: LifeNumber,
    /// The owner's, from when it last polled.
    waker: Option<Waker>,
    home: Option<H>,
}

/// Tells the lives of a cell apart: who came for one must not poll the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LifeNumber(u64);

enum Occupant<T> {
    Nobody,
    Life(BoxFuture<'static, T>),
    /// It ended while it was visited.
    Ended(T),
}

impl<T> Occupant<T> {
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Nobody)
    }
}

impl<T, H> Default for State<T, H> {
    fn default() -> Self {
        Self { occupant: Occupant::Nobody, number: LifeNumber::default(), waker: None, home: None }
    }
}

impl<T, H> Default for LifeCell<T, H> {
    fn default() -> Self {
        Self {
            state: Lock::default(),
            idle: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            owner: AtomicWaker::default(),
            vacated: AtomicBool::new(false),
        }
    }
}

impl<T, H> fmt::Debug for LifeCell<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LifeCell").finish_non_exhaustive()
    }
}

impl<T, H> LifeCell<T, H> {
    /// Puts in a life that nobody has polled yet. Returns its number. Without a `home` it is not visited.
    ///
    /// # Blocking
    ///
    /// For as long as somebody polls the life before it. There is none after [`Self::vacate`] returned true or
    /// [`Self::poll_vacated`] was ready.
    pub fn occupy(&self, life: BoxFuture<'static, T>, home: Option<H>) -> LifeNumber {
        let mut state = self.state.lock();
        // Under the lock: a poller of the life before that has seen the flag may come to clear the cell only now, and looks
        // once more, under the lock too.
        self.vacated.store(false, Ordering::SeqCst);
        self.idle.store(false, Ordering::Release);
        let number = LifeNumber(state.number.0.wrapping_add(1));
        *state = State { occupant: Occupant::Life(life), number, waker: None, home };
        number
    }

    /// Ends the life, unless it is being polled: then whoever polls it ends it in a moment, and wakes the owner. Returns
    /// whether it has ended.
    pub fn vacate(&self) -> bool {
        self.idle.store(false, Ordering::Release);
        self.vacated.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        self.clear()
    }

    /// Drops the life if it is to be vacated. Returns whether nobody else holds it.
    fn clear(&self) -> bool {
        let Some(mut state) = self.state.try_lock() else { return false };
        // Once more, under the lock: the next life may be there by now.
        if self.vacated.load(Ordering::SeqCst) {
            discard(state.occupant.take());
        }
        true
    }

    /// Ready once the life has ended. Vacates the cell.
    pub fn poll_vacated(&self, context: &Context<'_>) -> Poll<()> {
        // First: whoever sees that the cell is to be vacated wakes the owner.
        self.owner.register(context.waker());
        if self.vacate() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Says whether the life waits for nothing but work.
    pub fn set_idle(&self, idle: bool) {
        self.idle.store(idle, Ordering::Release);
    }

    /// Whether the life waits for nothing but work. It may be polled by the time that this returns.
    pub fn is_idle(&self) -> bool {
        self.idle.load(Ordering::Acquire)
    }

    /// Polls the life of this number as its owner, with `poll_life`, which must not panic. `Ready(None)` where that life
    /// is not there any more.
    pub fn poll(
        &self,
        life: LifeNumber,
        context: &mut Context<'_>,
        poll_life: impl FnOnce(Pin<&mut (dyn Future<Output = T> + Send)>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<Option<T>> {
        let Some(mut state) = self.take_hold(context) else { return Poll::Pending };
        if state.number != life {
            self.let_go(state);
            return Poll::Ready(None);
        }
        let State { occupant, waker, .. } = &mut *state;
        if waker.as_ref().is_none_or(|waker| !waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        let poll = match occupant {
            Occupant::Life(life) => poll_life(life.as_mut(), context).map(Some),
            Occupant::Nobody => Poll::Ready(None),
            Occupant::Ended(_) => match occupant.take() {
                Occupant::Ended(end) => Poll::Ready(Some(end)),
                Occupant::Nobody | Occupant::Life(_) => Poll::Ready(None),
            },
        };
        if poll.is_ready() {
            discard(occupant.take());
        }
        self.let_go(state);
        poll
    }

    /// The life for its owner, who is woken once it is free where it is being polled.
    fn take_hold(&self, context: &Context<'_>) -> Option<Guard<'_, State<T, H>>> {
        if let Some(state) = self.state.try_lock() {
            return Some(state);
        }
        // In this order: whoever sees that the life is wanted finds the waker.
        self.owner.register(context.waker());
        self.wanted.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        // Once more: whoever polls may have looked for the flag before it was there, and then it has unlocked before.
        self.state.try_lock()
    }

    /// Polls the life once in the name of its owner, with `poll_life`, which must not panic: its context has the owner's
    /// waker. None where there is no life, its owner has not polled it yet, it has no home, or it is being polled.
    pub fn visit<R>(
        &self,
        poll_life: impl FnOnce(Pin<&mut (dyn Future<Output = T> + Send)>, &mut Context<'_>, &H) -> (Poll<T>, R),
    ) -> Option<R> {
        let mut state = self.state.try_lock()?;
        let State { occupant: Occupant::Life(life), waker: Some(waker), home: Some(home), .. } = &mut *state
        else {
            self.let_go(state);
            return None;
        };
        let (poll, result) = poll_life(life.as_mut(), &mut Context::from_waker(waker), home);
        if let Poll::Ready(end) = poll {
            // It may come before the life is let go of: then it finds that it is being polled, and is woken again.
            waker.wake_by_ref();
            discard(std::mem::replace(&mut state.occupant, Occupant::Ended(end)));
        }
        self.let_go(state);
        Some(result)
    }

    /// Lets go of the life, and does what others came for meanwhile.
    fn let_go(&self, state: Guard<'_, State<T, H>>) {
        drop(state);
        fence(Ordering::SeqCst);
        if self.vacated.load(Ordering::SeqCst) {
            // Where somebody else has it by now, that one does the same.
            self.clear();
            self.owner.wake();
        // A load first: an exchange after each poll would cost more than all the rest of this.
        } else if self.wanted.load(Ordering::Relaxed) && self.wanted.swap(false, Ordering::SeqCst) {
            self.owner.wake();
        }
    }
}

/// Ends what was in a cell, while its lock is held: whoever finds the cell free knows that nothing of the life goes on.
/// Whoever polls a life survives its end.
fn discard<T>(occupant: Occupant<T>) {
    if std::panic::catch_unwind(AssertUnwindSafe(|| drop(occupant))).is_err() {
        tracing::error!("a life panicked as it was dropped");
    }
}

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;
