//! Runs actors written in any language, each in its own WebAssembly sandbox.
//!
//! A [`Host`] runs actors; an [`ActorRef`] talks to one. Everything that a program needs is here at the root; `config`,
//! `gateway` and `cli` are for programs that serve actors as `pulsing-host run` does. The rooms behind it, and the layers
//! they are in, are in `ARCHITECTURE.md`.
//!
//! ```no_run
//! use pulsing_host::{ActorName, ActorSpec, ComponentSource, Host};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let host = Host::builder().build()?;
//! let component = ComponentSource::File("counter.wasm".into());
//! let counter = host.spawn(ActorSpec::new(ActorName::new("counter")?, component)).await?;
//! let value: i64 = counter.ask("increment", &serde_json::json!({"n": 5})).await?;
//! host.shutdown().await;
//! # Ok(())
//! # }
//! ```

pub mod cli;
pub mod config;
pub mod gateway;
#[doc(hidden)]
pub mod internals;

mod actor;
mod backoff;
mod budget;
mod call;
mod delivery;
mod description;
mod dispatch;
mod engine;
mod execution;
mod exit;
mod files;
mod grants;
mod host;
mod id;
mod instance;
mod journal;
mod lifecycle;
mod limits;
mod mailbox;
mod observe;
mod policy;
mod registry;
mod stream;
mod supervision;
mod text;
mod wait_graph;
mod wire;

pub use self::call::{WhenFull, WhenRestarting};
pub use self::delivery::{
    ActorRef, ActorSnapshot, Ask, ControlError, Open, Request, Retry, SendOptions, Tell, new_key,
};
pub use self::description::{Description, DescriptionError};
pub use self::engine::{
    BuildError, COMPILED_ENDING, CodeOrigin, CompilerEnd, ComponentSource, EPOCH_TICK, LoadError,
    compile_ahead,
};
pub use self::exit::{ExitReason, MemoryRefused, OperatorText, Overdue, StartFailure};
pub use self::files::HostFile;
pub use self::grants::http::HttpGrant;
pub use self::grants::{Caller, Callers, DirGrant, Grants, Need, PageOrigin, PageOriginError};
pub use self::host::{ActorSpec, Host, HostBuilder, Import, Report, SpawnError};
pub use self::id::escape;
pub use self::id::{ActorId, ActorName, Generation, InvalidActorId, InvalidKey, InvalidName, Key, KeyFault};
pub use self::lifecycle::{LifeEnd, Missed, State, Status, Watch};
pub use self::limits::{CompileLimits, HostLimits, Limits, Overflow};
pub use self::mailbox::DeadLetter;
pub use self::observe::Counted;
pub use self::policy::{RestartPolicy, RestartSettings, RestartWish};
pub use self::registry::Registry;
pub use self::stream::{Batch, Item, StreamReader};
pub use self::wait_graph::Origin;
pub use self::wire::{
    ActorError, CallError, Context, ContextError, Encoding, Lane, Message, Method, MethodKind, Payload,
    RuntimeError, RuntimeErrorKind,
};
