//! What a serial guest can call. The guest waits, and its actor with it.

use std::time::Duration;

use crate::id::CallId;
use crate::instance::bindings::serial::pulsing::actor::{system, types};
use crate::instance::bindings::types::{CallError, Payload, RuntimeError, StreamBatch};
use crate::instance::convert::{batch_out, call_error_out, payload_in, payload_out, runtime_error_out};
use crate::instance::store::Guest;
use crate::message::Message;

impl types::Host for Guest {}

impl system::Host for Guest {
    async fn ask(
        &mut self,
        within: u64,
        target: String,
        method: String,
        args: Payload,
        timeout_ms: Option<u64>,
    ) -> wasmtime::Result<Result<Payload, CallError>> {
        let message = Message::new(method, payload_in(args));
        let answer = match self.outgoing(within, &target, message, timeout_ms) {
            Ok(outgoing) => outgoing.ask().await,
            Err(error) => Err(error),
        };
        Ok(answer.map(payload_out).map_err(call_error_out))
    }

    async fn tell(
        &mut self,
        target: String,
        method: String,
        args: Payload,
    ) -> wasmtime::Result<Result<(), RuntimeError>> {
        let message = Message::new(method, payload_in(args));
        let told = match self.peer(&target) {
            // A tell that waits for room ends with the call that it is part of.
            Ok(peer) => tokio::select! {
                told = peer.tell_message(message, Default::default()) => told,
                () = self.desk.cancelled(self.current) => Err(cancelled()),
            },
            Err(error) => Err(error),
        };
        Ok(told.map_err(runtime_error_out))
    }

    async fn stream_open(
        &mut self,
        within: u64,
        target: String,
        method: String,
        args: Payload,
        resume_after: Option<u64>,
    ) -> wasmtime::Result<Result<u64, CallError>> {
        let message = Message { resume_after, ..Message::new(method, payload_in(args)) };
        let opened = match self.outgoing(within, &target, message, None) {
            Ok(outgoing) => outgoing.open().await,
            Err(error) => Err(error),
        };
        Ok(opened.and_then(|reader| self.peer_streams.add(reader)).map_err(call_error_out))
    }

    async fn stream_next(
        &mut self,
        stream: u64,
        max_items: u32,
    ) -> wasmtime::Result<Result<StreamBatch, CallError>> {
        let batch = match self.peer_streams.get(stream) {
            Ok(stream) => tokio::select! {
                batch = stream.draw(max_items) => batch,
                () = self.desk.cancelled(self.current) => Err(crate::error::ActorError::Cancelled.into()),
            },
            Err(error) => Err(error),
        };
        self.peer_streams.let_go_if_ended(stream, &batch);
        Ok(batch.map(batch_out).map_err(call_error_out))
    }

    async fn stream_close(&mut self, stream: u64) -> wasmtime::Result<()> {
        self.peer_streams.close(stream);
        Ok(())
    }

    async fn sleep(&mut self, ms: u64) -> wasmtime::Result<()> {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(ms)) => {}
            () = self.desk.cancelled(self.current) => {}
        }
        Ok(())
    }

    async fn is_cancelled(&mut self, call: u64) -> wasmtime::Result<bool> {
        Ok(self.desk.is_cancelled(CallId(call)))
    }
}

fn cancelled() -> crate::error::RuntimeError {
    crate::error::RuntimeError::new(
        crate::error::RuntimeErrorKind::MailboxFull,
        "the call was told to stop while it waited for room in the mailbox",
    )
}
