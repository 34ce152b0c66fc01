//! What calls of `wasi:filesystem` take of the actor's quota, and of the host.

use std::fs::File;
use std::sync::Arc;

use rustix::fs::{Dir, Mode, OFlags, openat};
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView as _};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorType, ErrorCode, Filesize, HostDescriptor as _, OpenFlags, PathFlags,
};
use wasmtime_wasi::runtime::spawn_blocking;

use super::again;
use super::file_streams::OpenFile;
use crate::budget::{Budget, Held};
use crate::instance::file_quota::Refused;
use crate::instance::store::Guest;

/// What a new file, folder or link counts, which has no length yet: by default, ext4 has one inode for each 16 KiB of a disk.
const ENTRY_BYTES: u64 = 16 << 10;
/// What the host keeps for one name of a listing, beside the name.
const LISTED_BYTES: usize = 64;

pub(super) fn over_quota(_: Refused) -> ErrorCode {
    ErrorCode::Quota
}

/// What a listing of a folder takes in the host, where the actor may still have that much.
///
/// # Blocking
///
/// Reads the folder.
pub(super) fn hold_listing(folder: &File, kept: &Budget) -> Result<Held, ErrorCode> {
    let io = |error: rustix::io::Errno| ErrorCode::from(std::io::Error::from(error));
    // A granted folder is open for look-ups only.
    let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(folder, ".", how, Mode::empty()).map_err(io)?;
    let mut bytes = 0_usize;
    for entry in Dir::new(folder).map_err(io)? {
        bytes += entry.map_err(io)?.file_name().to_bytes().len() + LISTED_BYTES;
        if bytes > kept.max() {
            return Err(ErrorCode::InsufficientMemory);
        }
    }
    kept.take(bytes).ok_or(ErrorCode::InsufficientMemory)
}

impl Guest {
    /// A file as its streams need it.
    pub(super) fn open_file(&self, file: &Resource<Descriptor>) -> FsResult<OpenFile> {
        let place = self.files.place_of(file);
        match self.table.get(file)? {
            Descriptor::File(file) => {
                let (usage, kept) = (self.files.usage.clone(), self.outgoing.clone());
                Ok(OpenFile::new(Arc::clone(&file.file), usage, kept, place))
            }
            Descriptor::Dir(_) => Err(ErrorCode::IsDirectory.into()),
        }
    }

    /// How far beyond the end of a file this is.
    pub(super) async fn beyond_end(
        &mut self,
        file: &Resource<Descriptor>,
        offset: Filesize,
    ) -> FsResult<u64> {
        let file = match self.table.get(file)? {
            Descriptor::File(file) => Arc::clone(&file.file),
            Descriptor::Dir(_) => return Err(ErrorCode::BadDescriptor.into()),
        };
        let length = spawn_blocking(move || file.metadata().map(|metadata| metadata.len())).await?;
        Ok(offset.saturating_sub(length))
    }

    /// Counts bytes before they are written, and says how many.
    pub(super) fn count(&self, bytes: u64) -> FsResult<u64> {
        self.files.usage.write(bytes).map_err(over_quota)?;
        Ok(bytes)
    }

    /// What came of what was counted: where that is an error, it was not written. A trap may come after it was.
    pub(super) fn written<T>(&self, counted: u64, done: FsResult<T>) -> FsResult<T> {
        if done.as_ref().is_err_and(|error| error.downcast_ref().is_some()) {
            self.files.usage.unwrite(counted);
        }
        done
    }

    /// Counts a new entry of a folder. Where there is no more room, and one of that name, it is told the latter.
    pub(super) async fn count_entry(&mut self, folder: &Resource<Descriptor>, path: &str) -> FsResult<u64> {
        match self.count(ENTRY_BYTES) {
            Err(_) if self.is_there(folder, PathFlags::empty(), path).await => Err(ErrorCode::Exist.into()),
            counted => counted,
        }
    }

    /// A pipe is opened when somebody opens its other end: a thread of the host would wait for that, longer than the life
    /// lasts. A guest makes none, but the operator's folder may have some.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NotPermitted`], for a pipe or a socket.
    pub(super) async fn check_is_no_pipe(
        &mut self,
        folder: &Resource<Descriptor>,
        follow: PathFlags,
        path: &str,
    ) -> FsResult<()> {
        let found = self.filesystem().stat_at(again(folder), follow, path.to_owned()).await;
        match found.map(|found| found.type_) {
            // The library has no word for others than these.
            Ok(DescriptorType::Unknown | DescriptorType::Fifo | DescriptorType::Socket) => {
                Err(ErrorCode::NotPermitted.into())
            }
            // Where there is nothing, opening it says so, or makes it.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Counts what opening a file makes.
    pub(super) async fn count_made(
        &mut self,
        folder: &Resource<Descriptor>,
        follow: PathFlags,
        path: &str,
        how: OpenFlags,
    ) -> FsResult<u64> {
        if !how.contains(OpenFlags::CREATE) {
            Ok(0)
        } else if how.contains(OpenFlags::EXCLUSIVE) {
            self.count_entry(folder, path).await
        } else if self.is_there(folder, follow, path).await {
            Ok(0)
        } else {
            self.count(ENTRY_BYTES)
        }
    }

    async fn is_there(&mut self, folder: &Resource<Descriptor>, follow: PathFlags, path: &str) -> bool {
        self.filesystem().stat_at(again(folder), follow, path.to_owned()).await.is_ok()
    }
}
