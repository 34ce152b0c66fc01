//! An exchange as the host numbers it, closed when it is let go of.
//!
//! A wait for the host (a read, a response) must be given up before its exchange is closed, and giving one up may
//! block, which a function that is not `async` must not. The SDK drops handlers and streams only in tasks of their
//! own, which may; a drop here closes the exchange, and so ends the waits of others on it.

use crate::bindings::overlapping::pulsing::actor::async_http;

/// One exchange. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Exchange {
    id: u64,
}

impl Exchange {
    pub(super) const fn new(id: u64) -> Self {
        Self { id }
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        async_http::close(self.id);
    }
}
