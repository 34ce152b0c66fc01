//! What becomes of a message, and who is told.
//!
//! | fate | the caller of an ask gets | a tell |
//! |---|---|---|
//! | answered | the outcome, which is kept for another try where the message has a key | an error is counted, and the message is a dead letter |
//! | refused | the error | is a dead letter |
//! | dropped | `mailbox-full` | is a dead letter |
//! | cut off | a system error that names the end of the life | is a dead letter |
//! | abandoned | nothing: it is gone, or its own clock tells it | – |
//!
//! A message that has come into the mailbox has one fate, and all of them pass [`Mailbox::settle`], unless its call becomes a
//! stream: from then on the stream has its own end. What never came into the mailbox is told to its sender directly.

use super::Mailbox;
use super::envelope::{Envelope, Unsettled};
use crate::call::{Answer, Outcome};
use crate::exit::ExitReason;
use crate::observe::Event;
use crate::wire::{ActorError, CallError, Message, Payload};

/// What becomes of a message.
pub(crate) enum Fate {
    /// A handler returned.
    Answered(Outcome),
    /// No handler takes it.
    Refused(CallError),
    /// It gave way to others, as the overflow policy says.
    Dropped,
    /// The life that handled it ended.
    CutOff {
        /// How the life ended: callers are told the host's words alone, the dead letters all of it.
        exit: ExitReason,
        /// Whether another try may succeed.
        recoverable: bool,
    },
    /// Nobody waits for it any more, and it was not begun.
    Abandoned,
}

impl Fate {
    /// That of a tell whose handler ended well.
    pub(crate) fn told() -> Self {
        Self::Answered(Ok(Answer::Value(Payload::none())))
    }

    /// That of the messages that a life leaves behind.
    pub(crate) fn cut_off(exit: &ExitReason, recoverable: bool) -> Self {
        Self::CutOff { exit: exit.clone(), recoverable }
    }
}

/// What a caller is told whose message was cut off.
pub(crate) fn cut_off_error(message: &Message, exit: &ExitReason, recoverable: bool) -> CallError {
    let message = format!("`{}` was cut off: the actor {exit}", message.method);
    ActorError::System { message, recoverable, restart: false }.into()
}

impl Mailbox {
    /// Ends what began with a message: tells its caller, or keeps a tell that came to nothing in the dead letters.
    pub(crate) fn settle(&self, mut envelope: Box<Envelope>, fate: Fate) {
        // In its box to the end: it is large.
        let unsettled = &mut envelope.unsettled;
        unsettled.give_back();
        if !unsettled.is_ask() {
            return self.settle_tell(unsettled, fate);
        }
        let outcome = match fate {
            Fate::Answered(outcome) => {
                // Kept before the caller hears of it: a caller that loses the answer and asks again finds it.
                if let Some(first_try) = unsettled.take_first_try() {
                    first_try.settle(&outcome);
                }
                outcome
            }
            Fate::Refused(error) => Err(error),
            Fate::Dropped => Err(self.full_error().into()),
            Fate::CutOff { exit, recoverable } => Err(cut_off_error(unsettled.message(), &exit, recoverable)),
            Fate::Abandoned => return,
        };
        unsettled.take_reply().send(outcome);
    }

    fn settle_tell(&self, unsettled: &Unsettled, fate: Fate) {
        let reason = match fate {
            Fate::Answered(Ok(_)) | Fate::Abandoned => return,
            Fate::Answered(Err(error)) => {
                self.count(Event::TellFailed);
                error.to_string()
            }
            Fate::Refused(error) => error.to_string(),
            Fate::Dropped => "the mailbox was full".to_owned(),
            Fate::CutOff { exit, .. } => format!("cut off: the actor {}", exit.report()),
        };
        self.bury(unsettled.share_message(), unsettled.sender().actor(), reason);
    }
}
