//! What must hold of the tree as text: rooms keep to their layers, modules do not all name each other, promises
//! name their tests, snippets are what their sources say.
//!
//! These read files and run nothing, so they cost milliseconds. Each failure names the file, the line and the rule.

mod configuration;
mod contract;
mod cycles;
mod files;
mod graph;
mod layers;
mod log_lines;
mod markdown;
mod modules;
mod opening;
mod rooms;
mod security;
mod semantics;
mod snippets;
mod source;
mod ways;
mod words;
