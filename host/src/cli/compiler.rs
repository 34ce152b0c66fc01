//! The compiler: this program again, in a process of its own for each component that is compiled.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use super::failure::Failure;
use crate::engine::{BuildError, World, compile_for_parent};
use crate::limits::HostLimits;
use crate::limits::written::{some_size, some_time};

/// What the compiler may take for one component.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct CompilerArgs {
    /// The most memory that compiling a component takes. [default: 2GiB]
    #[arg(long, value_name = "SIZE", value_parser = some_size)]
    compile_memory_max: Option<ByteSize>,
    /// The longest that compiling a component takes, and computes. [default: 10min]
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    compile_time_max: Option<Duration>,
}

impl CompilerArgs {
    /// What the command line says goes before what is set already.
    pub(super) fn apply(self, limits: HostLimits) -> HostLimits {
        HostLimits {
            compile_memory_max: self.compile_memory_max.or(limits.compile_memory_max),
            compile_time_max: self.compile_time_max.or(limits.compile_time_max),
            ..limits
        }
    }
}

/// What one process compiles, and what it may take for that.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[arg(long, value_parser = world)]
    world: World,
    /// In bytes.
    #[arg(long)]
    memory_max: u64,
    #[arg(long)]
    cpu_seconds_max: u64,
}

fn world(name: &str) -> Result<World, &'static str> {
    World::ALL.into_iter().find(|world| world.as_str() == name).ok_or("there is no such world")
}

/// Compiles the component on stdin.
pub(super) fn serve(args: &ServeArgs) -> ExitCode {
    match compile_for_parent(args.world, args.memory_max, args.cpu_seconds_max) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => Failure::system(error).report(),
    }
}

/// This program, as it is started again: the file that runs, also where another has its name by now.
pub(super) fn own_program() -> Result<PathBuf, BuildError> {
    let running = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && running.exists() {
        return Ok(running.to_owned());
    }
    std::env::current_exe().map_err(|error| BuildError::Compiler(error.to_string()))
}
