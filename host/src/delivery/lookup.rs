//! An actor that is still being looked for.
//!
//! A message takes its place in line when it is sent, not when the look-up ends: messages wait in one line, and whoever
//! first sees the end of the look-up sends them all on, one after another. Bounded by `LINE_MAX` messages and the bytes
//! of the default `kept_max`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::sync::oneshot;

use super::port::{ActorSnapshot, Call, Command, Done, PendingCall, Port, Profile, Seen, Told, View};
use crate::budget::{Budget, Held};
use crate::call::{CallContext, Deadline};
use crate::grants::Caller;
use crate::id::ActorId;
use crate::lifecycle::{Status, Watch};
use crate::limits::Limits;
use crate::wire::{Message, RuntimeError, RuntimeErrorKind};

/// How many messages wait for the end of a look-up.
const LINE_MAX: usize = 1024;

/// What the look-up ends with.
type Found = Result<Arc<dyn Port>, RuntimeError>;

/// The port of an actor that is still being looked for.
pub(super) struct LookupPort {
    this: Weak<Self>,
    profile: Profile,
    found: Shared<BoxFuture<'static, Found>>,
    line: Mutex<Line>,
    kept: Budget,
}

/// The messages that wait for the end of the look-up.
#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// Somebody sends them on: whoever comes meanwhile stands in line.
    is_moving: bool,
    /// All were sent on.
    end: Option<Found>,
}

/// Somebody sends messages on, until this is dropped: also where a port panics.
struct Moving<'a>(&'a LookupPort);

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        self.0.line().is_moving = false;
    }
}

/// A message in line. Given up, its receiver is gone.
struct Waiting {
    caller: Caller,
    sending: Sending,
    _held: Held,
}

enum Sending {
    Call(Arc<Message>, CallContext, oneshot::Sender<Call>),
    Tell(Message, CallContext, oneshot::Sender<Told>),
}

impl LookupPort {
    pub(super) fn new(id: ActorId, found: BoxFuture<'static, Found>) -> Arc<Self> {
        let limits = Limits::default();
        Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            kept: Budget::new(limits.kept_max_bytes()),
            profile: Profile::new(id, Arc::new(limits)),
            found: found.shared(),
            line: Mutex::default(),
        })
    }

    /// A share of it, for what goes on after a call has returned.
    fn shared(&self) -> Arc<Self> {
        self.this.upgrade().expect("whoever calls a port holds it")
    }

    /// Waits for the end of the look-up, after which no message waits for it any more.
    async fn found(&self) -> Found {
        let found = self.found.clone().await;
        self.send_on(&found);
        found
    }

    /// Sends on what waits in line, in its order. The lock is not held meanwhile: a port may do anything.
    fn send_on(&self, found: &Found) {
        if std::mem::replace(&mut self.line().is_moving, true) {
            return;
        }
        let _moving = Moving(self);
        loop {
            // One at a time, each with the lock let go of: a port may run an actor inline, which may send by this very port.
            let next = {
                let mut line = self.line();
                let next = line.waiting.pop_front();
                if next.is_none() {
                    line.end = Some(found.clone());
                }
                next
            };
            let Some(waiting) = next else { return };
            waiting.send(found);
        }
    }

    /// Stands in line; or returns the end of the look-up, where that is known.
    fn stand_in_line(
        &self,
        caller: &Caller,
        bytes: usize,
        sending: impl FnOnce() -> Sending,
    ) -> Result<(), Found> {
        let mut line = self.line();
        if let Some(end) = &line.end {
            return Err(end.clone());
        }
        let mut held = self.place(&line, bytes);
        if held.is_none() {
            line.waiting.retain(|waiting| !waiting.is_given_up());
            held = self.place(&line, bytes);
        }
        let Some(held) = held else {
            let text = format!("too many messages wait for `{}` to be found", self.profile.id);
            return Err(Err(RuntimeError::new(RuntimeErrorKind::MailboxFull, text)));
        };
        line.waiting.push_back(Waiting { caller: caller.clone(), sending: sending(), _held: held });
        Ok(())
    }

    /// Room for one more message of so many bytes.
    fn place(&self, line: &Line, bytes: usize) -> Option<Held> {
        if line.waiting.len() < LINE_MAX { self.kept.take(bytes) } else { None }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_given_up(&self) -> bool {
        match &self.sending {
            Sending::Call(_, _, sent) => sent.is_closed(),
            Sending::Tell(_, _, sent) => sent.is_closed(),
        }
    }

    /// Sends it on, unless its sender gave it up.
    fn send(self, found: &Found) {
        if self.is_given_up() {
            return;
        }
        let Self { caller, sending, _held } = self;
        match sending {
            Sending::Call(message, mut context, sent) => {
                // Time has gone by since it was sent.
                context.deadline = context.deadline.map(Deadline::sent_now);
                let call = match found {
                    Ok(port) => port.call(&caller, message, context),
                    Err(error) => Call::Ended(Err(error.clone().into())),
                };
                // Dropped, where its caller is gone by now: that cancels it.
                drop(sent.send(call));
            }
            Sending::Tell(message, context, sent) => {
                let told = match found {
                    Ok(port) => port.tell(&caller, message, context),
                    Err(error) => Told::Ended(Err(error.clone())),
                };
                drop(sent.send(told));
            }
        }
    }
}

