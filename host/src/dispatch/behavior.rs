//! The seam between an actor and what runs in it.
//!
//! The supervisor gives each life a [`LifeContext`], from which the life takes its work and to which it hands results.
//! Everything that does not depend on what runs (order, deadlines, answers, streams' buffers, restarts) is on this side
//! of the seam; a behavior only carries out one piece of work after another, or several at once.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::LifeContext;
use crate::exit::ExitReason;
use crate::id::{ActorId, CallId, Generation, StreamId};
use crate::wire::{ActorError, Lane, Message, Payload};

pub(crate) use crate::description::Description;

/// What runs in an actor. Tests have native ones; the host's are WebAssembly instances.
pub trait Behavior: Send + Sync + 'static {
    /// How the lives take their work.
    fn lane(&self) -> Lane;

    /// Whether callers may poll a life themselves: worth it where one poll mostly handles a message.
    fn may_run_inline(&self) -> bool {
        self.lane() == Lane::Serial
    }

    /// Lives one life: starts, says so with [`LifeContext::ready`], and works until there is [`Work::Stop`].
    ///
    /// A life that returns after it carried out [`Work::Stop`] answers [`ExitReason::Stopped`].
    ///
    /// # Cancel safety
    ///
    /// The supervisor drops the future to end a life by force. Nothing of the life may go on after that.
    fn live(&self, birth: Birth, context: LifeContext) -> BoxFuture<'_, ExitReason>;
}

/// What a life is told at its start.
#[derive(Debug, Clone)]
pub struct Birth {
    /// The actor.
    pub id: ActorId,
    /// Which life this is.
    pub generation: Generation,
    /// The actor's configuration.
    pub config: Payload,
}

/// One piece of work for a life.
#[derive(Debug)]
pub enum Work {
    /// Run a handler and hand in what it answers: [`LifeContext::handled`].
    Ask(Job),
    /// Run a handler and hand in how it ended: [`LifeContext::told`].
    Tell(Job),
    /// Draw on an open stream: [`LifeContext::drawn`].
    Draw {
        /// The call that the stream answered.
        call: CallId,
        /// The guest's own number for it.
        stream: StreamId,
        /// The most items to draw; one or more.
        max_items: u32,
    },
    /// The stream's reader is gone: close it, and say so with [`LifeContext::closed`].
    Close {
        /// The call that the stream answered.
        call: CallId,
        /// The guest's own number for it.
        stream: StreamId,
    },
    /// Come to where nothing of the actor is on the stack, say so with [`LifeContext::rests`], and go on from there.
    Leave,
    /// Stop in good order. No work comes after it.
    Stop,
}

/// A message that a handler is to run on.
#[derive(Debug)]
pub struct Job {
    /// The call that begins.
    pub call: CallId,
    /// What the sender wrote.
    pub message: Arc<Message>,
    /// What is left of the caller's time; none where nobody waits.
    pub remaining: Option<Duration>,
}

/// What a handler answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// One value.
    Value(Payload),
    /// A stream, drawn on from now on.
    Stream(StreamId),
}

/// What a draw on a stream brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// In order.
    pub items: Vec<Payload>,
    /// The stream has ended with these.
    pub done: bool,
}

/// How a draw ends.
pub(crate) type DrawResult = Result<Drawn, ActorError>;
