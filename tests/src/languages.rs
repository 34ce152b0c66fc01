//! Which languages there are tools for, as whoever started the tests says.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// Names languages, with commas, that are left out.
const LEFT_OUT: &str = "PULSING_WITHOUT";
/// What begins the names of variables that tell cargo how to build guests.
const GUEST_ENV: &str = "PULSING_GUEST_ENV_";

/// Whether the tools of a language are left out.
#[must_use]
pub fn is_left_out(language: &str) -> bool {
    env::var(LEFT_OUT).is_ok_and(|names| names.split(',').any(|name| name == language))
}

/// The Python that has the tools for Python and C.
#[must_use]
pub fn python() -> PathBuf {
    env::var_os("VIRTUAL_ENV")
        .map_or_else(|| "python3".into(), |folder| PathBuf::from(folder).join("bin/python"))
}

/// Tells cargo how guests are built here.
pub fn apply_guest_toolchain(command: &mut Command) {
    for (name, value) in env::vars_os() {
        if let Some(name) = name.to_str().and_then(|name| name.strip_prefix(GUEST_ENV)) {
            command.env(name, value);
        }
    }
}
