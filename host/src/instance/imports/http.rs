//! `async-http`: HTTP to other machines, for overlapping guests. Only to hosts that were granted.
//!
//! Each exchange has a task of its own, which ends with the exchange: when the guest closes it, when the call that
//! it is part of is told to stop or has ended, or with the guest's life. Bounded: `http_requests` exchanges, the
//! pieces of bodies that are on their way (one each way), and what `request` and `client` hold to.

pub(super) mod body;
pub(super) mod client;
mod exchange;
pub(super) mod failure;
mod network;
mod request;
mod wasi;

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::{Accessor, HasSelf};

use self::exchange::Exchange;
use self::failure::Failure;
use super::wait;
use crate::id::CallId;
use crate::instance::bindings::overlapping::pulsing::actor::async_http::{
    Error, ErrorCode, Host, HostWithStore, Request, ResponseHead,
};
use crate::instance::store::Guest;

pub(in crate::instance) use self::client::HttpClient;
pub(in crate::instance) use self::network::Network;
pub(in crate::instance) use self::wasi::WasiHttp;
pub(super) use self::wasi::add_to_linker;

/// The exchanges that a guest has open.
pub(in crate::instance) struct Exchanges {
    open: BTreeMap<u64, Arc<Exchange>>,
    next: u64,
    max: usize,
}

impl Exchanges {
    pub(in crate::instance) fn new(max: usize) -> Self {
        Self { open: BTreeMap::new(), next: 1, max }
    }

    /// Makes room for one more. Those whose call has ended count no more.
    fn make_room(&mut self) -> Result<(), Failure> {
        if self.open.len() >= self.max {
            self.open.retain(|_, exchange| !exchange.is_over());
        }
        if self.open.len() >= self.max {
            let text = format!("{} requests are open, and there may be no more (`http_requests`)", self.max);
            return Err(Failure::new(ErrorCode::TooManyRequests, text));
        }
        Ok(())
    }

    fn add(&mut self, exchange: Exchange) -> u64 {
        let id = self.next;
        self.next += 1;
        self.open.insert(id, Arc::new(exchange));
        id
    }

    fn get(&self, id: u64) -> Result<Arc<Exchange>, Failure> {
        let unknown = || Failure::new(ErrorCode::Cancelled, format!("no exchange {id} is open"));
        self.open.get(&id).cloned().ok_or_else(unknown)
    }

    fn close(&mut self, id: u64) {
        if let Some(exchange) = self.open.remove(&id) {
            exchange.end();
        }
    }
}

impl Guest {
    fn begin_exchange(&mut self, within: u64, request: Request) -> Result<u64, Failure> {
        let prepared = request::prepare(request, self.desk.limits().message_max_bytes())?;
        self.http.allow(self.desk.name(), &prepared.url)?;
        self.exchanges.make_room()?;
        let held = self.outgoing.take(prepared.kept_bytes()).ok_or_else(|| {
            let text =
                format!("{} bytes of requests and messages are on their way already", self.outgoing.used());
            Failure::new(ErrorCode::TooManyRequests, text)
        })?;
        let exchange =
            Exchange::begin(self.desk.clone(), CallId(within), Arc::clone(&self.http), prepared, held);
        Ok(self.exchanges.add(exchange))
    }
}

impl Host for Guest {
    fn begin(&mut self, within: u64, request: Request) -> wasmtime::Result<Result<u64, Error>> {
        Ok(self.begin_exchange(within, request).map_err(Failure::into_wit))
    }

    fn finish(&mut self, exchange: u64) -> wasmtime::Result<Result<(), Error>> {
        let finished = self.exchanges.get(exchange).map(|exchange| exchange.finish());
        Ok(finished.map_err(Failure::into_wit))
    }

    fn close(&mut self, exchange: u64) -> wasmtime::Result<()> {
        self.exchanges.close(exchange);
        Ok(())
    }
}

impl HostWithStore<Guest> for HasSelf<Guest> {
    async fn write(
        accessor: &Accessor<Guest, Self>,
        exchange: u64,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let written = match accessor.with(|mut store| store.get().exchanges.get(exchange)) {
            Ok(exchange) => wait(accessor, exchange.write(bytes)).await,
            Err(error) => Err(error),
        };
        Ok(written.map_err(Failure::into_wit))
    }

    async fn response(
        accessor: &Accessor<Guest, Self>,
        exchange: u64,
    ) -> wasmtime::Result<Result<ResponseHead, Error>> {
        let response = match accessor.with(|mut store| store.get().exchanges.get(exchange)) {
            Ok(exchange) => wait(accessor, exchange.response()).await,
            Err(error) => Err(error),
        };
        Ok(response.map_err(Failure::into_wit))
    }

    async fn read(
        accessor: &Accessor<Guest, Self>,
        exchange: u64,
        max_bytes: u32,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let read = match accessor.with(|mut store| store.get().exchanges.get(exchange)) {
            Ok(exchange) => wait(accessor, exchange.read(max_bytes)).await,
            Err(error) => Err(error),
        };
        Ok(read.map_err(Failure::into_wit))
    }
}
