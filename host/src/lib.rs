//! Runs actors written in any language, each in its own WebAssembly sandbox.
//!
//! The layers, lowest first; a room uses its own layer and lower ones. See `ARCHITECTURE.md`.
//!
//! | layer | rooms |
//! |---|---|
//! | words | [`id`], [`message`], [`error`], [`exit`], [`limits`], [`grants`], [`policy`], [`config`], [`description`], [`observe`], [`text`] |
//! | mechanism | [`budget`], [`mailbox`], [`stream`], [`restart`], [`retry`], [`reply_cache`], [`quarantine`], [`registry`], [`actor`] |
//! | wasm | [`engine`], [`instance`] |
//! | edges | [`gateway`] |
//! | root | [`host`] |
//!
//! ```no_run
//! use pulsing_host::engine::ComponentSource;
//! use pulsing_host::host::{ActorSpec, Host};
//! use pulsing_host::id::ActorName;
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

pub mod actor;
pub mod backoff;
pub mod budget;
pub mod call;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod description;
pub mod dispatch;
pub mod engine;
pub mod error;
pub mod execution;
pub mod exit;
#[doc(hidden)]
pub mod fuzzing;
pub mod gateway;
pub mod grants;
pub mod host;
pub mod id;
pub mod instance;
pub mod lane;
pub mod lifecycle;
pub mod limits;
pub mod mailbox;
pub mod message;
pub mod observe;
pub mod policy;
pub mod registry;
pub mod stream;
pub mod supervision;
pub mod text;
pub mod wait_graph;

pub use self::call::{WhenFull, WhenRestarting};
pub use self::delivery::{ActorRef, ActorSnapshot, ControlError, Retry, SendOptions};
pub use self::host::{ActorSpec, Host, HostBuilder, SpawnError};
pub use self::id::{ActorId, ActorName, Key};
pub use self::lane::Lane;
pub use self::lifecycle::{LifeEnd, Missed, State, Status, Watch};
