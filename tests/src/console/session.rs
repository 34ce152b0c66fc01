//! One run through a document: its folder, its variables, and what runs in its background.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::process::{self, Bounds, Started};
use super::script::{Kind, Step, is_build};
use super::{PATIENCE, Project, SILENCE, compare, expectation};

/// Where a host listens unless it is told: in a document, the started host.
const DEFAULT_ADDRESS: &str = "127.0.0.1:7433";
const LOOPBACK: &str = "127.0.0.1:";
/// In a command: the port that was told last.
const PORT: &str = "PORT";
/// An address where no host is, so that commands before the first `run` reach none by accident.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Of whatever is waited for here.
const BOUNDS: Bounds = Bounds { silence: SILENCE, total: PATIENCE };

/// A program in the background.
struct Background {
    program: Started,
    command: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

pub(super) struct Session {
    /// Ended before their folder goes.
    background: Vec<Background>,
    variables: BTreeMap<String, String>,
    /// The port that the last program in the background told.
    port: Option<String>,
    /// The port of the last host.
    host_port: Option<String>,
    files: usize,
    /// Where commands run.
    place: PathBuf,
    /// What `pulsing-host build` finds in its environment, where projects are built here.
    build_variables: Option<Vec<(String, String)>>,
    folder: TempDir,
}

impl Session {
    /// Makes a folder that commands run in, which has what the root of the tree has.
    pub(super) fn in_tree(program: &Path) -> Result<Self> {
        let session = Self::new(program)?;
        let path = &session.place;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        fs::create_dir_all(path.join("target/release"))?;
        symlink(program, path.join("target/release/pulsing-host"))?;
        symlink(crate::guests_dir(), path.join("target/guests"))?;
        symlink(root.join("examples"), path.join("examples"))?;
        Ok(session)
    }

    /// Commands run in the folder of a project, and build it.
    pub(super) fn in_project(program: &Path, project: Project<'_>) -> Result<Self> {
        let mut session = Self::new(program)?;
        session.place = project.folder.to_owned();
        session.variables.extend(project.variables);
        session.build_variables = Some(project.build_variables);
        Ok(session)
    }

    fn new(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder")?;
        let path = folder.path();
        fs::create_dir(path.join("bin"))?;
        fs::create_dir(path.join("output"))?;
        symlink(program, path.join("bin/pulsing-host"))?;
        let search = format!("{}:{}", path.join("bin").display(), env::var("PATH").unwrap_or_default());
        let variables = [
            ("PATH".to_owned(), search),
            ("PULSING_HOST".to_owned(), NOWHERE.to_owned()),
            ("PULSING_CACHE_DIR".to_owned(), crate::cache_dir().display().to_string()),
        ];
        Ok(Self {
            background: Vec::new(),
            variables: variables.into(),
            port: None,
            host_port: None,
            files: 0,
            place: path.to_owned(),
            build_variables: None,
            folder,
        })
    }

    /// Runs one command; answers why, if it was left out.
    ///
    /// # Errors
    ///
    /// Where it does not show what it should.
    pub(super) fn run(&mut self, step: &Step) -> Result<Option<&'static str>> {
        match step.kind() {
            Kind::Install => return Ok(Some("whoever runs this has the tools")),
            Kind::Build if self.build_variables.is_none() => {
                return Ok(Some("whoever runs this has built the tree"));
            }
            Kind::Build => compare(&step.expected, &self.output(&step.command)?)?,
            Kind::Export { name, value } => {
                let value = self.filled_in(value);
                self.variables.insert(name.to_owned(), value);
                compare(&step.expected, "")?;
            }
            Kind::Host(command) => self.host(command, &step.expected)?,
            Kind::Background(command) => self.in_background(command, &step.expected, 0)?,
            Kind::Foreground { repeated: false } => compare(&step.expected, &self.output(&step.command)?)?,
            Kind::Foreground { repeated: true } => self.repeat(step)?,
        }
        Ok(None)
    }

    fn host(&mut self, command: &str, expected: &[String]) -> Result<()> {
        let actors = command.split_whitespace().filter(|word| is_code(word)).count();
        let listen = if command.contains("--listen") { "" } else { " --listen 127.0.0.1:0" };
        self.in_background(&format!("{command}{listen}"), expected, actors)?;
        let Some(port) = &self.port else { bail!("the host did not say where it listens") };
        self.variables.insert("PULSING_HOST".to_owned(), format!("http://{LOOPBACK}{port}"));
        self.host_port = Some(port.clone());
        Ok(())
    }

