//! Actors without WebAssembly, on a paused clock.

mod budgets;
mod deadlines;
mod messages;
mod native;
mod passivation;
mod properties;
mod quarantine;
mod replies;
mod restarts;
mod streams;
mod visits;
mod waits;
