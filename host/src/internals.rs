//! Doors for `fuzz/` and `bench/` to what is behind the public surface: what reads the words of strangers, native actors,
//! and the engine alone.
//!
//! No part of what this crate promises: it may change with any commit.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::http::uri::Scheme;
use tokio::io::{AsyncRead, AsyncWrite};

pub use crate::actor::Spawn;
use crate::config::{ConfigError, HostConfig};
pub use crate::description::{DESCRIPTION_MAX_BYTES, METHODS_MAX};
pub use crate::dispatch::{Behavior, Birth, Drawn, Job, LifeContext, Reply, Work};
pub use crate::engine::{Engines, Measure, World, load, measure};
pub use crate::grants::http::{Denied, Reach, reach};
pub use crate::id::{CallId, StreamId};
pub use crate::instance::{Program, Programs};
pub use crate::wire::METHOD_MAX_BYTES;

use crate::gateway::keyring::Keyring;
use crate::grants::PageOrigin;
use crate::registry::Registry;

/// Reads the text of a configuration file.
///
/// # Errors
///
/// As of [`HostConfig::read`].
pub fn config(text: &str) -> Result<HostConfig, ConfigError> {
    HostConfig::parse(text, Path::new("host.toml"))
}

/// Reads the words of a command line, the first of which is the program's name.
///
/// # Errors
///
/// What a person is told.
pub fn command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<(), String> {
    crate::cli::understand(words).map_err(|error| error.to_string())
}

/// Reads a stream's events that come in these pieces: of each, its name, number and data. None once it is refused.
pub fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<(String, Option<u64>, String)>> {
    crate::cli::events(pieces)
}

/// What answers requests, without a socket.
pub fn router(registry: Arc<Registry>, tokens: Option<Keyring>, origins: Vec<PageOrigin>) -> Router {
    crate::gateway::router(registry, tokens, Scheme::HTTP, origins)
}

/// Serves one connection, to its end.
///
/// # Cancel safety
///
/// Dropping the future closes it.
pub async fn connection(stream: impl AsyncRead + AsyncWrite + 'static, router: Router) {
    crate::gateway::connection(stream, router).await;
}
