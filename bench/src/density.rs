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
    /// How many actors; as many of 10,000 as the kernel has maps of memory for, if it is not given.
    #[arg(long)]
    actors: Option<usize>,
    /// Of which guest.
    #[arg(long, default_value = "counter")]
    guest: String,
}

impl Options {
    fn actors(&self) -> usize {
        const WANTED: usize = 10_000;
        /// What an actor takes of maps, and what the program itself does at most.
        const MAPS: usize = 7;
        const OTHER_MAPS: usize = 500;
        let maps = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
        let maps: Option<usize> = maps.and_then(|maps| maps.trim().parse().ok());
        let room = maps.map_or(WANTED, |maps| maps.saturating_sub(OTHER_MAPS) / MAPS);
        self.actors.unwrap_or(WANTED.min(room))
    }
}

/// What each of many actors takes.
#[derive(Debug, Clone, Copy)]
struct Each {
    /// Pages that several actors have in common count once.
    proportional_kib: f64,
    /// They count for each.
    resident_kib: f64,
    start_micros: f64,
}

/// Runs all of it, each round in a process of its own. Answers the rows.
pub(crate) fn run(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    let rounds: Result<Vec<_>> = (0..options.rounds).map(|_| apart(bench, options)).collect();
    let rounds = rounds?;
    let of = |what: fn(&Each) -> f64| rounds.iter().map(what).collect::<Vec<_>>();
    let (actors, guest) = (options.actors(), &options.guest);
    let memory = |how: &str| format!("memory of a live {guest}, {actors} of them, {how}");
    Ok(vec![
        Row::alone(&memory("shared pages counted once (Pss)"), "KiB", &of(|each| each.proportional_kib))
            .aims_at(Goal::AtMost(55.0)),
        Row::alone(&memory("shared pages counted for each (Rss)"), "KiB", &of(|each| each.resident_kib))
            .aims_at(Goal::AtMost(60.0)),
        Row::alone("start and first answer of each", "us", &of(|each| each.start_micros)),
    ])
}

/// What a process says that does nothing else.
fn apart(bench: &Bench, options: &Options) -> Result<Each> {
    let child = Command::new(std::env::current_exe()?)
        .args(["crowd", "--actors", &options.actors().to_string(), "--guest", &options.guest])
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
    let mut next = || numbers.next().context("not all was said")?.context("no number");
    Ok(Each { proportional_kib: next()?, resident_kib: next()?, start_micros: next()? })
}

/// Starts the actors, asks each once, and prints what each takes.
pub(crate) fn crowd(bench: &Bench, options: &Options) -> Result<()> {
    let host = Arc::clone(&bench.host);
    let spec = bench.spec(&options.guest, "crowd")?;
    let count = options.actors();
    let Each { proportional_kib, resident_kib, start_micros } = bench.places.at_home(async move {
        // The code is loaded once, and is nobody's.
        host.check(spec.component.clone()).await?;
        let (before, begun) = (Memory::now()?, Instant::now());
        for n in 0..count {
            let mut spec = spec.clone();
            spec.id = format!("crowd-{n}").parse()?;
            let actor = host.spawn(spec).await?;
            actor.ask::<u64>("increment", &(1,)).await.with_context(|| format!("actor {n}"))?;
        }
        let each = f64::from(u32::try_from(count)?);
        let (took, after) = (begun.elapsed(), Memory::now()?);
        Ok(Each {
            proportional_kib: (after.proportional_kib - before.proportional_kib) / each,
            resident_kib: (after.resident_kib - before.resident_kib) / each,
            start_micros: took.as_secs_f64() * 1e6 / each,
        })
    })?;
    println!("{proportional_kib} {resident_kib} {start_micros}");
    Ok(())
}

/// The memory of this process.
struct Memory {
    proportional_kib: f64,
    resident_kib: f64,
}

impl Memory {
    fn now() -> Result<Self> {
        let text = std::fs::read_to_string("/proc/self/smaps_rollup").context("only Linux says it")?;
        let kib = |name: &str| -> Result<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let line = line.with_context(|| format!("no {name}"))?;
            Ok(line.trim().trim_end_matches(" kB").parse()?)
        };
        Ok(Self { proportional_kib: kib("Pss:")?, resident_kib: kib("Rss:")? })
    }
}
