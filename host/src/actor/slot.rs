//! Where a life is, for whoever may poll it: its owner, and callers who find it idle.
//!
//! The owner is the task that the life wakes: the run loop, or one of the batch pool. A caller whose message is the
//! only one that waits need not wake it: it *visits* the life, polls it once in the owner's name, and finds its answer
//! there, without a change of tasks or threads. Only serial lives are visited. What a visit leaves undone, the owner
//! goes on with: the life waits with the owner's waker, whoever polls. Nobody waits for anybody here: who finds the
//! life being polled comes later.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::task::AtomicWaker;
use tokio::runtime::Handle;

use super::behavior::Lane;
use super::core::Core;
use super::signals::Signal;
use super::slices::{FAIR, Turn};
use crate::exit::{ExitReason, Overdue};
use crate::observe::Event;

/// A life, or the place for one.
#[derive(Default)]
pub(super) struct Slot {
    state: Mutex<State>,
    /// Whether the life waits for nothing but work.
    idle: AtomicBool,
    /// The owner found the life being polled, and waits to be told that it no longer is.
    wanted: AtomicBool,
    owner: AtomicWaker,
    /// The life is to go: whoever polls it drops it.
    vacated: AtomicBool,
}

#[derive(Default)]
struct State {
    occupant: Occupant,
    number: LifeNumber,
    /// The owner's, from when it last polled.
    waker: Option<Waker>,
    /// The runtime that clocks and sockets of the life belong to. Lives in the batch pool have another, and no visits.
    home: Option<Handle>,
}

/// Tells the lives of a slot apart: who came for one is not to poll the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct LifeNumber(u64);

thread_local! {
    /// Whether a life is being polled on this thread: one that asks another leaves that to its owner.
    static POLLS: Cell<bool> = const { Cell::new(false) };
}

#[derive(Default)]
enum Occupant {
    #[default]
    Nobody,
    Life(BoxFuture<'static, ExitReason>),
    /// It ended while it was visited.
    Ended(ExitReason),
}

/// What came of an attempt to poll a life in the name of its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// It was not polled: the owner has to be woken.
    None,
    /// It was polled, for less time than others would notice.
    Brief,
    /// It was polled, and other tasks of this thread waited.
    Long,
}

impl Slot {
    /// Seats a life that nobody has polled yet. Answers its number.
    pub(super) fn seat(&self, life: BoxFuture<'static, ExitReason>) -> LifeNumber {
        let home = Handle::try_current().ok();
        let mut state = self.lock();
        // While it is held: whoever let go of the life before looks once more.
        self.vacated.store(false, Ordering::SeqCst);
        self.idle.store(false, Ordering::Release);
        let number = LifeNumber(state.number.0.wrapping_add(1));
        *state = State { occupant: Occupant::Life(life), number, waker: None, home };
        number
    }

    /// Ends the life, unless it is being polled: then whoever does ends it in a moment, and wakes the owner. Answers
    /// whether it has ended.
    pub(super) fn vacate(&self) -> bool {
        self.idle.store(false, Ordering::Release);
        self.vacated.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        self.clear()
    }

    /// Drops the life if that is wanted. Answers whether nobody else has hold of it.
    fn clear(&self) -> bool {
        let Some(mut state) = self.try_lock() else { return false };
        let vacated = self.vacated.load(Ordering::SeqCst);
        let gone = vacated.then(|| std::mem::take(&mut state.occupant));
        drop(state);
        discard(gone);
        true
    }

    /// Returns when the life has ended.
    pub(super) fn poll_vacated(&self, context: &Context<'_>) -> Poll<()> {
        self.owner.register(context.waker());
        if self.vacate() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Says whether the life waits for nothing but work.
    pub(super) fn set_idle(&self, idle: bool) {
        self.idle.store(idle, Ordering::Release);
    }

    /// Polls the life of this number as its owner. None where it is not there any more.
    pub(super) fn poll(
        &self,
        core: &Core,
        life: LifeNumber,
        context: &mut Context<'_>,
        clock: fn() -> Duration,
    ) -> Poll<Option<ExitReason>> {
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
            Occupant::Life(life) => {
                poll_metered(core, life.as_mut(), context, clock, Turn::Whole).poll.map(Some)
            }
            Occupant::Nobody => Poll::Ready(None),
            Occupant::Ended(_) => match std::mem::take(occupant) {
                Occupant::Ended(exit) => Poll::Ready(Some(exit)),
                Occupant::Nobody | Occupant::Life(_) => Poll::Ready(None),
            },
        };
        let gone = poll.is_ready().then(|| std::mem::take(occupant));
        self.let_go(state);
        discard(gone);
        poll
    }

