//! The command line: one host (`run`), and its clients (all other verbs).
//!
//! Results go to stdout, as JSON where they are data; errors and logs to stderr. The exit code says the class
//! of an error: [`exit_code`]. `docs/cli.md` is the surface, for people.

mod arguments;
mod build;
mod check;
mod client;
mod compile;
mod compiler;
mod embedded;
mod event_stream;
pub mod exit_code;
mod failure;
mod log;
mod new;
mod output;
mod project;
mod run;
mod token;
mod verbs;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::failure::Failure;
use crate::engine::{BuildError, COMPILER_VERB};
use crate::host::{Host, HostBuilder};

/// Runs actors written in any language, each in its own WebAssembly sandbox.
#[derive(Debug, Parser)]
#[command(name = "pulsing-host", version, max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Verb(Verb),
    /// What this program starts itself with, to compile one component: not for people.
    #[command(name = COMPILER_VERB, hide = true)]
    Compiler(compiler::ServeArgs),
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a host with these actors, until it is stopped.
    Run(Box<run::RunArgs>),
    /// Ask an actor, and print its answer.
    Ask(verbs::AskArgs),
    /// Put a message into an actor's mailbox, and do not wait for more.
    Tell(verbs::TellArgs),
    /// Print the items of an actor's stream as they come, one a line.
    Stream(verbs::StreamArgs),
    /// List the actors.
    Ls(verbs::LsArgs),
    /// Print all that is known of an actor.
    Inspect(verbs::ActorArgs),
    /// Stop an actor in good order.
    Stop(verbs::ActorArgs),
    /// Start an actor's next life, also after it has stopped or failed.
    Restart(verbs::ActorArgs),
    /// Print an actor's last messages that came to nothing.
    DeadLetters(verbs::DeadLettersArgs),
    /// Make, list and remove the tokens that let clients in.
    Token(token::TokenArgs),
    /// Say what a component is and what it asks of a host, or why it cannot run.
    Check(check::CheckArgs),
    /// Begin a project: an actor to change, with its SDK.
    New(new::NewArgs),
    /// Build the actor of a project.
    Build(build::BuildArgs),
    /// Compile a component ahead, for hosts that are to start at once.
    Compile(compile::CompileArgs),
}

/// Which host a client speaks to.
#[derive(Debug, Args)]
struct HostArgs {
    /// Where the host listens.
    #[arg(long, value_name = "URL", env = "PULSING_HOST", default_value = "http://127.0.0.1:7433")]
    host: String,
    /// A file with the token that the host wants to be shown.
    #[arg(long, value_name = "FILE", env = "PULSING_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// A file with the certificates that vouch for the host's, PEM; those of the system, if this is not given.
    #[arg(long, value_name = "FILE", env = "PULSING_CA_CERT")]
    ca_cert: Option<PathBuf>,
}

/// Where compiled code is kept.
#[derive(Debug, Clone, Args)]
struct CacheArgs {
    /// The folder for compiled code; that of the user's other caches, if this is not given.
    #[arg(long, value_name = "DIR", env = "PULSING_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
}

impl CacheArgs {
    /// A host that keeps its compiled code there, and compiles with this program. Where nobody named a folder and the user's
    /// cannot be used, it keeps none: it starts slower, and that is all.
    fn host(&self, builder: HostBuilder) -> Result<Host, BuildError> {
        let builder = builder.compiler(compiler::own_program()?);
        if let Some(dir) = &self.cache_dir {
            return builder.cache_dir(dir).build();
        }
        let Some(dirs) = directories::ProjectDirs::from("", "", "pulsing-host") else {
            return builder.build();
        };
        match builder.clone().cache_dir(dirs.cache_dir()).build() {
            Err(error @ BuildError::Cache { .. }) => {
                tracing::warn!("{error}");
                builder.build()
            }
            host => host,
        }
    }
}

/// Runs the program, and answers its exit code.
#[must_use]
pub fn main() -> ExitCode {
    // Wrong usage is answered by clap, with its own exit code 2: see `exit_code::USAGE`.
    let matches = without_empty_variables(CommandLine::command()).get_matches();
    let line = CommandLine::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let verb = match line.command {
        Command::Verb(verb) => verb,
        // Before there is anything that it would have to close, or to share its limits with.
        Command::Compiler(args) => return compiler::serve(&args),
    };
    let done = runtime(&verb).and_then(|runtime| {
        let done = runtime.block_on(carry_out(verb));
        // Nobody waits for a compilation that is not wanted any more.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// A variable that is set to nothing is as one that is not set: that is how scripts and unit files take one away.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty =
        |arg: &clap::Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg })
        .mut_subcommands(without_empty_variables)
}

/// Reads a command line, and does nothing.
pub(crate) fn understand<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<(), clap::Error> {
    CommandLine::try_parse_from(words).map(drop)
}

/// Reads a stream's events that come in these pieces: of each, its name, number and data. None once it is refused.
pub(crate) fn events<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Option<Vec<(String, Option<u64>, String)>> {
    let mut reader = event_stream::EventReader::default();
    let events = pieces.into_iter().map(|piece| reader.push(piece).ok()).collect::<Option<Vec<_>>>()?;
    Some(events.into_iter().flatten().map(|event| (event.name, event.id, event.data)).collect())
}

/// A host uses all cores; a client needs one thread.
fn runtime(verb: &Verb) -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = match verb {
        Verb::Run(_) | Verb::Check(_) | Verb::Compile(_) => tokio::runtime::Builder::new_multi_thread(),
        _client => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build().map_err(|error| Failure::system(format!("cannot start: {error}")))
}

async fn carry_out(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Run(args) => run::run(*args).await,
        Verb::Ask(args) => verbs::ask(args).await,
        Verb::Tell(args) => verbs::tell(args).await,
        Verb::Stream(args) => verbs::stream(args).await,
        Verb::Ls(args) => verbs::ls(args).await,
        Verb::Inspect(args) => verbs::inspect(args).await,
        Verb::Stop(args) => verbs::stop(args).await,
        Verb::Restart(args) => verbs::restart(args).await,
        Verb::DeadLetters(args) => verbs::dead_letters(args).await,
        Verb::Token(args) => token::token(args),
        Verb::Check(args) => check::check(args).await,
        Verb::New(args) => new::new(&args),
        Verb::Build(args) => build::build(args),
        Verb::Compile(args) => compile::compile(args).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }
}
