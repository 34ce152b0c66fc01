//! Actors without WebAssembly, on a paused clock.

mod blame;
mod budgets;
mod control;
mod deadlines;
mod defaults;
mod lookups;
mod messages;
mod native;
mod passivating;
mod passivation;
mod properties;
mod quarantine;
mod refusals;
mod replies;
mod restarts;
mod streams;
mod transitions;
mod visits;
mod waits;
