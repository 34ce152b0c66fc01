//! Compiles a component in a process of its own, which has limits and is thrown away.
//!
//! What the compiler takes for bytes that a stranger chose cannot be told beforehand, beyond what `bounds` knows: it may
//! want all memory, never end, or meet a fault of its own. There it costs that process, and the component is refused with the
//! reason. The process has [`CompileLimits`], a low priority, no descriptors and no environment of its
//! parent's, ends with it, and writes nothing but its reply.
//!
//! What comes back is machine code, and is run. It is trusted as code that this process had compiled itself would be: the
//! program is this host's own, or was named by whoever embeds it; it came through a pipe that nobody else has; it is whole;
//! and the engine refuses what another version or other settings made. See docs/design/0014.

mod child;
mod reply;
mod stop;

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::error::{CompilerEnd, LoadError};
use super::world::World;
use crate::limits::CompileLimits;

pub(crate) use self::child::serve;
use self::reply::{REPLY_MAX_BYTES, Reply};
use self::stop::Cause;
pub(crate) use self::stop::{Stop, StopOnDrop};

/// The verb of the program that compiles.
pub(crate) const VERB: &str = "compile-component";
/// How much is read of what the compiler says when it fails.
const COMPLAINT_MAX_BYTES: u64 = 64 << 10;

/// A program that compiles components, and what it may take for one.
#[derive(Debug, Clone)]
pub(crate) struct Compiler {
    program: PathBuf,
    limits: CompileLimits,
}

/// Why there is no code.
#[derive(Debug)]
pub(super) enum NoCode {
    /// The component is not what it should be.
    Refused(String),
    /// The compiler is at its limits, or has failed.
    Ended(CompilerEnd),
}

impl NoCode {
    /// What this means for a component called `name`.
    pub(super) fn of(self, name: &str) -> LoadError {
        let name = name.to_owned();
        match self {
            Self::Refused(error) => LoadError::Malformed { name, error },
            Self::Ended(end) => LoadError::Uncompiled { name, end },
        }
    }
}

impl From<CompilerEnd> for NoCode {
    fn from(end: CompilerEnd) -> Self {
        Self::Ended(end)
    }
}

impl Compiler {
    /// Compiles with this program, which is `pulsing-host` of the same version.
    pub(crate) fn new(program: &Path, limits: CompileLimits) -> Self {
        // It is started in another folder.
        let program = std::path::absolute(program).unwrap_or_else(|_| program.to_owned());
        Self { program, limits }
    }

    /// Compiles a component for the engine of `world`, and returns what [`Component::deserialize`] takes.
    ///
    /// # Blocking
    ///
    /// Until the process ends: for [`CompileLimits::time_max`] at most, and not once `stop` says so.
    ///
    /// [`Component::deserialize`]: wasmtime::component::Component::deserialize
    pub(super) fn compile(&self, world: World, component: &[u8], stop: &Stop) -> Result<Code, NoCode> {
        let failed = |what: &str, error: io::Error| CompilerEnd::Failed(format!("{what}: {error}"));
        let mut child =
            self.start(world).map_err(|error| failed(&self.program.display().to_string(), error))?;
        let pipes = child.stdin.take().zip(child.stdout.take()).zip(child.stderr.take());
        // They were asked for.
        let Some(((stdin, stdout), stderr)) = pipes else {
            return Err(CompilerEnd::Failed("it has no pipes".to_owned()).into());
        };
        stop.take_over(child);
        let (bytes, complaint, (cause, status)) = thread::scope(|scope| {
            let listening = thread::Builder::new().name("pulsing-compiler".to_owned());
            let listening = listening.spawn_scoped(scope, || complaint(stderr));
            let bytes = self.watched(stop, || exchange(stdin, stdout, component));
            // From here on there is nobody who could still complain.
            let end = stop.collect();
            (bytes, listening.map(|complaint| complaint.join().unwrap_or_default()), end)
        });
        let no_thread = |error| failed("the system gives no thread", error);
        let (bytes, complaint) = (bytes.map_err(no_thread)?, complaint.map_err(no_thread)?);
        match Reply::read(&bytes) {
            Some(Reply::Code) => Ok(Code(bytes)),
            Some(Reply::TooLarge(bytes)) => {
                Err(CompilerEnd::Code { bytes, max: reply::CODE_MAX_BYTES }.into())
            }
            // It quotes what the component chose: nothing is concluded from its words.
            Some(Reply::Refused(error)) => Err(NoCode::Refused(error.to_owned())),
            Some(Reply::Failed(error)) if is_about_memory(error) => {
                Err(CompilerEnd::Memory(self.limits.memory_max).into())
            }
            Some(Reply::Failed(error)) => Err(CompilerEnd::Failed(error.to_owned()).into()),
            None => Err(self.end(cause, status, &complaint).into()),
        }
    }

