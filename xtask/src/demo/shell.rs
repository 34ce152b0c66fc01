//! Types commands as a user would, shows their real output, and checks what came of them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process::{self, Captured};
use crate::tree::Tree;

/// Each command answers in milliseconds; one that takes this long has failed.
const COMMAND_BOUND: Duration = Duration::from_secs(30);

/// Somebody in the root of the tree, with a host to talk to.
pub(super) struct Shell<'a> {
    root: PathBuf,
    binary: PathBuf,
    url: &'a str,
}

impl<'a> Shell<'a> {
    pub(super) fn new(tree: &Tree, url: &'a str) -> Self {
        let binary = tree.host_binary();
        Self { root: tree.root.clone(), binary: tree.shown(&binary).to_owned(), url }
    }

    /// Calls a client verb of the host's command line.
    pub(super) fn host(&self, verb: &str, arguments: &[&str]) -> Result<Reply> {
        let mut command = Command::new(&self.binary);
        command.args([verb, "--host", self.url]).args(arguments);
        self.types(command)
    }

    /// Posts JSON to the host; `None` where there is no curl.
    pub(super) fn curl(&self, path: &str, body: &str) -> Result<Option<Reply>> {
        if process::capture(Command::new("curl").arg("--version"), COMMAND_BOUND).is_err() {
            return Ok(None);
        }
        let mut command = Command::new("curl");
        // A proxy that the environment names has no business with a host on this machine.
        command.args(["-sS", "--noproxy", "*", "--json", body]).arg(format!("{}{path}", self.url));
        self.types(command).map(Some)
    }

    fn types(&self, mut command: Command) -> Result<Reply> {
        let typed = process::shown(&command);
        println!("$ {typed}");
        let captured = process::capture(command.current_dir(&self.root), COMMAND_BOUND)?;
        for output in [&captured.stdout, &captured.stderr] {
            if !output.trim().is_empty() {
                println!("{}", output.trim_end());
            }
        }
        match captured.code {
            Some(0) => {}
            Some(code) => println!("(exit {code})"),
            None => println!("(no exit code)"),
        }
        Ok(Reply { typed, captured })
    }
}

/// What came of one command.
pub(super) struct Reply {
    typed: String,
    captured: Captured,
}

impl Reply {
    pub(super) fn typed(&self) -> String {
        format!("`{}`", self.typed)
    }

    pub(super) fn code(&self) -> Option<i32> {
        self.captured.code
    }

    pub(super) fn lines(&self) -> usize {
        self.captured.stdout.lines().count()
    }

    pub(super) fn exits(self, expected: i32) -> Result<Self> {
        match self.code() {
            Some(code) if code == expected => Ok(self),
            Some(code) => bail!("{}: expected exit code {expected}, it was {code}", self.typed()),
            None => bail!("{}: expected exit code {expected}, there was none", self.typed()),
        }
    }

    pub(super) fn answers(self, expected: &Value) -> Result<()> {
        let reply = self.exits(0)?;
        let answer = reply.json()?;
        ensure!(answer == *expected, "{}: expected {expected}, it answered {answer}", reply.typed());
        Ok(())
    }

    pub(super) fn mentions(&self, word: &str) -> Result<()> {
        ensure!(self.captured.stdout.contains(word), "{}: expected to see `{word}`", self.typed());
        Ok(())
    }

    pub(super) fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.captured.stdout)
            .with_context(|| format!("{}: its output is no JSON", self.typed()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(code: Option<i32>, stdout: &str) -> Reply {
        let captured = Captured { code, stdout: stdout.into(), stderr: String::new() };
        Reply { typed: "pulsing-host ask a b".into(), captured }
    }

    #[test]
    fn an_outcome_that_differs_names_the_command() {
        let failures = [
            reply(Some(0), "6").answers(&json!(5)),
            reply(Some(0), "six").answers(&json!(5)),
            reply(Some(7), "5").answers(&json!(5)),
            reply(None, "5").answers(&json!(5)),
            reply(Some(0), "mixed").mentions("counter"),
        ];
        for failure in failures {
            let said = format!("{:#}", failure.unwrap_err());
            assert!(said.starts_with("`pulsing-host ask a b`: "), "{said}");
        }
    }

    #[test]
    fn an_outcome_as_expected_passes() {
        reply(Some(0), "5").answers(&json!(5)).unwrap();
        assert!(reply(Some(3), "").exits(3).is_ok());
        reply(Some(0), "counter running").mentions("counter").unwrap();
    }
}
