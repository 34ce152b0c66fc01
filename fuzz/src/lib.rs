//! What the fuzz targets do with one input, and what must hold of whatever comes.
//!
//! | target | input | what reads it |
//! |---|---|---|
//! | [`loader`] | a component's bytes | `engine` and the linking of `instance` |
//! | [`gateway`] | what a client sends over a connection | `gateway`, under the server library |
//! | [`config`] | a configuration file, a command line, or a URL and grants | `config`, `grants`, `limits`, `cli`, `id` |
//!
//! An assertion that fails is a finding, as is a panic anywhere, in whatever task: libFuzzer's harness ends the process
//! at each. Hangs and memory are bounded by the flags that `cargo xtask fuzz` gives.

pub mod config;
pub mod gateway;
pub mod loader;

mod double;
mod line;
