//! What the measured guests use of the host, as short as it can be. What they do not use traps.
//!
//! The signatures come from the WIT: where it changes, this does not compile.

use std::time::Duration;

use pulsing_host::Lane;
use tokio::sync::oneshot;
use wasmtime::component::{Accessor, HasSelf, Linker};

use super::overlapping::pulsing::actor::async_system;
use super::serial::pulsing::actor::system;
use super::serial::pulsing::actor::types::{
    self, CallError, CallOptions, ContextEntry, Payload, RuntimeError, StreamBatch, StreamId,
};
use super::{Wasi, lock};

/// Offers what the host offers to guests of this lane, beside wasi.
pub(super) fn add_to_linker(linker: &mut Linker<Wasi>, lane: Lane) -> wasmtime::Result<()> {
    match lane {
        Lane::Serial => system::add_to_linker::<_, HasSelf<_>>(linker, |wasi| wasi),
        Lane::Overlapping => async_system::add_to_linker::<_, HasSelf<_>>(linker, |wasi| wasi),
    }
}

fn unused<T>() -> wasmtime::Result<T> {
    Err(wasmtime::Error::msg("no measured guest uses this"))
}

impl types::Host for Wasi {}

impl system::Host for Wasi {
    async fn may_passivate(&mut self) -> wasmtime::Result<()> {
        Ok(())
    }

    async fn ask(
        &mut self,
        _: u64,
        _: String,
        _: String,
        _: Payload,
        _: CallOptions,
    ) -> wasmtime::Result<Result<Payload, CallError>> {
        unused()
    }

    async fn tell(
        &mut self,
        _: String,
        _: String,
        _: Payload,
        _: Option<String>,
    ) -> wasmtime::Result<Result<(), RuntimeError>> {
        unused()
    }

    async fn stream_open(
        &mut self,
        _: u64,
        _: String,
        _: String,
        _: Payload,
        _: Option<u64>,
        _: CallOptions,
    ) -> wasmtime::Result<Result<StreamId, CallError>> {
        unused()
    }

    async fn stream_next(&mut self, _: StreamId, _: u32) -> wasmtime::Result<Result<StreamBatch, CallError>> {
        unused()
    }

    async fn stream_close(&mut self, _: StreamId) -> wasmtime::Result<()> {
        unused()
    }

    async fn watch(&mut self, _: String) -> wasmtime::Result<Result<StreamId, CallError>> {
        unused()
    }

    async fn sleep(&mut self, _: u64) -> wasmtime::Result<()> {
        unused()
    }

    async fn is_cancelled(&mut self, _: u64) -> wasmtime::Result<bool> {
        unused()
    }

    async fn caller(&mut self, _: u64) -> wasmtime::Result<Option<String>> {
        unused()
    }

    async fn context(&mut self, _: u64) -> wasmtime::Result<Vec<ContextEntry>> {
        unused()
    }
}

impl async_system::Host for Wasi {
    fn may_passivate(&mut self) -> wasmtime::Result<()> {
        Ok(())
    }

    fn stream_close(&mut self, _: StreamId) -> wasmtime::Result<()> {
        unused()
    }

    fn watch(&mut self, _: String) -> wasmtime::Result<Result<StreamId, CallError>> {
        unused()
    }

    fn is_cancelled(&mut self, _: u64) -> wasmtime::Result<bool> {
        unused()
    }

    fn caller(&mut self, _: u64) -> wasmtime::Result<Option<String>> {
        unused()
    }

    fn context(&mut self, _: u64) -> wasmtime::Result<Vec<ContextEntry>> {
        unused()
    }

    fn unpark(&mut self, _: u64) -> wasmtime::Result<()> {
        unused()
    }
}

type Access<'a> = &'a Accessor<Wasi, HasSelf<Wasi>>;

impl async_system::HostWithStore<Wasi> for HasSelf<Wasi> {
    async fn sleep(_: Access<'_>, _: u64, ms: u64) -> wasmtime::Result<()> {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok(())
    }

    async fn cancelled(accessor: Access<'_>, call: u64) -> wasmtime::Result<()> {
        let (ended, wait) = oneshot::channel();
        accessor.with(|mut store| lock(&store.get().watched).insert(call, ended));
        // It errs where the call has ended, which is all there is to know.
        drop(wait.await);
        Ok(())
    }

    async fn ask(
        _: Access<'_>,
        _: u64,
        _: String,
        _: String,
        _: Payload,
        _: CallOptions,
    ) -> wasmtime::Result<Result<Payload, CallError>> {
        unused()
    }

    async fn tell(
        _: Access<'_>,
        _: u64,
        _: String,
        _: String,
        _: Payload,
        _: Option<String>,
    ) -> wasmtime::Result<Result<(), RuntimeError>> {
        unused()
    }

    async fn stream_open(
        _: Access<'_>,
        _: u64,
        _: String,
        _: String,
        _: Payload,
        _: Option<u64>,
        _: CallOptions,
    ) -> wasmtime::Result<Result<StreamId, CallError>> {
        unused()
    }

    async fn stream_next(
        _: Access<'_>,
        _: u64,
        _: StreamId,
        _: u32,
    ) -> wasmtime::Result<Result<StreamBatch, CallError>> {
        unused()
    }

    async fn park(_: Access<'_>, _: u64, _: u64) -> wasmtime::Result<()> {
        unused()
    }
}
