//! What a resident guest whose handlers overlap can wait for: each wait begins here, and ends in the list of `work.next`.

use std::time::Duration;

use futures::FutureExt;
use wasmtime::format_err;

use super::http::failure::Failure;
use crate::id::CallId;
use crate::instance::bindings::http_types::{Error, ErrorCode, Request, ResponseHead};
use crate::instance::bindings::resident_overlapping::pulsing::actor::{waits, waits_http};
use crate::instance::bindings::types::{
    CallError, CallOptions, ContextEntry, Payload, RuntimeError, StreamBatch,
};
use crate::instance::convert::{call_error_out, runtime_error_out};
use crate::instance::pending_waits::{Ended, PendingWaits};
use crate::instance::store::Guest;
use crate::wire;
use crate::wire::RuntimeErrorKind;

impl Guest {
    fn waits(&mut self) -> &mut PendingWaits {
        self.waits.get_or_insert_with(|| PendingWaits::new(self.outgoing.clone()))
    }

    /// Begins to wait on behalf of the handler that runs.
    fn begin_wait(&mut self, work: impl Future<Output = Ended> + Send + 'static) -> wasmtime::Result<u64> {
        self.context.awaits();
        let wait = self.waits().begin(work)?;
        self.pay_waits()?;
        Ok(wait)
    }

    /// Takes memory for one more wait, where there is none yet.
    fn pay_waits(&mut self) -> wasmtime::Result<()> {
        let bytes = self.waits().kept_bytes();
        self.limiter.keep_for_waits(bytes)
    }

    /// The result of a wait that is over, if the host could keep it.
    fn take_ended(&mut self, wait: u64) -> wasmtime::Result<Option<Ended>> {
        self.waits().take(wait)
    }
}

/// What a guest is told whose result the host could not keep.
const LOST: &str = "more results wait for this actor than the host keeps for it";

fn lost() -> wire::RuntimeError {
    wire::RuntimeError::new(RuntimeErrorKind::MailboxFull, LOST)
}

fn lost_http() -> Error {
    Failure::new(ErrorCode::TooManyRequests, LOST).into_wit()
}

/// A trap: the number names a wait for something else.
fn other_wait(wait: u64) -> wasmtime::Error {
    format_err!("the wait {wait} is for something else")
}

impl waits::Host for Guest {
    fn sleep(&mut self, ms: u64) -> wasmtime::Result<u64> {
        self.context.awaits();
        let wait = self.waits().sleep(Duration::from_millis(ms))?;
        self.pay_waits()?;
        Ok(wait)
    }

    fn ask(
        &mut self,
        within: u64,
        target: String,
        method: String,
        args: Payload,
        options: CallOptions,
    ) -> wasmtime::Result<u64> {
        let asking = self.asking(within, &target, method, args, options)?;
        self.begin_wait(async { Ended::Asked(asking.await) })
    }

    fn asked(&mut self, wait: u64) -> wasmtime::Result<Result<Payload, CallError>> {
        match self.take_ended(wait)? {
            Some(Ended::Asked(asked)) => Ok(asked),
            Some(_) => Err(other_wait(wait)),
            None => Ok(Err(call_error_out(lost().into()))),
        }
    }

    fn tell(
        &mut self,
        within: u64,
        target: String,
        method: String,
        args: Payload,
        idempotency_key: Option<String>,
    ) -> wasmtime::Result<Result<Option<u64>, RuntimeError>> {
        let mut telling = Box::pin(self.telling(within, &target, method, args, idempotency_key)?);
        // Most find room at once.
        match (&mut telling).now_or_never() {
            Some(told) => Ok(told.map(|()| None)),
            None => self.begin_wait(async { Ended::Told(telling.await) }).map(|wait| Ok(Some(wait))),
        }
    }

    fn told(&mut self, wait: u64) -> wasmtime::Result<Result<(), RuntimeError>> {
        match self.take_ended(wait)? {
            Some(Ended::Told(told)) => Ok(told),
            Some(_) => Err(other_wait(wait)),
            None => Ok(Err(runtime_error_out(lost()))),
        }
    }

