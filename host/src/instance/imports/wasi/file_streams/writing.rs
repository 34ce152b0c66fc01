//! Writes to a file from an offset on, or at its end, and counts what it writes.

use std::fs::File;
use std::io;
use std::mem;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};

use super::OpenFile;
use crate::budget::Held;

pub(in super::super) struct Writing {
    file: OpenFile,
    to: To,
    state: State,
}

/// Where the next byte goes.
#[derive(Clone, Copy)]
pub(in super::super) enum To {
    Offset(u64),
    End,
}

/// | state | and then |
/// |---|---|
/// | `Ready` | `Waits`, once the guest writes |
/// | `Waits` | `Ready` or `Failed`, by what came of it |
/// | `Failed` | `Closed`, once the guest was told |
enum State {
    Ready,
    Waits(AbortOnDropJoinHandle<Written>),
    Failed(wasmtime::Error),
    Closed,
}

/// How many bytes were written, which are all.
type Written = wasmtime::Result<u64>;

impl Writing {
    pub(in super::super) fn boxed(file: OpenFile, to: To) -> DynOutputStream {
        Box::new(Self { file, to, state: State::Ready })
    }

    fn wrote(&mut self, written: Written) {
        self.state = match written {
            Ok(bytes) => {
                if let To::Offset(offset) = &mut self.to {
                    *offset = offset.saturating_add(bytes);
                }
                State::Ready
            }
            Err(error) => State::Failed(error),
        };
    }

    /// What the guest has yet to be told.
    fn check(&mut self) -> StreamResult<()> {
        match mem::replace(&mut self.state, State::Closed) {
            State::Failed(error) => Err(StreamError::LastOperationFailed(error)),
            State::Closed => Err(StreamError::Closed),
            state @ (State::Ready | State::Waits(_)) => {
                self.state = state;
                Ok(())
            }
        }
    }
}

