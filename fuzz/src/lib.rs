//! What the fuzz targets do with one input, and what must hold of whatever comes.
//!
//! | target | input | what reads it |
//! |---|---|---|
//! | [`loader`] | a component's bytes | `engine` and the linking of `instance` |
//! | [`description`] | what a component says of itself | `description` |
//! | [`gateway`] | what a client sends, or a host answers | `gateway`, under the server library; `cli` |
//! | [`config`] | a configuration file, a command line, or a URL and grants | `config`, `grants`, `cli`, `id` |
//! | [`work`] | what a resident actor hands in, or is given | `pulsing-work` |
//!
//! An assertion that fails is a finding, as is a panic anywhere, in whatever task: libFuzzer's harness ends the process
//! at each. Hangs and memory are bounded by the flags that `cargo xtask fuzz` gives.

pub mod config;
pub mod description;
pub mod gateway;
pub mod loader;
pub mod work;

mod double;
mod line;

/// What a target does with one input.
#[must_use]
pub fn target(name: &str) -> Option<fn(&[u8])> {
    match name {
        "loader" => Some(loader::run),
        "description" => Some(description::run),
        "gateway" => Some(gateway::run),
        "config" => Some(config::run),
        "work" => Some(work::run),
        _other => None,
    }
}
