//! What a trap says, taken apart: the engine's name for it, which anybody may read, and what came of the guest, which is
//! the operator's.

use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::limiter::OutOfMemory;
use super::shortage::shortage;
use super::store::Guest;
use crate::exit::{ExitReason, OperatorText};
use crate::text::printable;

/// How many lines of a backtrace are kept, innermost frame first.
const LINES_MAX: usize = 64;
/// How many characters of a line with names out of a guest are kept.
const LINE_MAX_CHARS: usize = 200;
/// How many characters of an error of the engine are kept.
const CAUSE_MAX_CHARS: usize = 500;
/// How many lines of a guest's stderr explain its trap: a panic has two, an exception's end as many.
const WORDS_LINES_MAX: usize = 3;

/// What an end is called that is an error of the engine, and no trap: its text may be about what the guest did.
const NO_TRAP: &str = "the engine could not go on with it";

/// What an end is called that the host brings to a life which is refused memory too often in a row.
const OUT_OF_MEMORY: &str = "out of memory";

/// The engine's names for its traps. Kept here, so that nothing else can pass for one.
const TRAPS: [&str; 50] = [
    "wasm trap: call stack exhausted",
    "wasm trap: out of bounds memory access",
    "wasm trap: unaligned atomic",
    "wasm trap: undefined element: out of bounds table access",
    "wasm trap: uninitialized element",
    "wasm trap: indirect call type mismatch",
    "wasm trap: integer overflow",
    "wasm trap: integer divide by zero",
    "wasm trap: invalid conversion to integer",
    "wasm trap: wasm `unreachable` instruction executed",
    "wasm trap: interrupt",
    "wasm trap: all fuel consumed by WebAssembly",
    "wasm trap: atomic wait on non-shared memory",
    "wasm trap: null reference",
    "wasm trap: out of bounds array access",
    "wasm trap: allocation size too large",
    "wasm trap: cast failure",
    "wasm trap: cannot enter component instance",
    "wasm trap: async-lifted export failed to produce a result",
    "wasm trap: unhandled tag",
    "wasm trap: continuation already consumed",
    "wasm trap: pulley opcode disabled at compile time was executed",
    "wasm trap: deadlock detected: event loop cannot make further progress",
    "wasm trap: cannot leave component instance",
    "wasm trap: cannot block a synchronous task before returning",
    "wasm trap: invalid `char` bit pattern",
    "wasm trap: should have finished string encoding",
    "wasm trap: code units should be equal",
    "wasm trap: pointer should be aligned",
    "wasm trap: upper bits should be unset",
    "wasm trap: string content out-of-bounds",
    "wasm trap: list content out-of-bounds",
    "wasm trap: invalid variant discriminant",
    "wasm trap: unaligned pointer",
    "wasm trap: `task.cancel` called by task which has not been cancelled",
    "wasm trap: `task.return` or `task.cancel` called more than once for current task",
    "wasm trap: `subtask.cancel` called after terminal status delivered",
    "wasm trap: invalid `task.return` signature and/or options for current task",
    "wasm trap: cannot drop waitable set with waiters",
    "wasm trap: cannot drop a subtask which has not yet resolved",
    "wasm trap: start function does not match expected type (currently only `(i32) -> ()` is supported)",
    "wasm trap: the start function index points to an uninitialized function",
    "wasm trap: backpressure counter overflow",
    "wasm trap: unsupported callback code",
    "wasm trap: cannot resume thread which is not suspended",
    "wasm trap: cannot have concurrent operations active on a future/stream",
    "wasm trap: reference count overflow",
    "wasm trap: stream read/write count too large",
    "wasm trap: waitable cannot be used synchronously while added to a waitable set",
    "wasm trap: uncaught exception propagated out of component",
];

/// Names the end of a life that a trap, or an error of the engine, has brought.
pub(super) fn exit_reason(error: &wasmtime::Error, guest: &Guest) -> ExitReason {
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return ExitReason::Exited { code: *code };
    }
    let trap = error.downcast_ref::<Trap>().map(|trap| name(*trap));
    let trap = trap.or_else(|| error.is::<OutOfMemory>().then_some(OUT_OF_MEMORY));
    let cause = trap.is_none().then(|| printable(&error.root_cause().to_string(), CAUSE_MAX_CHARS));
    let wrote = last_words(&guest.stderr.last_words()).map(|words| format!("it wrote last: {words}"));
    let words: Vec<String> = [cause, shortage(error), wrote].into_iter().flatten().collect();
    ExitReason::Trapped {
        trap: trap.unwrap_or(NO_TRAP),
        refused: guest.limiter.refused(),
        words: OperatorText::new(&words.join("; ")),
        backtrace: OperatorText::new(&error.downcast_ref().map(frames).unwrap_or_default()),
    }
}

/// The engine's name for a trap.
fn name(trap: Trap) -> &'static str {
    let name = trap.to_string();
    TRAPS.iter().find(|known| **known == name).copied().unwrap_or("a trap")
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
    fn every_trap_of_the_engine_has_its_name() {
        let traps = (0..=u8::MAX).filter_map(Trap::from_u8);
        let missing: Vec<_> = traps.filter(|trap| name(*trap) != trap.to_string()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_last_words_are_what_a_panic_says() {
        let stderr = "before\n\nthread 'main' panicked at src/lib.rs:1:2:\nboom\n\
                      note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        assert_eq!(last_words(stderr).unwrap(), "before thread 'main' panicked at src/lib.rs:1:2: boom");
        assert_eq!(last_words("\n \n"), None);
    }
}
