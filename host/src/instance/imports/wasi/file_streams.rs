//! The streams of files. Each does one thing at a time, on a thread that may block.
//!
//! Not those of the library: they keep what was read, or waits to be written, outside the actor's limits, take a thread each,
//! and do not say what of a write that failed was written.
//!
//! | what | bound |
//! |---|---|
//! | bytes that were read, or wait to be written | `kept_max`, with the guest's messages and requests; 64 KiB of one stream |
//! | threads | some for all lives of an actor, in the order in which they are asked for |
//! | bytes that are written | `disk_max`; what was not written after all is given back |

mod reading;
mod writing;

use std::fs::File;
use std::io;
use std::sync::Arc;

use rustix::io::Errno;
use wasmtime_wasi::runtime::spawn_blocking;

pub(super) use self::reading::Reading;
pub(super) use self::writing::{To, Writing};
use crate::budget::{Budget, Held};
use crate::instance::file_quota::{FileUse, Place};

/// The most bytes that a stream has in the host at once, as the library's have.
const PIECE_MAX_BYTES: usize = 64 << 10;

/// A file as its streams need it, for as long as one of them is there, or does something with it.
#[derive(Clone)]
pub(super) struct OpenFile {
    file: Arc<File>,
    usage: FileUse,
    kept: Budget,
    _place: Option<Arc<Place>>,
}

impl OpenFile {
    /// What is read, or waits to be written, counts under `kept`, as messages and requests of the life do.
    pub(super) fn new(file: Arc<File>, usage: FileUse, kept: Budget, place: Option<Arc<Place>>) -> Self {
        Self { file, usage, kept, _place: place }
    }

    /// Does something with the file, on a thread that may block.
    ///
    /// # Cancel safety
    ///
    /// What has begun is done to its end, and has the file and its thread until then.
    async fn on_thread<T: Send + 'static>(self, work: impl FnOnce(&Self) -> T + Send + 'static) -> T {
        let thread = self.usage.thread().await;
        let done = spawn_blocking(move || {
            let _thread = thread;
            work(&self)
        });
        done.await
    }

    /// How many bytes one piece has at most: a quarter of what may be kept, where that is little.
    fn piece_max_bytes(&self) -> usize {
        PIECE_MAX_BYTES.min(self.kept.max() / 4).max(1)
    }

    fn keep(&self, bytes: usize) -> io::Result<Held> {
        self.kept.take(bytes).ok_or_else(|| Errno::NOMEM.into())
    }
}
