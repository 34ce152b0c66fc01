//! An exchange as the host numbers it, closed when it is let go of.
//!
//! A drop closes the exchange, and so ends the waits of others on it.

use crate::bindings::waits_http;

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
        waits_http::close(self.id);
    }
}
