//! Over HTTP, with the program as people run it: beside a bare server that echoes, and how soon it answers at all.

pub(crate) mod load;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::routing::post;
use clap::Args;

use self::load::{Client, Load};
use crate::Bench;
use crate::contest::Contest;
use crate::rows::{Goal, Row};

#[derive(Args)]
pub(crate) struct Options {
    /// How many rounds.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long each is measured in a round, in seconds.
    #[arg(long, default_value_t = 2)]
    round_secs: u64,
    /// How many connections.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// The program `pulsing-host`; that beside this one, if it is not given.
    #[arg(long)]
    program: Option<PathBuf>,
    /// The program `wasmtime`, to measure its `serve` too.
    #[arg(long)]
    wasmtime: Option<PathBuf>,
}

/// What is sent, and comes back.
pub(crate) const BODY: &str = r#"["0123456789ab"]"#;
/// How long an answer may take at most, and how often the first is asked for.
const PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_micros(500);
pub(crate) const PATH: &str = "/v1/actors/echo/ask/say";

/// Runs all of it. Answers the rows.
pub(crate) fn run(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    let client = Client::find();
    if client == Client::Own {
        println!("wrk is missing: a client of our own makes the load, which takes more of the machine");
    }
    let load = Load::new(client, options.connections, options.round_secs, BODY, &bench.output)?;
    let bare = Server::bare()?;
    let ours = Server::pulsing(bench, options.program.as_deref(), &["echo"])?;
    let hello = bench.guests.join("hello-http.wasm");
    let serve = options.wasmtime.as_ref().map(|program| Server::wasmtime(program, &hello)).transpose()?;
    // The actor is there before it is measured.
    await_answer(|| ours.ask())?;
    let mut contest = Contest::default();
    contest.enter("bare axum echo", || load.posts_per_sec(&bare.url(PATH)));
    contest.enter("ask", || load.posts_per_sec(&ours.url(PATH)));
    if let Some(serve) = &serve {
        contest.enter("wasmtime serve of a greeting", || load.gets_per_sec(&serve.url("/")));
    }
    contest.enter("run to first answer", || first_answer_millis(bench, options));
    let series = contest.run(options.rounds)?;
    let work = format!("ask over HTTP, {} connections{}", options.connections, client.note());
    let mut rows = vec![series.row(&work, "/s", "ask", "bare axum echo", Some(Goal::AtLeast(0.6)))?];
    if serve.is_some() {
        rows.push(series.row(
            &work,
            "/s",
            "ask",
            "wasmtime serve of a greeting",
            Some(Goal::AtLeast(3.0)),
        )?);
    }
    let first = series.of("run to first answer")?;
    let work = "`run` to first answer over HTTP, compiled code cached";
    rows.push(Row::alone(work, "ms", first).aims_at(Goal::AtMost(30.0)));
    Ok(rows)
}

/// A server in a process of its own, which ends with this.
pub(crate) struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn bare() -> Result<Self> {
        let mut program = Command::new(std::env::current_exe()?);
        Self::start(program.arg("bare-server"), "listening http://")
    }

    /// The host, as a person runs it: `program`, or that beside this one.
    pub(crate) fn pulsing(bench: &Bench, program: Option<&Path>, guests: &[&str]) -> Result<Self> {
        let program = match program {
            Some(program) => program.to_owned(),
            None => std::env::current_exe()?.with_file_name("pulsing-host"),
        };
        ensure!(program.is_file(), "{} is missing", program.display());
        let mut program = Command::new(program);
        program.arg("run");
        for guest in guests {
            program.arg(bench.guests.join(guest).with_extension("wasm"));
        }
        program.args(["--listen", "127.0.0.1:0"]).arg("--cache-dir").arg(bench.output.join("cache"));
        Self::start(&mut program, "listening http://")
    }

    fn wasmtime(program: &PathBuf, component: &PathBuf) -> Result<Self> {
        let mut program = Command::new(program);
        program.args(["serve", "-Scli", "--addr", "127.0.0.1:0"]).arg(component);
        // It says so on stderr.
        let mut process = program.stderr(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let said = process.stderr.take().context("no stderr")?;
        let address = announced(BufReader::new(said), "Serving HTTP on http://")?;
        Ok(Self { process, address })
    }

    /// Starts a program that says its address on stdout, behind `announcement`.
    pub(crate) fn start(program: &mut Command, announcement: &str) -> Result<Self> {
        let mut process = program.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let said = process.stdout.take().context("no stdout")?;
        let address = announced(BufReader::new(said), announcement)?;
        Ok(Self { process, address })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Asks over a connection of its own.
    pub(crate) fn ask(&self) -> Result<()> {
        self.request("POST", PATH, BODY).map(drop)
    }

    /// The body of its response, over a connection of its own.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let mut connection = TcpStream::connect(&self.address)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        let length = body.len();
        write!(
            connection,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "answered {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").context("an answer without an end of its head")?;
        Ok(body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Reads up to the line with the address, and goes on reading for nobody, so that the server is never held up.
fn announced(mut said: impl BufRead + Send + 'static, announcement: &str) -> Result<String> {
    let mut line = String::new();
    while said.read_line(&mut line)? > 0 {
        if let Some((_, address)) = line.split_once(announcement) {
            let address = address.trim().trim_end_matches('/').to_owned();
            std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
            return Ok(address);
        }
        line.clear();
    }
    bail!("the server ended before it listened")
}

/// From the start of the program to the first answer of an actor, in milliseconds.
fn first_answer_millis(bench: &Bench, options: &Options) -> Result<f64> {
    let begun = Instant::now();
    let server = Server::pulsing(bench, options.program.as_deref(), &["echo"])?;
    await_answer(|| server.ask())?;
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
}

/// Asks again until there is an answer: a server listens before it has loaded its component.
pub(crate) fn await_answer(ask: impl Fn() -> Result<()>) -> Result<()> {
    let begun = Instant::now();
    while let Err(error) = ask() {
        ensure!(begun.elapsed() < PATIENCE, "no answer: {error}");
        pause();
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is waited for belongs to another process and cannot be awaited"
)]
fn pause() {
    std::thread::sleep(AGAIN);
}

/// Echoes bodies, with the same framework that the host has, until it is ended.
pub(crate) fn serve_bare() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("listening http://{}", listener.local_addr()?);
        let echo = Router::new().route(PATH, post(async |body: bytes::Bytes| body));
        axum::serve(listener, echo).await.context("the server failed")
    })
}
