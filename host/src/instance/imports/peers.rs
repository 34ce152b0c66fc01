//! Messages from a guest to other actors. Only to those that were granted to it by name.
//!
//! What is left of a caller's time goes along, and its context; a call that is told to stop cancels what it waits for.
//! Bounded: a guest holds at most `open_streams` streams of others.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;

use super::handed::check_texts;
use crate::budget::Held;
use crate::delivery::{ActorRef, SendOptions};
use crate::dispatch::LifeContext;
use crate::id::CallId;
use crate::instance::bindings::types::{self as bindings, CallOptions, ContextEntry};
use crate::instance::convert::{call_error_out, context_out};
use crate::instance::peer_streams::Source;
use crate::instance::store::Guest;
use crate::stream::NUMBER_MAX;
use crate::wait_graph::Origin;
use crate::wire::{ActorError, CallError, Message, Payload, RuntimeError, RuntimeErrorKind};

/// What a call of a guest to another actor needs, taken out of the store so that the store is free meanwhile.
pub(super) struct Outgoing {
    context: LifeContext,
    peer: ActorRef,
    message: Message,
    within: CallId,
    /// The longest that is waited, where more is left of the call's own time.
    wanted: Duration,
    /// Until there is an answer.
    _held: Held,
}

impl Guest {
    /// Finds the actor that a guest names, if the guest may send it messages.
    pub(super) fn peer(&self, target: &str) -> Result<ActorRef, RuntimeError> {
        self.peers.find(target)
    }

    /// Who sent the message of a call, as the guest is told.
    pub(super) fn caller_of(&self, call: u64) -> Option<String> {
        self.context.caller(CallId(call)).map(String::from)
    }

    /// What goes along with a call, as the guest is told.
    pub(super) fn context_of(&self, call: u64) -> Vec<ContextEntry> {
        context_out(&self.context.call_context(CallId(call)))
    }

    /// A call to another actor, on behalf of the call `within`.
    pub(super) fn outgoing(
        &self,
        within: u64,
        target: &str,
        message: Message,
        options: CallOptions,
    ) -> Result<Outgoing, CallError> {
        let peer = self.peer(target)?;
        // In a serial actor, what runs is known, whatever the guest says.
        let within = if self.current == CallId::NONE { CallId(within) } else { self.current };
        let wanted = options.timeout_ms.map_or(peer.limits().ask_timeout, Duration::from_millis);
        let call_context = self.context.call_context(within);
        let message = Message {
            idempotency_key: options.idempotency_key,
            context: call_context,
            // From a guest that counts further than others can.
            resume_after: message.resume_after.map(|number| number.min(NUMBER_MAX)),
            ..message
        };
        let (context, _held) = (self.context.clone(), self.hold(&message)?);
        Ok(Outgoing { context, peer, message, within, wanted, _held })
    }

    /// Tells `peer`, waiting for room no longer than an ask of it would wait.
    pub(super) async fn tell_in_time(
        peer: &ActorRef,
        message: Message,
        origin: Origin,
    ) -> Result<(), RuntimeError> {
        let limit = peer.limits().ask_timeout;
        let options = SendOptions { origin, ..SendOptions::default() };
        let late = |_late| {
            let limit = humantime::format_duration(limit);
            let text = format!("the mailbox of `{}` has had no room for {limit}", peer.id());
            Err(RuntimeError::new(RuntimeErrorKind::MailboxFull, text))
        };
        let mut told = pin!(peer.tell_message(message, options));
        // Most find room at once; a timer, and the clock for it, would cost them more than the tell itself.
        match futures::poll!(&mut told) {
            Poll::Ready(told) => told,
            Poll::Pending => tokio::time::timeout(limit, told).await.unwrap_or_else(late),
        }
    }

    /// Takes what the host needs to keep a message of the guest on its way.
    pub(super) fn hold(&self, message: &Message) -> Result<Held, RuntimeError> {
        self.outgoing.take(message.kept_bytes()).ok_or_else(|| {
            let text = format!(
                "`{}` has {} bytes of messages on their way already",
                self.context.id(),
                self.outgoing.used()
            );
            RuntimeError::new(RuntimeErrorKind::MailboxFull, text)
        })
    }
}

/// Why a tell did not find room.
pub(super) fn told_to_stop() -> RuntimeError {
    let text = "the call was told to stop while it waited for room in the mailbox";
    RuntimeError::new(RuntimeErrorKind::MailboxFull, text)
}

impl Guest {
    /// Begins to watch another actor, for a guest.
    ///
    /// # Errors
    ///
    /// A trap, where no name is that long.
    pub(super) fn watching(&mut self, target: &str) -> wasmtime::Result<Result<u64, bindings::CallError>> {
        check_texts(target.len())?;
        Ok(self.watch_peer(target).map_err(call_error_out))
    }

    fn watch_peer(&mut self, target: &str) -> Result<u64, CallError> {
        // It begins now; where that is not known to be allowed at once, the first draw waits for it.
        let mut beginning = self.peer(target)?.watch().boxed();
        let source = match (&mut beginning).now_or_never() {
            Some(begun) => Source::Ends(begun?),
            None => Source::Beginning(beginning),
        };
        self.peer_streams.add(source)
    }
}

impl Outgoing {
    pub(super) async fn ask(self) -> Result<Payload, CallError> {
        let options = self.options(self.context.origin(self.within));
        tokio::select! {
            answer = self.peer.ask_message(self.message, options) => answer,
            () = self.context.cancelled(self.within) => Err(ActorError::Cancelled.into()),
        }
    }

    pub(super) async fn open(self) -> Result<Source, CallError> {
        let options = self.options(self.context.origin(self.within));
        tokio::select! {
            reader = self.peer.stream_message(self.message, options) => Ok(Source::Items(self.peer, reader?)),
            () = self.context.cancelled(self.within) => Err(ActorError::Cancelled.into()),
        }
    }

    fn options(&self, origin: Origin) -> SendOptions {
        let left = self.context.remaining(self.within).unwrap_or(self.wanted);
        SendOptions { timeout: Some(self.wanted.min(left)), origin, ..SendOptions::default() }
    }
}
