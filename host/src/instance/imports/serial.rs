//! What a serial guest can call. The guest waits, and its actor with it.

use std::time::Duration;

use super::handed::key_of;
use super::peers::told_to_stop;
use crate::id::CallId;
use crate::instance::bindings::serial::pulsing::actor::{system, types};
use crate::instance::bindings::types::{
    CallError, CallOptions, ContextEntry, Payload, RuntimeError, StreamBatch,
};
use crate::instance::convert::{batch_out, call_error_out, payload_in, payload_out, runtime_error_out};
use crate::instance::store::Guest;
use crate::wire::{ActorError, Message};

impl types::Host for Guest {}

impl system::Host for Guest {
    async fn ask(
        &mut self,
        within: u64,
        target: String,
        method: String,
        args: Payload,
        options: CallOptions,
    ) -> wasmtime::Result<Result<Payload, CallError>> {
        self.check_message(&target, &method, &args, key_of(&options))?;
        let message = Message::new(method, payload_in(args));
        let outgoing = self.outgoing(within, &target, message, options);
        let answer = async { outgoing?.ask().await }.await;
        Ok(answer.map(payload_out).map_err(call_error_out))
    }

    async fn tell(
        &mut self,
        target: String,
        method: String,
        args: Payload,
        idempotency_key: Option<String>,
    ) -> wasmtime::Result<Result<(), RuntimeError>> {
        self.check_message(&target, &method, &args, idempotency_key.as_deref())?;
        let context = self.context.call_context(self.current);
        let message = Message { idempotency_key, context, ..Message::new(method, payload_in(args)) };
        let told = match self.peer(&target) {
            // A tell that waits for room ends with the call that it is part of.
            Ok(peer) => {
                let origin = self.context.origin(self.current);
                tokio::select! {
                    biased;
                    told = Self::tell_in_time(&peer, message, origin) => told,
                    () = self.context.cancelled(self.current) => Err(told_to_stop()),
                }
            }
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
        options: CallOptions,
    ) -> wasmtime::Result<Result<u64, CallError>> {
        self.check_message(&target, &method, &args, key_of(&options))?;
        let message = Message { resume_after, ..Message::new(method, payload_in(args)) };
        let outgoing = self.outgoing(within, &target, message, options);
        let opened = async { outgoing?.open().await }.await;
        Ok(opened.and_then(|reader| self.peer_streams.add(reader)).map_err(call_error_out))
    }

    async fn stream_next(
        &mut self,
        stream: u64,
        max_items: u32,
    ) -> wasmtime::Result<Result<StreamBatch, CallError>> {
        let origin = self.context.origin(self.current);
        let batch = match self.peer_streams.get(stream) {
            Ok(stream) => tokio::select! {
                batch = stream.draw(max_items, &origin) => batch,
                () = self.context.cancelled(self.current) => Err(ActorError::Cancelled.into()),
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

    async fn watch(&mut self, target: String) -> wasmtime::Result<Result<u64, CallError>> {
        self.watching(&target)
    }

    async fn sleep(&mut self, ms: u64) -> wasmtime::Result<()> {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(ms)) => {}
            () = self.context.cancelled(self.current) => {}
        }
        Ok(())
    }

    async fn is_cancelled(&mut self, call: u64) -> wasmtime::Result<bool> {
        Ok(self.context.is_cancelled(CallId(call)))
    }

    async fn caller(&mut self, call: u64) -> wasmtime::Result<Option<String>> {
        Ok(self.caller_of(call))
    }

    async fn context(&mut self, call: u64) -> wasmtime::Result<Vec<ContextEntry>> {
        Ok(self.context_of(call))
    }

    async fn may_passivate(&mut self) -> wasmtime::Result<()> {
        self.context.may_passivate();
        Ok(())
    }
}
