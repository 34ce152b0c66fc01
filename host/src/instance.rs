//! Lives whose code is a WebAssembly component.
//!
//! One store for each life; a restart is a new store from the same linked component, so nothing of a life
//! survives it. A trap ends its life alone. The guest's memory, its host resources and what it hands over are
//! bounded by the actor's limits.

mod behavior;
mod bindings;
mod convert;
mod file_quota;
mod folders;
mod imports;
mod limiter;
mod log;
mod overlapping;
mod peer_streams;
mod pending_waits;
mod program;
mod resident;
mod serial;
mod shortage;
mod store;
mod trap;

pub(crate) use self::behavior::WasmBehavior;
pub(crate) use self::file_quota::{FileGrant, FileQuota};
pub(crate) use self::imports::http::Resolver;
pub(crate) use self::imports::need;
pub use self::program::{Program, Programs};
