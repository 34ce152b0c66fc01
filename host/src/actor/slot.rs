//! Where a life is, for whoever may poll it: its owner, and callers who find it idle.
//!
//! The owner is the task that the life wakes: the run loop, or one of the batch pool. A caller whose message is the
//! only one that waits need not wake it: it *visits* the life, polls it once in the owner's name, and finds its answer
//! there, without a change of tasks or threads. Only serial lives are visited. What a visit leaves undone, the owner goes on with: the life waits
//! with the owner's waker, whoever polls. Nobody waits for anybody here: who finds the life being polled comes later.

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
    /// The owner's, from when it last polled.
    waker: Option<Waker>,
    /// The runtime that clocks and sockets of the life belong to. Lives in the batch pool have another, and no visits.
    home: Option<Handle>,
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
    /// Seats a life that nobody has polled yet.
    pub(super) fn seat(&self, life: BoxFuture<'static, ExitReason>) {
        let home = Handle::try_current().ok();
        let mut state = self.lock();
        // While it is held: whoever let go of the life before looks once more.
        self.vacated.store(false, Ordering::SeqCst);
        self.idle.store(false, Ordering::Release);
        *state = State { occupant: Occupant::Life(life), waker: None, home };
    }

    /// Ends the life, unless it is being polled: then whoever does ends it in a moment, and wakes the owner. Answers
    /// whether it has ended.
    pub(super) fn vacate(&self) -> bool {
        self.vacated.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        self.clear()
    }

    /// Drops the life if that is wanted. Answers whether nobody else has hold of it.
    fn clear(&self) -> bool {
        let Some(mut state) = self.try_lock() else { return false };
        let gone = self.vacated.load(Ordering::SeqCst).then(|| std::mem::take(&mut *state));
        drop(state);
        drop(gone);
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

    /// Polls the life as its owner. None where there is none.
    pub(super) fn poll(
        &self,
        core: &Core,
        context: &mut Context<'_>,
        clock: fn() -> Duration,
    ) -> Poll<Option<ExitReason>> {
        let Some(mut state) = self.take_hold(context) else { return Poll::Pending };
        let State { occupant, waker, .. } = &mut *state;
        if waker.as_ref().is_none_or(|waker| !waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        let poll = match occupant {
            Occupant::Life(life) => {
                poll_metered(core, life.as_mut(), context, clock, Turn::Whole).0.map(Some)
            }
            Occupant::Nobody => Poll::Ready(None),
            Occupant::Ended(_) => match std::mem::take(occupant) {
                Occupant::Ended(exit) => Poll::Ready(Some(exit)),
                Occupant::Nobody | Occupant::Life(_) => Poll::Ready(None),
            },
        };
        let gone = poll.is_ready().then(|| std::mem::take(occupant));
        self.let_go(state);
        drop(gone);
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

    /// Polls the life in the name of its owner, if it waits for work alone: once, and for no longer than a slice.
    pub(super) fn visit(&self, core: &Core) -> Visit {
        let is_free = self.idle.load(Ordering::Acquire) && !core.slices.may_be_busy();
        // Where handlers overlap, an answer mostly takes the engine more than one poll.
        if !is_free || core.lane == Lane::Overlapping {
            return Visit::None;
        }
        let Some(mut state) = self.try_lock() else { return Visit::None };
        let State { occupant, waker: Some(waker), home: Some(home) } = &mut *state else {
            return Visit::None;
        };
        let Occupant::Life(life) = occupant else { return Visit::None };
        let home = home.enter();
        let context = &mut Context::from_waker(waker);
        let (poll, computed) = poll_metered(core, life.as_mut(), context, monotonic_time, Turn::Visit);
        drop(home);
        if poll.is_ready() || core.slices.may_be_busy() {
            // To end it, or to take it elsewhere.
            waker.wake_by_ref();
        }
        let gone = match poll {
            Poll::Ready(exit) => std::mem::replace(occupant, Occupant::Ended(exit)),
            Poll::Pending => Occupant::Nobody,
        };
        self.let_go(state);
        drop(gone);
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

/// Polls a life, adds up the time that it spends on the thread, and ends one that computes too long without a break.
/// Answers that time too.
fn poll_metered(
    core: &Core,
    life: Pin<&mut (dyn Future<Output = ExitReason> + Send)>,
    context: &mut Context<'_>,
    clock: fn() -> Duration,
    turn: Turn,
) -> (Poll<ExitReason>, Duration) {
    core.slices.begin_turn(turn);
    core.burst.begin_turn();
    let begun = clock();
    let poll = life.poll(context);
    let computed = clock().saturating_sub(begun);
    core.counters.add_cpu(computed);
    if poll.is_ready() {
        return (poll, computed);
    }
    let burst = core.burst.yielded(computed);
    if core.slices.end_turn(computed, burst, Instant::now) {
        core.counters.count(Event::SliceUsedUp);
    }
    let limit = core.limits.handler_max_cpu;
    if burst.is_some_and(|burst| burst > limit) {
        return (Poll::Ready(ExitReason::Forced { overdue: Overdue::Break, limit }), computed);
    }
    (poll, computed)
}

/// The time since some moment. Cheaper than the processor time of the thread, and the same where the thread is not kept
/// waiting.
pub(super) fn monotonic_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(time).unwrap_or_default()
}
