//! Starting other programs: saying what is started, bounding how long it may take, naming what failed.
//!
//! Bound: [`run`] has none, because builds and tests have none and a person watches them; [`capture`] ends its
//! program after the time that it is given. Neither touches a process that it did not start.

mod owned;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub(crate) use owned::{Owned, end_all_on_interrupt};

/// How much of another program's complaint goes into ours: two lines of a terminal.
const COMPLAINT_CHARS: usize = 160;

/// What a program that has ended left behind.
pub(crate) struct Captured {
    /// `None` if a signal ended it, or the bound did.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Captured {
    pub(crate) fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// Why the program failed: the first line on stderr that says `error`, or the last line; its beginning.
    pub(crate) fn complaint(&self) -> String {
        let mut lines = self.stderr.lines().map(str::trim).filter(|line| !line.is_empty());
        let error = lines.clone().find_map(|line| line.strip_prefix("error: "));
        let reason = error.or_else(|| lines.next_back()).unwrap_or("it gave no reason");
        match reason.char_indices().nth(COMPLAINT_CHARS) {
            Some((end, _)) => format!("{}…", &reason[..end]),
            None => reason.to_owned(),
        }
    }
}

/// Says what `work` is about to do, and afterwards how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("==> {what}");
    let begin = Instant::now();
    let result = work();
    let outcome = if result.is_ok() { "done" } else { "failed" };
    println!("    {outcome} after {:.1} s: {what}", begin.elapsed().as_secs_f64());
    result
}

/// The cargo that started this task, or the one on PATH, at work in the root of the tree.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}

/// Shows the command and runs it to its end, with the terminal as its own.
///
/// # Errors
///
/// When it cannot be started, or ends in anything but 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    println!("    $ {shown}");
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs the command, silently, and gives back what it wrote; kills it after `bound`.
///
/// The output goes through files, so that a process which the program left behind cannot hold us up.
///
/// # Errors
///
/// When it cannot be started or watched. Its own failure is in the answer's `code`.
pub(crate) fn capture(command: &mut Command, bound: Duration) -> Result<Captured> {
    let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let mut process = Owned::start(command)?;
    let status = process.wait(bound)?;
    drop(process);
    let (mut stdout, mut stderr) = (text(stdout)?, text(stderr)?);
    if status.is_none() {
        stderr.push_str(&format!("\nstopped after {} s", bound.as_secs()));
    }
    stdout.truncate(stdout.trim_end().len());
    Ok(Captured { code: status.and_then(|status| status.code()), stdout, stderr })
}

/// Runs the command and gives back its stdout without the line end.
///
/// # Errors
///
/// As [`capture`], and when it ends in anything but 0.
pub(crate) fn answer(command: &mut Command, bound: Duration) -> Result<String> {
    let captured = capture(command, bound)?;
    if !captured.succeeded() {
        bail!("`{}` failed: {}", shown(command), captured.complaint());
    }
    Ok(captured.stdout)
}

/// Tries again every `pause` until `attempt` gives an answer, at most for `bound`.
///
/// # Errors
///
/// What `attempt` fails with, at once; and when the bound is over.
pub(crate) fn until<T>(
    what: &str,
    bound: Duration,
    pause: Duration,
    mut attempt: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + bound;
    loop {
        if let Some(answer) = attempt()? {
            return Ok(answer);
        }
        if Instant::now() >= end {
            bail!("gave up after {} s of waiting for {what}", bound.as_secs());
        }
        self::pause(pause);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is waited for belongs to another process and cannot be awaited"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The command as a person would type it: cargo by its name, wherever it is.
pub(crate) fn shown(command: &Command) -> String {
    let program = command.get_program();
    let is_cargo = Path::new(program).file_name().is_some_and(|name| name == "cargo");
    std::iter::once(if is_cargo { "cargo".as_ref() } else { program })
        .chain(command.get_args())
        .map(|word| quoted(&word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn text(mut file: File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("target/release/pulsing-host");
        command.args(["ask", "counter", "increment", r#"{"n":5}"#, "it's", ""]);
        assert_eq!(
            shown(&command),
            r#"target/release/pulsing-host ask counter increment '{"n":5}' 'it'\''s' ''"#
        );
        assert_eq!(shown(Command::new("/toolchains/stable/bin/cargo").arg("fmt")), "cargo fmt");
    }

    #[test]
    fn a_captured_program_gives_its_output_and_exit_code() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo first >&2; echo why >&2; echo >&2; exit 3"]);
        let captured = capture(&mut command, Duration::from_secs(10)).unwrap();
        assert_eq!((captured.code, captured.stdout.as_str()), (Some(3), "out"));
        assert_eq!(captured.complaint(), "why");
        let stderr = "info: trying\nerror: no such host\n\nCaused by:\n  nothing\n".to_owned();
        assert_eq!(Captured { stderr, ..captured }.complaint(), "no such host");
    }

    #[test]
    fn a_program_that_outstays_its_bound_is_ended() {
        let begin = Instant::now();
        let mut command = Command::new("sleep");
        let captured = capture(command.arg("60"), Duration::from_millis(50)).unwrap();
        assert_eq!(captured.code, None);
        assert!(captured.complaint().starts_with("stopped after"));
        assert!(begin.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn waiting_ends_with_the_answer_or_with_the_bound() {
        let mut tries = 0;
        let answered = until("three tries", Duration::from_secs(10), Duration::ZERO, || {
            tries += 1;
            Ok((tries == 3).then_some(tries))
        });
        assert_eq!(answered.unwrap(), 3);
        let never = until("godot", Duration::ZERO, Duration::ZERO, || Ok(None::<()>));
        assert!(never.unwrap_err().to_string().contains("godot"));
    }
}
