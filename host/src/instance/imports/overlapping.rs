//! What an overlapping guest can call. While it waits, its other handlers run.

use std::time::Duration;

use wasmtime::component::{Accessor, HasSelf};

use super::wait;
use crate::actor::waits::Origin;
use crate::id::CallId;
use crate::instance::bindings::overlapping::pulsing::actor::async_system::{Host, HostWithStore};
use crate::instance::bindings::types::{CallError, CallOptions, Payload, RuntimeError, StreamBatch};
use crate::instance::convert::{batch_out, call_error_out, payload_in, payload_out, runtime_error_out};
use crate::instance::store::Guest;
use crate::message::Message;

impl Host for Guest {
    fn stream_close(&mut self, stream: u64) -> wasmtime::Result<()> {
        self.peer_streams.close(stream);
        Ok(())
    }

    fn watch(&mut self, target: String) -> wasmtime::Result<Result<u64, CallError>> {
        Ok(self.watch_peer(&target).map_err(call_error_out))
    }

    fn is_cancelled(&mut self, call: u64) -> wasmtime::Result<bool> {
        Ok(self.desk.is_cancelled(CallId(call)))
    }

    fn may_passivate(&mut self) -> wasmtime::Result<()> {
        self.desk.may_passivate();
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
        let message = Message::new(method, payload_in(args));
        let outgoing = accessor.with(|mut store| store.get().outgoing(within, &target, message, options));
        let answer = wait(accessor, async { outgoing?.ask().await }).await;
        Ok(answer.map(payload_out).map_err(call_error_out))
    }

    async fn tell(
        accessor: &Accessor<Guest, Self>,
        target: String,
        method: String,
        args: Payload,
        idempotency_key: Option<String>,
    ) -> wasmtime::Result<Result<(), RuntimeError>> {
        let message = Message { idempotency_key, ..Message::new(method, payload_in(args)) };
        let peer = accessor.with(|mut store| {
            let guest = store.get();
            Ok((guest.peer(&target)?, guest.hold(&message)?))
        });
        let told = async {
            let (peer, _held) = peer?;
            Guest::tell_in_time(&peer, message, Origin::default()).await
        };
        let told = wait(accessor, told).await;
        Ok(told.map_err(runtime_error_out))
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
        let message = Message { resume_after, ..Message::new(method, payload_in(args)) };
        let outgoing = accessor.with(|mut store| store.get().outgoing(within, &target, message, options));
        let opened = wait(accessor, async { outgoing?.open().await }).await;
        let kept = opened.and_then(|reader| accessor.with(|mut store| store.get().peer_streams.add(reader)));
        Ok(kept.map_err(call_error_out))
    }

    async fn stream_next(
        accessor: &Accessor<Guest, Self>,
        stream: u64,
        max_items: u32,
    ) -> wasmtime::Result<Result<StreamBatch, CallError>> {
        let source = accessor.with(|mut store| store.get().peer_streams.get(stream));
        let batch = match source {
            Ok(stream) => wait(accessor, stream.draw(max_items, &Origin::default())).await,
            Err(error) => Err(error),
        };
        accessor.with(|mut store| store.get().peer_streams.let_go_if_ended(stream, &batch));
        Ok(batch.map(batch_out).map_err(call_error_out))
    }

    async fn sleep(accessor: &Accessor<Guest, Self>, ms: u64) -> wasmtime::Result<()> {
        wait(accessor, tokio::time::sleep(Duration::from_millis(ms))).await;
        Ok(())
    }

    async fn cancelled(accessor: &Accessor<Guest, Self>, call: u64) -> wasmtime::Result<()> {
        let desk = accessor.with(|mut store| store.get().desk.clone());
        desk.cancelled(CallId(call)).await;
        Ok(())
    }

    async fn park(accessor: &Accessor<Guest, Self>, key: u64) -> wasmtime::Result<()> {
        let place = accessor.with(|mut store| store.get().parking.park(key));
        match place {
            Some(woken) => {
                // The other end goes away only with the whole life.
                drop(wait(accessor, woken).await);
                Ok(())
            }
            None => wasmtime::bail!("too many handlers are parked"),
        }
    }
}
