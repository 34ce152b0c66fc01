//! Hands a life its work, and checks what the life hands back.
//!
//! One [`Dispatch`] for an actor; it outlives the actor's lives. Between the mailbox, from which it takes messages, and
//! what runs in a life, which sees it as its [`LifeContext`]. Everything that a guest could lie about (batches that are
//! too long, numbers of streams, sizes) is checked in `results`, once, for every behavior. Bounds: `max_in_flight`
//! handlers, `open_streams` streams, `kept_max` bytes of items that wait.

mod behavior;
mod calls;
mod control;
mod gathering;
mod in_flight;
mod in_flight_lock;
mod life_context;
mod portion;
mod refusals;
mod rest;
mod results;
mod row;
mod stream_buffers;
mod stream_shares;
mod work_source;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;

pub(crate) use self::behavior::Description;
pub use self::behavior::{Behavior, Birth, Drawn, Job, Reply, Work};
use self::gathering::Gathering;
pub(crate) use self::in_flight::WorkKind;
pub(crate) use self::in_flight::{Culprit, Phase};
use self::in_flight_lock::{InFlightGuard, InFlightLock};
pub use self::life_context::LifeContext;
pub(crate) use self::portion::{Ahead, Begun, Shown};
#[cfg(test)]
pub(crate) use self::refusals::IN_A_ROW_MAX;
use self::rest::Rest;
use self::stream_buffers::StreamBuffers;
use crate::execution::{Execution, Inline, Interrupts};
use crate::id::{ActorId, CallId};
use crate::lifecycle::{Lifecycle, Signal};
use crate::limits::Limits;
use crate::mailbox::{Fate, Mailbox};
use crate::observe::Counters;
use crate::stream::{Help, Producer};
use crate::wait_graph::{CallPath, Target, WaitGraph, Waiter};
use crate::wire::{Lane, RuntimeError};

/// What an actor's dispatch is made of.
pub(crate) struct Parts {
    pub(crate) lane: Lane,
    pub(crate) limits: Arc<Limits>,
    pub(crate) counters: Arc<Counters>,
    /// That of the actor's host.
    pub(crate) graph: Arc<WaitGraph>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) execution: Arc<Execution>,
}

/// What the lives of one actor work on.
pub(crate) struct Dispatch {
    lane: Lane,
    limits: Arc<Limits>,
    counters: Arc<Counters>,
    graph: Arc<WaitGraph>,
    mailbox: Arc<Mailbox>,
    lifecycle: Arc<Lifecycle>,
    execution: Arc<Execution>,
    in_flight: InFlightLock,
    /// There may be work that there was not before.
    work_arrived: AtomicWaker,
    gathering: Gathering,
    rest: Rest,
    buffers: StreamBuffers,
    description: Mutex<Arc<Description>>,
    /// Whether the life that runs lets itself be ended for want of work.
    may_passivate: AtomicBool,
}

impl Dispatch {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts { lane, limits, counters, graph, mailbox, lifecycle, execution } = parts;
        Arc::new(Self {
            lane,
            counters,
            graph,
            mailbox,
            lifecycle,
            execution,
            in_flight: InFlightLock::default(),
            work_arrived: AtomicWaker::new(),
            gathering: Gathering::default(),
            rest: Rest::default(),
            buffers: StreamBuffers::new(limits.kept_max_bytes()),
            description: Mutex::default(),
            may_passivate: AtomicBool::new(false),
            limits,
        })
    }

    /// Says that there may be work that there was not before.
    pub(crate) fn wake(&self) {
        self.work_arrived.wake();
    }

    /// Waits for a message, while no life does.
    pub(crate) fn poll_message(&self, context: &Context<'_>) -> Poll<()> {
        // First: whoever brings a message after this has looked wakes us.
        self.work_arrived.register(context.waker());
        if self.mailbox.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Whether a caller whose message is the only one that waits leaves it to the owner of the life, though the life may be
    /// idle: it comes to be handled with those of other callers on this thread.
    pub(crate) fn is_left_to_owner(&self) -> bool {
        self.gathering.is_left_to_owner()
    }

    /// Polls an idle life in the name of its owner, for a caller whose message is the only one that waits.
    pub(crate) fn run_inline(&self) -> Inline {
        self.execution.run_inline(self)
    }

    /// Refuses a message whose answer would need a handler that waits for this very answer.
    ///
    /// # Errors
    ///
    /// `deadlock`.
    pub(crate) fn check_deadlock(&self, path: &CallPath) -> Result<(), RuntimeError> {
        if path.is_outside() {
            return Ok(());
        }
        let is_filled_by = |calls: &mut dyn Iterator<Item = CallId>| {
            let capacity = self.limits.max_in_flight.get();
            let in_flight = self.in_flight();
            calls.filter(|call| in_flight.is_handling(*call)).take(capacity).count() == capacity
        };
        let target = Target { id: self.id(), lane: self.lane, is_filled_by: &is_filled_by };
        path.check(&target, &self.graph)
    }

    fn id(&self) -> &ActorId {
        self.lifecycle.id()
    }

    fn in_flight(&self) -> InFlightGuard<'_> {
        self.in_flight.lock()
    }
}

impl Producer for Dispatch {
    fn wanted(&self, call: CallId) {
        self.in_flight().wanted(call);
        self.wake();
    }

    fn abandoned(&self, call: CallId) {
        self.lifecycle.signals().send(Signal::Cancel(call));
    }

    fn awaited(&self) -> Help {
        match self.run_inline() {
            Inline::None => Help::None,
            Inline::Brief => Help::Brief,
            Inline::Long => Help::Long,
        }
    }
}

impl Interrupts for Dispatch {
    fn is_pressing(&self) -> bool {
        self.lifecycle.signals().is_pressing()
    }

    fn deliver_cancellations(&self) {
        let signals = self.lifecycle.signals();
        let mut delivered = false;
        while let Some(call) = signals.take_cancel() {
            self.give_up(call);
            delivered = true;
        }
        if delivered {
            signals.send(Signal::DeadlinesChanged);
        }
    }
}

impl Waiter for Dispatch {
    fn graph(&self) -> &Arc<WaitGraph> {
        &self.graph
    }

    fn refuse_deadlocked(&self) {
        let id = self.id();
        for envelope in self.mailbox.take_where(|envelope| envelope.path.is_waited_for_by(id, &self.graph)) {
            let error = envelope.path.deadlock(id);
            self.mailbox.settle(envelope, Fate::Refused(error.into()));
        }
    }
}

impl Dispatch {
    /// What the actor says of itself; empty before its first start.
    pub(crate) fn description(&self) -> Arc<Description> {
        Arc::clone(&self.description.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the life that runs lets itself be ended for want of work.
    pub(crate) fn may_passivate(&self) -> bool {
        self.may_passivate.load(Ordering::Relaxed)
    }
}
