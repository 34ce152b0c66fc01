//! The configuration file of a host: TOML, checked whole before anything starts.
//!
//! ```toml
//! listen = "127.0.0.1:7433"
//! limits = { memory_max = "4GiB", actors = 100 }   # of all actors together
//!
//! [actors.counter]
//! component = "counter.wasm"          # seen from this file
//! config = { first = 10 }             # what its start is given
//! restart = { policy = "always", max_restarts = 3 }
//! limits = { memory_max = "64MiB", ask_timeout = "5s" }
//! grants = { ask = ["log"], dirs = ["./data::/data:ro"], env = { MODE = "test" } }
//! ```

pub(crate) mod listen;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use serde::Deserialize;
use thiserror::Error;

use crate::files;
use crate::grants::{Grants, PageOrigin};
use crate::id::ActorName;
use crate::limits::{HostLimits, Limits};
use crate::policy::RestartSettings;
use crate::text::one_line;

/// The most bytes that a configuration file has.
const FILE_MAX_BYTES: u64 = 1 << 20;
/// How much is said of what is wrong: enough for every key that there could be instead.
const MESSAGE_MAX_CHARS: usize = 1000;

/// What a configuration file says.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostConfig {
    /// Where the gateway listens.
    #[serde(deserialize_with = "listen::de_maybe_listen")]
    pub listen: Option<SocketAddr>,
    /// The file with the hashes of the tokens that clients show.
    pub tokens: Option<PathBuf>,
    /// The file with the one token that clients show.
    pub token_file: Option<PathBuf>,
    /// The file with the certificate of the gateway.
    pub tls_cert: Option<PathBuf>,
    /// The file with its private key.
    pub tls_key: Option<PathBuf>,
    /// Whose pages in browsers may send requests and read the answers.
    pub origins: Vec<PageOrigin>,
    /// How many requests the gateway serves at once.
    pub connections_max: Option<NonZeroUsize>,
    /// The most bytes that the gateway keeps for its clients.
    pub http_memory_max: Option<ByteSize>,
    /// The ceilings for all actors together.
    pub limits: HostLimits,
    /// The actors, by name.
    pub actors: BTreeMap<ActorName, ActorConfig>,
}

/// What a configuration file says of an actor.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActorConfig {
    /// The file with its component.
    pub component: PathBuf,
    /// What its `start` is given, as JSON.
    #[serde(default)]
    pub config: Option<toml::Value>,
    /// How it is restarted.
    #[serde(default)]
    pub restart: RestartSettings,
    /// Its ceilings.
    #[serde(default)]
    pub limits: Limits,
    /// What it may reach.
    #[serde(default)]
    pub grants: Grants,
}

/// What is wrong with a configuration file. One line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{}: cannot be read: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        error: String,
    },
    /// It is no TOML, or says what cannot be said.
    #[error("{}:{line}: {message}", file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What and what instead.
        message: String,
    },
}

