//! The program itself, as a process: a host that runs, and clients that end.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use pulsing_tests::cache_dir;
use wait_timeout::ChildExt;

use crate::PATIENCE;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_pulsing-host-under-test");

/// A process that is ended with the test.
pub(crate) struct Ended(pub(crate) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Ended {
    /// What it writes to stdout until its end.
    pub(crate) fn output(mut self) -> String {
        let mut text = String::new();
        self.0.stdout.take().expect("it is piped").read_to_string(&mut text).unwrap();
        text
    }
}

/// What a program left when it ended.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Left {
    /// That it failed with this code, and one line on stderr that holds all of this.
    pub(crate) fn assert_failed(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let errors: Vec<_> = self.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "one line: {self:?}");
        for says in says {
            assert!(errors[0].contains(says), "{says:?} is missing: {self:?}");
        }
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args).stdin(Stdio::null());
    for variable in ["HOST", "LOG", "TOKENS", "TOKEN_FILE", "CA_CERT"] {
        command.env_remove(format!("PULSING_{variable}"));
    }
    command.env("PULSING_CACHE_DIR", cache_dir());
    command
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Left {
    run_command(command(args))
}

/// The same, with one more variable in its environment, and so much time.
pub(crate) fn run_with(variable: (&str, &str), args: &[&str], bound: Duration) -> Left {
    let mut command = command(args);
    command.env(variable.0, variable.1);
    run_command_for(command, bound)
}

/// The same, started by another program, whose command line ends with that of this one.
pub(crate) fn run_under(program: &[&str], args: &[&str]) -> Left {
    let plain = command(args);
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(plain.get_program()).args(plain.get_args()).stdin(Stdio::null());
    command.env("PULSING_CACHE_DIR", cache_dir());
    run_command(command)
}

fn run_command(command: Command) -> Left {
    run_command_for(command, PATIENCE)
}

fn run_command_for(mut command: Command, bound: Duration) -> Left {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut child = Ended(child);
    let (mut stdout, mut stderr) = (child.0.stdout.take().unwrap(), child.0.stderr.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let writer = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    let status = child.0.wait_timeout(bound).unwrap().expect("it ends in time");
    Left { code: status.code(), stdout: writer.join().unwrap(), stderr: reader.join().unwrap() }
}

/// A host that runs.
pub(crate) struct RunningHost {
    process: Ended,
    lines: mpsc::Receiver<String>,
    pub(crate) url: String,
}

impl RunningHost {
    /// Starts a host on a free port, and waits until all of its `actors` are ready.
    pub(crate) fn start(args: &[&str], actors: usize) -> Self {
        let mut command = command(&["run", "--listen", "127.0.0.1:0"]);
        command.args(args).env("PULSING_LOG", "error").stderr(Stdio::inherit());
        Self::of(command, actors)
    }

    /// The same, with one more variable in its environment.
    pub(crate) fn start_with(variable: (&str, &str), args: &[&str], actors: usize) -> Self {
        let mut command = command(&["run", "--listen", "127.0.0.1:0"]);
        command.args(args).env("PULSING_LOG", "error").env(variable.0, variable.1).stderr(Stdio::inherit());
        Self::of(command, actors)
    }

    /// The same, which listens where its configuration says.
    pub(crate) fn start_as_configured(args: &[&str], actors: usize) -> Self {
        let mut command = command(&["run"]);
        command.args(args).env("PULSING_LOG", "error").stderr(Stdio::inherit());
        Self::of(command, actors)
    }

    /// The same, started by another program, whose command line ends with that of the host.
    pub(crate) fn start_under(program: &[&str], args: &[&str], actors: usize) -> Self {
        let plain = command(&["run", "--listen", "127.0.0.1:0"]);
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(plain.get_program()).args(plain.get_args()).args(args);
        command.env("PULSING_CACHE_DIR", cache_dir()).env("PULSING_LOG", "error");
        command.stdin(Stdio::null()).stderr(Stdio::inherit());
        Self::of(command, actors)
    }

    /// The same, with a log that nobody reads.
    pub(crate) fn start_with_unread_log(args: &[&str], actors: usize) -> Self {
        let mut command = command(&["run", "--listen", "127.0.0.1:0"]);
        command.args(args).stderr(Stdio::piped());
        Self::of(command, actors)
    }

    /// The same, with its log in a file, and nothing waited for.
    pub(crate) fn start_logging_to(log: &Path, args: &[&str]) -> Self {
        let mut command = command(&["run", "--listen", "127.0.0.1:0"]);
        command.args(args).stderr(std::fs::File::create(log).unwrap());
        Self::of(command, 0)
    }

    /// The same, and the lines of its log as they come.
    pub(crate) fn start_with_log(args: &[&str], actors: usize) -> (Self, Log) {
        let mut host = Self::start_with_unread_log(args, actors);
        let stderr = host.process.0.stderr.take().expect("it is piped");
        let log = Log::default();
        let lines = Arc::clone(&log.0);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        (host, log)
    }

    fn of(mut command: Command, actors: usize) -> Self {
        let mut process = Ended(command.stdout(Stdio::piped()).spawn().unwrap());
        let stdout = process.0.stdout.take().unwrap();
        let (sender, lines) = mpsc::sync_channel(100);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut host = Self { process, lines, url: String::new() };
        host.url = host.line().strip_prefix("listening ").expect("it says where it listens").to_owned();
        for _ in 0..actors {
            let line = host.line();
            assert!(line.starts_with("ready "), "{line}");
        }
        host
    }

    /// The next line on its stdout.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("it says something")
    }

    /// Runs a client of this host.
    pub(crate) fn client(&self, args: &[&str]) -> Left {
        let mut command = command(args);
        command.env("PULSING_HOST", &self.url);
        run_command(command)
    }

    /// Starts a client of this host, whose stdout is read by the test.
    pub(crate) fn client_in_background(&self, args: &[&str]) -> Ended {
        let mut command = command(args);
        command.env("PULSING_HOST", &self.url).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ended(command.spawn().unwrap())
    }

    /// What the host answers to a GET.
    pub(crate) fn get(&self, path: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let answer = async { client.get(format!("{}{path}", self.url)).send().await?.text().await };
        tokio::runtime::Runtime::new().unwrap().block_on(answer).unwrap()
    }

    /// The host's process.
    pub(crate) fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// Sends a signal to the host.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.process, name);
    }

    /// Waits for the host's end, and answers its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.process.0.wait_timeout(PATIENCE).unwrap().expect("it ends in time").code()
    }

    /// Ends a host in good order.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        assert_eq!(self.wait(), Some(0));
    }

    /// Reads the log of a host that was started with one that nobody reads, from now on: it is complete once the host has
    /// ended.
    pub(crate) fn read_log(&mut self) -> std::thread::JoinHandle<String> {
        let mut stderr = self.process.0.stderr.take().expect("it is piped");
        std::thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).unwrap();
            log
        })
    }

    /// Stops a host that was started with a log that nobody reads, and reads it: little enough for a pipe.
    pub(crate) fn stop_and_read_log(mut self) -> String {
        self.signal("TERM");
        assert_eq!(self.wait(), Some(0));
        let mut log = String::new();
        self.process.0.stderr.take().expect("it is piped").read_to_string(&mut log).unwrap();
        log
    }
}

/// What a host has logged until now.
#[derive(Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// How many lines there are with this.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }
}

/// Sends a signal to a process of the test.
pub(crate) fn signal(process: &Ended, name: &str) {
    let sent =
        Command::new("kill").args([&format!("-{name}"), &process.0.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Tries until it succeeds.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "it does not come");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
