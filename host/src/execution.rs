//! Who polls the life of an actor, on which thread, and for how long.
//!
//! An actor has one `Execution` for all its lives. Each life is a future in its cell
//! ([`LifeCell`]), and is polled by one thread at a time:
//!
//! | who polls | where | how much in one turn |
//! |---|---|---|
//! | its owner, the supervisor's task | the runtime that the actor was spawned on | a portion of work, a slice of time |
//! | its owner, a task of the [`BackgroundPool`], while the actor is busy | threads of lower priority | the same |
//! | a caller, in an *inline run* | the caller's thread | one piece of work, at most a slice |
//!
//! A *turn* is one poll; a *slice* is the time after which the engine preempts a guest; a *burst* is what a life computes
//! until it waits or ends a piece of work, over as many turns as that takes. What a life computes is metered in each
//! turn: it counts towards the actor's processor time, decides where the life is polled next, and ends a life whose burst
//! exceeds `handler_max_cpu`. While its thread is kept waiting, it computes nothing.
//!
//! This room knows no message and no actor; calls are numbers here. What a life is to do, and that it has something to do, is the business of
//! whoever made it.

mod background_pool;
mod clock;
mod cpu_burst;
mod cpu_ledger;
mod cpu_meter;
mod placement;
mod run_inline;
mod turn;

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use pulsing_life_cell::{LifeCell, LifeNumber};
use tokio::runtime::Handle;

use self::cpu_burst::CpuBurst;
use self::cpu_ledger::CpuLedger;
use self::cpu_meter::{TurnTime, meter};
use self::turn::{PolledBy, Turn};
use crate::exit::{ExitReason, Overdue};
use crate::id::CallId;
use crate::observe::{Counters, Event};

pub(crate) use self::background_pool::BackgroundPool;
pub(crate) use self::placement::Placement;
pub(crate) use self::run_inline::{Inline, Interrupts};

/// What an [`Execution`] is made from.
pub(crate) struct Options {
    /// Where it counts processor time and slices.
    pub(crate) counters: Arc<Counters>,
    /// The longest burst.
    pub(crate) handler_max_cpu: Duration,
    /// Whether callers may poll a life themselves: worth it where one poll mostly handles a message.
    pub(crate) may_run_inline: bool,
}

/// How the lives of one actor are polled.
pub(crate) struct Execution {
    /// The life that runs, with the runtime that its timers and sockets belong to.
    cell: LifeCell<ExitReason, Handle>,
    turn: Turn,
    burst: CpuBurst,
    ledger: CpuLedger,
    counters: Arc<Counters>,
    handler_max_cpu: Duration,
    may_run_inline: bool,
}

thread_local! {
    /// Whether a life is being polled on this thread: one that calls another leaves that one to its owner.
    static POLLS_A_LIFE: Cell<bool> = const { Cell::new(false) };
}

impl Execution {
    pub(crate) fn new(options: Options) -> Arc<Self> {
        let Options { counters, handler_max_cpu, may_run_inline } = options;
        Arc::new(Self {
            cell: LifeCell::default(),
            turn: Turn::default(),
            burst: CpuBurst::default(),
            ledger: CpuLedger::default(),
            counters,
            handler_max_cpu,
            may_run_inline,
        })
    }

    /// Says whether the life waits for nothing but work.
    pub(crate) fn set_idle(&self, idle: bool) {
        self.cell.set_idle(idle);
    }

    /// Whether another piece of work may be begun in this turn.
    pub(crate) fn work_left(&self) -> bool {
        self.turn.work_left()
    }

    /// How many pieces of work may still be begun in this turn.
    pub(crate) fn begins_left(&self) -> u32 {
        self.turn.left()
    }

    /// Takes a piece of work off what may be begun in this turn.
    pub(crate) fn begin_work(&self) {
        self.turn.begin_work();
    }

    /// Whether this turn is an inline run.
    pub(crate) fn is_inline(&self) -> bool {
        self.turn.is_inline()
    }

    /// Whether nothing was begun yet in this turn, so that what begins now may have a slice of its own. Says so once in a
    /// turn.
    pub(crate) fn begins_turn(&self) -> bool {
        self.turn.take_fresh()
    }

    /// Says that a call was begun: [`Self::begun`] names it until the burst ends.
    pub(crate) fn work_begun(&self, call: CallId) {
        self.burst.begin(call);
    }

    /// The last call that was begun in this burst; [`CallId::NONE`] if none was.
    pub(crate) fn begun(&self) -> CallId {
        self.burst.begun()
    }

    /// Says that the call that was begun last waits: [`Self::begun`] names it no more. The burst goes on.
    pub(crate) fn awaits(&self) {
        self.burst.begin(CallId::NONE);
    }

    /// Says that the burst ended: with a piece of work, with a wait, or with a life.
    pub(crate) fn broken(&self) {
        self.burst.broken();
    }

    /// Says that the life gives up its thread in the midst of a burst.
    pub(crate) fn preempted(&self) {
        self.burst.preempted();
    }

    /// Counts a life that failed against the actor.
    pub(crate) fn failed(&self, now: Instant) {
        self.ledger.failed(now);
    }

    /// Puts in a life, whose timers and sockets belong to the runtime that this is called on.
    fn occupy(&self, life: BoxFuture<'static, ExitReason>) -> LifeNumber {
        self.cell.occupy(life, Handle::try_current().ok())
    }

    /// Polls a life as its owner.
    fn poll(&self, life: LifeNumber, context: &mut Context<'_>) -> Poll<Option<ExitReason>> {
        self.cell.poll(life, context, |life, context| self.poll_metered(life, context, PolledBy::Owner).poll)
    }

    /// Polls a life, adds up what it computes, and ends one whose burst is too long.
    fn poll_metered(
        &self,
        life: Pin<&mut (dyn Future<Output = ExitReason> + Send)>,
        context: &mut Context<'_>,
        polled_by: PolledBy,
    ) -> Polled {
        self.turn.begin(polled_by);
        self.burst.begin_turn();
        let outer = POLLS_A_LIFE.replace(true);
        // A life catches its panics itself.
        let (poll, TurnTime { wall, computed }) = meter(|| life.poll(context));
        POLLS_A_LIFE.set(outer);
        self.counters.add_cpu(computed);
        if poll.is_ready() {
            return Polled { poll, wall, preempted: false };
        }
        let burst = self.burst.yielded(computed);
        if self.ledger.end_turn(computed, burst, Instant::now) {
            self.counters.count(Event::SliceUsedUp);
        }
        let limit = self.handler_max_cpu;
        let poll = match burst {
            Some(burst) if burst > limit => {
                Poll::Ready(ExitReason::Forced { overdue: Overdue::Break, limit })
            }
            Some(_) | None => Poll::Pending,
        };
        Polled { poll, wall, preempted: burst.is_some() }
    }
}

/// What came of polling a life.
struct Polled {
    poll: Poll<ExitReason>,
    /// How long others of this thread waited for it.
    wall: Duration,
    /// Whether it gave up the thread in the midst of a burst.
    preempted: bool,
}
