//! `wasi:io`: streams and polls, whatever is behind them.

use wasmtime::StoreContextMut;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable, WasmList};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};
use wasmtime_wasi_io::bindings::wasi::io::{poll, streams};

use super::again;
use crate::instance::store::{Guest, HANDLES_MAX};

/// The interfaces as the library names them. A test finds out when that changes.
const POLL: &str = "wasi:io/poll@0.2.12";
const STREAMS: &str = "wasi:io/streams@0.2.12";
/// The most bytes that a read returns: as many as the library reads of a file.
const READ_MAX_BYTES: u64 = 64 << 10;

/// What a guest holds, each of its calls within bounds.
struct Bounded<'a>(&'a mut ResourceTable);

struct HasBounded;

impl HasData for HasBounded {
    type Data<'a> = Bounded<'a>;
}

/// Puts the host's functions before those of the library.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    poll::add_to_linker::<_, HasBounded>(linker, |guest: &mut Guest| Bounded(&mut guest.table))?;
    streams::add_to_linker::<_, HasBounded>(linker, |guest: &mut Guest| Bounded(&mut guest.table))?;
    // Lists are looked at before they are copied.
    linker.instance(POLL)?.func_wrap_async("poll", |mut store: Store<'_>, (pollables,)| {
        let pollables = listed(&mut store, &pollables);
        Box::new(async move {
            let ready = poll::Host::poll(&mut store.data_mut().table, pollables?).await?;
            Ok((ready,))
        })
    })?;
    linker.instance(STREAMS)?.func_wrap(
        "[method]output-stream.write",
        |mut store: Store<'_>, (stream, bytes): (Resource<DynOutputStream>, WasmList<u8>)| {
            let done = match write(&mut store, &stream, &bytes) {
                Ok(()) => Ok(()),
                Err(error) => Err(streams::Host::convert_stream_error(&mut store.data_mut().table, error)?),
            };
            Ok((done,))
        },
    )
}

type Store<'a> = StoreContextMut<'a, Guest>;

fn listed(
    store: &mut Store<'_>,
    pollables: &WasmList<Resource<DynPollable>>,
) -> wasmtime::Result<Vec<Resource<DynPollable>>> {
    // Who holds no more than that names some twice.
    if pollables.len() > HANDLES_MAX {
        wasmtime::bail!("a poll of {} pollables, more than {HANDLES_MAX}", pollables.len());
    }
    pollables.iter(&mut *store)?.collect()
}

fn write(
    store: &mut Store<'_>,
    stream: &Resource<DynOutputStream>,
    bytes: &WasmList<u8>,
) -> StreamResult<()> {
    Bounded(&mut store.data_mut().table).check_permit(stream, bytes.len())?;
    let bytes = bytes.as_le_slice(&*store).to_vec();
    streams::HostOutputStream::write(&mut store.data_mut().table, again(stream), bytes)
}

impl Bounded<'_> {
    /// That a stream takes so many bytes now, as its guest was told by `check-write`, or could have been.
    fn check_permit(&mut self, stream: &Resource<DynOutputStream>, bytes: usize) -> StreamResult<()> {
        let permit = self.0.get_mut(stream)?.check_write()?;
        if bytes > permit {
            let text = format!("a write of {bytes} bytes, where `check-write` permits {permit}");
            return Err(StreamError::trap(&text));
        }
        Ok(())
    }
}

impl poll::Host for Bounded<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.0.poll(pollables).await
    }
}

impl poll::HostPollable for Bounded<'_> {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.0.ready(pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.0.block(pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.0, pollable)
    }
}

impl streams::Host for Bounded<'_> {
    fn convert_stream_error(&mut self, error: StreamError) -> wasmtime::Result<streams::StreamError> {
        self.0.convert_stream_error(error)
    }
}

impl streams::HostInputStream for Bounded<'_> {
    fn read(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        self.0.read(stream, len.min(READ_MAX_BYTES))
    }

    async fn blocking_read(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        self.0.blocking_read(stream, len.min(READ_MAX_BYTES)).await
    }

    fn skip(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        self.0.skip(stream, len.min(READ_MAX_BYTES))
    }

    async fn blocking_skip(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        self.0.blocking_skip(stream, len.min(READ_MAX_BYTES)).await
    }

    fn subscribe(&mut self, stream: Resource<DynInputStream>) -> wasmtime::Result<Resource<DynPollable>> {
        streams::HostInputStream::subscribe(self.0, stream)
    }

    async fn drop(&mut self, stream: Resource<DynInputStream>) -> wasmtime::Result<()> {
        streams::HostInputStream::drop(self.0, stream).await
    }
}

