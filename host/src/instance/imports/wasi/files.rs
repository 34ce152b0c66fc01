//! `wasi:filesystem/types`: what the library does, within what the actor may have of files and disk.
//!
//! All functions are here, so that one that the library gets anew does not go by unseen. Whatever asks the system is done on
//! threads that may block.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{HasSelf, Linker, Resource, WasmList};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, Filesize,
    HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult, IoError, ReaddirIterator};

use super::again;
use super::disk::{hold_listing, over_quota};
use super::file_streams::{Reading, To, Writing};
use crate::instance::file_quota::Refused;
use crate::instance::imports::handed::check_texts;
use crate::instance::store::Guest;

/// The interface as the library names it. A test finds out when that changes.
const TYPES: &str = "wasi:filesystem/types@0.2.12";
/// The most bytes of a path, as Linux has it.
const PATH_MAX_BYTES: usize = 4096;
/// The most bytes of one write by an offset, as the streams of files have it. The rest is for the next: it is told so.
const WRITE_MAX_BYTES: usize = 64 << 10;

/// Puts the host's functions before those of the library.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<_>>(linker, |guest: &mut Guest| guest)?;
    // The list is not copied but for what is written of it: whoever writes a long one does so in many pieces.
    linker.instance(TYPES)?.func_wrap_async(
        "[method]descriptor.write",
        |mut store: StoreContextMut<'_, Guest>, (file, bytes, offset): (_, WasmList<u8>, Filesize)| {
            let all = bytes.as_le_slice(&store);
            let piece = all.get(..WRITE_MAX_BYTES).unwrap_or(all).to_vec();
            Box::new(async move {
                match HostDescriptor::write(store.data_mut(), file, piece, offset).await {
                    Ok(written) => Ok((Ok(written),)),
                    Err(error) => Ok((Err(error.downcast()?),)),
                }
            })
        },
    )
}

/// # Errors
///
/// [`ErrorCode::NameTooLong`]; a trap, where it is far too long.
fn check_path(path: &str) -> FsResult<()> {
    check_texts(path.len()).map_err(FsError::trap)?;
    if path.len() > PATH_MAX_BYTES { Err(ErrorCode::NameTooLong.into()) } else { Ok(()) }
}

impl types::Host for Guest {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, error: Resource<IoError>) -> wasmtime::Result<Option<ErrorCode>> {
        if let Some(refused) = self.table.get(&error)?.downcast_ref::<Refused>() {
            return Ok(Some(over_quota(*refused)));
        }
        self.filesystem().filesystem_error_code(error)
    }
}

impl HostDescriptor for Guest {
    async fn advise(
        &mut self,
        file: Resource<Descriptor>,
        offset: Filesize,
        length: Filesize,
        advice: Advice,
    ) -> FsResult<()> {
        self.filesystem().advise(file, offset, length, advice).await
    }

    async fn sync_data(&mut self, file: Resource<Descriptor>) -> FsResult<()> {
        self.filesystem().sync_data(file).await
    }

    async fn sync(&mut self, file: Resource<Descriptor>) -> FsResult<()> {
        self.filesystem().sync(file).await
    }

    async fn get_flags(&mut self, file: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        self.filesystem().get_flags(file).await
    }

    async fn get_type(&mut self, file: Resource<Descriptor>) -> FsResult<DescriptorType> {
        self.filesystem().get_type(file).await
    }

    async fn set_size(&mut self, file: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        let more = self.beyond_end(&file, size).await?;
        let counted = self.count(more)?;
        let done = self.filesystem().set_size(file, size).await;
        self.written(counted, done)
    }

    async fn set_times(
        &mut self,
        file: Resource<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        self.filesystem().set_times(file, accessed, modified).await
    }

    /// The library reads 64 KiB at most.
    async fn read(
        &mut self,
        file: Resource<Descriptor>,
        length: Filesize,
        offset: Filesize,
    ) -> FsResult<(Vec<u8>, bool)> {
        self.filesystem().read(file, length, offset).await
    }

    async fn write(
        &mut self,
        file: Resource<Descriptor>,
        bytes: Vec<u8>,
        offset: Filesize,
    ) -> FsResult<Filesize> {
        if bytes.is_empty() {
            return self.filesystem().write(file, bytes, offset).await;
        }
        let gap = self.beyond_end(&file, offset).await?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let counted = self.count(gap.saturating_add(length))?;
        let done = self.filesystem().write(file, bytes, offset).await;
        let written = self.written(counted, done)?;
        let is_left = if written == 0 { counted } else { length.saturating_sub(written) };
        self.files.usage.unwrite(is_left);
        Ok(written)
    }

    fn read_via_stream(
        &mut self,
        file: Resource<Descriptor>,
        offset: Filesize,
    ) -> FsResult<Resource<DynInputStream>> {
        // The library's own is not used, once the library has said that there may be one.
        let stream = self.filesystem().read_via_stream(again(&file), offset)?;
        self.table.delete(stream)?;
        let open = self.open_file(&file)?;
        Ok(self.table.push(Reading::boxed(open, offset))?)
    }

