//! What a sender holds to reach an actor, wherever the actor is.
//!
//! | part | is |
//! |---|---|
//! | [`ActorRef`] | what a sender holds: asks, tells, streams, control |
//! | [`Port`] | the way to one actor: in this process, or on another machine |
//! | [`Directory`] | finds the port of a name, perhaps only after a while |
//! | `admission` | who may send to whom: the grants `from` and `ask`, checked here and nowhere else |
//!
//! A reference stays good over restarts of its actor. Bounds: a look-up that takes a while keeps `LINE_MAX` messages.

mod admission;
mod directory;
mod lookup;
mod port;
mod reference;
mod request;
mod retry;
mod sent;
#[cfg(test)]
pub(crate) mod slow;
mod waiting;

pub(crate) use self::admission::{Peers, admit};
pub(crate) use self::directory::{Directory, Lookup};
pub use self::port::ActorSnapshot;
pub(crate) use self::port::{Call, Command, Done, PendingCall, Port, Profile, Seen, Told, View};
pub use self::reference::{ActorRef, ControlError, SendOptions};
pub use self::request::{Ask, Open, Request, Tell};
pub use self::retry::{Retry, new_key};
pub(crate) use self::sent::SentCall;
