//! The host's log, on stderr.
//!
//! Written by a thread of its own: whoever reads it slowly, or not at all, holds up no actor. Bounded by
//! [`LINES_WAITING_MAX`]; lines over that are lost.

use clap::{Args, ValueEnum};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::cli::failure::Failure;

/// What is logged if nobody says: the host's news and its guests' output, and of libraries what is amiss.
const DEFAULT_FILTER: &str = "warn,pulsing_host=info,guest=info";

/// How many lines wait to be written.
const LINES_WAITING_MAX: usize = 4096;

#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// What is logged: error, warn, info, debug, or a filter such as `pulsing_host=debug,guest=warn`.
    #[arg(long, value_name = "FILTER", env = "PULSING_LOG")]
    log_level: Option<String>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogArgs {
    /// Sets up the process's log. Only the program does this: a library's user has a log of their own. What waits is
    /// written when the answered guard is dropped, within about a second.
    pub(super) fn install(&self) -> Result<WorkerGuard, Failure> {
        let filter = match self.log_level.as_deref() {
            None => DEFAULT_FILTER.to_owned(),
            Some(level) if level.chars().all(char::is_alphabetic) => {
                format!("warn,pulsing_host={level},guest={level}")
            }
            Some(filter) => filter.to_owned(),
        };
        let filter = EnvFilter::try_new(&filter)
            .map_err(|error| Failure::usage(format!("--log-level {filter}: {error}")))?;
        let (writer, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES_WAITING_MAX)
            .lossy(true)
            .thread_name("pulsing-log")
            .finish(std::io::stderr());
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
        // It would say so on stderr, and panic if nobody reads that.
        let log = log.log_internal_errors(false);
        let installed = match self.log_format {
            LogFormat::Text => {
                let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
                log.with_ansi(colours).compact().try_init()
            }
            LogFormat::Json => log.json().try_init(),
        };
        installed.map_err(|error| Failure::system(format!("cannot log: {error}")))?;
        Ok(guard)
    }
}
