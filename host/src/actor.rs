//! One actor: a mailbox, a run loop that owns its lives, and references to talk to it.
//!
//! Knows nothing of WebAssembly: what runs in a life is a [`behavior::Behavior`]. A failure in a life ends
//! that life alone.

pub mod behavior;
pub mod desk;
pub mod lifecycle;
pub mod reference;
pub mod request;
pub mod run;
pub mod waits;
pub mod watch;

mod batch;
mod between;
mod burst;
mod core;
mod dead_letters;
mod envelope;
mod idleness;
mod local;
mod schedule;
mod seat;
mod signals;
mod slices;
mod slot;

#[cfg(test)]
mod tests;

pub use self::batch::BatchPool;
pub use self::core::Spawn;
pub use self::dead_letters::DeadLetter;
