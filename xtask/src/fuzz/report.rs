//! What libFuzzer says at the end of a run.

use std::path::{Path, PathBuf};

use crate::process::Captured;

/// How many lines of a panic are shown: its place and its message.
const PANIC_LINES: usize = 4;

/// How one target fared.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    executions: Option<u64>,
    per_second: Option<u64>,
    covered_edges: Option<u64>,
    peak_mib: Option<u64>,
    crash: Option<Crash>,
}

/// How a run ended that did not end by itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Crash {
    /// The file with what crashed it, if libFuzzer could write it.
    input: Option<PathBuf>,
    /// What was said about it.
    lines: Vec<String>,
    /// Where all of it is.
    log: PathBuf,
}

impl Report {
    /// Reads what the target wrote, all of which is in the file `log`.
    pub(crate) fn of(captured: &Captured, log: &Path) -> Self {
        let text = &captured.stderr;
        let figure = |name: &str| {
            text.lines().rev().find_map(|line| number(line.strip_prefix("stat::")?.strip_prefix(name)?))
        };
        let covered = text.lines().rev().find_map(|line| number(line.split_once(" cov: ")?.1));
        Self {
            executions: figure("number_of_executed_units:"),
            per_second: figure("average_exec_per_sec:"),
            covered_edges: covered,
            peak_mib: figure("peak_rss_mb:"),
            crash: (!captured.succeeded()).then(|| Crash::read(text, log)),
        }
    }

    pub(crate) fn has_crashed(&self) -> bool {
        self.crash.is_some()
    }

    /// For people; `program` is what a crashing input is run with again.
    pub(crate) fn shown(&self, target: &str, program: &Path) -> String {
        let figure = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let summary = format!(
            "    {target}: {} executions ({}/s), {} edges covered, {} MiB at most, {} crashes",
            figure(self.executions),
            figure(self.per_second),
            figure(self.covered_edges),
            figure(self.peak_mib),
            u8::from(self.has_crashed())
        );
        match &self.crash {
            None => summary,
            Some(crash) => format!("{summary}\n{}", crash.shown(target, program)),
        }
    }
}

impl Crash {
    fn read(text: &str, log: &Path) -> Self {
        let input =
            text.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path);
        let panic = text.lines().skip_while(|line| !line.contains("panicked at"));
        let error = text.lines().filter(|line| line.contains("ERROR: libFuzzer"));
        let lines = panic.take(PANIC_LINES).chain(error).map(str::to_owned).collect();
        Self { input: input.map(PathBuf::from), lines, log: log.to_owned() }
    }

    fn shown(&self, target: &str, program: &Path) -> String {
        let mut shown: Vec<String> = self.lines.iter().map(|line| format!("      {line}")).collect();
        shown.push(format!("    log:   {}", self.log.display()));
        if let Some(input) = &self.input {
            shown.push(format!("    input: {}", input.display()));
            shown.push(format!("    again: {} --target={target} {}", program.display(), input.display()));
        }
        shown.join("\n")
    }
}

/// The whole number that a text begins with.
fn number(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(code: Option<i32>, stderr: &str) -> Report {
        let captured = Captured { code, stdout: String::new(), stderr: stderr.to_owned() };
        Report::of(&captured, Path::new("target/fuzz/x.log"))
    }

    #[test]
    fn a_run_without_a_crash_is_one_line() {
        let text = "#2\tINITED cov: 7 ft: 8 corp: 1/1b\n#9\tDONE   cov: 119 ft: 128\nDone 9 runs in 2 second(s)\n\
                    stat::number_of_executed_units: 9\nstat::average_exec_per_sec:     4\nstat::peak_rss_mb:  32";
        let report = report(Some(0), text);
        assert!(!report.has_crashed());
        let expected = "    x: 9 executions (4/s), 119 edges covered, 32 MiB at most, 0 crashes";
        assert_eq!(report.shown("x", Path::new("p")), expected);
    }

    #[test]
    fn a_crash_is_told_with_its_input_and_how_to_run_it_again() {
        let text = "#2\tINITED cov: 7 ft: 8\nthread '<unnamed>' (1) panicked at fuzz/src/line.rs:7:5:\nnot so\n\
                    stack backtrace:\n==1== ERROR: libFuzzer: deadly signal\n\
                    artifact_prefix='a/'; Test unit written to a/crash-1\nBase64: AA==";
        let report = report(Some(77), text);
        assert!(report.has_crashed());
        let shown = report.shown("x", Path::new("target/debug/deps/fuzz-1"));
        assert!(shown.starts_with("    x: ? executions (?/s), 7 edges covered, ? MiB at most, 1 crashes\n"));
        assert!(shown.contains("panicked at fuzz/src/line.rs:7:5:\n      not so\n"), "{shown}");
        assert!(shown.ends_with("    again: target/debug/deps/fuzz-1 --target=x a/crash-1"), "{shown}");
    }

    #[test]
    fn a_run_that_had_to_be_ended_is_a_crash() {
        assert!(report(None, "stopped after 3 s").has_crashed());
    }
}
