//! Commands of a document as processes, which end with the session at the latest.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use wait_timeout::ChildExt;

use super::OUTPUT_MAX_BYTES;

/// Between two looks at something that is waited for.
const PAUSE: Duration = Duration::from_millis(20);

/// A command line. It ends when this is dropped.
pub(super) struct Started {
    shell: Child,
    /// Whether what it starts is a group of its own, and ends with it.
    group: bool,
    ended: bool,
}

impl Started {
    /// Starts a command that is waited for, whatever it starts itself: all of that ends with it.
    pub(super) fn command(command: &mut Command) -> Result<Self> {
        Self::new(command.process_group(0), true)
    }

    /// Starts one program that stays. It is in the group of whoever runs the tests, so that Ctrl-C ends it too.
    pub(super) fn program(command: &mut Command) -> Result<Self> {
        Self::new(command, false)
    }

    fn new(command: &mut Command, group: bool) -> Result<Self> {
        let shell = command.stdin(Stdio::null()).spawn().context("cannot start sh")?;
        Ok(Self { shell, group, ended: false })
    }

    /// Waits for the shell's end; `None` if it has not come within `bound`.
    pub(super) fn wait(&mut self, bound: Duration) -> Result<Option<ExitStatus>> {
        let status = self.shell.wait_timeout(bound).context("cannot wait for a command")?;
        if status.is_some() && !self.ended {
            self.ended = true;
            // At once: later its number may be somebody else's.
            self.end_group();
        }
        Ok(status)
    }

    fn end_group(&self) {
        if self.group
            && let Ok(id) = i32::try_from(self.shell.id())
        {
            // Fails where nothing of it is left.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if !self.ended {
            self.end_group();
            // It may have ended by itself.
            drop(self.shell.kill());
            drop(self.shell.wait());
        }
    }
}

/// `sh` with a command line.
pub(super) fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command);
    shell
}

/// Whether `sh` finds a program.
pub(super) fn is_installed(program: &str) -> bool {
    let mut found = shell(&format!("command -v {program}"));
    found.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    found.status().is_ok_and(|status| status.success())
}

/// The beginning of a file, as text.
pub(super) fn read(file: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    opened.take(OUTPUT_MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What ends a wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The longest without progress.
    pub(super) silence: Duration,
    /// The longest in all.
    pub(super) total: Duration,
}

/// Looks until there is something, or a bound is over. `progress` is a number that changes while there is any.
pub(super) fn until_silent<T>(
    bounds: Bounds,
    progress: impl Fn() -> u64,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let begun = Instant::now();
    let mut last = (progress(), begun);
    loop {
        let found = look()?;
        if found.is_some() || begun.elapsed() > bounds.total {
            return Ok(found);
        }
        let now = progress();
        if now != last.0 {
            last = (now, Instant::now());
        } else if last.1.elapsed() > bounds.silence {
            return Ok(None);
        }
        std::thread::park_timeout(PAUSE);
    }
}

/// How much has been written to files; over the most that is read, nothing counts any more.
pub(super) fn written(files: &[&Path]) -> u64 {
    let length = |file: &&Path| file.metadata().map_or(0, |metadata| metadata.len().min(OUTPUT_MAX_BYTES));
    files.iter().map(length).sum()
}

/// Looks until there is something, or `bound` is over.
pub(super) fn until<T>(bound: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let begun = Instant::now();
    loop {
        let found = look()?;
        if found.is_some() || begun.elapsed() > bound {
            return Ok(found);
        }
        std::thread::park_timeout(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn what_shows_progress_is_waited_for_beyond_the_longest_silence() {
        let looks = Cell::new(0);
        let begun = Instant::now();
        let look = || {
            looks.set(looks.get() + 1);
            Ok((begun.elapsed() > SHORT * 2).then_some(()))
        };
        let bounds = Bounds { silence: SHORT, total: LONG };
        assert!(until_silent(bounds, || looks.get(), look).unwrap().is_some());
    }

    #[test]
    fn what_is_silent_is_given_up_and_so_is_what_never_ends() {
        let never = || Ok(None::<()>);
        assert!(until_silent(Bounds { silence: SHORT, total: LONG }, || 1, never).unwrap().is_none());
        let count = Cell::new(0);
        let progress = || count.replace(count.get() + 1);
        assert!(until_silent(Bounds { silence: LONG, total: SHORT }, progress, never).unwrap().is_none());
    }
}
