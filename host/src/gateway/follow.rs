//! Noticing that a file has changed.
//!
//! Looks at what the system knows of the files every [`LOOK_EVERY`]: that works wherever files do, also on network
//! file systems and for links that are exchanged. A change is taken up once the files have stayed as they are from one
//! look to the next, so that nothing is read half-written. One that could not be read is read again at each look, since
//! what was wrong may not have been the file: whoever takes up all descriptors of the host must not keep a token valid.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How often. A change is taken up after at most twice this time.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What the system knows of files: of each, if it is there, which it is, its length, and when it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen(Vec<Option<Stamp>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    length_bytes: u64,
    modified: Option<SystemTime>,
    identity: Identity,
}

/// Device, inode, and when either was last changed: files that are renamed into place keep their other times.
#[cfg(unix)]
type Identity = (u64, u64, i64, i64);
#[cfg(not(unix))]
type Identity = ();

impl Seen {
    fn now(files: &[PathBuf]) -> Self {
        Self(files.iter().map(|file| stamp(file)).collect())
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = file.metadata().ok()?;
    #[cfg(unix)]
    let identity = {
        use std::os::unix::fs::MetadataExt;
        (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
    };
    #[cfg(not(unix))]
    let identity = ();
    Some(Stamp { length_bytes: metadata.len(), modified: metadata.modified().ok(), identity })
}

/// Files whose changes matter.
#[derive(Debug)]
pub(super) struct Followed {
    files: Arc<[PathBuf]>,
    read: Seen,
}

impl Followed {
    /// Looks at the files. They are read after this, so that no change between the two is missed.
    ///
    /// # Blocking
    ///
    /// Asks the system about each.
    pub(super) fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let files: Arc<[PathBuf]> = files.into_iter().collect();
        let read = Seen::now(&files);
        Self { files, read }
    }

    /// Calls `reread` after each change, and again until it succeeds, on a thread that may block; logs what it returns,
    /// but not the same failure twice in a row. Does not return.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends it; a `reread` that has begun goes on.
    pub(super) async fn follow(self, reread: impl Fn() -> Result<String, String> + Send + Sync + 'static) {
        let Self { files, mut read } = self;
        let reread = Arc::new(reread);
        let mut before = read.clone();
        let mut failed: Option<String> = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let looked_at = Arc::clone(&files);
            // A look that panics, as none does, has seen no change.
            let look = tokio::task::spawn_blocking(move || Seen::now(&looked_at));
            let Ok(now) = look.await else { continue };
            if now == before && (now != read || failed.is_some()) {
                let is_another = now != read;
                read = now.clone();
                let reread = Arc::clone(&reread);
                let outcome = tokio::task::spawn_blocking(move || reread()).await;
                match outcome.unwrap_or_else(|panicked| Err(panicked.to_string())) {
                    Ok(done) => {
                        tracing::info!("{done}");
                        failed = None;
                    }
                    Err(error) => {
                        if is_another || failed.as_ref() != Some(&error) {
                            tracing::warn!("{error}");
                        }
                        failed = Some(error);
                    }
                }
            }
            before = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn every_kind_of_change_is_noticed_once() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other, link) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("l"));
        std::fs::write(&file, "1").unwrap();
        std::fs::write(&other, "2").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&file, &link).unwrap();
        #[cfg(not(unix))]
        std::fs::write(&link, "1").unwrap();
        let (sender, mut changes) = mpsc::channel(10);
        let followed = Followed::new([file.clone(), link.clone(), folder.path().join("none")]);
        let read = link.clone();
        let following = tokio::spawn(followed.follow(move || {
            sender.try_send(std::fs::read_to_string(&read).unwrap_or_default()).unwrap();
            Ok(String::new())
        }));
        // The same length, another file in its place, a link to another, none at all.
        std::fs::write(&file, "3").unwrap();
        assert_eq!(changes.recv().await.unwrap(), "3");
        std::fs::write(folder.path().join("new"), "4").unwrap();
        std::fs::rename(folder.path().join("new"), &file).unwrap();
        assert_eq!(changes.recv().await.unwrap(), "4");
        #[cfg(unix)]
        {
            std::fs::remove_file(&link).unwrap();
            std::os::unix::fs::symlink(&other, &link).unwrap();
            assert_eq!(changes.recv().await.unwrap(), "2");
        }
        std::fs::remove_file(&link).unwrap();
        assert_eq!(changes.recv().await.unwrap(), "");
        assert!(changes.try_recv().is_err(), "one for each change");
        following.abort();
    }

    #[tokio::test]
    async fn what_could_not_be_read_is_read_again_without_another_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, "1").unwrap();
        let (sender, mut tries) = mpsc::channel(10);
        let failures = std::sync::atomic::AtomicUsize::new(0);
        let followed = Followed::new([file.clone()]);
        let following = tokio::spawn(followed.follow(move || {
            let number = failures.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            sender.try_send(number).unwrap();
            if number < 2 { Err("too many open files".to_owned()) } else { Ok(String::new()) }
        }));
        std::fs::write(&file, "22").unwrap();
        for number in 0..3 {
            assert_eq!(tries.recv().await, Some(number));
        }
        tokio::time::sleep(LOOK_EVERY * 3).await;
        assert!(tries.try_recv().is_err(), "once it is read, it is not read again");
        following.abort();
    }
}
