//! What `wit-bindgen` makes of `wit/`: one module for each world, what both have shared by both.
//!
//! Both worlds sit in every guest's build; the linker keeps the one that the guest exports, and of the
//! imports only those that are called.

#[allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    clippy::cast_possible_truncation,
    clippy::missing_errors_doc,
    clippy::panic,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    reason = "generated"
)]
pub mod serial {
    wit_bindgen::generate!({
        world: "resident",
        path: "../wit",
        pub_export_macro: true,
        export_macro_name: "export_serial",
        default_bindings_module: "pulsing_guest::__private::serial_bindings",
    });
}

#[allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    clippy::cast_possible_truncation,
    clippy::missing_errors_doc,
    clippy::panic,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    reason = "generated"
)]
pub mod overlapping {
    wit_bindgen::generate!({
        world: "resident-overlapping",
        path: "../wit",
        pub_export_macro: true,
        export_macro_name: "export_overlapping",
        default_bindings_module: "pulsing_guest::__private::overlapping_bindings",
        with: {
            "pulsing:actor/types@0.2.0": super::serial::pulsing::actor::types,
            "pulsing:actor/http-types@0.2.0": super::serial::pulsing::actor::http_types,
            "pulsing:actor/work@0.2.0": super::serial::pulsing::actor::work,
        },
    });
}

pub(crate) use overlapping::pulsing::actor::{waits, waits_http};
pub use serial::pulsing::actor::work::Verdict;
pub(crate) use serial::pulsing::actor::{http_types, system, types, work};
