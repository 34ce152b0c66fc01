//! What must hold of the tree as text: rooms keep to their layers, promises name their tests, snippets are
//! what their sources say.
//!
//! These read files and run nothing, so they cost milliseconds. Each failure names the file, the line and the rule.

mod files;
mod layers;
mod semantics;
mod snippets;
