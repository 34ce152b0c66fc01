//! Where a guest counts the tells of its rows that it goes on to, in its memory.
//!
//! The counter is read whenever the guest enters the host: for a function of the host or of the engine, so also for whatever
//! it waits for; when it is preempted; and after a trap. So the host knows which tell is in hand before anything can come of
//! that.

use wasmtime::component::WasmList;
use wasmtime::{AsContext, CallHook, Store, StoreContextMut};

use crate::instance::store::Guest;

/// Has the counter read whenever the guest enters the host.
pub(super) fn follow_always(store: &mut Store<Guest>) {
    store.call_hook(|mut store, hook| match hook {
        CallHook::CallingHost => follow(&mut store),
        CallHook::CallingWasm | CallHook::ReturningFromWasm | CallHook::ReturningFromHost => Ok(()),
    });
}

/// Takes over what the guest has counted since this was last called.
///
/// # Errors
///
/// A trap, where it has gone on to more than it was given.
pub(super) fn follow(store: &mut StoreContextMut<'_, Guest>) -> wasmtime::Result<()> {
    let counter = store.data().residence.rows().counter();
    let Some(counted) = counter.and_then(|counter| read(store, counter)) else { return Ok(()) };
    let Guest { residence, context, current, .. } = store.data_mut();
    if let Some(call) = residence.gone_on(context, counted)? {
        *current = call;
    }
    Ok(())
}

/// Reads the counter before the guest is given a row, if it is.
pub(super) fn begin(store: &mut StoreContextMut<'_, Guest>) {
    let counter = store.data().residence.rows().counter();
    if let Some(counted) = counter.and_then(|counter| read(store, counter)) {
        store.data_mut().residence.rows_mut().count_from(counted);
    }
}

/// Takes note of where the guest counts.
pub(super) fn count_in(mut store: StoreContextMut<'_, Guest>, counter: WasmList<u8>) -> wasmtime::Result<()> {
    let Some(counted) = read(&store, &counter) else {
        wasmtime::bail!("its counter has {} bytes, and not four", counter.len());
    };
    store.data_mut().residence.rows_mut().count_in(counter, counted)
}

fn read(store: &impl AsContext<Data = Guest>, counter: &WasmList<u8>) -> Option<u32> {
    let bytes = counter.as_le_slice(store.as_context());
    bytes.try_into().ok().map(u32::from_le_bytes)
}
