//! Processes that end with us: when their [`Owned`] is dropped, and on Ctrl-C, SIGTERM or SIGHUP to this task.
//!
//! Not for package managers at work, which must end by themselves: those are run with [`super::run`].

use std::collections::BTreeSet;
use std::process::{Child, ChildStdout, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use wait_timeout::ChildExt;

/// What shells report for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// The ids of all that is owned. One for the whole task, as its signal handlers are.
static LIVING: Mutex<BTreeSet<Pid>> = Mutex::new(BTreeSet::new());

fn living() -> MutexGuard<'static, BTreeSet<Pid>> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, a signal that ends this task ends what it owns first.
///
/// # Errors
///
/// When the handler cannot be set; it can be once.
pub(crate) fn end_all_on_interrupt() -> Result<()> {
    let end_all = || {
        for id in living().iter() {
            // Fails only for one that has just ended.
            let _ = kill(*id, Signal::SIGKILL);
        }
        std::process::exit(INTERRUPTED);
    };
    ctrlc::set_handler(end_all).context("cannot listen for Ctrl-C")
}

/// A process that this task started and ends.
pub(crate) struct Owned {
    child: Child,
    id: Pid,
}

impl Owned {
    /// # Errors
    ///
    /// When it cannot be started.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        // Held while it starts, so that a signal in between finds it.
        let mut living = living();
        let child = command.spawn().with_context(|| format!("cannot start `{}`", super::shown(command)))?;
        let id = Pid::from_raw(i32::try_from(child.id()).context("a process id out of range")?);
        living.insert(id);
        Ok(Self { child, id })
    }

    pub(crate) fn id(&self) -> Pid {
        self.id
    }

    /// What it writes, once, if its stdout was asked for as a pipe.
    pub(crate) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits for its end; `None` if it has not come within `bound`.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub(crate) fn wait(&mut self, bound: Duration) -> Result<Option<ExitStatus>> {
        let status = self.child.wait_timeout(bound).context("cannot wait for a process")?;
        if status.is_some() {
            living().remove(&self.id);
        }
        Ok(status)
    }

    /// Asks it to end, as an init system would.
    ///
    /// # Errors
    ///
    /// When it has ended already.
    pub(crate) fn terminate(&self) -> Result<()> {
        kill(self.id, Signal::SIGTERM).with_context(|| format!("cannot signal process {}", self.id))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if living().remove(&self.id) {
            // Both fail only if it has ended already.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_process_is_ended() {
        let process = Owned::start(Command::new("sleep").arg("600")).unwrap();
        let id = process.id();
        assert!(kill(id, None).is_ok() && living().contains(&id));
        drop(process);
        assert!(kill(id, None).is_err() && !living().contains(&id));
    }

    #[test]
    fn a_process_that_has_ended_is_no_longer_owned() {
        let mut process = Owned::start(&mut Command::new("true")).unwrap();
        let status = process.wait(Duration::from_secs(30)).unwrap().unwrap();
        assert!(status.success() && !living().contains(&process.id()));
    }
}
