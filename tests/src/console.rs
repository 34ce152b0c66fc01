//! Runs the `console` blocks of a Markdown file and compares what is shown with what happens, so that no document
//! shows what is not so.
//!
//! | in a block | means |
//! |---|---|
//! | `$ command` | run by `sh -c` in a temporary folder; a `\` at its end joins the next line |
//! | the lines below it | all that a terminal would show, stdout and stderr |
//! | a line `...` | any lines |
//! | `…` or `PORT` within a line | any text |
//! | `$ pulsing-host run …` | a host in the background, on a free port; `PULSING_HOST` names it from then on |
//! | `$ program … &` | another program in the background, such as a server; what it shows comes first in its stdout |
//! | `PORT` in a command | the port that the last program in the background told |
//! | `$ export NAME=VALUE` | a variable for what follows |
//! | `# a moment later` at a command's end | it is repeated until it shows what is expected |
//! | `$ cargo …`, `$ pulsing-host build …` | left out: whoever runs this has built the tree; run in a project |
//! | `$ npm install`, `$ rustup …`, `$ …pip install …` and their like | left out: whoever runs this has the tools |
//!
//! The folder has the tree's `examples`, the built guests in `target/guests`, and the program in the search path
//! and as `target/release/pulsing-host`; or it is that of a project. The default address of a host, where it stands in a
//! command or in what is shown, is the started host's.
//!
//! Bounds: five minutes in which nothing is shown, for a machine that is busy with other things; half an hour in all
//! for each command, and 1 MiB of what it shows. Whatever was started here is ended here, also after a failure; no
//! other process is.

mod expectation;
mod process;
mod script;
mod session;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use self::script::Step;
use self::session::Session;

/// The longest that a command may show nothing new, or a program in the background that is waited for. A host says every
/// second that it still compiles a component.
const SILENCE: Duration = Duration::from_secs(5 * 60);

/// The longest that a command may take, whatever it shows, or a program in the background until it shows what it should.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// The most that is read of what one command shows.
const OUTPUT_MAX_BYTES: u64 = 1 << 20;

/// Programs beside `sh` that documents may use, and that not every machine has.
const OPTIONAL_PROGRAMS: [&str; 2] = ["curl", "python3"];

/// What was done with a document.
#[derive(Debug, Default)]
pub struct Report {
    /// How many commands were run and showed what was expected.
    pub commands: usize,
    /// What was not run, as `line: why`.
    pub left_out: Vec<String>,
}

/// Where the README of a project is run: in its own folder, with the tools of its language at hand.
#[derive(Debug)]
pub struct Project<'a> {
    /// Its folder.
    pub folder: &'a Path,
    /// What its commands find in their environment.
    pub variables: Vec<(String, String)>,
    /// What `pulsing-host build` finds there, too.
    pub build_variables: Vec<(String, String)>,
}

/// Runs a document's commands against `program`, a `pulsing-host`, in a folder that shows what the tree's root does.
///
/// All of it is left out where it needs a program that this machine does not have.
///
/// # Errors
///
/// At the first command that does not show what the document says: its file and line, what was expected and what
/// came. Also where a document has no commands, since it would prove nothing.
pub fn run(document: &Path, program: &Path) -> Result<Report> {
    run_in(document, || Session::in_tree(program))
}

/// The same in the folder of a project, where it is built and tested too.
///
/// # Errors
///
/// As [`run`].
pub fn run_in_project(document: &Path, program: &Path, project: Project<'_>) -> Result<Report> {
    run_in(document, || Session::in_project(program, project))
}