/// A message that was in line and is gone without having been sent: the host's own bug.
fn lost() -> RuntimeError {
    RuntimeError::new(RuntimeErrorKind::Internal, "a message was lost while its actor was looked for")
}

impl Port for LookupPort {
    /// With default limits, as long as the actor is not found.
    fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Known once the actor is found.
    fn admit(&self, _: &Caller) -> Result<(), RuntimeError> {
        Ok(())
    }

    fn call(&self, caller: &Caller, message: Arc<Message>, context: CallContext) -> Call {
        let (sent, call) = oneshot::channel();
        let sending = || Sending::Call(Arc::clone(&message), context.clone(), sent);
        match self.stand_in_line(caller, message.kept_bytes(), sending) {
            Ok(()) => {}
            Err(Ok(port)) => return port.call(caller, message, context),
            Err(Err(error)) => return Call::Ended(Err(error.into())),
        }
        let this = self.shared();
        let outcome = async move {
            drop(this.found().await);
            call.await.map_err(|_lost| lost())?.outcome().await
        };
        Call::Pending(PendingCall::Other(outcome.boxed()))
    }

    fn tell(&self, caller: &Caller, message: Message, context: CallContext) -> Told {
        let (sent, told) = oneshot::channel();
        let sending = || Sending::Tell(message.clone(), context.clone(), sent);
        match self.stand_in_line(caller, message.kept_bytes(), sending) {
            Ok(()) => {}
            Err(Ok(port)) => return port.tell(caller, message, context),
            Err(Err(error)) => return Told::Ended(Err(error)),
        }
        let this = self.shared();
        let told = async move {
            drop(this.found().await);
            match told.await.map_err(|_lost| lost())? {
                Told::Ended(told) => told,
                Told::Waiting(told) | Told::OnItsWay(told) => told.await,
            }
        };
        Told::OnItsWay(told.boxed())
    }

    fn watch(self: Arc<Self>, caller: &Caller) -> BoxFuture<'static, Result<Watch, RuntimeError>> {
        let caller = caller.clone();
        async move { self.found().await?.watch(&caller).await }.boxed()
    }

    fn control(self: Arc<Self>, command: Command) -> BoxFuture<'static, Result<Done, RuntimeError>> {
        async move { self.found().await?.control(command).await }.boxed()
    }

    fn status(self: Arc<Self>, unless: Option<Status>) -> BoxFuture<'static, Result<Seen, RuntimeError>> {
        async move { self.found().await?.status(unless).await }.boxed()
    }

    fn snapshot(self: Arc<Self>, view: View) -> BoxFuture<'static, Result<ActorSnapshot, RuntimeError>> {
        async move { self.found().await?.snapshot(view).await }.boxed()
    }
}

#[cfg(test)]
mod tests;
