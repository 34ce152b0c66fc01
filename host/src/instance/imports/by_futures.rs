//! What an overlapping guest can call whose tools know futures, but no async imports.
//!
//! What a future stands for begins when the guest reads it, and is given up when the guest drops it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use wasmtime::StoreContextMut;
use wasmtime::component::{Access, FutureProducer, FutureReader, HasSelf, Lift, Lower};

use crate::id::CallId;
use crate::instance::bindings::by_futures::pulsing::actor::{future_http, future_system};
use crate::instance::bindings::http_types::{Error, Request, ResponseHead};
use crate::instance::bindings::types::{
    CallError, CallOptions, ContextEntry, Payload, RuntimeError, StreamBatch,
};
use crate::instance::limiter::Waiting;
use crate::instance::store::Guest;

use super::handed::check_texts;

/// Work that is done once its future is read, and what the guest's store has to do with its outcome.
struct Work<T, F> {
    work: BoxFuture<'static, T>,
    finish: Option<F>,
    is_waiting: bool,
    /// From its begin, whether it is read or not.
    _counted: Waiting,
}

// Nothing in it is ever pinned but the box.
impl<T, F> Unpin for Work<T, F> {}

impl<T, U, F> FutureProducer<Guest> for Work<T, F>
where
    T: 'static,
    U: Send + 'static,
    F: FnOnce(&mut Guest, T) -> U + Send + 'static,
{
    type Item = U;

    fn poll_produce(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<Guest>,
        finish: bool,
    ) -> Poll<wasmtime::Result<Option<U>>> {
        let polled = self.work.as_mut().poll(context);
        if polled.is_pending() && finish {
            return Poll::Ready(Ok(None));
        }
        if polled.is_pending() && !self.is_waiting {
            self.is_waiting = true;
            store.data_mut().context.waits();
        }
        let outcome = ready!(polled);
        let finish = self.finish.take();
        Poll::Ready(Ok(finish.map(|finish| finish(store.data_mut(), outcome))))
    }
}

/// The future of `work`, whose outcome `finish` hands to the guest.
fn future<T, U, F>(
    mut store: Access<'_, Guest, HasSelf<Guest>>,
    work: impl Future<Output = T> + Send + 'static,
    finish: F,
) -> wasmtime::Result<FutureReader<U>>
where
    T: 'static,
    U: Lower + Lift + Send + Sync + 'static,
    F: FnOnce(&mut Guest, T) -> U + Send + 'static,
{
    let _counted = store.get().limiter.begin_wait()?;
    FutureReader::new(store, Work { work: Box::pin(work), finish: Some(finish), is_waiting: false, _counted })
}

fn as_it_is<T>(_: &mut Guest, outcome: T) -> T {
    outcome
}

impl future_system::Host for Guest {
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

    fn log(&mut self, text: String) -> wasmtime::Result<()> {
        check_texts(text.len())?;
        self.stderr.write_line(&text);
        Ok(())
    }
}

type Store<'a> = Access<'a, Guest, HasSelf<Guest>>;

impl future_system::HostWithStore<Guest> for HasSelf<Guest> {
    fn ask(
        mut store: Store<'_>,
        within: u64,
        target: String,
        method: String,
        args: Payload,
        options: CallOptions,
    ) -> wasmtime::Result<FutureReader<Result<Payload, CallError>>> {
        let asking = store.get().asking(within, &target, method, args, options)?;
        future(store, asking, as_it_is)
    }

    fn tell(
        mut store: Store<'_>,
        within: u64,
        target: String,
        method: String,
        args: Payload,
        key: Option<String>,
    ) -> wasmtime::Result<FutureReader<Result<(), RuntimeError>>> {
        let telling = store.get().telling(within, &target, method, args, key)?;
        future(store, telling, as_it_is)
    }

    fn stream_open(
        mut store: Store<'_>,
        within: u64,
        target: String,
        method: String,
        args: Payload,
        resume_after: Option<u64>,
        options: CallOptions,
    ) -> wasmtime::Result<FutureReader<Result<u64, CallError>>> {
        let opening = store.get().opening(within, &target, method, args, resume_after, options)?;
        future(store, opening, Guest::opened)
    }

    fn stream_next(
        mut store: Store<'_>,
        within: u64,
        stream: u64,
        max_items: u32,
    ) -> wasmtime::Result<FutureReader<Result<StreamBatch, CallError>>> {
        let drawing = store.get().drawing(within, stream, max_items);
        future(store, drawing, move |guest: &mut Guest, drawn| guest.drawn(stream, drawn))
    }

    fn sleep(mut store: Store<'_>, within: u64, ms: u64) -> wasmtime::Result<FutureReader<bool>> {
        let sleeping = store.get().sleeping(within, ms);
        future(store, sleeping, as_it_is)
    }

    fn park(mut store: Store<'_>, within: u64, key: u64) -> wasmtime::Result<FutureReader<bool>> {
        let parked = store.get().parked(within, key)?;
        future(store, parked, as_it_is)
    }
}

impl future_http::Host for Guest {
    fn begin(&mut self, within: u64, request: Request) -> wasmtime::Result<Result<u64, Error>> {
        self.beginning(within, request)
    }

    fn finish(&mut self, exchange: u64) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.finish_exchange(exchange))
    }

    fn close(&mut self, exchange: u64) -> wasmtime::Result<()> {
        self.exchanges.close(exchange);
        Ok(())
    }
}

impl future_http::HostWithStore<Guest> for HasSelf<Guest> {
    fn write(
        mut store: Store<'_>,
        exchange: u64,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<FutureReader<Result<(), Error>>> {
        let writing = store.get().writing(exchange, bytes)?;
        future(store, writing, as_it_is)
    }

    fn response(
        mut store: Store<'_>,
        exchange: u64,
    ) -> wasmtime::Result<FutureReader<Result<ResponseHead, Error>>> {
        let responding = store.get().responding(exchange);
        future(store, responding, as_it_is)
    }

    fn read(
        mut store: Store<'_>,
        exchange: u64,
        max_bytes: u32,
    ) -> wasmtime::Result<FutureReader<Result<Option<Vec<u8>>, Error>>> {
        let reading = store.get().reading(exchange, max_bytes);
        future(store, reading, as_it_is)
    }
}
