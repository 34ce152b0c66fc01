//! The files of the host: how they are opened, and where no actor may write because of them.
//!
//! Paths of operators (components, configuration, tokens, kept code) are opened here, so that none of them can make the
//! host wait, and none is read without a bound: only plain files are taken. A test of the tree finds what is opened
//! elsewhere.
//!
//! A path is a promise of whoever may write to the folders on its way. [`Reach`] knows them all: those of the host's own
//! files, those of granted folders, and where actors may write. It lets no actor write on the way to anything.

mod as_read;
mod mounts;
mod reach;
mod way;

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use thiserror::Error;

pub(crate) use self::as_read::{AsRead, FileState, Stamp};
pub use self::reach::HostFile;
pub(crate) use self::reach::{Claim, Conflict, Folders, OpenFolder, Reach};

/// What becomes of a path whose last name is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastLink {
    /// It is followed: operators name files by links, and Kubernetes mounts secrets as such.
    Followed,
    /// It is refused, for files of the host's own making.
    Refused,
}

/// Opens a plain file for reading.
///
/// # Errors
///
/// What the system says, or what it is instead of a plain file.
///
/// # Blocking
///
/// Never waits for another end, as opening a pipe does otherwise.
pub(crate) fn open(path: &Path, last: LastLink) -> io::Result<File> {
    let follow = match last {
        LastLink::Followed => OFlags::empty(),
        LastLink::Refused => OFlags::NOFOLLOW,
    };
    // What reads a plain file, this flag does not concern.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY | follow).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| {
        match rustix::io::Errno::from_io_error(&error) {
            Some(rustix::io::Errno::NXIO) => no_plain_file("a socket or a device"),
            Some(rustix::io::Errno::LOOP) if last == LastLink::Refused => no_plain_file("a link"),
            _other => error,
        }
    })?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() { Ok(file) } else { Err(no_plain_file(described(kind))) }
}

fn described(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else {
        "a device"
    }
}

fn no_plain_file(what: &str) -> io::Error {
    io::Error::other(format!("this is {what}, no plain file"))
}

/// Whether a path is a URL: a scheme before `://`, which no path needs that is written as people do.
pub(crate) fn is_url(path: &Path) -> bool {
    let scheme = path.to_str().and_then(|text| text.split_once("://")).map_or("", |(scheme, _)| scheme);
    !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Why a file is not read.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    /// It cannot be opened or read, or is no plain file.
    #[error("{}", said(.0))]
    Unreadable(#[from] io::Error),
    /// It is larger than it may be.
    #[error("has {bytes} bytes, more than the {max} that it may have")]
    TooLarge {
        /// Its length, as far as it was looked at.
        bytes: u64,
        /// The most there may be.
        max: u64,
    },
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unreadable(error) => error,
            ReadError::TooLarge { .. } => Self::new(io::ErrorKind::FileTooLarge, error.to_string()),
        }
    }
}

fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        _other => error.to_string(),
    }
}

/// Reads a plain file that has `max_bytes` at most.
///
/// # Errors
///
/// [`ReadError`] says what is wrong, without the file's name.
///
/// # Blocking
///
/// Reads the file.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    let file = open(path, LastLink::Followed)?;
    let bytes = file.metadata()?.len();
    if bytes > max_bytes {
        return Err(ReadError::TooLarge { bytes, max: max_bytes });
    }
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    // It may grow while it is read.
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut content)?;
    match u64::try_from(content.len()) {
        Ok(bytes) if bytes <= max_bytes => Ok(content),
        _more => Err(ReadError::TooLarge { bytes: max_bytes.saturating_add(1), max: max_bytes }),
    }
}

/// The same, for text.
///
/// # Errors
///
/// As of [`read`], and where it is no UTF-8.
///
/// # Blocking
///
/// As of [`read`].
pub(crate) fn read_text(path: &Path, max_bytes: u64) -> Result<String, ReadError> {
    let text = String::from_utf8(read(path, max_bytes)?);
    text.map_err(|_| io::Error::other("this is no text in UTF-8").into())
}

#[cfg(test)]
mod tests;