    fn start(&self, world: World) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.arg0("pulsing-host").arg(VERB).args(["--world", world.as_str()]);
        command.args(["--memory-max", &self.limits.memory_max.as_u64().to_string()]);
        command.args(["--cpu-seconds-max", &cpu_seconds(self.limits.time_max).to_string()]);
        command.env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }

    /// Does `work`, which ends with the process; ends that after [`CompileLimits::time_max`].
    fn watched<T>(&self, stop: &Stop, work: impl FnOnce() -> T) -> io::Result<T> {
        let (working, done) = mpsc::sync_channel::<()>(0);
        let watch = move || {
            if done.recv_timeout(self.limits.time_max) == Err(mpsc::RecvTimeoutError::Timeout) {
                stop.end(Cause::TooLong);
            }
        };
        thread::scope(|scope| {
            let watching = thread::Builder::new().name("pulsing-compiler".to_owned());
            watching.spawn_scoped(scope, watch)?;
            let answer = work();
            drop(working);
            Ok(answer)
        })
    }

    /// How a process ended whose reply is not whole.
    fn end(&self, cause: Option<Cause>, status: io::Result<ExitStatus>, complaint: &str) -> CompilerEnd {
        let CompileLimits { memory_max, time_max } = self.limits;
        match (cause, status) {
            (Some(Cause::Unwanted), _) => CompilerEnd::Unwanted,
            (Some(Cause::TooLong), _) => CompilerEnd::Time(time_max),
            (None, _) if is_about_memory(complaint) => CompilerEnd::Memory(memory_max),
            (None, _) if complaint.contains("has overflowed its stack") => CompilerEnd::Stack,
            (None, Err(error)) => CompilerEnd::Failed(error.to_string()),
            (None, Ok(status)) => match status.signal() {
                Some(signal) if signal == Signal::XCPU.as_raw() => CompilerEnd::Processor(time_max),
                Some(signal) => CompilerEnd::Signal(signal),
                None => CompilerEnd::Failed(format!("{status}: {complaint}")),
            },
        }
    }
}

/// A component's code, as the compiler replied with it.
pub(super) struct Code(Vec<u8>);

impl Code {
    pub(super) fn bytes(&self) -> &[u8] {
        reply::code(&self.0)
    }
}

/// How many seconds a process may compute. The system counts whole ones.
fn cpu_seconds(time_max: Duration) -> u64 {
    time_max.as_secs().max(1)
}

/// Hands the component over, and reads the reply, as far as it comes.
fn exchange(mut stdin: ChildStdin, stdout: ChildStdout, component: &[u8]) -> Vec<u8> {
    let handed_over = stdin.write_all(&reply::length(component)).and_then(|()| stdin.write_all(component));
    // One that ended before it had read all is told of by its status.
    drop((handed_over, stdin));
    let mut bytes = Vec::new();
    // What could not be read is missing in the reply.
    drop(stdout.take(REPLY_MAX_BYTES).read_to_end(&mut bytes));
    bytes
}

/// What the compiler says until it ends. All of it is read, so that it never waits for somebody to listen.
fn complaint(mut stderr: ChildStderr) -> String {
    let mut bytes = Vec::new();
    drop(stderr.by_ref().take(COMPLAINT_MAX_BYTES).read_to_end(&mut bytes));
    drop(io::copy(&mut stderr, &mut io::sink()));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the standard library says before it gives up, and what it calls ENOMEM.
fn is_about_memory(complaint: &str) -> bool {
    complaint.contains("memory allocation of ") || complaint.contains("Cannot allocate memory")
}