fn run_in(document: &Path, begin: impl FnOnce() -> Result<Session>) -> Result<Report> {
    let text = fs::read_to_string(document).with_context(|| format!("cannot read {}", document.display()))?;
    let steps = script::steps(&text).with_context(|| document.display().to_string())?;
    let mut report = Report::default();
    if let Some(missing) = missing_program(&steps) {
        report.left_out.push(format!("all: there is no {missing} on this machine"));
        return Ok(report);
    }
    let mut session = begin()?;
    for step in &steps {
        let place = || format!("{}:{}: `{}`", document.display(), step.line, step.command);
        match session.run(step).with_context(place)? {
            None => report.commands += 1,
            Some(reason) => report.left_out.push(format!("{}: {reason}", step.line)),
        }
    }
    ensure!(report.commands > 0, "{}: shows no command that could be run", document.display());
    Ok(report)
}

fn missing_program(steps: &[Step]) -> Option<&'static str> {
    let names = |program: &&str| {
        steps.iter().any(|step| step.command.split_whitespace().any(|word| word == *program))
    };
    OPTIONAL_PROGRAMS.into_iter().filter(names).find(|program| !process::is_installed(program))
}

/// What is wrong with the output of a command, for people.
fn compare(expected: &[String], output: &str) -> Result<()> {
    if expectation::is_met(expected, output) {
        return Ok(());
    }
    let indented = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
    bail!("expected:\n{}got:\n{}", indented(&expected.join("\n")), indented(output))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a document that needs no host.
    fn run_text(text: &str) -> Result<Report> {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("page.md");
        fs::write(&document, text).unwrap();
        run(&document, Path::new("/bin/false"))
    }

    #[test]
    fn a_document_that_tells_the_truth_passes() {
        let text = "Text.\n```console\n$ echo one; echo two >&2\none\ntwo\n$ cargo build\n$ export A=b\n$ echo \\\n  $A\nb\n```\n";
        let report = run_text(text).unwrap();
        assert_eq!(report.commands, 3);
        assert_eq!(report.left_out, ["6: whoever runs this has built the tree"]);
    }

    #[test]
    fn a_wrong_expectation_is_reported_with_its_place() {
        let error = run_text("```console\n$ true\n$ echo four\nfive\n```\n").unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("page.md:3: `echo four`"), "{error}");
        assert!(error.contains("expected:\n    five\ngot:\n    four\n"), "{error}");
    }

    #[test]
    fn output_that_is_not_shown_is_reported() {
        assert!(run_text("```console\n$ echo surprise >&2\n```\n").is_err());
    }

    #[test]
    fn a_document_without_commands_proves_nothing() {
        assert!(run_text("```sh\n$ echo four\nfive\n```\n").is_err());
    }

    #[test]
    fn a_program_in_the_background_tells_its_port_and_is_ended() {
        let kept = tempfile::NamedTempFile::new().unwrap();
        let report = run_text(&format!(
            "```console\n$ sh -c 'echo $$ > {}; echo serving http://127.0.0.1:81; exec sleep 600' &\n\
             serving http://127.0.0.1:PORT\n$ export URL=http://127.0.0.1:PORT/x\n$ echo $URL\n\
             http://127.0.0.1:81/x\n```\n",
            kept.path().display()
        ));
        assert_eq!(report.unwrap().commands, 3);
        let id = fs::read_to_string(kept.path()).unwrap().trim().parse().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), None).unwrap_err();
    }

    #[test]
    fn a_program_in_the_background_that_ends_early_is_reported_with_its_last_words() {
        let error = run_text("```console\n$ sh -c 'echo no such port >&2' &\nserving\n```\n").unwrap_err();
        assert!(format!("{error:#}").contains("no such port"), "{error:#}");
    }

    #[test]
    fn a_host_that_does_not_start_is_reported() {
        let error = run_text("```console\n$ pulsing-host run x.wasm\n```\n").unwrap_err();
        assert!(format!("{error:#}").contains("page.md:2"), "{error:#}");
    }

    #[test]
    fn what_comes_a_moment_later_is_waited_for() {
        let report = run_text(
            "```console\n$ test -e second && echo there || { test -e first && touch second; touch first; echo no; }   # a moment later\nthere\n```\n",
        );
        assert_eq!(report.unwrap().commands, 1);
    }
}