/// Counts bytes, writes them, and takes back what was counted and not written.
fn write(to: To, bytes: Bytes, _held: Held) -> impl FnOnce(&OpenFile) -> Written + Send {
    move |file| {
        let _held = _held;
        let gap = match to {
            To::Offset(offset) => offset.saturating_sub(file.file.metadata()?.len()),
            To::End => 0,
        };
        let counted = gap.saturating_add(length(&bytes));
        file.usage.write(counted)?;
        let (written, done) = write_all(&file.file, to, &bytes);
        if done.is_err() {
            let is_in_the_file = if written == 0 { 0 } else { gap.saturating_add(written) };
            file.usage.unwrite(counted.saturating_sub(is_in_the_file));
        }
        done?;
        Ok(written)
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// How much was written, and what ended it.
fn write_all(file: &File, to: To, mut bytes: &[u8]) -> (u64, io::Result<()>) {
    let mut written = 0_u64;
    while !bytes.is_empty() {
        let wrote = match to {
            To::Offset(offset) => file.write_at(bytes, offset.saturating_add(written)),
            To::End => append(file, bytes),
        };
        match wrote {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(wrote) => {
                bytes = bytes.get(wrote..).unwrap_or_default();
                written = written.saturating_add(u64::try_from(wrote).unwrap_or(u64::MAX));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

fn append(file: &File, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::{Errno, ReadWriteFlags, pwritev2};
        match pwritev2(file, &[io::IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND) {
            Err(Errno::NOSYS | Errno::NOTSUP) => {}
            done => return Ok(done?),
        }
    }
    file.write_at(bytes, file.metadata()?.len())
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Writing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.check()?;
        if !matches!(self.state, State::Ready) {
            return Err(StreamError::trap("a write before the last one was done"));
        }
        if bytes.is_empty() {
            return Ok(());
        }
        match self.file.keep(bytes.len()) {
            Ok(held) => {
                let writing = spawn(self.file.clone().on_thread(write(self.to, bytes, held)));
                self.state = State::Waits(writing);
            }
            Err(error) => self.state = State::Failed(error.into()),
        }
        self.check()
    }

    /// All that was written is on its way to the file.
    fn flush(&mut self) -> StreamResult<()> {
        self.check()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.check()?;
        let is_ready = matches!(self.state, State::Ready);
        Ok(if is_ready { self.file.piece_max_bytes() } else { 0 })
    }

    /// Writes for a guest that waits for it: nothing is kept.
    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.ready().await;
        self.check()?;
        if !bytes.is_empty() {
            let nothing = self.file.kept.nothing();
            let written = self.file.clone().on_thread(write(self.to, bytes, nothing)).await;
            self.wrote(written);
        }
        self.check()
    }

    /// What was taken is written, also for a guest that closes the stream without waiting for it.
    async fn cancel(&mut self) {
        self.ready().await;
        self.state = State::Closed;
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Writing {
    async fn ready(&mut self) {
        if let State::Waits(writing) = &mut self.state {
            let written = writing.await;
            self.wrote(written);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::budget::Budget;
    use crate::instance::file_quota::FileUse;
    use crate::instance::file_quota::tests::file_use;

    const KIB: u64 = 1 << 10;

    fn open(file: File, usage: &FileUse, kept: &Budget) -> OpenFile {
        OpenFile::new(Arc::new(file), usage.clone(), kept.clone(), None)
    }

    fn writer(file: File, usage: &FileUse, to: To) -> DynOutputStream {
        Writing::boxed(open(file, usage, &Budget::new(1 << 20)), to)
    }

    async fn wrote(stream: &mut DynOutputStream, bytes: usize) -> StreamResult<()> {
        stream.blocking_write_and_flush(vec![b'x'; bytes].into()).await
    }

    #[tokio::test]
    async fn what_a_full_disk_did_not_take_does_not_count() {
        let (usage, written) = file_use(64 * KIB);
        for _ in 0..100 {
            let full = File::options().write(true).open("/dev/full").unwrap();
            let mut stream = writer(full, &usage, To::Offset(0));
            let failed = wrote(&mut stream, 4096).await;
            assert!(matches!(failed, Err(StreamError::LastOperationFailed(_))), "{failed:?}");
            let closed = wrote(&mut stream, 4096).await;
            assert!(matches!(closed, Err(StreamError::Closed)), "{closed:?}");
        }
        assert_eq!(written(), 0);
    }

    #[tokio::test]
    async fn bytes_and_the_gap_before_them_count_and_nothing_counts_nothing() {
        let (usage, written) = file_use(64 * KIB);
        let mut stream = writer(tempfile::tempfile().unwrap(), &usage, To::Offset(8 * KIB));
        wrote(&mut stream, 0).await.unwrap();
        stream.write(Bytes::new()).unwrap();
        assert_eq!(written(), 0);
        wrote(&mut stream, 1024).await.unwrap();
        assert_eq!(written(), 9 * KIB);
        wrote(&mut stream, 1024).await.unwrap();
        assert_eq!(written(), 10 * KIB);
        let mut far = writer(tempfile::tempfile().unwrap(), &usage, To::Offset(1 << 40));
        assert!(matches!(wrote(&mut far, 1).await, Err(StreamError::LastOperationFailed(_))));
        assert_eq!(written(), 10 * KIB);
        let mut end = writer(tempfile::tempfile().unwrap(), &usage, To::End);
        wrote(&mut end, 1024).await.unwrap();
        assert_eq!(written(), 11 * KIB);
    }

    #[tokio::test]
    async fn what_waits_to_be_written_is_kept_under_a_budget() {
        let (usage, written) = file_use(64 * KIB);
        let kept = Budget::new(8 << 10);
        let mut streams: Vec<_> = (0..5)
            .map(|_| Writing::boxed(open(tempfile::tempfile().unwrap(), &usage, &kept), To::End))
            .collect();
        let permit = streams[0].check_write().unwrap();
        assert_eq!(permit, 2 << 10);
        let refused = streams.iter_mut().filter_map(|stream| stream.write(vec![0; permit].into()).err());
        assert_eq!(refused.count(), 1);
        for stream in &mut streams[..4] {
            stream.ready().await;
            assert_eq!(stream.check_write().unwrap(), permit);
        }
        assert!(matches!(streams[4].check_write(), Err(StreamError::Closed)));
        assert_eq!((kept.used(), written()), (0, 8 * KIB));
    }
}
