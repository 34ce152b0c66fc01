//! Write an actor for pulsing-host in Rust.
mod actor;
mod answer;
mod args;
mod bindings;
pub mod blocking;
mod call;
mod cancel;
mod config;
mod dedup;
mod describe;
mod error;
mod life;
mod nearest;
mod overlapping;
mod payload;
mod peer;
mod serial;
mod stream;
mod this;
mod wire;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use async_stream::{stream, try_stream};
pub use futures;
pub use futures::Stream;
pub use pulsing_guest_macros::actor;
pub use schemars;
pub use serde;
pub use serde_json;

pub use call::Call;
pub use dedup::Dedup;
pub use error::{Error, ErrorKind};
pub use life::Life;
pub use overlapping::sleep;
pub use payload::{Bytes, FromPayload, IntoPayload};
pub use peer::overlapping::{ActorRef, PeerStream};
pub use peer::{CallError, IntoArgs, RuntimeError, RuntimeErrorKind};
pub use this::This;
