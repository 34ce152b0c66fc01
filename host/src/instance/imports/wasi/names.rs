//! `wasi:sockets/ip-name-lookup`: there is none, whatever the name.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, WasmStr};
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::ResolveAddressStream;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, Network};

use crate::instance::store::Guest;

/// The interface as the library names it. A test finds out when that changes.
const LOOKUP: &str = "wasi:sockets/ip-name-lookup@0.2.12";

/// Puts the host's function before that of the library, which refuses too, and copies the name before.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.instance(LOOKUP)?.func_wrap(
        "resolve-addresses",
        |_: StoreContextMut<'_, Guest>, (_, _): (Resource<Network>, WasmStr)| {
            let refused: Result<Resource<ResolveAddressStream>, _> = Err(ErrorCode::PermanentResolverFailure);
            Ok((refused,))
        },
    )
}
