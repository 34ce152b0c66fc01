//! Why a verb failed: one line for a person, and an exit code for a script.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use super::exit_code;
use crate::engine::{BuildError, CompilerEnd, LoadError};
use crate::gateway::problem::Refusal;
use crate::text::printable;
use crate::wire::{ActorError, CallError};

/// How much of a message is shown: guests may write books.
const SHOWN_MAX_CHARS: usize = 2000;

/// Why a verb failed.
#[derive(Debug)]
pub(super) struct Failure {
    exit_code: u8,
    /// None where there is nothing to say: whoever read our output has gone.
    line: Option<String>,
}

impl Failure {
    fn new(exit_code: u8, line: impl Into<String>) -> Self {
        Self { exit_code, line: Some(line.into()) }
    }

    pub(super) fn usage(line: impl fmt::Display) -> Self {
        Self::new(exit_code::USAGE, line.to_string())
    }

    pub(super) fn system(line: impl fmt::Display) -> Self {
        Self::new(exit_code::SYSTEM, line.to_string())
    }

    pub(super) fn timeout(line: impl fmt::Display) -> Self {
        Self::new(exit_code::TIMEOUT, line.to_string())
    }

    pub(super) fn unreachable(line: impl fmt::Display) -> Self {
        Self::new(exit_code::UNREACHABLE, line.to_string())
    }

    /// What it says, for where it does not end the program.
    pub(super) fn told(self) -> String {
        self.line.unwrap_or_default()
    }

    /// Says it, and returns the code to exit with.
    pub(super) fn report(self) -> ExitCode {
        if let Some(line) = self.line {
            // Whoever does not read it sees the exit code.
            drop(writeln!(io::stderr(), "error: {}", printable(&line, SHOWN_MAX_CHARS)));
        }
        ExitCode::from(self.exit_code)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let exit_code = match &error {
            CallError::Actor(ActorError::Business { .. }) => exit_code::BUSINESS,
            CallError::Actor(ActorError::System { .. }) => exit_code::SYSTEM,
            CallError::Actor(ActorError::Timeout { .. }) => exit_code::TIMEOUT,
            CallError::Actor(ActorError::Unsupported { .. }) => exit_code::UNSUPPORTED,
            CallError::Actor(ActorError::Cancelled) => exit_code::CANCELLED,
            CallError::Runtime(_) => exit_code::RUNTIME,
        };
        let details = match &error {
            CallError::Actor(ActorError::Business { details: Some(details), .. }) => {
                format!("; details: {details}")
            }
            CallError::Actor(_) | CallError::Runtime(_) => String::new(),
        };
        Self::new(exit_code, format!("{error}{details}"))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Call(error) => error.into(),
            Refusal::Request { status, message } if status.is_server_error() => {
                Self::new(exit_code::RUNTIME, message)
            }
            Refusal::Request { message, .. } => Self::usage(message),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let hint = match &error {
            LoadError::Untrusted { .. } => "; where you compiled it yourself, run it with --trust-compiled",
            LoadError::Uncompiled { end: CompilerEnd::Memory(_), .. } => "; --compile-memory-max sets that",
            LoadError::Uncompiled { end: CompilerEnd::Time(_) | CompilerEnd::Processor(_), .. } => {
                "; --compile-time-max sets that"
            }
            _no_flag_helps => "",
        };
        Self::new(exit_code::REFUSED, format!("{error}{hint}"))
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::system(error)
    }
}

/// Of writing to stdout.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // As of `| head -1`: whoever reads has enough, and that is well.
            io::ErrorKind::BrokenPipe => Self { exit_code: exit_code::OK, line: None },
            _ => Self::system(format!("cannot write to stdout: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_is_not_trusted_is_refused_with_the_flag_that_trusts_it() {
        let failure = Failure::from(LoadError::Untrusted { name: "a.compiled".into() });
        assert_eq!(failure.exit_code, exit_code::REFUSED);
        let line = failure.line.unwrap();
        assert!(
            line.contains("does not trust any") && line.contains("run it with --trust-compiled"),
            "{line}"
        );
    }
}
