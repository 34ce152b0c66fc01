//! What a live actor takes of memory, in a process that does nothing else.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::Bench;
use crate::rows::{Goal, Row};

#[derive(Args, Clone)]
pub(crate) struct Options {
    /// How many rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many actors. Each takes seven maps of memory, of which Linux gives 65,530 to a process unless told otherwise.
    #[arg(long, default_value_t = 9_000)]
    actors: usize,
    /// Of which guest.
    #[arg(long, default_value = "counter")]
    guest: String,
}

/// Runs all of it, each round in a process of its own. Answers the rows.
pub(crate) fn run(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    let (mut kib, mut micros) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let child = Command::new(std::env::current_exe()?)
            .args(["crowd", "--actors", &options.actors.to_string(), "--guest", &options.guest])
            .arg("--guests")
            .arg(&bench.guests)
            .arg("--output")
            .arg(&bench.output)
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start the process that is measured")?;
        ensure!(child.status.success(), "the process that is measured failed: {}", child.status);
        let text = String::from_utf8(child.stdout)?;
        let mut numbers = text.split_whitespace().map(str::parse::<f64>);
        kib.push(numbers.next().context("no memory was said")??);
        micros.push(numbers.next().context("no time was said")??);
    }
    let Options { actors, guest, .. } = options;
    Ok(vec![
        Row::alone(&format!("memory of a live {guest}, {actors} of them"), "KiB", &kib)
            .aims_at(Goal::AtMost(60.0)),
        Row::alone("start and first answer of each", "us", &micros),
    ])
}

/// Starts the actors, asks each once, and says how much memory each takes, in KiB, and how long that took, in
/// microseconds.
pub(crate) fn crowd(bench: &Bench, options: &Options) -> Result<(f64, f64)> {
    let host = Arc::clone(&bench.host);
    let spec = bench.spec(&options.guest, "crowd")?;
    let count = options.actors;
    bench.places.at_home(async move {
        // The code is loaded once, and is nobody's.
        host.check(spec.component.clone()).await?;
        let (before, begun) = (resident_bytes()?, Instant::now());
        for n in 0..count {
            let mut spec = spec.clone();
            spec.name = format!("crowd-{n}").parse()?;
            let actor = host.spawn(spec).await?;
            actor.ask::<u64>("increment", &(1,)).await.with_context(|| format!("actor {n}"))?;
        }
        let each = f64::from(u32::try_from(count)?);
        let took = begun.elapsed().as_secs_f64() * 1e6 / each;
        let bytes = resident_bytes()?.saturating_sub(before);
        Ok((f64::from(u32::try_from(bytes / 1024)?) / each, took))
    })
}

/// The resident memory of this process.
fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("only Linux says what is resident")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}
