//! The streams of files, as the library makes them, with what they take of the actor's quota.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};

use crate::instance::file_quota::{FileUse, Place, Refused};

/// Reads a file, which is open for as long as this is there.
pub(super) struct Reading {
    inner: DynInputStream,
    _place: Option<Arc<Place>>,
}

impl Reading {
    pub(super) fn boxed(inner: DynInputStream, place: Option<Arc<Place>>) -> DynInputStream {
        Box::new(Self { inner, _place: place })
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for Reading {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.inner.read(size)
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.inner.blocking_read(size).await
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Reading {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

/// Writes to a file, and counts what it writes.
pub(super) struct Writing {
    inner: DynOutputStream,
    files: FileUse,
    /// By how much the file gets longer before the first byte.
    gap: u64,
    /// A write was refused: by the contract, the stream is closed then.
    is_closed: bool,
    _place: Option<Arc<Place>>,
}

impl Writing {
    pub(super) fn boxed(
        inner: DynOutputStream,
        files: FileUse,
        gap: u64,
        place: Option<Arc<Place>>,
    ) -> DynOutputStream {
        Box::new(Self { inner, files, gap, is_closed: false, _place: place })
    }

    fn count(&mut self, bytes: usize) -> StreamResult<()> {
        if self.is_closed {
            return Err(StreamError::Closed);
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(self.gap);
        self.files.write(bytes).map_err(|refused: Refused| {
            self.is_closed = true;
            StreamError::LastOperationFailed(refused.into())
        })?;
        self.gap = 0;
        Ok(())
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Writing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.count(bytes.len())?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        if self.is_closed { Err(StreamError::Closed) } else { self.inner.check_write() }
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.count(bytes.len())?;
        self.inner.blocking_write_and_flush(bytes).await
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Writing {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}
