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
        with: { "pulsing:actor/types": super::serial::pulsing::actor::types },
    });
}

pub(super) use serial::pulsing::actor::types;
