//! What the output of `#[actor]` names. Not for people: it changes without notice.

pub use futures::future::LocalBoxFuture;

pub use crate::actor::{Actor, ActorCell, Handling, OverlappingActor, SerialActor};
pub use crate::answer::{Answer, Fallible, Items, Outcome, Plain, Source};
pub use crate::args::{Args, decode};
pub use crate::bindings::Verdict;
pub use crate::bindings::overlapping::export_overlapping;
pub use crate::bindings::serial::export_serial;
pub use crate::bindings::types::Payload;
pub use crate::bindings::{overlapping as overlapping_bindings, serial as serial_bindings};
pub use crate::config::{none as no_config, read as read_config};
pub use crate::describe::{
    DerivedSchema, Iterates, Method, MethodKind, MightFail, NeverFails, NoItems, NoSchema, PlainSchema,
    Probe, Restart, Streams, method,
};
pub use crate::overlapping::{
    Export as OverlappingExport, serve as serve_overlapping, start as start_overlapping,
};
pub use crate::pull::Pull;
pub use crate::serial::{Export as SerialExport, serve as serve_serial};
