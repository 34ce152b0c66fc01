//! What an overlapping guest can call. While it waits, its other handlers run.

use wasmtime::component::{Accessor, HasSelf};

use super::wait;
use crate::id::CallId;
use crate::instance::bindings::overlapping::pulsing::actor::async_system::{Host, HostWithStore};
use crate::instance::bindings::types::{
    CallError, CallOptions, ContextEntry, Payload, RuntimeError, StreamBatch,
};
use crate::instance::store::Guest;

impl Host for Guest {
    fn stream_close(&mut self, stream: u64) -> wasmtime::Result<()> {
        self.peer_streams.close(stream);
        Ok(())
    }

    fn watch(&mut self, target: String) -> wasmtime::Result<Result<u64, CallError>> {
        self.watching(&target)
    }

    fn is_cancelled(&mut self, call: u64) -> wasmtime::Result<bool> {
        Ok(self.context.is_cancelled(CallId(call)))
    }

    fn caller(&mut self, call: u64) -> wasmtime::Result<Option<String>> {
        Ok(self.caller_of(call))
    }

    fn context(&mut self, call: u64) -> wasmtime::Result<Vec<ContextEntry>> {
        Ok(self.context_of(call))
    }

    fn may_passivate(&mut self) -> wasmtime::Result<()> {
        self.context.may_passivate();
        Ok(())
    }

    fn unpark(&mut self, key: u64) -> wasmtime::Result<()> {
        self.parking.unpark(key);
        Ok(())
    }
}

impl HostWithStore<Guest> for HasSelf<Guest> {
    async fn ask(
        accessor: &Accessor<Guest, Self>,
        within: u64,
        target: String,
        method: String,
        args: Payload,
        options: CallOptions,
    ) -> wasmtime::Result<Result<Payload, CallError>> {
        let asked = accessor.with(|mut store| store.get().asking(within, &target, method, args, options))?;
        wait(accessor, asked).await
    }

    async fn tell(
        accessor: &Accessor<Guest, Self>,
        within: u64,
        target: String,
        method: String,
        args: Payload,
        key: Option<String>,
    ) -> wasmtime::Result<Result<(), RuntimeError>> {
        let told = accessor.with(|mut store| store.get().telling(within, &target, method, args, key))?;
        wait(accessor, told).await
    }

    async fn stream_open(
        accessor: &Accessor<Guest, Self>,
        within: u64,
        target: String,
        method: String,
        args: Payload,
        resume_after: Option<u64>,
        options: CallOptions,
    ) -> wasmtime::Result<Result<u64, CallError>> {
        let opened = accessor
            .with(|mut store| store.get().opening(within, &target, method, args, resume_after, options))?;
        let opened = wait(accessor, opened).await?;
        Ok(accessor.with(|mut store| store.get().opened(opened)))
    }

    async fn stream_next(
        accessor: &Accessor<Guest, Self>,
        within: u64,
        stream: u64,
        max_items: u32,
    ) -> wasmtime::Result<Result<StreamBatch, CallError>> {
        let drawn = accessor.with(|mut store| store.get().drawing(within, stream, max_items));
        let drawn = wait(accessor, drawn).await?;
        Ok(accessor.with(|mut store| store.get().drawn(stream, drawn)))
    }

    async fn sleep(accessor: &Accessor<Guest, Self>, within: u64, ms: u64) -> wasmtime::Result<()> {
        let slept = accessor.with(|mut store| store.get().sleeping(within, ms));
        wait(accessor, slept).await?;
        Ok(())
    }

    async fn cancelled(accessor: &Accessor<Guest, Self>, call: u64) -> wasmtime::Result<()> {
        let context = accessor.with(|mut store| store.get().context.clone());
        wait(accessor, context.cancelled(CallId(call))).await
    }

    async fn park(accessor: &Accessor<Guest, Self>, within: u64, key: u64) -> wasmtime::Result<()> {
        let woken = accessor.with(|mut store| store.get().parked(within, key))?;
        wait(accessor, woken).await?;
        Ok(())
    }
}
