//! What a guest can call: the functions of `wit/system.wit`, for each lane, and wasi 0.2.
//!
//! A failure that a guest can expect is a WIT `result`. A broken rule (more than the guest may hold) is a trap,
//! and ends that life alone.

mod by_futures;
mod handed;
pub(super) mod http;
mod overlapping;
mod parking;
pub(super) mod peers;
mod resident;
mod serial;
mod waits;
mod wasi;

use std::pin::pin;

use futures::future::poll_immediate;
use wasmtime::Engine;
use wasmtime::component::{Accessor, HasSelf, Linker};

use super::bindings;
use super::bindings::by_futures::pulsing::actor::{future_http, future_system};
use super::bindings::resident_overlapping::pulsing::actor::{waits as resident_waits, waits_http};
use super::store::Guest;
use super::{folders, resident as residents};
use crate::engine::World;
use crate::grants::Need;
use crate::wire::Lane;

pub(super) use self::parking::Parking;

/// The interfaces of wasi 0.2 that are offered to every guest; behind them is only what was granted.
const WASI: [&str; 5] = ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/"];

/// Offered too, since guests of some tools import them without use: nothing can be reached through them.
const WASI_WITHOUT_USE: &str = "wasi:sockets/";

/// What the host itself offers, by world; and the words of it.
const SERIAL: [&str; 2] = ["pulsing:actor/system@0.2.0", "pulsing:actor/http@0.2.0"];
const RESIDENT: [&str; 3] = [residents::WORK, "pulsing:actor/system@0.2.0", "pulsing:actor/http@0.2.0"];
const RESIDENT_OVERLAPPING: [&str; 3] =
    [residents::WORK, "pulsing:actor/waits@0.2.0", "pulsing:actor/waits-http@0.2.0"];
const OVERLAPPING: [&str; 4] = [
    "pulsing:actor/async-system@0.2.0",
    "pulsing:actor/async-http@0.2.0",
    "pulsing:actor/future-system@0.2.0",
    "pulsing:actor/future-http@0.2.0",
];
const TYPES: [&str; 2] = ["pulsing:actor/types@0.2.0", "pulsing:actor/http-types@0.2.0"];

/// Does what a handler waits for. Once it does not end at once, what the guest computed until then was not without
/// a break.
///
/// # Errors
///
/// A trap, where the host has no memory for one more wait of the guest's.
async fn wait<T>(
    accessor: &Accessor<Guest, HasSelf<Guest>>,
    work: impl Future<Output = T>,
) -> wasmtime::Result<T> {
    let mut work = pin!(work);
    if let Some(done) = poll_immediate(&mut work).await {
        return Ok(done);
    }
    let _waiting = accessor.with(|mut store| {
        let guest = store.get();
        guest.context.waits();
        guest.limiter.begin_wait()
    })?;
    Ok(work.await)
}

/// Whether the host offers what a component imports under this name.
pub(super) fn is_offered(world: World, import: &str) -> bool {
    let own: &[&str] = match world {
        World::Serial => &SERIAL,
        World::Overlapping => &OVERLAPPING,
        World::Resident => &RESIDENT,
        World::ResidentOverlapping => &RESIDENT_OVERLAPPING,
    };
    // Where handlers overlap, whoever waits in it would hold up all of them: there is `async-http` or `waits-http`.
    let http = world.lane() == Lane::Serial && import.starts_with("wasi:http/");
    let wasi = http || WASI.iter().chain([&WASI_WITHOUT_USE]).any(|package| import.starts_with(package));
    own.contains(&import) || TYPES.contains(&import) || (wasi && import.contains("@0.2."))
}

/// What an import of a component is of no use without.
#[must_use]
pub(crate) fn need(import: &str) -> Need {
    let of = |prefixes: &[&str]| prefixes.iter().any(|prefix| import.starts_with(prefix));
    if of(&[WASI_WITHOUT_USE]) {
        Need::Never
    } else if of(&[
        "wasi:http/",
        "pulsing:actor/http@",
        "pulsing:actor/async-http@",
        "pulsing:actor/future-http@",
        "pulsing:actor/waits-http@",
    ]) {
        Need::Http
    } else if of(&["wasi:filesystem/"]) {
        Need::Dir
    } else if of(&["wasi:cli/environment@"]) {
        Need::Env
    } else if of(&[
        "pulsing:actor/system@",
        "pulsing:actor/async-system@",
        "pulsing:actor/future-system@",
        "pulsing:actor/waits@",
    ]) {
        Need::Ask
    } else {
        Need::Nothing
    }
}

/// The linker of a world, and of all others that have its engine.
pub(super) fn linker(engine: &Engine, world: World) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasi::add_to_linker(&mut linker)?;
    folders::add_to_linker(&mut linker)?;
    let actor = &mut linker;
    if world.calls_overlap() {
        bindings::overlapping::Overlapping::add_to_linker::<_, HasSelf<_>>(actor, |guest| guest)?;
        future_system::add_to_linker::<_, HasSelf<_>>(actor, |guest| guest)?;
        future_http::add_to_linker::<_, HasSelf<_>>(actor, |guest| guest)?;
    } else {
        http::add_to_linker(actor)?;
        bindings::serial::Serial::add_to_linker::<_, HasSelf<_>>(actor, |guest| guest)?;
        residents::add_to_linker(actor)?;
        resident_waits::add_to_linker::<_, HasSelf<_>>(actor, |guest| guest)?;
        waits_http::add_to_linker::<_, HasSelf<_>>(actor, |guest| guest)?;
    }
    Ok(linker)
}
