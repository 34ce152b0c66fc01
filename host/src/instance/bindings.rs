//! The host's side of the WIT in `wit/`, generated.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::missing_errors_doc,
    reason = "generated"
)]

/// An actor whose handlers run one at a time: every call waits.
pub(super) mod serial {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "serial",
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

/// An actor whose handlers overlap: every export is called inside one `run_concurrent`.
pub(super) mod overlapping {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "overlapping",
        imports: { default: trappable },
        exports: { default: async | store },
        with: {
            "pulsing:actor/types": super::serial::pulsing::actor::types,
            "pulsing:actor/http-types": super::serial::pulsing::actor::http_types,
        },
    });
}

/// What overlapping actors import whose tools know futures, but no async imports.
pub(super) mod by_futures {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "overlapping-by-futures",
        imports: {
            "pulsing:actor/future-system.ask": store | trappable,
            "pulsing:actor/future-system.tell": store | trappable,
            "pulsing:actor/future-system.stream-open": store | trappable,
            "pulsing:actor/future-system.stream-next": store | trappable,
            "pulsing:actor/future-system.sleep": store | trappable,
            "pulsing:actor/future-system.park": store | trappable,
            "pulsing:actor/future-http.write": store | trappable,
            "pulsing:actor/future-http.response": store | trappable,
            "pulsing:actor/future-http.read": store | trappable,
            default: trappable,
        },
        exports: { default: async | store },
        with: {
            "pulsing:actor/types": super::serial::pulsing::actor::types,
            "pulsing:actor/http-types": super::serial::pulsing::actor::http_types,
        },
    });
}

/// An actor whose handlers run one at a time, and that pulls its work. `work` is linked by hand: it reads lists in place.
pub(super) mod resident {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "resident",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "pulsing:actor/types": super::serial::pulsing::actor::types,
            "pulsing:actor/http-types": super::serial::pulsing::actor::http_types,
            "pulsing:actor/system": super::serial::pulsing::actor::system,
            "pulsing:actor/http": super::serial::pulsing::actor::http,
        },
    });
}

/// An actor whose handlers overlap, and that pulls its work.
pub(super) mod resident_overlapping {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "resident-overlapping",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "pulsing:actor/types": super::serial::pulsing::actor::types,
            "pulsing:actor/http-types": super::serial::pulsing::actor::http_types,
            "pulsing:actor/work": super::resident::pulsing::actor::work,
        },
    });
}

pub(super) use serial::pulsing::actor::{http_types, types};
