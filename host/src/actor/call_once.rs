//! Calls with an idempotency key: each is handled once, however often it is sent.

use std::sync::Arc;

use tokio::time::Instant;

use super::LocalPort;
use crate::budget::Held;
use crate::call::{Answer, CallContext, Deadline, Outcome};
use crate::delivery::Call;
use crate::error::CallError;
use crate::id::ActorId;
use crate::mailbox::{FirstTry, Key, Tried};
use crate::message::{Message, Payload};

/// What is known of a call with a key, once no earlier try runs.
enum Known {
    Answered(Result<Payload, CallError>),
    Nothing(FirstTry),
}

impl LocalPort {
    /// Calls where no earlier try has or gets the answer.
    pub(super) async fn call_once(
        self: Arc<Self>,
        caller: Option<ActorId>,
        message: Arc<Message>,
        mut context: CallContext,
        held: Held,
    ) -> Outcome {
        let key = message.idempotency_key.as_deref().unwrap_or_default();
        let key = Key::new(caller.clone(), &message.method, key);
        let first_try = match self.wait_for_earlier(&key, &message, &context).await? {
            Known::Answered(answer) => return answer.map(Answer::Value),
            Known::Nothing(first_try) => Some(first_try),
        };
        self.check_restarting(context.when_restarting)?;
        self.dispatch.check_deadlock(&context.path)?;
        context.deadline = context.deadline.map(Deadline::sent_now);
        let when_full = context.when_full;
        let (envelope, outcome) = self.mailbox.ask(message, held, caller, context, first_try);
        match self.send(envelope, outcome, when_full)? {
            Call::Ended(outcome) => outcome,
            Call::Pending(outcome) => outcome.await,
        }
    }

    /// The answer that a call got before, or the right to be its first try. Waits for an earlier try that still runs.
    async fn wait_for_earlier(
        &self,
        key: &Key,
        message: &Message,
        context: &CallContext,
    ) -> Result<Known, CallError> {
        let replies = self.mailbox.replies();
        let arguments_hash = replies.arguments_hash(message);
        loop {
            match replies.find(key, arguments_hash, Instant::now().into_std())? {
                Tried::Answered(answer) => return Ok(Known::Answered(answer)),
                Tried::Not(first_try) => return Ok(Known::Nothing(first_try)),
                Tried::Running(mut earlier) => {
                    self.check_restarting(context.when_restarting)?;
                    self.dispatch.check_deadlock(&context.path)?;
                    // It ends by being forgotten: either there is an answer then, or this is the first try now.
                    while earlier.changed().await.is_ok() {}
                }
            }
        }
    }
}
