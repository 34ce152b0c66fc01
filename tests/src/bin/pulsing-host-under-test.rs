//! The program `pulsing-host`, as the tests start it: cargo builds it beside them, from the same code.

use std::process::ExitCode;

fn main() -> ExitCode {
    pulsing_host::cli::main()
}
