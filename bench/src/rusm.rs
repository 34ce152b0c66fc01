//! Beside RUSM, another host of actors in WebAssembly: asks and tells between two actors, and asks over HTTP.
//!
//! `bench/rusm` is the app of it that does the work. It measures itself what goes on within it. There it has one worker,
//! as our actors have: its processes would wake each other's threads otherwise. An ask there is a raw message to and fro,
//! which costs it less than its own typed clients, whose messages are JSON.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::Bench;
use crate::contest::Contest;
use crate::http::load::{Client, Load};
use crate::http::{self, BODY, Server};
use crate::peers;
use crate::places::Placement;
use crate::rows::{Row, median};

#[derive(Args)]
pub(crate) struct Options {
    /// The program `rusm`: `cargo install rusm-cli --version ^0.7 --root R`, then `R/bin/rusm`.
    #[arg(long)]
    rusm: PathBuf,
    /// How many rounds.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long each is measured in a round, in seconds.
    #[arg(long, default_value_t = 1)]
    round_secs: u64,
    /// How many connections, over HTTP.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// The program `pulsing-host`; that beside this one, if it is not given.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// The app, and what of it is copied to where it is built.
const APP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/rusm");
const FILES: [&str; 5] = [
    "rusm.toml",
    "components/echo/Cargo.toml",
    "components/echo/src/lib.rs",
    "components/meter/Cargo.toml",
    "components/meter/src/lib.rs",
];

/// How many messages one process sends another in a row. That process is made for the batch: many beside its first steps.
const BATCH: u32 = 1000;

/// Runs all of it. Answers the rows.
pub(crate) fn run(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    // It runs in the app's folder. What is no file here is looked for in `PATH`.
    let rusm = options.rusm.canonicalize().unwrap_or_else(|_| options.rusm.clone());
    let app = bench.output.join("rusm");
    build(&rusm, &app)?;
    let on_one_worker = serve(Command::new(&rusm).env("TOKIO_WORKER_THREADS", "1"), &app)?;
    let gateway = serve(&mut Command::new(&rusm), &app)?;
    let echoed = gateway.request("POST", "/echo", BODY)?;
    ensure!(echoed == BODY, "rusm echoes {echoed}");
    let ours = Server::pulsing(bench, options.program.as_deref(), &["echo"])?;
    let time = Duration::from_secs(options.round_secs);
    let load = Load::new(Client::find(), options.connections, options.round_secs, BODY, &bench.output)?;
    http::await_answer(|| ours.ask())?;
    let (places, serial) = (&bench.places, peers::pair(bench, "echo", "beside-rusm")?);
    let mut contest = Contest::default();
    contest.enter("asks", || places.run(Placement::Same, peers::asks(serial.clone(), time)));
    contest.enter("rusm asks", || batches(&on_one_worker, "ask", time));
    contest.enter("tells", || places.run(Placement::Same, peers::tells(serial.clone(), time)));
    contest.enter("rusm tells", || batches(&on_one_worker, "tell", time));
    contest.enter("over HTTP", || load.posts_per_sec(&ours.url(http::PATH)));
    contest.enter("rusm over HTTP", || load.posts_per_sec(&gateway.url("/echo")));
    contest.enter("rusm handler alone", || load.posts_per_sec(&gateway.url("/alone")));
    let series = contest.run(options.rounds)?;
    let row = |work: &str, unit, who, baseline| series.row(work, unit, who, baseline, None);
    let over_http = format!("ask over HTTP, {} connections{}", options.connections, load.client().note());
    Ok(vec![
        row("guest asks guest, serial", "ns", "asks", "rusm asks")?,
        row("guest tells guest, serial", "ns", "tells", "rusm tells")?,
        row(&over_http, "/s", "over HTTP", "rusm over HTTP")?,
        row(&over_http, "/s", "over HTTP", "rusm handler alone")?,
    ])
}

/// Builds the app, in a folder of its own: `rusm` writes beside it.
fn build(rusm: &Path, app: &Path) -> Result<()> {
    for file in FILES {
        let (from, to) = (Path::new(APP).join(file), app.join(file));
        to.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let mut build = Command::new(rusm);
    // It looks for what cargo built where cargo puts it by itself.
    let build = build.arg("build").current_dir(app).env_remove("CARGO_TARGET_DIR");
    let status = build.status().with_context(|| format!("cannot run {}", rusm.display()))?;
    ensure!(status.success(), "`rusm build` failed: {status}");
    Ok(())
}

fn serve(rusm: &mut Command, app: &Path) -> Result<Server> {
    Server::start(rusm.arg("serve").current_dir(app), "http://")
}

/// How long one of a batch takes within RUSM, in nanoseconds: the median of batches.
fn batches(server: &Server, what: &str, time: Duration) -> Result<f64> {
    let (begun, mut each) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let answer = server.request("GET", &format!("/{what}/{BATCH}"), "")?;
        each.push(answer.trim().parse().with_context(|| format!("rusm says {answer}"))?);
    }
    Ok(median(each.into_iter()))
}
