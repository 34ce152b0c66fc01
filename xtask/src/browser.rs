//! A browser, for the tests of what pages may do: Debian's Chromium.

use std::process::Command;
use std::time::Duration;

use crate::process::{self, step};
use crate::toolchain::apt;

const QUERY_BOUND: Duration = Duration::from_secs(60);

/// Gets a browser where there is none. Where that cannot be done, says why: the tests leave out what needs one then,
/// unless everything has to be there.
pub(crate) fn get() {
    if process::answer(Command::new("chromium").arg("--version"), QUERY_BOUND).is_ok() {
        return;
    }
    if let Err(error) = step("get a browser", || apt::install(&["chromium"])) {
        println!("    there is no browser, so no test will use one: {error:#}");
    }
}