impl streams::HostOutputStream for Bounded<'_> {
    fn check_write(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<u64> {
        self.0.check_write(stream)
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.check_permit(&stream, bytes.len())?;
        self.0.write(stream, bytes)
    }

    /// Of 4,096 bytes at most, by its contract.
    async fn blocking_write_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        self.0.blocking_write_and_flush(stream, bytes).await
    }

    fn flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.0.flush(stream)
    }

    async fn blocking_flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.0.blocking_flush(stream).await
    }

    fn subscribe(&mut self, stream: Resource<DynOutputStream>) -> wasmtime::Result<Resource<DynPollable>> {
        streams::HostOutputStream::subscribe(self.0, stream)
    }

    /// As many as `check-write` permits: the library sees to that.
    fn write_zeroes(&mut self, stream: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        self.0.write_zeroes(stream, len)
    }

    async fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        len: u64,
    ) -> StreamResult<()> {
        self.0.blocking_write_zeroes_and_flush(stream, len).await
    }

    /// As many as `check-write` permits, and a read returns.
    fn splice(
        &mut self,
        to: Resource<DynOutputStream>,
        from: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        self.0.splice(to, from, len.min(READ_MAX_BYTES))
    }

    async fn blocking_splice(
        &mut self,
        to: Resource<DynOutputStream>,
        from: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        self.0.blocking_splice(to, from, len.min(READ_MAX_BYTES)).await
    }

    async fn drop(&mut self, stream: Resource<DynOutputStream>) -> wasmtime::Result<()> {
        streams::HostOutputStream::drop(self.0, stream).await
    }
}

#[cfg(test)]
mod tests {
    use streams::{HostInputStream as _, HostOutputStream as _};
    use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};

    use super::*;

    const MIB: usize = 1 << 20;

    fn reader(table: &mut ResourceTable) -> Resource<DynInputStream> {
        let pipe: DynInputStream = Box::new(MemoryInputPipe::new(vec![1_u8; MIB]));
        table.push(pipe).unwrap()
    }

    fn writer(table: &mut ResourceTable, capacity: usize) -> Resource<DynOutputStream> {
        let pipe: DynOutputStream = Box::new(MemoryOutputPipe::new(capacity));
        table.push(pipe).unwrap()
    }

    #[tokio::test]
    async fn what_a_read_returns_has_a_bound() {
        let mut table = ResourceTable::new();
        let (from, to) = (reader(&mut table), writer(&mut table, 2 * MIB));
        let mut bounded = Bounded(&mut table);
        assert_eq!(bounded.read(again(&from), u64::MAX).unwrap().len(), 64 << 10);
        assert_eq!(bounded.blocking_read(again(&from), 1 << 20).await.unwrap().len(), 64 << 10);
        assert_eq!(bounded.skip(again(&from), u64::MAX).unwrap(), 64 << 10);
        assert_eq!(bounded.blocking_skip(again(&from), u64::MAX).await.unwrap(), 64 << 10);
        assert_eq!(bounded.splice(again(&to), again(&from), u64::MAX).unwrap(), 64 << 10);
        assert_eq!(bounded.blocking_splice(again(&to), again(&from), u64::MAX).await.unwrap(), 64 << 10);
    }

    #[test]
    fn a_write_is_what_is_permitted_at_most() {
        let mut table = ResourceTable::new();
        let to = writer(&mut table, 10);
        let mut bounded = Bounded(&mut table);
        let refused = bounded.write(again(&to), vec![0; 11]);
        assert!(matches!(refused, Err(StreamError::Trap(_))), "{refused:?}");
        let refused = bounded.write_zeroes(again(&to), u64::MAX);
        assert!(matches!(refused, Err(StreamError::Trap(_))), "{refused:?}");
        bounded.write(again(&to), vec![0; 10]).unwrap();
    }
}
