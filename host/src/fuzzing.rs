//! Doors for the targets in `fuzz/` to what reads the words of strangers behind the public surface.
//!
//! No part of what this crate promises: it may change with any commit.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::{ConfigError, HostConfig};
use crate::gateway::token::Token;
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
pub fn router(registry: Arc<Registry>, token: Option<Token>) -> Router {
    crate::gateway::router(registry, token)
}

/// Serves one connection, to its end.
///
/// # Cancel safety
///
/// Dropping the future closes it.
pub async fn connection(stream: impl AsyncRead + AsyncWrite + 'static, router: Router) {
    crate::gateway::connection(stream, router).await;
}
