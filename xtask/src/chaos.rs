//! Builds what runs a host under misuse, and runs it: `tests/src/chaos.rs` says what is done and checked.
//!
//! Bound: the time asked for; what is still under way then has bounds of its own. It ends with the task.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::process::{self, step};
use crate::tree::Tree;
use crate::{build, guests, suite};

/// The process gives large pieces of memory back to the system at once: see `chaos::LARGE_PIECES` of the tests.
const LARGE_PIECES: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "1048576");

/// Runs for so many seconds what `seed` says.
///
/// # Errors
///
/// When something does not build, or is not as promised: what, and the command that repeats it, is shown.
pub(crate) fn run(tree: &Tree, seed: Option<u64>, secs: u32) -> Result<()> {
    guests::build(tree)?;
    let program = build::debug_host(tree)?;
    let seed = seed.unwrap_or_else(any_seed);
    step(&format!("misuse a host for {secs} s, seed {seed}"), || {
        let mut chaos = Command::new(program);
        chaos.args(["chaos", "--seed", &seed.to_string(), "--secs", &secs.to_string()]);
        suite::show_guests(tree, &mut chaos)?;
        chaos.env(LARGE_PIECES.0, LARGE_PIECES.1);
        process::run(&mut chaos)
    })
}

/// Another one each time: short enough to be typed.
fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_micros())
}
