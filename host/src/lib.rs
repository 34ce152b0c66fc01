//! Runs actors written in any language, each in its own WebAssembly sandbox.
//!
//! The layers, lowest first; a room uses its own layer and lower ones. See `ARCHITECTURE.md`.
//!
//! | layer | rooms |
//! |---|---|
//! | words | [`id`], [`message`], [`error`], [`exit`], [`limits`], [`observe`] |
//! | mechanism | [`mailbox`], [`stream`], [`restart`], [`registry`], [`actor`] |

pub mod actor;
pub mod engine;
pub mod error;
pub mod exit;
pub mod grants;
pub mod host;
pub mod id;
pub mod instance;
pub mod limits;
pub mod mailbox;
pub mod message;
pub mod observe;
pub mod registry;
pub mod restart;
pub mod stream;
pub mod text;