    /// Starts a program and waits until it has shown what is expected, and that so many actors are ready.
    fn in_background(&mut self, command: &str, expected: &[String], actors: usize) -> Result<()> {
        let (stdout, stderr) = (self.file(), self.file());
        // In the shell's place, so that it is this program that is ended.
        let mut shell = self.shell(&format!("exec {command}"));
        shell.stdout(File::create(&stdout)?).stderr(File::create(&stderr)?);
        let program = Started::program(&mut shell)?;
        let mut started = Background { program, command: command.to_owned(), stdout, stderr };
        let mut shown = expected.to_owned();
        shown.iter_mut().for_each(|line| *line = line.replace(DEFAULT_ADDRESS, "127.0.0.1:PORT"));
        shown.push("...".to_owned());
        let output = started.wait_for(|output| {
            let ready = output.lines().filter(|line| line.starts_with("ready ")).count();
            ready >= actors && expectation::is_met(&shown, output)
        });
        let output = output.with_context(|| format!("expected {expected:?} and {actors} actors ready"))?;
        if let Some((_, rest)) = output.split_once(LOOPBACK) {
            self.port = Some(rest.chars().take_while(char::is_ascii_digit).collect());
        }
        self.background.push(started);
        Ok(())
    }

    fn repeat(&mut self, step: &Step) -> Result<()> {
        let mut last = String::new();
        let met = process::until(SILENCE, || {
            last = self.output(&step.command)?;
            Ok(expectation::is_met(&step.expected, &last).then_some(()))
        })?;
        met.map_or_else(|| compare(&step.expected, &last), Ok)
    }

    /// Runs a command to its end and answers all that it wrote, in the order in which a terminal would show it.
    fn output(&mut self, command: &str) -> Result<String> {
        let file = self.file();
        let output = File::create(&file)?;
        let mut shell = self.shell(command);
        shell.stdout(output.try_clone()?).stderr(output);
        let mut started = Started::command(&mut shell)?;
        let written = || process::written(&[&file]);
        let ended = process::until_silent(BOUNDS, written, || started.wait(Duration::ZERO))?;
        drop(started);
        let shown = process::read(&file)?;
        if ended.is_none() {
            bail!("it did not end, within {BOUNDS:?}; it wrote:\n{shown}{}", self.logs());
        }
        Ok(shown)
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = process::shell(&self.filled_in(command));
        shell.current_dir(&self.place).envs(&self.variables);
        let of_build = self.build_variables.iter().flatten().filter(|_| is_build(command));
        shell.envs(of_build.map(|(name, value)| (name, value)));
        for variable in ["PULSING_LOG", "PULSING_TOKEN_FILE", "PULSING_TOKENS", "PULSING_CA_CERT"] {
            shell.env_remove(variable);
        }
        // Of the cargo that started the tests, not of whoever types these commands.
        shell.env_remove("LD_LIBRARY_PATH").env_remove("CARGO");
        shell
    }

    /// A command or value with the port that was told last, and the host's.
    fn filled_in(&self, text: &str) -> String {
        let text = match &self.host_port {
            Some(port) => text.replace(DEFAULT_ADDRESS, &format!("{LOOPBACK}{port}")),
            None => text.to_owned(),
        };
        match &self.port {
            Some(port) => text.replace(&format!("{LOOPBACK}{PORT}"), &format!("{LOOPBACK}{port}")),
            None => text,
        }
    }

    /// A file of its own for what a command writes.
    fn file(&mut self) -> PathBuf {
        self.files += 1;
        self.folder.path().join("output").join(self.files.to_string())
    }

    fn logs(&self) -> String {
        self.background.iter().map(Background::log).collect()
    }
}

/// Whether an argument is a file of an actor.
fn is_code(word: &str) -> bool {
    word.ends_with(".wasm") || word.ends_with(".pulsing")
}

impl Background {
    fn wait_for(&mut self, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let mut last = String::new();
        let (stdout, stderr) = (self.stdout.clone(), self.stderr.clone());
        let written = || process::written(&[&stdout, &stderr]);
        let seen = process::until_silent(BOUNDS, written, || {
            let ended = self.program.wait(Duration::ZERO)?;
            last = process::read(&self.stdout)?;
            if wanted(&last) {
                return Ok(Some(()));
            }
            match ended {
                Some(status) => bail!("it ended with {status}; it wrote:\n{last}{}", self.log()),
                None => Ok(None),
            }
        })?;
        if seen.is_none() {
            bail!("it wrote:\n{last}{}", self.log());
        }
        Ok(last)
    }

    fn log(&self) -> String {
        format!("stderr of `{}`:\n{}", self.command, process::read(&self.stderr).unwrap_or_default())
    }
}
