//! Whether a file is still what was read of it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::read;

/// A file as it was when it was read.
#[derive(Debug, Clone)]
pub(crate) struct AsRead {
    pub(crate) path: PathBuf,
    /// Taken before it was read, so that what replaced it meanwhile is looked into.
    pub(crate) stamp: Option<Stamp>,
    /// How many bytes were read.
    pub(crate) bytes: u64,
    /// What tells these bytes from others.
    pub(crate) fingerprint: [u8; 32],
    /// The fingerprint of bytes.
    pub(crate) take_fingerprint: fn(&[u8]) -> [u8; 32],
}

/// What the system says of a file, which is another once it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

/// What has become of a file since it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileState {
    /// It has the same bytes.
    Unchanged,
    /// It has others.
    Changed,
    /// It is not there any more, or cannot be read.
    Unreadable,
}

impl Stamp {
    /// That of the file at a path, if there is one.
    ///
    /// # Blocking
    ///
    /// Asks the system.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

impl AsRead {
    /// What has become of it.
    ///
    /// # Blocking
    ///
    /// Asks the system; where the file was written and is as long as before, reads it: as many bytes as were read of it.
    pub(crate) fn now(&self) -> FileState {
        let Some(stamp) = Stamp::of(&self.path) else { return FileState::Unreadable };
        if self.stamp.as_ref() == Some(&stamp) {
            return FileState::Unchanged;
        }
        if stamp.bytes != self.bytes {
            return FileState::Changed;
        }
        // A build that changes nothing writes the same again.
        match read(&self.path, self.bytes) {
            Ok(bytes) if (self.take_fingerprint)(&bytes) == self.fingerprint => FileState::Unchanged,
            Ok(_) => FileState::Changed,
            Err(_gone) => FileState::Unreadable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last bytes.
    fn fingerprint(bytes: &[u8]) -> [u8; 32] {
        let mut fingerprint = [0; 32];
        fingerprint.iter_mut().zip(bytes.iter().rev()).for_each(|(to, byte)| *to = *byte);
        fingerprint
    }

    #[test]
    fn a_file_has_changed_if_its_bytes_have() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, b"one").unwrap();
        let (stamp, bytes) = (Stamp::of(&path), b"one");
        let fingerprint_of = fingerprint(bytes);
        let as_read = AsRead {
            path: path.clone(),
            stamp,
            bytes: 3,
            fingerprint: fingerprint_of,
            take_fingerprint: fingerprint,
        };
        assert_eq!(as_read.now(), FileState::Unchanged);
        // Another file, so that the stamp differs however coarse the clock of the file system is.
        let replace = |content: &[u8]| {
            fs::write(dir.path().join("b"), content).unwrap();
            fs::rename(dir.path().join("b"), &path).unwrap();
        };
        for (content, expected) in [
            (b"one".as_slice(), FileState::Unchanged),
            (b"two", FileState::Changed),
            (b"three", FileState::Changed),
            (b"", FileState::Changed),
        ] {
            replace(content);
            assert_eq!(as_read.now(), expected, "{content:?}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(as_read.now(), FileState::Unreadable);
        fs::create_dir(&path).unwrap();
        assert_ne!(as_read.now(), FileState::Unchanged);
    }
}
