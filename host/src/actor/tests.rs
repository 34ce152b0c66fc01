//! Actors without WebAssembly, on a paused clock.

mod deadlines;
mod messages;
mod native;
mod quarantine;
mod replies;
mod restarts;
mod streams;
mod waits;
