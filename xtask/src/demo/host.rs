//! A host that the demo started: its start, its address, its end.
//!
//! Bounds: [`START_BOUND`] and [`STOP_BOUND`]. Its process is ended when this is dropped, whatever the reason, and
//! on Ctrl-C. Its log goes to a file, of which a failed start shows the last lines.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::process::{self, Owned};
use crate::tree::Tree;

/// Compiling two guests takes a second or two; the host gives each `start` handler ten.
const START_BOUND: Duration = Duration::from_secs(60);
/// The host's own bound for stopping is 30 s.
const STOP_BOUND: Duration = Duration::from_secs(40);
/// Lines of the host's log that are shown when it does not start.
const LOG_LINES: usize = 20;

/// What the host says on stdout when it is true.
#[derive(Debug, PartialEq, Eq)]
enum Announcement {
    /// `listening http://HOST:PORT`
    Listening(String),
    /// `ready NAME …`
    Ready(String),
}

impl Announcement {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (what, whom) = (words.next()?, words.next()?.to_owned());
        match what {
            "listening" => Some(Self::Listening(whom)),
            "ready" => Some(Self::Ready(whom)),
            _ => None,
        }
    }
}

/// A host with the demo's actors, all of them ready.
pub(crate) struct RunningHost {
    process: Owned,
    url: String,
}

impl RunningHost {
    /// Starts the host `binary` on a free port, and waits until it listens and every actor is ready.
    pub(crate) fn start(tree: &Tree, binary: &Path, actors: &[&str]) -> Result<Self> {
        let guests: Vec<_> = actors.iter().map(|actor| guest(tree, actor)).collect();
        Self::run(tree, binary, guests.iter().map(|guest| tree.shown(guest)), actors)
    }

    /// The same, with the actors of a configuration file.
    pub(crate) fn configured(tree: &Tree, binary: &Path, config: &Path, actors: &[&str]) -> Result<Self> {
        Self::run(tree, binary, ["--config".as_ref(), tree.shown(config)], actors)
    }

    fn run<I: AsRef<OsStr>>(
        tree: &Tree,
        binary: &Path,
        args: impl IntoIterator<Item = I>,
        actors: &[&str],
    ) -> Result<Self> {
        let log = tree.target.join("demo-host.log");
        let mut command = command(tree, binary, args, &log)?;
        println!("$ {} &", process::shown(&command));
        let mut process = Owned::start(&mut command)?;
        let lines = lines(&mut process)?;
        let url = started(&lines, actors).map_err(|error| anyhow!("{error:#}; {}", last_lines(&log)))?;
        Ok(Self { process, url })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn id(&self) -> nix::unistd::Pid {
        self.process.id()
    }

    /// Asks the host to stop, as an init system would, and checks that it ended well.
    pub(crate) fn stop(mut self) -> Result<()> {
        stop(&mut self.process)
    }
}

/// The file of a guest.
pub(crate) fn guest(tree: &Tree, actor: &str) -> PathBuf {
    tree.guests_dir().join(format!("{actor}.wasm"))
}

fn command<I: AsRef<OsStr>>(
    tree: &Tree,
    binary: &Path,
    args: impl IntoIterator<Item = I>,
    log: &Path,
) -> Result<Command> {
    let mut command = Command::new(tree.shown(binary));
    command.current_dir(&tree.root).arg("run").args(args);
    command.args(["--listen", "127.0.0.1:0"]);
    let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    Ok(command)
}

/// Reads lines until the host listens and all actors are ready; gives the address.
fn started(lines: &Receiver<String>, actors: &[&str]) -> Result<String> {
    let end = Instant::now() + START_BOUND;
    let mut waiting: BTreeSet<&str> = actors.iter().copied().collect();
    let mut url = None;
    loop {
        match (&url, waiting.is_empty()) {
            (Some(url), true) => return Ok(String::clone(url)),
            _ => match Announcement::parse(&next_line(lines, end)?) {
                Some(Announcement::Listening(address)) => url = Some(address),
                Some(Announcement::Ready(name)) => drop(waiting.remove(name.as_str())),
                None => {}
            },
        }
    }
}

fn next_line(lines: &Receiver<String>, end: Instant) -> Result<String> {
    match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
        Ok(line) => Ok(line),
        Err(RecvTimeoutError::Timeout) => bail!("the host was not ready after {} s", START_BOUND.as_secs()),
        Err(RecvTimeoutError::Disconnected) => bail!("the host ended before it was ready"),
    }
}

fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default();
    format!("its log, {}, ends in\n{}", log.display(), last.join("\n"))
}

/// Its stdout, line by line, shown as it comes. Goes on reading when nobody listens, so that the host never blocks.
fn lines(process: &mut Owned) -> Result<Receiver<String>> {
    let stdout = process.stdout().context("the host's stdout is not ours to read")?;
    // The host says one line per actor and one for itself; more than this waits for the reader.
    let (sender, receiver) = sync_channel(16);
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(std::io::Result::ok) {
            println!("{line}");
            // Fails once the start is over, when nobody needs the lines any more.
            let _ = sender.send(line);
        }
    });
    Ok(receiver)
}

fn stop(process: &mut Owned) -> Result<()> {
    println!("$ kill -TERM {}", process.id());
    process.terminate()?;
    match process.wait(STOP_BOUND)? {
        Some(status) if status.success() => {
            println!("(exit 0)");
            Ok(())
        }
        Some(status) => bail!("the host ended with {status} after SIGTERM, not with 0"),
        None => bail!("the host was still there {} s after SIGTERM", STOP_BOUND.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[&str]) -> Receiver<String> {
        let (sender, receiver) = sync_channel(lines.len());
        for line in lines {
            sender.send((*line).to_owned()).unwrap();
        }
        receiver
    }

    #[test]
    fn lines_of_the_host_are_understood() {
        let listening = Announcement::Listening("http://127.0.0.1:4711".into());
        assert_eq!(Announcement::parse("listening http://127.0.0.1:4711"), Some(listening));
        let ready = Announcement::Ready("counter".into());
        assert_eq!(Announcement::parse("ready counter serial, 4 methods"), Some(ready));
        for line in ["", "ready", "listening", "already there"] {
            assert_eq!(Announcement::parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_start_is_over_when_all_are_ready() {
        let lines = said(&["listening http://h:1", "hello there", "ready mixed", "ready counter x"]);
        assert_eq!(started(&lines, &["counter", "mixed"]).unwrap(), "http://h:1");
    }

    #[test]
    fn a_host_that_ends_before_it_is_ready_is_a_failure() {
        let lines = said(&["listening http://h:1", "ready mixed"]);
        let error = started(&lines, &["counter", "mixed"]).unwrap_err();
        assert!(error.to_string().contains("ended before"));
    }

    #[test]
    fn a_host_that_ends_badly_after_sigterm_is_a_failure() {
        let mut stubborn = Command::new("sh");
        stubborn
            .args(["-c", "trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done"])
            .stdout(Stdio::piped());
        let mut process = Owned::start(&mut stubborn).unwrap();
        lines(&mut process).unwrap().recv().unwrap();
        let error = stop(&mut process).unwrap_err();
        assert!(error.to_string().contains("exit status: 4"), "{error}");
    }
}
