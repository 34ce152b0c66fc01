//! Calls with an idempotency key: each is handled once, however often it is sent.

use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::watch;
use tokio::time::Instant;

use super::LocalPort;
use crate::call::{Answer, CallContext, Deadline, Outcome};
use crate::delivery::{Call, PendingCall};
use crate::grants::Caller;
use crate::mailbox::{FirstTry, HeldMessage, Key, Tried};
use crate::wire::{CallError, Message};

/// A call with a key, on its way to being the first of its key, or to the answer of the first.
struct Keyed {
    key: Key,
    arguments_hash: u64,
    message: Arc<Message>,
    context: CallContext,
    held: HeldMessage,
}

impl LocalPort {
    /// Calls where no earlier try has or gets the answer. Takes its place in line now, unless an earlier try runs.
    pub(super) fn call_once(
        self: Arc<Self>,
        caller: &Caller,
        message: Arc<Message>,
        context: CallContext,
        held: HeldMessage,
    ) -> Result<Call, CallError> {
        let key = message.idempotency_key.as_deref().unwrap_or_default();
        let key = Key::new(caller.clone(), &message.method, key);
        let arguments_hash = self.mailbox.replies().arguments_hash(&message);
        let keyed = Keyed { key, arguments_hash, message, context, held };
        match self.tried(&keyed)? {
            Tried::Answered(answer) => Ok(Call::Ended(answer.map(Answer::Value))),
            Tried::Not(first_try) => self.send_first(keyed, first_try),
            Tried::Running(earlier) => {
                Ok(Call::Pending(PendingCall::Other(self.wait_for_earlier(keyed, earlier).boxed())))
            }
        }
    }

    fn tried(&self, keyed: &Keyed) -> Result<Tried, CallError> {
        let now = Instant::now().into_std();
        let tried = self.mailbox.replies().find(&keyed.key, keyed.arguments_hash, now)?;
        if !matches!(tried, Tried::Answered(_)) {
            self.check_restarting(keyed.context.when_restarting)?;
            self.dispatch.check_deadlock(&keyed.context.path)?;
        }
        Ok(tried)
    }

    fn send_first(self: Arc<Self>, keyed: Keyed, first_try: FirstTry) -> Result<Call, CallError> {
        let Keyed { key, message, context, held, .. } = keyed;
        let when_full = context.when_full;
        let (envelope, outcome) =
            self.mailbox.ask(message, held, key.into_sender(), context, Some(first_try));
        self.send(envelope, outcome, when_full)
    }

    /// Waits for an earlier try that runs. It ends by being forgotten: either there is an answer then, or this is the first
    /// try now.
    async fn wait_for_earlier(
        self: Arc<Self>,
        mut keyed: Keyed,
        mut earlier: watch::Receiver<()>,
    ) -> Outcome {
        loop {
            while earlier.changed().await.is_ok() {}
            // Time has gone by since it was sent.
            keyed.context.deadline = keyed.context.deadline.map(Deadline::sent_now);
            earlier = match self.tried(&keyed)? {
                Tried::Answered(answer) => return answer.map(Answer::Value),
                Tried::Running(earlier) => earlier,
                Tried::Not(first_try) => {
                    return self.send_first(keyed, first_try)?.outcome().await;
                }
            };
        }
    }
}
