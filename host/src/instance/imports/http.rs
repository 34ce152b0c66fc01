//! `http`, `async-http` and `future-http`: HTTP to other machines. Only to hosts that were granted.
//!
//! Each exchange has a task of its own, which ends with the exchange: when the guest closes it, when the call that
//! it is part of is told to stop or has ended, or with the guest's life. Bounded: `http_requests` exchanges, the
//! pieces of bodies that are on their way (one each way), and what `request` and `client` hold to.

pub(super) mod body;
pub(super) mod client;
mod exchange;
mod exchanges;
pub(super) mod failure;
mod network;
mod request;
mod wasi;

use std::sync::Arc;

use wasmtime::component::{Accessor, HasSelf};

use self::exchange::Exchange;
use self::failure::Failure;
use super::wait;
use crate::budget::Held;
use crate::id::CallId;
use crate::instance::bindings::http_types::{self, Error, ErrorCode, Request, ResponseHead};
use crate::instance::bindings::overlapping::pulsing::actor::async_http;
use crate::instance::bindings::serial::pulsing::actor::http;
use crate::instance::store::Guest;

pub(in crate::instance) use self::client::HttpClient;
pub(in crate::instance) use self::exchanges::Exchanges;
pub(in crate::instance) use self::network::Network;
pub(crate) use self::network::Resolver;
pub(in crate::instance) use self::wasi::WasiHttp;
pub(super) use self::wasi::add_to_linker;

impl Guest {
    /// Begins an exchange, for a guest.
    ///
    /// # Errors
    ///
    /// A trap, where the request is far beyond what may be sent.
    pub(super) fn beginning(
        &mut self,
        within: u64,
        request: Request,
    ) -> wasmtime::Result<Result<u64, Error>> {
        self.check_request(&request)?;
        Ok(self.begin_exchange(within, request).map_err(Failure::into_wit))
    }

    fn begin_exchange(&mut self, within: u64, request: Request) -> Result<u64, Failure> {
        let prepared = request::prepare(request, self.context.limits().message_max_bytes())?;
        self.http.allow(self.context.id(), &prepared.url)?;
        self.exchanges.make_room()?;
        let held = self.hold_bytes(prepared.kept_bytes())?;
        let exchange =
            Exchange::begin(self.context.clone(), CallId(within), Arc::clone(&self.http), prepared, held);
        Ok(self.exchanges.add(exchange))
    }

    /// Takes what the host needs to keep a part of a request on its way.
    fn hold_bytes(&self, bytes: usize) -> Result<Held, Failure> {
        self.outgoing.take(bytes).ok_or_else(|| {
            let text =
                format!("{} bytes of requests and messages are on their way already", self.outgoing.used());
            Failure::new(ErrorCode::TooManyRequests, text)
        })
    }

    pub(super) fn finish_exchange(&self, exchange: u64) -> Result<(), Error> {
        self.exchanges.get(exchange).map(|exchange| exchange.finish()).map_err(Failure::into_wit)
    }

    pub(super) fn writing(
        &self,
        exchange: u64,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<impl Future<Output = Result<(), Error>> + Send + use<>> {
        self.check_message_bytes(bytes.len())?;
        // What is refused keeps nothing of the piece: the guest may never come for the error.
        let held = self.exchanges.get(exchange).and_then(|exchange| {
            exchange::check_piece(&bytes)?;
            let held = self.hold_bytes(bytes.len())?;
            Ok((exchange, bytes, held))
        });
        Ok(async move {
            let writing = async {
                let (exchange, bytes, _held) = held?;
                exchange.write(bytes).await
            };
            writing.await.map_err(Failure::into_wit)
        })
    }

    pub(super) fn responding(
        &self,
        exchange: u64,
    ) -> impl Future<Output = Result<ResponseHead, Error>> + Send + use<> {
        let exchange = self.exchanges.get(exchange);
        async { async { exchange?.response().await }.await.map_err(Failure::into_wit) }
    }

    pub(super) fn reading(
        &self,
        exchange: u64,
        max_bytes: u32,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, Error>> + Send + use<> {
        let exchange = self.exchanges.get(exchange);
        async move { async { exchange?.read(max_bytes).await }.await.map_err(Failure::into_wit) }
    }
}

impl http_types::Host for Guest {}

/// For guests whose handlers run one at a time.
impl http::Host for Guest {
    async fn begin(&mut self, within: u64, request: Request) -> wasmtime::Result<Result<u64, Error>> {
        // What runs is known, whatever the guest says.
        let within = if self.current == CallId::NONE { within } else { self.current.0 };
        self.beginning(within, request)
    }

    async fn write(&mut self, exchange: u64, bytes: Vec<u8>) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.writing(exchange, bytes)?.await)
    }

    async fn finish(&mut self, exchange: u64) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.finish_exchange(exchange))
    }

    async fn response(&mut self, exchange: u64) -> wasmtime::Result<Result<ResponseHead, Error>> {
        Ok(self.responding(exchange).await)
    }

    async fn read(
        &mut self,
        exchange: u64,
        max_bytes: u32,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        Ok(self.reading(exchange, max_bytes).await)
    }

    async fn close(&mut self, exchange: u64) -> wasmtime::Result<()> {
        self.exchanges.close(exchange);
        Ok(())
    }
}

/// For guests whose handlers overlap.
impl async_http::Host for Guest {
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

impl async_http::HostWithStore<Guest> for HasSelf<Guest> {
    async fn write(
        accessor: &Accessor<Guest, Self>,
        exchange: u64,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let writing = accessor.with(|mut store| store.get().writing(exchange, bytes))?;
        wait(accessor, writing).await
    }

    async fn response(
        accessor: &Accessor<Guest, Self>,
        exchange: u64,
    ) -> wasmtime::Result<Result<ResponseHead, Error>> {
        let responding = accessor.with(|mut store| store.get().responding(exchange));
        wait(accessor, responding).await
    }

    async fn read(
        accessor: &Accessor<Guest, Self>,
        exchange: u64,
        max_bytes: u32,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let reading = accessor.with(|mut store| store.get().reading(exchange, max_bytes));
        wait(accessor, reading).await
    }
}
