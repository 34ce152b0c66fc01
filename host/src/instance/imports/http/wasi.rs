//! wasi:http 0.2, for serial guests that use it already: the same grants, the same client, no redirects.
//!
//! The guest waits, and its actor with it. A body has a task of its own each way, which ends with the call that sent
//! the request, and with the life: then what the guest waits for fails, so that it wakes, and the connection closes.
//!
//! Bounded: `http_requests` requests with their responses, and as many bodies of requests; `kept_max` what these take
//! together with the guest's messages; one piece of a body on its way; what the guest only holds, by `limited`.

mod fields;
mod hooks;
mod limited;

use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

pub(in crate::instance) use self::hooks::WasiHttp;
pub(in crate::instance::imports) use self::limited::add_to_linker;
use crate::instance::store::Guest;

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.wasi_http.view(self.current, &mut self.table)
    }
}
