//! What an actor may have of files and of disk in its granted folders, over all its lives.
//!
//! | what | how much | given back |
//! |---|---|---|
//! | files and folders that it has open | `open_files`, and with all other actors the host's | when nothing of the guest needs them any more |
//! | bytes that it writes, and by which it makes files longer | `disk_max` | where a write has failed; else never: what it deletes may be open elsewhere, or lie in a second name |
//! | threads that read and write for its streams | [`THREADS_MAX`] | when the thread is done |
//!
//! Only a thread is waited for. What else is refused is an error of the guest's own call, and each kind is said once in each
//! life.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;

use crate::budget::{Budget, Held};
use crate::files::Folders;
use crate::journal::{Account, Entry};
use crate::limits::Limits;
use crate::observe::Counters;

/// How many threads an actor's streams of files have at once. All that may block has 512, also lookups of names.
const THREADS_MAX: usize = 8;

/// What all lives of an actor may have.
pub(crate) struct FileQuota {
    threads: Arc<Semaphore>,
    open: Budget,
    open_host: Budget,
    disk: Budget,
    written: Mutex<Held>,
    counters: Arc<Counters>,
}

/// The folders that an actor was granted, and what it may have of files in them.
pub(crate) struct FileGrant {
    pub(crate) folders: Folders,
    pub(crate) quota: FileQuota,
}

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Refused {
    /// The actor has that many files and folders open.
    #[error("{0} files and folders are open (`open_files`)")]
    OpenFiles(usize),
    /// All actors together have.
    #[error("the actors of this host have {0} files and folders open together (`open_files` of the host)")]
    HostOpenFiles(usize),
    /// It has written that many bytes.
    #[error("all {0} bytes that it may write to its folders are used up (`disk_max`)")]
    Disk(usize),
}

/// One open file or folder. Whatever needs it holds a clone.
pub(super) struct Place {
    _own: Held,
    _host: Held,
}

impl FileQuota {
    /// That of an actor with these limits; with all other actors it has no more files open than `open_host`.
    pub(crate) fn new(limits: &Limits, open_host: Budget, counters: Arc<Counters>) -> Self {
        let disk = Budget::new(limits.disk_max_bytes());
        let written = Mutex::new(disk.nothing());
        let threads = Arc::new(Semaphore::new(THREADS_MAX));
        Self { threads, open: Budget::new(limits.open_files.get()), open_host, disk, written, counters }
    }

    fn place(&self) -> Result<Place, Refused> {
        let own = self.open.take(1).ok_or(Refused::OpenFiles(self.open.max()))?;
        let host = self.open_host.take(1).ok_or(Refused::HostOpenFiles(self.open_host.max()))?;
        Ok(Place { _own: own, _host: host })
    }

    fn write(&self, bytes: u64) -> Result<(), Refused> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let held = self.disk.take(bytes).ok_or(Refused::Disk(self.disk.max()))?;
        self.with_written(|written| written.merge(held));
        Ok(())
    }

    fn with_written(&self, change: impl FnOnce(&mut Held)) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut written);
        self.counters.set_disk_written_bytes(written.bytes());
    }
}

/// The quota as one life has it. Cheap to clone.
#[derive(Clone)]
pub(super) struct FileUse {
    quota: Arc<FileQuota>,
    account: Arc<Account>,
    said: Arc<Mutex<Vec<Refused>>>,
}

impl FileUse {
    pub(super) fn new(quota: Arc<FileQuota>, account: Arc<Account>) -> Self {
        Self { quota, account, said: Arc::default() }
    }

    /// Room for one more open file or folder.
    pub(super) fn place(&self) -> Result<Arc<Place>, Refused> {
        self.said(self.quota.place()).map(Arc::new)
    }

    /// Waits for a thread to read or write on, which is the actor's until what is returned is dropped.
    pub(super) async fn thread(&self) -> OwnedSemaphorePermit {
        let threads = Arc::clone(&self.quota.threads);
        threads.acquire_owned().await.expect("nobody closes this semaphore")
    }

    /// Counts bytes before they are written.
    pub(super) fn write(&self, bytes: u64) -> Result<(), Refused> {
        self.said(self.quota.write(bytes))
    }

    /// Takes bytes back that were counted, and not written after all.
    pub(super) fn unwrite(&self, bytes: u64) {
        self.quota.with_written(|written| written.give_back(usize::try_from(bytes).unwrap_or(usize::MAX)));
    }

