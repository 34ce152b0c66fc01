//! The port of an actor that runs in this process.

use std::sync::{Arc, Weak};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use super::Rooms;
use crate::call::{CallContext, Deadline, Outcome, WhenFull, WhenRestarting};
use crate::delivery::{
    ActorSnapshot, Call, Command, Done, PendingCall, Port, Profile, Seen, SentCall, Told, View, admit,
};
use crate::dispatch::Dispatch;
use crate::execution::Inline;
use crate::grants::{Caller, Callers};
use crate::id::ActorId;
use crate::lifecycle::{Lifecycle, Status, Watch};
use crate::limits::Limits;
use crate::mailbox::{Envelope, Mailbox, NotSent};
use crate::observe::Counters;
use crate::wire::{CallError, Lane, Message, RuntimeError};

/// The way to one actor of this process.
pub(crate) struct LocalPort {
    this: Weak<Self>,
    profile: Profile,
    lane: Lane,
    callers: Callers,
    counters: Arc<Counters>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) dispatch: Arc<Dispatch>,
}

impl LocalPort {
    pub(super) fn new(
        rooms: Rooms,
        lane: Lane,
        limits: Arc<Limits>,
        callers: Callers,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        let Rooms { mailbox, lifecycle, dispatch, .. } = rooms;
        let profile = Profile::new(lifecycle.id().clone(), limits);
        Arc::new_cyclic(|this| {
            let this = Weak::clone(this);
            Self { this, profile, lane, callers, counters, mailbox, lifecycle, dispatch }
        })
    }

    /// A share of it, for what goes on after a call has returned.
    fn shared(&self) -> Arc<Self> {
        self.this.upgrade().expect("whoever calls a port holds it")
    }

    /// Which actor it is.
    pub(crate) fn id(&self) -> &ActorId {
        &self.profile.id
    }

    /// Where the actor is in its life.
    pub(crate) fn status(&self) -> Status {
        self.lifecycle.status()
    }
}

impl Port for LocalPort {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn admit(&self, caller: &Caller) -> Result<(), RuntimeError> {
        admit(self.id(), &self.callers, caller)
    }

    fn call(&self, caller: &Caller, message: Arc<Message>, context: CallContext) -> Call {
        self.begin_call(caller, message, context).unwrap_or_else(|error| Call::Ended(Err(error)))
    }

    fn tell(&self, caller: &Caller, message: Message, context: CallContext) -> Told {
        match self.begin_tell(caller, message, &context) {
            Ok(told) => told,
            Err(error) => Told::Ended(Err(error)),
        }
    }

    fn watch(self: Arc<Self>, caller: &Caller) -> BoxFuture<'static, Result<Watch, RuntimeError>> {
        let admitted = self.admit(caller);
        std::future::ready(admitted.map(|()| self.lifecycle.watch())).boxed()
    }

    fn control(self: Arc<Self>, command: Command) -> BoxFuture<'static, Result<Done, RuntimeError>> {
        self.carry_out(command)
    }

    fn status(self: Arc<Self>, unless: Option<Status>) -> BoxFuture<'static, Result<Seen, RuntimeError>> {
        async move {
            let status = self.lifecycle.wait_for(|status| unless.as_ref() != Some(status)).await;
            Ok(Seen { status, is_gone: self.lifecycle.is_gone() })
        }
        .boxed()
    }

    fn snapshot(self: Arc<Self>, view: View) -> BoxFuture<'static, Result<ActorSnapshot, RuntimeError>> {
        let load = self.dispatch.load();
        let snapshot = ActorSnapshot {
            id: self.id().clone(),
            status: self.lifecycle.status(),
            lane: self.lane,
            description: self.dispatch.description(),
            mailbox_depth: self.mailbox.len(),
            in_flight: load.handlers,
            streams: load.streams,
            kept_bytes: self.mailbox.kept_bytes().saturating_add(load.kept_bytes),
            counted: self.counters.read(),
            dead_letters: match view {
                View::Summary => Vec::new(),
                View::WithDeadLetters => self.mailbox.dead_letters(),
            },
        };
        std::future::ready(Ok(snapshot)).boxed()
    }
}

impl LocalPort {
    fn begin_call(
        &self,
        caller: &Caller,
        message: Arc<Message>,
        context: CallContext,
    ) -> Result<Call, CallError> {
        self.admit(caller)?;
        self.mailbox.check_size(&message)?;
        let held = self.mailbox.keep(&message, caller)?;
        if self.mailbox.replies().keeps(&message) {
            return self.shared().call_once(caller, message, context, held);
        }
        self.check_restarting(context.when_restarting)?;
        self.dispatch.check_deadlock(&context.path)?;
        let when_full = context.when_full;
        let (envelope, outcome) = self.mailbox.ask(message, held, caller.clone(), context, None);
        self.send(envelope, outcome, when_full)
    }

