//! `wasi:random`: as many bytes as a program takes at once.
//!
//! The library makes them in one piece, for which their guest is not preempted. Here they are made in slices, between which
//! others have a turn. The contract has no shorter answer, and programs that were made for WASI 0.1 ask for as many as
//! they like: `random_get` passes its length on as it is.

use tokio::task::yield_now;
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings::random::{insecure, random};
use wasmtime_wasi::random::WasiRandomView as _;

use crate::instance::store::{Guest, RANDOM_SLICE_BYTES};

/// The interfaces as the library names them. A test finds out when that changes.
const RANDOM: &str = "wasi:random/random@0.2.12";
const INSECURE: &str = "wasi:random/insecure@0.2.12";

/// The most random bytes of one call: more is a trap. They take some 3 ms.
const RANDOM_MAX_BYTES: u64 = 1 << 20;

/// Puts the host's functions before those of the library.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.instance(RANDOM)?.func_wrap_async(
        "get-random-bytes",
        |mut store: Store<'_>, (count,): (u64,)| {
            Box::new(async move {
                let slice = |count| random::Host::get_random_bytes(store.data_mut().random(), count);
                Ok((in_slices(count, slice).await?,))
            })
        },
    )?;
    linker.instance(INSECURE)?.func_wrap_async(
        "get-insecure-random-bytes",
        |mut store: Store<'_>, (count,): (u64,)| {
            Box::new(async move {
                let slice =
                    |count| insecure::Host::get_insecure_random_bytes(store.data_mut().random(), count);
                Ok((in_slices(count, slice).await?,))
            })
        },
    )
}

type Store<'a> = StoreContextMut<'a, Guest>;

async fn in_slices(
    count: u64,
    mut slice: impl FnMut(u64) -> wasmtime::Result<Vec<u8>>,
) -> wasmtime::Result<Vec<u8>> {
    if count > RANDOM_MAX_BYTES {
        wasmtime::bail!("{count} random bytes in one call, more than {RANDOM_MAX_BYTES}");
    }
    let mut bytes = slice(count.min(RANDOM_SLICE_BYTES))?;
    let mut left = count.saturating_sub(RANDOM_SLICE_BYTES);
    while left > 0 {
        yield_now().await;
        let next = left.min(RANDOM_SLICE_BYTES);
        bytes.append(&mut slice(next)?);
        left -= next;
    }
    Ok(bytes)
}