    fn write_via_stream(
        &mut self,
        file: Resource<Descriptor>,
        offset: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.filesystem().write_via_stream(again(&file), offset)?;
        self.table.delete(stream)?;
        let open = self.open_file(&file)?;
        Ok(self.table.push(Writing::boxed(open, To::Offset(offset)))?)
    }

    fn append_via_stream(&mut self, file: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.filesystem().append_via_stream(again(&file))?;
        self.table.delete(stream)?;
        let open = self.open_file(&file)?;
        Ok(self.table.push(Writing::boxed(open, To::End))?)
    }

    async fn read_directory(&mut self, folder: Resource<Descriptor>) -> FsResult<Resource<ReaddirIterator>> {
        let dir = match self.table.get(&folder)? {
            Descriptor::Dir(dir) => Arc::clone(&dir.dir),
            Descriptor::File(_) => return Err(ErrorCode::NotDirectory.into()),
        };
        let kept = self.outgoing.clone();
        let held = tokio::task::spawn_blocking(move || hold_listing(&dir, &kept));
        let held = held.await.map_err(FsError::trap)??;
        let listing = self.filesystem().read_directory(folder).await?;
        self.files.listings.insert(listing.rep(), held);
        Ok(listing)
    }

    async fn create_directory_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<()> {
        check_path(&path)?;
        let counted = self.count_entry(&folder, &path).await?;
        let done = self.filesystem().create_directory_at(folder, path).await;
        self.written(counted, done)
    }

    async fn stat(&mut self, file: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        self.filesystem().stat(file).await
    }

    async fn stat_at(
        &mut self,
        folder: Resource<Descriptor>,
        follow: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        check_path(&path)?;
        self.filesystem().stat_at(folder, follow, path).await
    }

    async fn set_times_at(
        &mut self,
        folder: Resource<Descriptor>,
        follow: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        check_path(&path)?;
        self.filesystem().set_times_at(folder, follow, path, accessed, modified).await
    }

    async fn link_at(
        &mut self,
        folder: Resource<Descriptor>,
        follow: PathFlags,
        path: String,
        to: Resource<Descriptor>,
        to_path: String,
    ) -> FsResult<()> {
        check_path(&path)?;
        check_path(&to_path)?;
        let counted = self.count_entry(&to, &to_path).await?;
        let done = self.filesystem().link_at(folder, follow, path, to, to_path).await;
        self.written(counted, done)
    }

    async fn open_at(
        &mut self,
        folder: Resource<Descriptor>,
        follow: PathFlags,
        path: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        check_path(&path)?;
        self.check_is_no_pipe(&folder, follow, &path).await?;
        let place = self.files.usage.place().map_err(over_quota)?;
        let counted = self.count_made(&folder, follow, &path, how).await?;
        let opened = self.filesystem().open_at(folder, follow, path, how, flags).await;
        let opened = self.written(counted, opened)?;
        self.files.places.insert(opened.rep(), place);
        Ok(opened)
    }

    async fn readlink_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<String> {
        check_path(&path)?;
        self.filesystem().readlink_at(folder, path).await
    }

    async fn remove_directory_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<()> {
        check_path(&path)?;
        self.filesystem().remove_directory_at(folder, path).await
    }

    async fn rename_at(
        &mut self,
        folder: Resource<Descriptor>,
        path: String,
        to: Resource<Descriptor>,
        to_path: String,
    ) -> FsResult<()> {
        check_path(&path)?;
        check_path(&to_path)?;
        self.filesystem().rename_at(folder, path, to, to_path).await
    }

    async fn symlink_at(
        &mut self,
        folder: Resource<Descriptor>,
        target: String,
        path: String,
    ) -> FsResult<()> {
        check_path(&target)?;
        check_path(&path)?;
        let counted = self.count_entry(&folder, &path).await?;
        let done = self.filesystem().symlink_at(folder, target, path).await;
        self.written(counted, done)
    }

    async fn unlink_file_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<()> {
        check_path(&path)?;
        self.filesystem().unlink_file_at(folder, path).await
    }

    async fn is_same_object(
        &mut self,
        one: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        self.filesystem().is_same_object(one, other).await
    }

    async fn metadata_hash(&mut self, file: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        self.filesystem().metadata_hash(file).await
    }

    async fn metadata_hash_at(
        &mut self,
        folder: Resource<Descriptor>,
        follow: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        check_path(&path)?;
        self.filesystem().metadata_hash_at(folder, follow, path).await
    }

    fn drop(&mut self, file: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.files.places.remove(&file.rep());
        HostDescriptor::drop(&mut self.filesystem(), file)
    }
}

impl HostDirectoryEntryStream for Guest {
    async fn read_directory_entry(
        &mut self,
        listing: Resource<ReaddirIterator>,
    ) -> FsResult<Option<DirectoryEntry>> {
        self.filesystem().read_directory_entry(listing).await
    }

    fn drop(&mut self, listing: Resource<ReaddirIterator>) -> wasmtime::Result<()> {
        self.files.listings.remove(&listing.rep());
        HostDirectoryEntryStream::drop(&mut self.filesystem(), listing)
    }
}
