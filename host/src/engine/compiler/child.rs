//! The other side: the process that compiles one component, and ends.
//!
//! It limits itself before it has read anything of the component, so that nobody has to trust a system call between `fork`
//! and `exec`.

use std::fs;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use wasmtime::{Engine, OutOfMemory};

use super::reply::{self, Compiled};
use crate::engine::bounds::COMPONENT_MAX_BYTES;
use crate::engine::{World, config};
use crate::text::of_panic;

/// How much less of the processor it gets than the host's own threads, of 19 at most: the host serves while it compiles.
const NICENESS: i32 = 10;
/// If the system has no memory left, it ends this process before any other.
#[cfg(target_os = "linux")]
const OOM_SCORE: &str = "1000";

/// Compiles the component on stdin for the engine of `world`, and writes the reply to stdout.
///
/// # Errors
///
/// Where the limits cannot be set, the component is not whole, or nobody takes the reply.
///
/// # Blocking
///
/// As long as it takes. To be called while nothing else runs in the process, which is limited for good.
pub(crate) fn serve(world: World, memory_max_bytes: u64, cpu_seconds_max: u64) -> io::Result<()> {
    end_with_parent()?;
    close_inherited()?;
    restrain(memory_max_bytes, cpu_seconds_max)?;
    let component = read_component(io::stdin().lock())?;
    let compiled = catch_unwind(AssertUnwindSafe(|| compile(world, &component)));
    let compiled = compiled.unwrap_or_else(|panic| {
        Compiled::Failed(of_panic(panic.as_ref()).unwrap_or("it panicked").to_owned())
    });
    let (head, body) = reply::parts(&compiled);
    let mut stdout = io::stdout().lock();
    stdout.write_all(&head).and_then(|()| stdout.write_all(&body)).and_then(|()| stdout.flush())
}

fn compile(world: World, component: &[u8]) -> Compiled {
    let engine = match Engine::new(&config(world)) {
        Ok(engine) => engine,
        Err(error) => return Compiled::Failed(format!("{error:#}")),
    };
    match engine.precompile_component(component) {
        Ok(code) if code.len() as u64 > reply::CODE_MAX_BYTES => Compiled::TooLarge(code.len() as u64),
        Ok(code) => Compiled::Code(code),
        Err(error) if is_of_system(&error) => Compiled::Failed(format!("{error:#}")),
        Err(error) => Compiled::Refused(format!("{error:#}")),
    }
}

/// Whether it was the system that refused something, and not the engine the component.
fn is_of_system(error: &wasmtime::Error) -> bool {
    error.chain().any(|cause| cause.is::<io::Error>() || cause.is::<Errno>() || cause.is::<OutOfMemory>())
}

/// The length, and so many bytes: a parent that ends meanwhile leaves fewer.
fn read_component(mut stdin: impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    stdin.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let mut component = Vec::new();
    stdin.take(length.min(COMPONENT_MAX_BYTES)).read_to_end(&mut component)?;
    if component.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(component)
}

/// A host that is gone waits for no code. Elsewhere than on Linux, such a process ends when it has compiled.
fn end_with_parent() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

/// Closes what the host was given by whoever started it, and did not know of: its own files are not handed on.
fn close_inherited() -> io::Result<()> {
    let listed = Path::new(if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" });
    let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let open: Vec<i32> = fs::read_dir(listed)?.filter_map(number).filter(|number| *number > 2).collect();
    // But for the folder's own, which is closed by now.
    let is_open = |number: &i32| fs::symlink_metadata(listed.join(number.to_string())).is_ok();
    for descriptor in open.into_iter().filter(is_open) {
        // SAFETY: nothing in this process has opened anything that it still has.
        #[expect(unsafe_code, reason = "nobody owns what was inherited")]
        unsafe {
            rustix::io::close(descriptor);
        }
    }
    Ok(())
}

fn restrain(memory_max_bytes: u64, cpu_seconds_max: u64) -> io::Result<()> {
    // Of what it can write to, wherever that comes from: address space alone costs nothing, and each thread's allocator
    // reserves more of that than it will use.
    #[cfg(target_os = "linux")]
    limit(Resource::Data, memory_max_bytes, memory_max_bytes)?;
    #[cfg(not(target_os = "linux"))]
    limit(Resource::As, memory_max_bytes, memory_max_bytes)?;
    #[cfg(target_os = "linux")]
    drop(fs::write("/proc/self/oom_score_adj", OOM_SCORE));
    // At the first a signal comes that says why.
    limit(Resource::Cpu, cpu_seconds_max, cpu_seconds_max.saturating_add(1))?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    // Where the system does not let it, it is as fast as the host.
    let _no_matter = nice(NICENESS);
    Ok(())
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let before = getrlimit(resource);
    let lower = |one: u64, other: Option<u64>| Some(other.map_or(one, |other| one.min(other)));
    let maximum = lower(maximum, before.maximum);
    let limit = Rlimit { current: lower(current, maximum), maximum };
    Ok(setrlimit(resource, limit)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_read_only_whole() {
        let whole = [&3_u64.to_le_bytes()[..], b"abc"].concat();
        assert_eq!(read_component(whole.as_slice()).unwrap(), b"abc");
        for end in 0..whole.len() {
            assert!(read_component(&whole[..end]).is_err(), "{end}");
        }
        let boastful = [&u64::MAX.to_le_bytes()[..], b"abc"].concat();
        assert!(read_component(boastful.as_slice()).is_err());
    }
}
