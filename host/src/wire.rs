//! What crosses every wire: messages and their payloads, errors with their classes, and how an actor's handlers share its
//! instance.
//!
//! Words alone: nothing here waits or reaches anybody. HTTP's form of an error is in
//! [`gateway::problem`](crate::gateway::problem), the guests' in `instance/convert`.

mod error;
mod lane;
mod message;

pub(crate) use self::error::nearest;
pub use self::error::{ActorError, CallError, RuntimeError, RuntimeErrorKind};
pub use self::lane::Lane;
pub use self::message::{
    Context, ContextError, Encoding, METHOD_MAX_BYTES, Message, Method, MethodKind, Payload,
};
