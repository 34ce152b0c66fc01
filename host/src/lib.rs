//! Runs actors written in any language, each in its own WebAssembly sandbox.
//!
//! The layers, lowest first; a room uses its own layer and lower ones. See `ARCHITECTURE.md`.
//!
//! | layer | rooms |
//! |---|---|
//! | words | [`id`], [`message`], [`error`], [`exit`], [`limits`], [`observe`] |
//! | mechanism | [`mailbox`], [`stream`], [`restart`], [`registry`], [`actor`] |

pub mod actor;
pub mod error;
pub mod exit;
pub mod id;
pub mod limits;
pub mod mailbox;
pub mod message;
pub mod observe;
pub mod registry;
pub mod restart;
pub mod stream;