    /// The life for its owner, who is woken once it is free where it is being polled.
    fn take_hold(&self, context: &Context<'_>) -> Option<MutexGuard<'_, State>> {
        if let Some(state) = self.try_lock() {
            return Some(state);
        }
        self.owner.register(context.waker());
        self.wanted.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        self.try_lock()
    }

    /// Polls the life in the name of its owner, if it waits for work alone: once, until it waits or its slice is over.
    pub(super) fn visit(&self, core: &Core) -> Visit {
        let is_free = self.idle.load(Ordering::Acquire) && !core.slices.may_be_busy();
        // Where handlers overlap, an answer mostly takes the engine more than one poll.
        if !is_free || core.lane == Lane::Overlapping || core.signals.is_pressing() || POLLS.get() {
            return Visit::None;
        }
        let Some(mut state) = self.try_lock() else { return Visit::None };
        let State { occupant: Occupant::Life(life), waker: Some(waker), home: Some(home), .. } = &mut *state
        else {
            self.let_go(state);
            return Visit::None;
        };
        heed_cancels(core);
        let home = home.enter();
        let context = &mut Context::from_waker(waker);
        let Polled { poll, computed, preempted } =
            poll_metered(core, life.as_mut(), context, monotonic_time, Turn::Visit);
        drop(home);
        // Where tokio has the life come back, after a slice or a long row of small things, it would be when this thread
        // has time: the owner may have it sooner.
        let comes_back = preempted || !tokio::task::coop::has_budget_remaining();
        if poll.is_ready() || core.slices.may_be_busy() || comes_back {
            waker.wake_by_ref();
        }
        let gone = match poll {
            Poll::Ready(exit) => std::mem::replace(&mut state.occupant, Occupant::Ended(exit)),
            Poll::Pending => Occupant::Nobody,
        };
        self.let_go(state);
        discard(gone);
        if computed < FAIR { Visit::Brief } else { Visit::Long }
    }

    /// Lets go of the life, and does what others came for meanwhile.
    fn let_go(&self, state: MutexGuard<'_, State>) {
        drop(state);
        fence(Ordering::SeqCst);
        if self.vacated.load(Ordering::SeqCst) {
            self.clear();
            self.owner.wake();
        } else if self.wanted.load(Ordering::Relaxed) && self.wanted.swap(false, Ordering::SeqCst) {
            self.owner.wake();
        }
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends what was in a slot. Whoever polls a life survives its end.
fn discard(occupant: impl Into<Option<Occupant>>) {
    if std::panic::catch_unwind(AssertUnwindSafe(|| drop(occupant.into()))).is_err() {
        tracing::error!("a life panicked as it was dropped");
    }
}

/// Tells the life of calls that are cancelled, which goes before messages, where the run loop has not yet.
fn heed_cancels(core: &Core) {
    let mut heeded = false;
    while let Some(call) = core.signals.take_cancel() {
        core.schedule().cancel(call, tokio::time::Instant::now(), core.limits.grace);
        heeded = true;
    }
    if heeded {
        core.signals.send(Signal::Rearm);
    }
}

/// What came of polling a life.
struct Polled {
    poll: Poll<ExitReason>,
    /// The time that it spent on the thread.
    computed: Duration,
    /// Whether it gave up the thread in the midst of its computing.
    preempted: bool,
}

/// Polls a life, adds up the time that it spends on the thread, and ends one that computes too long without a break.
fn poll_metered(
    core: &Core,
    life: Pin<&mut (dyn Future<Output = ExitReason> + Send)>,
    context: &mut Context<'_>,
    clock: fn() -> Duration,
    turn: Turn,
) -> Polled {
    core.slices.begin_turn(turn);
    core.burst.begin_turn();
    let outer = POLLS.replace(true);
    let begun = clock();
    // A life catches its panics itself.
    let poll = life.poll(context);
    let computed = clock().saturating_sub(begun);
    POLLS.set(outer);
    core.counters.add_cpu(computed);
    if poll.is_ready() {
        return Polled { poll, computed, preempted: false };
    }
    let burst = core.burst.yielded(computed);
    if core.slices.end_turn(computed, burst, Instant::now) {
        core.counters.count(Event::SliceUsedUp);
    }
    let limit = core.limits.handler_max_cpu;
    let poll = match burst {
        Some(burst) if burst > limit => Poll::Ready(ExitReason::Forced { overdue: Overdue::Break, limit }),
        Some(_) | None => Poll::Pending,
    };
    Polled { poll, computed, preempted: burst.is_some() }
}

/// The time since some moment. Cheaper than the processor time of the thread, and the same where the thread is not kept
/// waiting.
pub(super) fn monotonic_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;

    use super::*;
    use crate::actor::desk::Desk;
    use crate::id::ActorName;
    use crate::limits::Limits;

    #[test]
    fn who_came_for_a_life_does_not_poll_the_next() {
        let name = ActorName::new("nobody").unwrap();
        let desk = Desk::of_nobody(name, Lane::Serial, Limits::default(), Arc::default());
        let (core, slot) = (desk.core(), Slot::default());
        let before = slot.seat(std::future::pending().boxed());
        assert!(slot.vacate());
        let life = slot.seat(async { ExitReason::Stopped }.boxed());
        let context = &mut Context::from_waker(Waker::noop());
        assert_eq!(slot.poll(core, before, context, monotonic_time), Poll::Ready(None));
        let exit = slot.poll(core, life, context, monotonic_time);
        assert_eq!(exit, Poll::Ready(Some(ExitReason::Stopped)));
    }

    #[test]
    fn a_life_that_panics_as_it_is_dropped_is_gone_all_the_same() {
        struct Bad;
        impl Drop for Bad {
            fn drop(&mut self) {
                panic!("cannot end");
            }
        }
        let (slot, bad) = (Slot::default(), Bad);
        slot.seat(
            async move {
                let _bad = bad;
                std::future::pending().await
            }
            .boxed(),
        );
        assert!(slot.vacate());
        assert!(matches!(slot.lock().occupant, Occupant::Nobody));
    }
}