    fn stream_open(
        &mut self,
        within: u64,
        target: String,
        method: String,
        args: Payload,
        resume_after: Option<u64>,
        options: CallOptions,
    ) -> wasmtime::Result<u64> {
        let opening = self.opening(within, &target, method, args, resume_after, options)?;
        self.begin_wait(async { Ended::Opened(opening.await) })
    }

    fn stream_opened(&mut self, wait: u64) -> wasmtime::Result<Result<u64, CallError>> {
        match self.take_ended(wait)? {
            Some(Ended::Opened(opened)) => Ok(self.opened(opened)),
            Some(_) => Err(other_wait(wait)),
            None => Ok(Err(call_error_out(lost().into()))),
        }
    }

    fn stream_next(
        &mut self,
        within: u64,
        stream: u64,
        max_items: u32,
    ) -> wasmtime::Result<Result<waits::Drawn, CallError>> {
        let mut drawing = Box::pin(self.drawing(within, stream, max_items));
        match (&mut drawing).now_or_never() {
            Some(drawn) => Ok(self.drawn(stream, drawn).map(waits::Drawn::Items)),
            None => {
                let wait = self.begin_wait(async move { Ended::Drawn(stream, drawing.await) })?;
                Ok(Ok(waits::Drawn::Waits(wait)))
            }
        }
    }

    fn stream_drawn(&mut self, wait: u64) -> wasmtime::Result<Result<StreamBatch, CallError>> {
        match self.take_ended(wait)? {
            Some(Ended::Drawn(stream, drawn)) => Ok(self.drawn(stream, drawn)),
            Some(_) => Err(other_wait(wait)),
            None => Ok(Err(call_error_out(lost().into()))),
        }
    }

    fn stream_close(&mut self, stream: u64) -> wasmtime::Result<()> {
        self.peer_streams.close(stream);
        Ok(())
    }

    fn watch(&mut self, target: String) -> wasmtime::Result<Result<u64, CallError>> {
        self.watching(&target)
    }

    fn give_up(&mut self, wait: u64) -> wasmtime::Result<()> {
        if let Some(waits) = &mut self.waits {
            waits.give_up(wait);
        }
        Ok(())
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
}

impl waits_http::Host for Guest {
    fn begin(&mut self, within: u64, request: Request) -> wasmtime::Result<Result<u64, Error>> {
        self.beginning(within, request)
    }

    fn write(&mut self, exchange: u64, bytes: Vec<u8>) -> wasmtime::Result<u64> {
        let writing = self.writing(exchange, bytes)?;
        self.begin_wait(async { Ended::Written(writing.await) })
    }

    fn written(&mut self, wait: u64) -> wasmtime::Result<Result<(), Error>> {
        match self.take_ended(wait)? {
            Some(Ended::Written(written)) => Ok(written),
            Some(_) => Err(other_wait(wait)),
            None => Ok(Err(lost_http())),
        }
    }

    fn finish(&mut self, exchange: u64) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.finish_exchange(exchange))
    }

    fn response(&mut self, exchange: u64) -> wasmtime::Result<u64> {
        let responding = self.responding(exchange);
        self.begin_wait(async { Ended::Responded(responding.await) })
    }

    fn responded(&mut self, wait: u64) -> wasmtime::Result<Result<ResponseHead, Error>> {
        match self.take_ended(wait)? {
            Some(Ended::Responded(responded)) => Ok(responded),
            Some(_) => Err(other_wait(wait)),
            None => Ok(Err(lost_http())),
        }
    }

    fn read(&mut self, exchange: u64, max_bytes: u32) -> wasmtime::Result<u64> {
        let reading = self.reading(exchange, max_bytes);
        self.begin_wait(async { Ended::Read(reading.await) })
    }

    fn have_read(&mut self, wait: u64) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        match self.take_ended(wait)? {
            Some(Ended::Read(read)) => Ok(read),
            Some(_) => Err(other_wait(wait)),
            None => Ok(Err(lost_http())),
        }
    }

    fn close(&mut self, exchange: u64) -> wasmtime::Result<()> {
        self.exchanges.close(exchange);
        Ok(())
    }
}
