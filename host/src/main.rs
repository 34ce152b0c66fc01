//! The program `pulsing-host`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pulsing_host::cli::main()
}
