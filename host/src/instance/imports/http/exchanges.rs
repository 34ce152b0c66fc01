//! The exchanges of one guest.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::exchange::Exchange;
use super::failure::Failure;
use crate::instance::bindings::http_types::ErrorCode;

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
    pub(super) fn make_room(&mut self) -> Result<(), Failure> {
        if self.open.len() >= self.max {
            self.open.retain(|_, exchange| !exchange.is_over());
        }
        if self.open.len() >= self.max {
            let text = format!("{} requests are open, and there may be no more (`http_requests`)", self.max);
            return Err(Failure::new(ErrorCode::TooManyRequests, text));
        }
        Ok(())
    }

    pub(super) fn add(&mut self, exchange: Exchange) -> u64 {
        let id = self.next;
        self.next += 1;
        self.open.insert(id, Arc::new(exchange));
        id
    }

    pub(super) fn get(&self, id: u64) -> Result<Arc<Exchange>, Failure> {
        let unknown = || Failure::new(ErrorCode::Cancelled, format!("no exchange {id} is open"));
        self.open.get(&id).cloned().ok_or_else(unknown)
    }

    pub(in crate::instance::imports) fn close(&mut self, id: u64) {
        if let Some(exchange) = self.open.remove(&id) {
            exchange.end();
        }
    }
}