impl HostConfig {
    /// Reads a file. The paths in it are seen from its folder.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the file, the line and what is wrong.
    ///
    /// # Blocking
    ///
    /// Reads the file.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let unreadable = |error: String| ConfigError::Unreadable { file: file.to_owned(), error };
        let text = files::read_text(file, FILE_MAX_BYTES).map_err(|error| unreadable(error.to_string()))?;
        Self::parse(&text, file)
    }

    pub(crate) fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let message =
                one_line(error.message(), MESSAGE_MAX_CHARS).replacen("unknown field", "unknown key", 1);
            ConfigError::Wrong { file: file.to_owned(), line, message }
        })?;
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        let HostConfig { tokens, token_file, tls_cert, tls_key, .. } = &mut config;
        for path in [tokens, token_file, tls_cert, tls_key].into_iter().flatten() {
            *path = folder.join(&path);
        }
        for actor in config.actors.values_mut() {
            // A URL is refused as such, where components are read.
            if !files::is_url(&actor.component) {
                actor.component = folder.join(&actor.component);
            }
            for dir in &mut actor.grants.dirs {
                dir.host = folder.join(&dir.host);
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::RestartPolicy;

    fn parse(text: &str) -> Result<HostConfig, String> {
        HostConfig::parse(text, Path::new("etc/host.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_can_be_set() {
        let config = parse(
            r#"
            listen = "127.0.0.1:1"
            token_file = "token"
            origins = ["http://localhost:3000", "https://APP.example/"]
            connections_max = 100
            http_memory_max = "64MiB"
            tokens = "/etc/tokens.toml"
            tls_cert = "cert.pem"
            tls_key = "../key.pem"
            limits = { memory_max = "4GiB", actors = 100 }
            [actors.counter]
            component = "counter.wasm"
            config = { first = 10 }
            restart = { policy = "always", max_restarts = 3, window = "10s" }
            [actors.counter.limits]
            memory_max = "64MiB"
            ask_timeout = "5s"
            overflow = "drop-oldest"
            [actors.counter.grants]
            ask = ["log"]
            dirs = ["data::/data:ro"]
            env = { MODE = "test" }
            from = ["front", "@http"]
            "#,
        )
        .unwrap();
        let actor = &config.actors["counter"];
        assert_eq!(actor.component, Path::new("etc/counter.wasm"));
        assert_eq!(actor.grants.dirs[0].host, Path::new("etc/data"));
        assert_eq!(actor.grants.from.0.len(), 2);
        assert_eq!(actor.restart.policy, RestartPolicy::Always);
        assert_eq!(actor.limits.memory_max, ByteSize::mib(64));
        assert_eq!(actor.limits.ask_timeout, Duration::from_secs(5));
        assert_eq!((config.limits.memory_max_bytes(), config.limits.actors_max()), (4 << 30, 100));
        let origins: Vec<_> = config.origins.iter().map(PageOrigin::as_str).collect();
        assert_eq!(origins, ["http://localhost:3000", "https://app.example"]);
        assert_eq!(config.connections_max.map(NonZeroUsize::get), Some(100));
        assert_eq!(config.http_memory_max, Some(ByteSize::mib(64)));
        let files = [config.token_file, config.tokens, config.tls_cert, config.tls_key];
        let seen = ["etc/token", "/etc/tokens.toml", "etc/cert.pem", "etc/../key.pem"];
        assert_eq!(files, seen.map(|path| Some(path.into())));
    }

    #[test]
    fn a_number_is_seconds_bytes_or_a_port() {
        let text = r#"
            listen = 7433
            [actors.a]
            component = "a.wasm"
            restart = { min_backoff = 0.2, max_backoff = 5, window = 0.5 }
            limits = { ask_timeout = 1.5, stop_timeout = 2, passivate_after = 60, memory_max = 1048576 }
            "#;
        let config = parse(text).unwrap();
        assert_eq!(config.listen, Some("127.0.0.1:7433".parse().unwrap()));
        let actor = &config.actors["a"];
        let millis = Duration::from_millis;
        assert_eq!(actor.restart.min_backoff, Some(millis(200)));
        assert_eq!((actor.restart.max_backoff, actor.restart.window), (millis(5000), millis(500)));
        assert_eq!((actor.limits.ask_timeout, actor.limits.stop_timeout), (millis(1500), millis(2000)));
        assert_eq!(actor.limits.passivate_after, Some(millis(60_000)));
        assert_eq!(actor.limits.memory_max, ByteSize::mib(1));
        assert_eq!(parse("listen = \":0\"").unwrap().listen, Some("127.0.0.1:0".parse().unwrap()));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = parse("listen = \"127.0.0.1:1\"\n\n[actors.a]\ncomponent = \"a.wasm\"\nmemory = 5\n");
        let error = error.unwrap_err();
        assert!(error.starts_with("etc/host.toml:5: unknown key `memory`, expected one of"), "{error}");
        let error = parse("[actors.a]\ncomponent = \"a\"\n[actors.a.limits]\nmailbox = 1\n").unwrap_err();
        assert!(error.starts_with("etc/host.toml:4: unknown key `mailbox`"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_line() {
        for (text, line) in [
            ("listen = true", 1),
            ("listen = 65536", 1),
            ("limits = { memory_max = 0 }", 1),
            ("limits = { compile_time_max = 0 }", 1),
            ("[actors.a]\ncomponent = \"x\"\nlimits = { ask_timeout = \"0s\" }", 3),
            ("[actors.a]\ncomponent = \"x\"\nlimits = { start_timeout = 0 }", 3),
            ("[actors.a]\ncomponent = \"x\"\nlimits = { memory_max = \"0MiB\" }", 3),
            ("[actors.a]\ncomponent = \"x\"\nrestart = { min_backoff = -0.2 }", 3),
            ("\nlisten = \"nowhere\"", 2),
            ("\norigins = [\"*\"]", 2),
            ("connections_max = 0", 1),
            ("[actors.\"a b\"]\ncomponent = \"x\"", 1),
            ("[actors.a]\ncomponent = \"x\"\nrestart = { max_restarts = -1 }", 3),
            ("[actors.a]\ncomponent = \"x\"\nlimits = { grace = \"soon\" }", 3),
            ("[actors.a]\n", 1),
            ("= 1", 1),
            ("\"\\u001b[2J\\r\" = 1", 1),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(&format!("etc/host.toml:{line}: ")), "{text}: {error}");
            assert!(!error.contains(char::is_control), "{error:?}");
        }
    }
}