    fn said<T>(&self, taken: Result<T, Refused>) -> Result<T, Refused> {
        if let Err(refused) = &taken {
            self.say_once(*refused);
        }
        taken
    }

    fn say_once(&self, refused: Refused) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.contains(&refused) {
            said.push(refused);
            self.account.write(Entry::Note { text: &refused.to_string() });
        }
    }
}

impl fmt::Debug for FileUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileUse").field("written", &self.quota.disk.used()).finish_non_exhaustive()
    }
}

/// What a life has of files.
pub(super) struct Files {
    pub(super) usage: FileUse,
    /// By the number of the descriptor.
    pub(super) places: BTreeMap<u32, Arc<Place>>,
    /// What listings take in the host, by their numbers.
    pub(super) listings: BTreeMap<u32, Held>,
}

impl Files {
    pub(super) fn new(usage: FileUse) -> Self {
        Self { usage, places: BTreeMap::new(), listings: BTreeMap::new() }
    }

    /// None for a granted folder: the host has it open anyway.
    pub(super) fn place_of(&self, file: &Resource<Descriptor>) -> Option<Arc<Place>> {
        self.places.get(&file.rep()).cloned()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::num::NonZeroUsize;

    use bytesize::ByteSize;

    use super::*;
    use crate::journal::Journal;

    /// The quota of a life that may write so many bytes, and how many it has written.
    pub(in crate::instance) fn file_use(disk_max: u64) -> (FileUse, impl Fn() -> u64) {
        let counters = Arc::<Counters>::default();
        let limits = Limits { disk_max: ByteSize::b(disk_max), ..Limits::default() };
        let quota = FileQuota::new(&limits, Budget::new(1), Arc::clone(&counters));
        let account = Journal::default().open("a".parse().unwrap(), 1 << 20);
        (FileUse::new(Arc::new(quota), account), move || counters.read().disk_written_bytes)
    }

    fn quota(open: usize, host: &Budget, counters: &Arc<Counters>) -> FileQuota {
        let limits = Limits {
            open_files: NonZeroUsize::new(open).unwrap(),
            disk_max: ByteSize::b(10),
            ..Limits::default()
        };
        FileQuota::new(&limits, host.clone(), Arc::clone(counters))
    }

    #[test]
    fn open_files_come_back_and_actors_share_those_of_the_host() {
        let (host, counters) = (Budget::new(3), Arc::default());
        let (first, second) = (quota(2, &host, &counters), quota(2, &host, &counters));
        let places = [first.place().unwrap(), first.place().unwrap()];
        assert_eq!(first.place().err(), Some(Refused::OpenFiles(2)));
        let _other = second.place().unwrap();
        assert_eq!(second.place().err(), Some(Refused::HostOpenFiles(3)));
        drop(places);
        let _another = second.place().unwrap();
        assert_eq!(host.used(), 2, "what was refused holds nothing");
    }

    #[test]
    fn bytes_that_were_written_do_not_come_back() {
        let counters = Arc::default();
        let quota = quota(1, &Budget::new(1), &counters);
        quota.write(8).unwrap();
        assert_eq!(quota.write(3), Err(Refused::Disk(10)));
        assert_eq!(quota.write(u64::MAX), Err(Refused::Disk(10)));
        quota.with_written(|written| written.give_back(3));
        quota.write(5).unwrap();
        assert_eq!(quota.write(1), Err(Refused::Disk(10)));
        assert_eq!(counters.read().disk_written_bytes, 10);
    }

    #[test]
    fn each_kind_of_refusal_is_said_once_in_a_life() {
        let (usage, _) = file_use(10);
        let _place = usage.place().unwrap();
        for _ in 0..3 {
            assert_eq!(usage.place().err(), Some(Refused::HostOpenFiles(1)));
            assert_eq!(usage.write(11), Err(Refused::Disk(10)));
        }
        assert_eq!(*usage.said.lock().unwrap(), [Refused::HostOpenFiles(1), Refused::Disk(10)]);
    }

    #[tokio::test]
    async fn threads_of_an_actor_are_bounded_and_come_back() {
        let (usage, _) = file_use(0);
        let threads: Vec<_> = futures::future::join_all((0..THREADS_MAX).map(|_| usage.thread())).await;
        assert!(futures::FutureExt::now_or_never(usage.thread()).is_none());
        drop(threads);
        drop(usage.thread().await);
    }
}
