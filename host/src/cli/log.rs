//! The host's log, on stderr.
//!
//! Written by a thread of its own: whoever reads it slowly, or not at all, holds up no actor. [`queue`] has its bounds.
//! [`text_format`] is the form for people; in JSON, a stranger's text is a string.

mod queue;
mod text_format;

use std::io::{self, Write};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::json;
use tracing::Metadata;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use self::queue::{Guard, Kind, Lost, Queue};
use self::text_format::TextFormat;
use crate::cli::failure::Failure;

/// What is logged of libraries: what is amiss. Those that take what guests hand over are silent about that: it has no
/// account, and the guest is told.
const LIBRARIES: &str = "warn,wasmtime_wasi=error,wasmtime_wasi_http=error,wasmtime_wasi_io=error";
/// What is logged if nobody says: the host's news and its guests' output, and of libraries what is amiss.
const DEFAULT_LEVEL: &str = "info";

/// Where the host's own lines come from.
const HOST: &str = "pulsing_host";
/// Where those of them come from that actors and clients cause, beside what guests write.
const JOURNAL: &str = "pulsing_host::journal";

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

/// The filter that a level stands for.
fn of_level(level: &str) -> String {
    format!("{LIBRARIES},pulsing_host={level},guest={level}")
}

impl LogArgs {
    /// Sets up the process's log. Only the program does this: a library's user has a log of their own. What waits is
    /// written when the answered guard is dropped, within about a second.
    pub(super) fn install(&self) -> Result<Guard, Failure> {
        let given = self.log_level.as_deref().unwrap_or(DEFAULT_LEVEL);
        let is_level = given.chars().all(char::is_alphabetic);
        let filter = if is_level { of_level(given) } else { given.to_owned() };
        let filter = EnvFilter::try_new(&filter).map_err(|error| {
            Failure::usage(format!(
                "--log-level {given} (or PULSING_LOG): {error}; give error, warn, info, debug, trace, off, or a filter such as \
                 pulsing_host=debug,guest=warn"
            ))
        })?;
        let started = Queue::start(self.log_format, io::stderr());
        let (queue, guard) = started.map_err(|error| Failure::system(format!("cannot log: {error}")))?;
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Writer(queue));
        // It would say so on stderr, and panic if nobody reads that.
        let log = log.log_internal_errors(false);
        let installed = match self.log_format {
            LogFormat::Text => {
                let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
                log.with_ansi(colours).event_format(TextFormat).try_init()
            }
            LogFormat::Json => log.json().try_init(),
        };
        installed.map_err(|error| Failure::system(format!("cannot log: {error}")))?;
        Ok(guard)
    }
}

impl LogFormat {
    /// The line that says what was lost.
    fn lost(self, lost: Lost) -> String {
        const MESSAGE: &str = "lines were lost: they came faster than they were read";
        let (time, Lost { host, caused }) = (text_format::time().to_string(), lost);
        match self {
            Self::Text => format!("{time}  WARN {}: {MESSAGE} host={host} caused={caused}\n", module_path!()),
            Self::Json => {
                let fields = json!({ "message": MESSAGE, "host": host, "caused": caused });
                let target = module_path!();
                let line = json!({ "timestamp": time, "level": "WARN", "fields": fields, "target": target });
                format!("{line}\n")
            }
        }
    }
}

/// Puts lines into the queue.
struct Writer(Arc<Queue>);

/// Puts one line into the queue.
struct LineWriter {
    queue: Arc<Queue>,
    kind: Kind,
}

impl<'a> MakeWriter<'a> for Writer {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        LineWriter { queue: Arc::clone(&self.0), kind: Kind::Host }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> LineWriter {
        let target = metadata.target();
        // What libraries have to say is mostly about what they were given.
        let is_hosts = target.starts_with(HOST) && target != JOURNAL;
        let kind = if is_hosts { Kind::Host } else { Kind::Caused };
        LineWriter { queue: Arc::clone(&self.0), kind }
    }
}

impl Write for LineWriter {
    /// Takes a whole line: the subscriber hands over no less.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue.push(self.kind, line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::exit::{ExitReason, OperatorText};
    use crate::id::{ActorId, Generation};
    use crate::journal::{Entry, Journal, Next, Output};

    /// How many bytes one line takes in this format.
    fn written(format: LogFormat, write: impl FnOnce()) -> usize {
        let queue = Arc::new(Queue::default());
        let log = tracing_subscriber::fmt::layer().with_writer(Writer(Arc::clone(&queue))).with_ansi(false);
        let layer: Box<dyn tracing_subscriber::Layer<Registry> + Send + Sync> = match format {
            LogFormat::Text => Box::new(log.event_format(TextFormat)),
            LogFormat::Json => Box::new(log.json()),
        };
        tracing::subscriber::with_default(Registry::default().with(layer), || {
            let (verb, path) = ("x".repeat(20), "\"".repeat(200));
            let _entered = tracing::info_span!("request", verb, path, traceparent = "x".repeat(55)).entered();
            write();
        });
        queue.take_all().iter().map(Vec::len).sum()
    }

    #[test]
    fn a_line_costs_no_less_than_it_takes_in_the_log() {
        // Where there is one subscriber alone, tracing asks that of the thread which first comes to a line: of another test's
        // thread, nobody, and so the line would be off for all.
        let _second = tracing::Dispatch::new(Registry::default());
        let nasty = "\"\\ \u{1b}\u{e0041}\n= é".repeat(100);
        let name: ActorId = format!("{}:{}", "n".repeat(64), "\u{e000}\"\\".repeat(20)).parse().unwrap();
        let account = Journal::default().open(name.clone(), usize::MAX);
        let words = OperatorText::new(&nasty);
        let exit =
            ExitReason::Trapped { trap: "a trap", refused: None, words: words.clone(), backtrace: words };
        let generation = Generation(u64::MAX);
        for entry in [
            Entry::Output { output: Output::Stderr, text: "" },
            Entry::Output { output: Output::Stdout, text: &nasty },
            Entry::Running { generation },
            Entry::Ended {
                generation,
                exit: &exit,
                next: Next::Restart(Duration::from_nanos(123_456_789_101)),
            },
            Entry::Ended { generation, exit: &exit, next: Next::Fail },
            Entry::Ended { generation, exit: &ExitReason::Stopped, next: Next::Rest },
            Entry::DeadLetter { actor: &name, method: &nasty, reason: &nasty },
            Entry::Note { text: &nasty },
            Entry::Command { who: &nasty, scope: "control", verb: "POST", path: &nasty },
        ] {
            for format in [LogFormat::Text, LogFormat::Json] {
                let bytes = written(format, || account.write(entry));
                let charged = tracing::subscriber::with_default(Registry::default(), || {
                    let _entered = tracing::info_span!("request").entered();
                    account.charged(entry)
                });
                assert!(bytes > 0 && bytes <= charged, "{format:?}: {bytes} of {charged} for {entry:?}");
            }
        }
    }
}
