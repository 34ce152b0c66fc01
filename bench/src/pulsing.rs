//! Beside Pulsing, the Python framework that the promises come from: the same work, with text as JSON.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use pulsing_host::Payload;

use crate::Bench;
use crate::asked::{Sandboxed, ask_p50, tells_per_sec};
use crate::contest::Contest;
use crate::places::Placement;
use crate::rows::{Goal, Row};
use crate::streams::items_per_sec;

#[derive(Args)]
pub(crate) struct Options {
    /// A Python that has it: `python3 -m venv V && V/bin/pip install pulsing==0.1.2`, then `V/bin/python`.
    #[arg(long)]
    python: PathBuf,
    /// How many rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long asks are measured in a round, in seconds.
    #[arg(long, default_value_t = 1)]
    round_secs: u64,
}

/// How many tells and items there are in a round: of those that take long, and of those that do not.
const THEIRS: u32 = 5_000;
const OURS: u32 = 200_000;

/// What is sent, and comes back.
const ARGS: &str = r#"["0123456789ab"]"#;

/// How much better this host is to be.
const TIMES: f64 = 50.0;

/// Runs all of it. Answers the rows.
pub(crate) fn run(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    let actor = bench.start(bench.spec("echo", "echo")?)?;
    let say = Sandboxed { actor: actor.clone(), method: "say", args: Payload::json(ARGS) };
    let note = Sandboxed { actor: actor.clone(), method: "note", args: Payload::json(ARGS) };
    let (places, secs) = (&bench.places, options.round_secs);
    let theirs = RefCell::new(Pulsing::start(options)?);
    let measured = |what: &str, number: u64| theirs.borrow_mut().measure(what, number);
    let mut contest = Contest::default();
    contest.enter("ask", || places.run(Placement::Same, ask_p50(say.clone(), Duration::from_secs(secs))));
    contest.enter("pulsing ask", || measured("ask", secs));
    contest.enter("tells", || places.run(Placement::Same, tells_per_sec(note.clone(), OURS)));
    contest.enter("pulsing tells", || measured("tell", THEIRS.into()));
    contest.enter("items", || places.run(Placement::Same, items_per_sec(actor.clone(), OURS)));
    contest.enter("pulsing items", || measured("stream", THEIRS.into()));
    let series = contest.run(options.rounds)?;
    let row = |work: &str, unit, who, baseline, goal| series.row(work, unit, who, baseline, Some(goal));
    Ok(vec![
        row("ask, serial, JSON text", "ns", "ask", "pulsing ask", Goal::AtMost(1.0 / TIMES))?,
        row("tells, serial", "/s", "tells", "pulsing tells", Goal::AtLeast(TIMES))?,
        row("stream of 16-byte items, serial", "/s", "items", "pulsing items", Goal::AtLeast(TIMES))?,
    ])
}

/// A process with an actor in it, which measures what it is told to. Ends with this.
struct Pulsing {
    process: Child,
    commands: ChildStdin,
    numbers: BufReader<ChildStdout>,
}

impl Pulsing {
    fn start(options: &Options) -> Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/beside_pulsing.py");
        let mut python = Command::new(&options.python);
        python.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process =
            python.spawn().with_context(|| format!("cannot run {}", options.python.display()))?;
        let commands = process.stdin.take().context("no stdin")?;
        let numbers = BufReader::new(process.stdout.take().context("no stdout")?);
        Ok(Self { process, commands, numbers })
    }

    fn measure(&mut self, what: &str, number: u64) -> Result<f64> {
        writeln!(self.commands, "{what} {number}").context("pulsing has ended")?;
        let mut line = String::new();
        if self.numbers.read_line(&mut line)? == 0 {
            bail!("pulsing has ended: is it installed for that Python?");
        }
        line.trim().parse().with_context(|| format!("pulsing says {line}"))
    }
}

impl Drop for Pulsing {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
