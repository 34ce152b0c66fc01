//! Actors without WebAssembly, on a paused clock.

mod deadlines;
mod messages;
mod native;
mod restarts;
mod streams;
