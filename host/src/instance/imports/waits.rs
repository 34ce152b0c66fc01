//! What an overlapping guest can wait for, in two steps: what needs the guest's store is taken out of it at once,
//! and what is waited for then needs it no more. One way for imports that are async, and for those that are futures.

use std::sync::Arc;
use std::time::Duration;

use crate::dispatch::LifeContext;
use crate::id::CallId;
use crate::instance::bindings::types::{CallError, CallOptions, Payload, RuntimeError, StreamBatch};
use crate::instance::convert::{batch_out, call_error_out, payload_in, payload_out, runtime_error_out};
use crate::instance::peer_streams::Source;
use crate::instance::store::Guest;
use crate::stream::Batch;
use crate::wait_graph::Origin;
use crate::wire;
use crate::wire::Message;

use super::handed::key_of;
use super::peers::told_to_stop;

/// Waits until the call is told to stop; without end, where no call is named.
async fn told(context: &LifeContext, within: CallId) {
    if within == CallId::NONE {
        return std::future::pending().await;
    }
    context.cancelled(within).await;
}

/// Does `work`, unless the call is told to stop before: then true.
async fn is_cut_short(context: LifeContext, within: u64, work: impl Future) -> bool {
    tokio::select! {
        biased;
        _done = work => false,
        () = told(&context, CallId(within)) => true,
    }
}

impl Guest {
    pub(super) fn asking(
        &self,
        within: u64,
        target: &str,
        method: String,
        args: Payload,
        options: CallOptions,
    ) -> wasmtime::Result<impl Future<Output = Result<Payload, CallError>> + Send + use<>> {
        self.check_message(target, &method, &args, key_of(&options))?;
        let message = Message::new(method, payload_in(args));
        let outgoing = self.outgoing(within, target, message, options);
        Ok(async { async { outgoing?.ask().await }.await.map(payload_out).map_err(call_error_out) })
    }

    pub(super) fn telling(
        &self,
        within: u64,
        target: &str,
        method: String,
        args: Payload,
        idempotency_key: Option<String>,
    ) -> wasmtime::Result<impl Future<Output = Result<(), RuntimeError>> + Send + use<>> {
        self.check_message(target, &method, &args, idempotency_key.as_deref())?;
        let within = CallId(within);
        let context = self.context.call_context(within);
        let message = Message { idempotency_key, context, ..Message::new(method, payload_in(args)) };
        // What is refused keeps nothing of the message: the guest may never come for the error.
        let held = self.peer(target).and_then(|peer| {
            let held = self.hold(&message)?;
            Ok((peer, message, held))
        });
        let context = self.context.clone();
        Ok(async move {
            let (peer, message, _held) = held.map_err(runtime_error_out)?;
            let told = tokio::select! {
                biased;
                told = Self::tell_in_time(&peer, message, Origin::default()) => told,
                () = told(&context, within) => Err(told_to_stop()),
            };
            told.map_err(runtime_error_out)
        })
    }

    pub(super) fn opening(
        &self,
        within: u64,
        target: &str,
        method: String,
        args: Payload,
        resume_after: Option<u64>,
        options: CallOptions,
    ) -> wasmtime::Result<impl Future<Output = Result<Source, wire::CallError>> + Send + use<>> {
        self.check_message(target, &method, &args, key_of(&options))?;
        let message = Message { resume_after, ..Message::new(method, payload_in(args)) };
        let outgoing = self.outgoing(within, target, message, options);
        Ok(async { outgoing?.open().await })
    }

    /// Keeps what was opened.
    pub(super) fn opened(&mut self, opened: Result<Source, wire::CallError>) -> Result<u64, CallError> {
        opened.and_then(|source| self.peer_streams.add(source)).map_err(call_error_out)
    }

    pub(super) fn drawing(
        &self,
        within: u64,
        stream: u64,
        max_items: u32,
    ) -> impl Future<Output = Result<Batch, wire::CallError>> + Send + use<> {
        // Until it is drawn on, a stream that is closed is gone.
        let source = self.peer_streams.get(stream).map(|source| Arc::downgrade(&source));
        let context = self.context.clone();
        async move {
            let Some(source) = source?.upgrade() else { return Ok(Batch { items: Vec::new(), done: true }) };
            let origin = Origin::default();
            tokio::select! {
                biased;
                batch = source.draw(max_items, &origin) => batch,
                () = told(&context, CallId(within)) => Err(wire::ActorError::Cancelled.into()),
            }
        }
    }

    /// Lets go of a stream that ended with what was drawn.
    pub(super) fn drawn(
        &mut self,
        stream: u64,
        drawn: Result<Batch, wire::CallError>,
    ) -> Result<StreamBatch, CallError> {
        self.peer_streams.let_go_if_ended(stream, &drawn);
        drawn.map(batch_out).map_err(call_error_out)
    }

    /// Whether the wait was cut short.
    pub(super) fn sleeping(&self, within: u64, ms: u64) -> impl Future<Output = bool> + Send + use<> {
        let context = self.context.clone();
        // The clock begins when somebody waits.
        async move { is_cut_short(context, within, tokio::time::sleep(Duration::from_millis(ms))).await }
    }

    /// Whether the wait was cut short.
    pub(super) fn parked(
        &mut self,
        within: u64,
        key: u64,
    ) -> wasmtime::Result<impl Future<Output = bool> + Send + use<>> {
        let Some(woken) = self.parking.park(key) else { wasmtime::bail!("too many handlers are parked") };
        // The other end goes away only with the whole life.
        Ok(is_cut_short(self.context.clone(), within, woken))
    }
}
