//! Actors without WebAssembly, on a paused clock.

mod deadlines;
mod messages;
mod native;
mod replies;
mod restarts;
mod streams;
mod waits;
