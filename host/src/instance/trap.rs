//! What a trap says, made fit to be shown.

use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::limiter::Refused;
use super::shortage::shortage;
use super::store::Guest;
use crate::exit::ExitReason;
use crate::text::printable;

/// How many lines of a backtrace are kept, innermost frame first.
const LINES_MAX: usize = 64;
/// How many characters of a line with names out of a guest are kept.
const LINE_MAX_CHARS: usize = 200;
/// How many lines of a guest's stderr explain its trap: a panic has two, an exception's end as many.
const WORDS_LINES_MAX: usize = 3;

/// Names the end of a life that a trap, or an error of the engine, has brought.
pub(super) fn exit_reason(error: &wasmtime::Error, guest: &Guest) -> ExitReason {
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return ExitReason::Exited { code: *code };
    }
    let mut message = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    if let Some(shortage) = shortage(error) {
        message.push_str(&format!("; {shortage}"));
    }
    match guest.limiter.refused() {
        None => {}
        Some(Refused::Own(max)) => {
            message.push_str(&format!("; it was refused memory over its limit of {max} bytes"));
        }
        Some(Refused::Host(max)) => {
            message.push_str(&format!("; it was refused memory over the host's limit of {max} bytes"));
        }
    }
    if let Some(words) = last_words(&guest.stderr.last_words()) {
        message.push_str(&format!("; it wrote last: {words}"));
    }
    ExitReason::Trapped { message, backtrace: error.downcast_ref().map(frames).unwrap_or_default() }
}

/// The lines of stderr that tell something, as one line.
fn last_words(stderr: &str) -> Option<String> {
    let tells = |line: &&str| !line.is_empty() && !line.contains("RUST_BACKTRACE");
    let lines: Vec<String> =
        stderr.lines().map(str::trim).filter(tells).map(|line| printable(line, LINE_MAX_CHARS)).collect();
    let last = lines.get(lines.len().saturating_sub(WORDS_LINES_MAX)..)?;
    (!last.is_empty()).then(|| last.join(" "))
}

/// The guest's frames as wasmtime shows them: function names, and file and line where there is debug info.
fn frames(backtrace: &WasmBacktrace) -> String {
    let text = backtrace.to_string();
    let lines = text.lines().filter(|line| !line.starts_with("error while executing")).take(LINES_MAX);
    let clipped = lines.map(|line| printable(line, LINE_MAX_CHARS));
    clipped.collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_what_a_panic_says() {
        let stderr = "before\n\nthread 'main' panicked at src/lib.rs:1:2:\nboom\n\
                      note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        assert_eq!(last_words(stderr).unwrap(), "before thread 'main' panicked at src/lib.rs:1:2: boom");
        assert_eq!(last_words("\n \n"), None);
    }
}
