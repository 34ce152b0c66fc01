//! The program `pulsing-host`, as the tests start it: cargo builds it beside them, from the same code.
//!
//! With `chaos` as its first argument it is a host under misuse instead: see `pulsing_tests::chaos`. That needs a
//! process of its own, and another program would have to be linked with the engine again.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it tells the person who started it")]

use std::env;
use std::process::ExitCode;

use clap::Parser;
use pulsing_tests::chaos::{self, Options};

fn main() -> ExitCode {
    if env::args().nth(1).is_some_and(|verb| verb == "chaos") {
        return run_chaos(Options::parse_from(env::args().skip(1)));
    }
    pulsing_host::cli::main()
}

fn run_chaos(options: Options) -> ExitCode {
    match chaos::run(options) {
        Ok(report) => {
            println!("{report}");
            if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
