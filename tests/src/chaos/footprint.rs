//! What this process holds of the machine: threads, descriptors, memory, and tasks.
//!
//! Read from `/proc`, so on Linux alone.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::runtime::Handle;

/// How much more memory may be resident at the end of a later round than at the end of the first: what allocators
/// keep back of some thousand messages. Measured: 5 to 10 MiB, where large pieces go back to the system at once. That
/// is for whoever starts the process to say, by [`LARGE_PIECES`]; otherwise 130 MiB of answers of 64 MiB were kept.
pub(super) const RESIDENT_SLACK_BYTES: u64 = 64 << 20;

/// A variable for the process: from how many bytes on the allocator of glibc takes a piece of memory from the system
/// and gives it back, without learning to keep such pieces.
pub const LARGE_PIECES: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "1048576");

/// How long threads and tasks have to end: they were told before.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// How long nothing changes at rest: several times as long as a thread without work is kept.
const REST: Duration = Duration::from_millis(500);
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

    /// Waits until nothing of it has become less for a while: what was told to end has ended.
    ///
    /// # Errors
    ///
    /// As of [`Self::read`].
    pub(super) async fn at_rest() -> Result<Self> {
        let (mut rests, mut since) = (Self::read()?, Instant::now());
        while since.elapsed() < REST {
            tokio::time::sleep(EVERY).await;
            let now = Self::read()?;
            if now.leaks(&rests) > 0 || rests.leaks(&now) > 0 {
                (rests, since) = (now, Instant::now());
            }
        }
        Ok(rests)
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

    /// What is left of a round, if it was `before` when none had begun.
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
        wrong
    }

    /// What is wrong with the memory, if it was `first` at the end of the first round.
    #[must_use]
    pub(super) fn check_memory(&self, first: &Self) -> Option<String> {
        let max = first.resident_bytes.saturating_add(RESIDENT_SLACK_BYTES);
        let wrong = || format!("{} MiB are resident, more than {}", self.resident_bytes >> 20, max >> 20);
        (self.resident_bytes > max).then(wrong)
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
        let now = Footprint { tasks: 1, threads: 7, ..BEFORE };
        assert_eq!(now.leaks(&BEFORE), 3);
        let wrong = now.check(&BEFORE).join("; ");
        assert_eq!(wrong, "1 tasks are left, 0 were there before; 7 threads are left, 5 were there before");
    }

    #[test]
    fn memory_that_grows_beyond_the_slack_is_found() {
        let grown = |mib: u64| Footprint { resident_bytes: BEFORE.resident_bytes + (mib << 20), ..BEFORE };
        assert_eq!(grown(64).check_memory(&BEFORE), None);
        assert_eq!(grown(65).check_memory(&BEFORE).unwrap(), "165 MiB are resident, more than 164");
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
