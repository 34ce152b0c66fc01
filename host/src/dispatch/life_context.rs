//! What a life holds of its actor.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Dispatch;
use super::behavior::{Birth, Description};
use super::in_flight::Methods;
use crate::id::{ActorId, CallId};
use crate::journal::{Account, Entry};
use crate::lifecycle::{Event, Signal};
use crate::limits::Limits;
use crate::observe::Counters;
use crate::wait_graph::{Origin, Waiter};
use crate::wire::Context;

/// What a life holds of its actor: where it picks up its work and hands in the results, and what its host functions ask
/// of the calls in flight. Cheap to clone.
///
/// Results are handed in while the life is polled: that alone does not have it polled again.
#[derive(Clone)]
pub struct LifeContext {
    pub(super) dispatch: Arc<Dispatch>,
}

impl LifeContext {
    /// That of the life that runs on `dispatch`.
    pub(crate) fn new(dispatch: Arc<Dispatch>) -> Self {
        Self { dispatch }
    }

    /// The actor.
    #[must_use]
    pub fn id(&self) -> &ActorId {
        self.dispatch.id()
    }

    /// The actor's ceilings.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.dispatch.limits
    }

    /// Where the lines of the log go that the actor causes.
    pub(crate) fn account(&self) -> &Arc<Account> {
        self.dispatch.lifecycle.account()
    }

    /// Where the actor counts.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.dispatch.counters
    }

    /// Says that the life has started, and what the actor says of itself.
    pub fn ready(&self, birth: &Birth, description: impl Into<Arc<Description>>) {
        let description = description.into();
        let dispatch = &*self.dispatch;
        let methods: Methods =
            description.methods.iter().map(|method| (method.name.clone(), method.kind)).collect();
        dispatch.in_flight().set_methods(methods);
        *dispatch.description.lock().unwrap_or_else(PoisonError::into_inner) = description;
        dispatch.lifecycle.apply(Event::Ready);
        dispatch.lifecycle.account().write(Entry::Running { generation: birth.generation });
        dispatch.lifecycle.signals().send(Signal::DeadlinesChanged);
    }

    /// Says that this life may end whenever it has nothing to do, where the host wants that.
    pub fn may_passivate(&self) {
        self.dispatch.may_passivate.store(true, Ordering::Relaxed);
    }

    /// Says that the guest waits for something: what it computed until now was not without a break.
    pub fn waits(&self) {
        self.dispatch.execution.broken();
    }

    /// Whether the life has done nothing yet in its turn, so that what it begins may have a slice of its own.
    #[must_use]
    pub fn begins_turn(&self) -> bool {
        self.dispatch.execution.begins_turn()
    }

    /// Says that the life gives up its thread in the midst of its computing, so that others get a turn.
    pub fn preempted(&self) {
        self.dispatch.execution.preempted();
    }

    /// Says that the guest was refused memory. Returns whether its life ends for it.
    pub(crate) fn memory_refused(&self) -> bool {
        self.dispatch.in_flight().refusals().refused()
    }

    /// Says that the guest was granted memory, after it was refused some.
    pub(crate) fn memory_granted(&self) {
        self.dispatch.in_flight().refusals().granted();
    }

    /// Where what a handler sends from `call` comes from.
    #[must_use]
    pub fn origin(&self, call: CallId) -> Origin {
        let dispatch = &self.dispatch;
        let path = dispatch.in_flight().path(call);
        let waiter = Arc::clone(dispatch) as Arc<dyn Waiter>;
        Origin::new(dispatch.id().clone(), dispatch.lane, call, path, waiter)
    }

    /// What goes along with a call, for what is sent from within it; nothing with one that has ended.
    #[must_use]
    pub fn call_context(&self, call: CallId) -> Context {
        self.dispatch.in_flight().message(call).map(|message| message.context.clone()).unwrap_or_default()
    }

    /// The actor that sent the message of a call; none from outside, and for a call that has ended.
    #[must_use]
    pub fn caller(&self, call: CallId) -> Option<ActorId> {
        self.dispatch.in_flight().sender(call)?.actor().cloned()
    }

    /// Whether a call is told to stop. True too for one that has ended.
    #[must_use]
    pub fn is_cancelled(&self, call: CallId) -> bool {
        call != CallId::NONE && self.dispatch.in_flight().is_cancelled(call)
    }

    /// Returns when a call is told to stop; at once for one that has ended; never for [`CallId::NONE`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn cancelled(&self, call: CallId) {
        if call == CallId::NONE {
            return std::future::pending().await;
        }
        let token = self.dispatch.in_flight().cancellation(call);
        if let Some(token) = token {
            token.cancelled_owned().await;
        }
    }

    /// What is left of the time of a call's caller; none where it has no deadline.
    #[must_use]
    pub fn remaining(&self, call: CallId) -> Option<Duration> {
        self.dispatch.in_flight().remaining(call, Instant::now())
    }
}
