//! What this process holds of the machine: threads, descriptors, memory, and tasks.
//!
//! Read from `/proc`, so on Linux alone.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::runtime::Handle;

/// How much more memory may be resident at the end of a later round than at the end of the first: what allocators
/// keep back of some thousand messages, and of answers of 64 MiB. One life that is left behind counts elsewhere.
pub(super) const RESIDENT_SLACK_BYTES: u64 = 96 << 20;

/// How long threads and tasks have to end: they were told before.
const PATIENCE: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_millis(20);

/// What is held at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footprint {
    /// Tasks of the runtime that have not ended.
    pub(super) tasks: usize,
    /// Threads of the process.
    pub(super) threads: usize,
    /// Open files, sockets and pipes.
    pub(super) descriptors: usize,
    /// Memory that is resident, in bytes.
    pub(super) resident_bytes: u64,
}

impl Footprint {
    /// Reads it, now.
    ///
    /// # Errors
    ///
    /// Where the system does not say.
    ///
    /// # Blocking
    ///
    /// For a moment.
    pub(super) fn read() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
        let kib = figure(&status, "VmRSS:").context("the system does not say what is resident")?;
        let threads = figure(&status, "Threads:").context("the system does not count threads")?;
        Ok(Self {
            tasks: Handle::current().metrics().num_alive_tasks(),
            threads: usize::try_from(threads).unwrap_or(usize::MAX),
            descriptors: fs::read_dir("/proc/self/fd").context("cannot read /proc/self/fd")?.count(),
            resident_bytes: kib.saturating_mul(1024),
        })
    }

    /// Waits until no more is held than in `before`, memory aside; answers what is held in the end.
    ///
    /// # Errors
    ///
    /// As of [`Self::read`].
    pub(super) async fn settled(before: &Self) -> Result<Self> {
        let begun = Instant::now();
        loop {
            let now = Self::read()?;
            if now.leaks(before) == 0 || begun.elapsed() > PATIENCE {
                return Ok(now);
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// How many tasks, threads and descriptors there are more than before.
    #[must_use]
    pub(super) fn leaks(&self, before: &Self) -> usize {
        let more = |now: usize, then: usize| now.saturating_sub(then);
        more(self.tasks, before.tasks)
            + more(self.threads, before.threads)
            + more(self.descriptors, before.descriptors)
    }

    /// What is wrong with it at the end of the first round, whatever the process keeps for good: tasks that are left.
    #[must_use]
    pub(super) fn check_first(&self) -> Vec<String> {
        let left = (self.tasks > 0).then(|| format!("{} tasks are left", self.tasks));
        left.into_iter().collect()
    }

    /// What is wrong with it at the end of a later round, if it was `before` at the end of the first.
    #[must_use]
    pub(super) fn check(&self, before: &Self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (what, now, then) in [
            ("tasks", self.tasks, before.tasks),
            ("threads", self.threads, before.threads),
            ("descriptors", self.descriptors, before.descriptors),
        ] {
            if now > then {
                wrong.push(format!("{now} {what} are left, {then} were there before"));
            }
        }
        if self.resident_bytes > before.resident_bytes.saturating_add(RESIDENT_SLACK_BYTES) {
            wrong.push(format!(
                "{} MiB are resident, {} more than after the first round may be",
                self.resident_bytes >> 20,
                RESIDENT_SLACK_BYTES >> 20
            ));
        }
        wrong
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tasks, threads, descriptors, resident_bytes } = self;
        let mib = resident_bytes >> 20;
        write!(f, "{tasks} tasks, {threads} threads, {descriptors} descriptors, {mib} MiB resident")
    }
}

/// The number behind a word, in Linux' words about a process.
fn figure(status: &str, word: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(word))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Footprint = Footprint { tasks: 0, threads: 5, descriptors: 10, resident_bytes: 100 << 20 };

    #[test]
    fn what_is_left_behind_is_found() {
        assert_eq!((BEFORE.leaks(&BEFORE), BEFORE.check(&BEFORE)), (0, Vec::new()));
        let now = Footprint { tasks: 1, threads: 7, descriptors: 10, resident_bytes: (197 << 20) };
        assert_eq!(now.leaks(&BEFORE), 3);
        let wrong = now.check(&BEFORE).join("; ");
        assert!(wrong.starts_with("1 tasks are left, 0 were there before; 7 threads"), "{wrong}");
        assert!(wrong.contains("197 MiB are resident, 96 more"), "{wrong}");
    }

    #[tokio::test]
    async fn a_process_knows_what_it_holds() {
        let Ok(now) = Footprint::read() else { return };
        assert!(now.threads > 0 && now.descriptors > 0 && now.resident_bytes > 0, "{now}");
        let task = tokio::spawn(std::future::pending::<()>());
        assert_eq!(Footprint::read().unwrap().tasks, now.tasks + 1);
        task.abort();
    }
}