    /// Puts an ask into the mailbox, and sees whether it is answered at once.
    pub(super) fn send(
        &self,
        envelope: Box<Envelope>,
        mut outcome: oneshot::Receiver<Outcome>,
        when_full: WhenFull,
    ) -> Result<Call, CallError> {
        let (call, path) = (envelope.call, envelope.path.clone());
        let is_near = envelope.deadline.is_some_and(Deadline::is_near);
        let sent = self.mailbox.try_send(envelope, when_full);
        if let Err(NotSent::MayWait(envelope)) = sent {
            return self.send_with_room(envelope, outcome);
        }
        let is_alone = sent.map_err(|not_sent| self.not_sent(not_sent))?;
        // From here on the message is in the mailbox: whoever drops the call has to cancel it.
        let sent = |outcome| PendingCall::Sent(SentCall::new(call, Arc::clone(&self.lifecycle), outcome));
        // What another actor waits for is left to its owner: it would be a part of that one's turn.
        if !path.is_outside() {
            let sent = sent(outcome);
            self.wake_for(is_alone);
            // It may have begun to wait for this very call.
            self.dispatch.check_deadlock(&path)?;
            return Ok(Call::Pending(sent));
        }
        if !is_near && self.dispatch.is_left_to_owner() {
            let sent = sent(outcome);
            self.wake_for(is_alone);
            return Ok(Call::AfterOthers(sent));
        }
        let ran = if is_alone && !is_near { self.dispatch.run_inline() } else { Inline::None };
        Ok(match ran {
            Inline::Brief => match outcome.try_recv() {
                Ok(outcome) => Call::Ended(outcome),
                Err(_not_yet) => Call::Pending(sent(outcome)),
            },
            Inline::Long => {
                let sent = sent(outcome);
                let after_others = async {
                    // The inline run took the time of other tasks on this thread.
                    tokio::task::yield_now().await;
                    sent.await
                };
                Call::Pending(PendingCall::Other(after_others.boxed()))
            }
            Inline::None => {
                self.wake_for(is_alone);
                Call::Pending(sent(outcome))
            }
        })
    }

    /// Has the life look for a message that was put into the mailbox. Whoever put in one that waits before it has done so, or
    /// is about to.
    fn wake_for(&self, is_alone: bool) {
        if is_alone {
            self.dispatch.wake();
        }
    }

    /// Puts an ask into the line before a mailbox that is full, and waits for the answer.
    fn send_with_room(
        &self,
        envelope: Box<Envelope>,
        outcome: oneshot::Receiver<Outcome>,
    ) -> Result<Call, CallError> {
        let (call, path) = (envelope.call, envelope.path.clone());
        let in_line = self.mailbox.send(envelope).map_err(|not_sent| self.not_sent(not_sent))?;
        // It may have found room after all, between the look that found none and this one.
        self.dispatch.wake();
        let this = self.shared();
        let sent = SentCall::new(call, Arc::clone(&self.lifecycle), outcome);
        let answer = async move {
            if let Some(in_line) = in_line
                && let Err(not_sent) = in_line.await
            {
                sent.forget();
                return Err(this.not_sent(not_sent).into());
            }
            this.dispatch.wake();
            // The actor may have begun to wait for this very call while its message waited for room.
            this.dispatch.check_deadlock(&path)?;
            sent.await
        };
        Ok(Call::Pending(PendingCall::Other(answer.boxed())))
    }

    /// Puts a tell into the mailbox, or into the line before it.
    fn begin_tell(
        &self,
        caller: &Caller,
        message: Message,
        context: &CallContext,
    ) -> Result<Told, RuntimeError> {
        self.admit(caller)?;
        self.mailbox.check_size(&message)?;
        self.check_restarting(context.when_restarting)?;
        let held = self.mailbox.keep(&message, caller)?;
        let envelope = self.mailbox.tell(message, held, caller.clone());
        match self.mailbox.try_send(envelope, context.when_full) {
            Ok(is_alone) => self.wake_for(is_alone),
            Err(NotSent::MayWait(envelope)) => {
                let in_line = self.mailbox.send(envelope).map_err(|not_sent| self.not_sent(not_sent))?;
                self.dispatch.wake();
                let Some(in_line) = in_line else { return Ok(Told::Ended(Ok(()))) };
                let this = self.shared();
                let told = async move { in_line.await.map_err(|not_sent| this.not_sent(not_sent)) };
                return Ok(Told::Waiting(told.boxed()));
            }
            Err(not_sent) => return Err(self.not_sent(not_sent)),
        }
        Ok(Told::Ended(Ok(())))
    }

    /// Refuses a message that is not to wait for the next life.
    pub(super) fn check_restarting(&self, when_restarting: WhenRestarting) -> Result<(), RuntimeError> {
        match when_restarting {
            WhenRestarting::Wait => Ok(()),
            WhenRestarting::Reject => self.lifecycle.restarting_error().map_or(Ok(()), Err),
        }
    }

    /// Why a message is not in the mailbox.
    pub(super) fn not_sent(&self, not_sent: NotSent) -> RuntimeError {
        match not_sent {
            NotSent::Full(error) => error,
            NotSent::Closed => self.lifecycle.stopped_error(),
            NotSent::MayWait(envelope) => self.mailbox.give_up(envelope),
        }
    }
}
