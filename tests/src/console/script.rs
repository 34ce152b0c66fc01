//! The commands of a Markdown file and what it shows below each.

use anyhow::{Result, bail};

/// How a block of commands begins and ends.
const FENCE: &str = "```";
const LANGUAGE: &str = "console";
const PROMPT: &str = "$ ";
/// At the end of a command that is repeated until it shows what is expected.
const A_MOMENT_LATER: &str = "# a moment later";

/// Parts of commands that get tools.
const INSTALLERS: [&str; 6] =
    ["npm install", "pip install", "python3 -m venv", "rustup ", "apt install", "cargo install"];

/// A command, and what it should show.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Where it stands in the document, from 1.
    pub(super) line: usize,
    pub(super) command: String,
    pub(super) expected: Vec<String>,
}

/// What kind of command it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// Gets tools.
    Install,
    /// Builds or tests what there is the source of.
    Build,
    /// Sets a variable for the commands after it.
    Export { name: &'a str, value: &'a str },
    /// A host in the background; with its command line less a `&`.
    Host(&'a str),
    /// Another program in the background.
    Background(&'a str),
    /// A command that is waited for; it may have to be repeated.
    Foreground { repeated: bool },
}

impl Step {
    pub(super) fn kind(&self) -> Kind<'_> {
        let command = self.command.trim();
        if INSTALLERS.iter().any(|part| command.contains(part)) {
            return Kind::Install;
        }
        if command.starts_with("cargo ") || is_build(command) {
            return Kind::Build;
        }
        if let Some((name, value)) = command.strip_prefix("export ").and_then(|rest| rest.split_once('=')) {
            return Kind::Export { name, value };
        }
        let mut words = command.split_whitespace();
        let program = words.next().unwrap_or_default();
        let in_background = command.strip_suffix('&').map(str::trim_end);
        if program.rsplit('/').next() == Some("pulsing-host") && words.next() == Some("run") {
            return Kind::Host(in_background.unwrap_or(command));
        }
        match in_background {
            Some(command) => Kind::Background(command),
            None => Kind::Foreground { repeated: command.ends_with(A_MOMENT_LATER) },
        }
    }
}

/// Whether a command is `pulsing-host build`.
pub(super) fn is_build(command: &str) -> bool {
    let mut words = command.split_whitespace();
    words.next() == Some("pulsing-host") && words.next() == Some("build")
}

/// The commands of all `console` blocks, in their order.
///
/// # Errors
///
/// Where a block begins with output, or has no end.
pub(super) fn steps(markdown: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut lines = (1..).zip(markdown.lines());
    while let Some((_, line)) = lines.next() {
        if line.trim_start().strip_prefix(FENCE).is_some_and(|rest| rest.trim() == LANGUAGE) {
            steps.extend(block(&mut lines)?);
        }
    }
    Ok(steps)
}

fn block<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    while let Some((line, text)) = lines.next() {
        if text.trim_start().starts_with(FENCE) {
            return Ok(steps);
        }
        if let Some(command) = text.strip_prefix(PROMPT) {
            let command = joined(command, lines);
            steps.push(Step { line, command, expected: Vec::new() });
        } else {
            let Some(step) = steps.last_mut() else { bail!("line {line}: output without a command") };
            step.expected.push(text.to_owned());
        }
    }
    bail!("a console block has no end")
}

/// A command with the lines that a `\` at the end of the one before joins to it.
fn joined<'a>(first: &str, lines: &mut impl Iterator<Item = (usize, &'a str)>) -> String {
    let mut command = first.to_owned();
    while command.ends_with('\\') {
        let Some((_, next)) = lines.next() else { break };
        command.push('\n');
        command.push_str(next);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(line: usize, command: &str, expected: &[&str]) -> Step {
        Step { line, command: command.into(), expected: expected.iter().map(|&line| line.into()).collect() }
    }

    #[test]
    fn commands_stand_in_console_blocks_with_their_output_below() {
        let text = "# T\n```rust\n$ no\n```\n```console\n$ one\na\n\nb\n$ two \\\n  more\n```\n$ no\n```console\n$ three\n```";
        assert_eq!(
            steps(text).unwrap(),
            [step(6, "one", &["a", "", "b"]), step(10, "two \\\n  more", &[]), step(15, "three", &[])]
        );
    }

    #[test]
    fn output_without_a_command_and_blocks_without_an_end_are_errors() {
        assert!(steps("```console\nlost\n```").unwrap_err().to_string().contains("line 2"));
        assert!(steps("```console\n$ a").is_err());
    }

    #[test]
    fn commands_are_told_apart() {
        let kind = |command: &str| format!("{:?}", step(1, command, &[]).kind());
        for (command, expected) in [
            ("cargo xtask build   # all", "Build"),
            ("pulsing-host build examples/c/counter", "Build"),
            ("pulsing-host build", "Build"),
            ("cargo install --path host", "Install"),
            ("python3 -m venv .venv && .venv/bin/pip install componentize-py", "Install"),
            ("npm install", "Install"),
            ("export A=b=c", "Export { name: \"A\", value: \"b=c\" }"),
            ("pulsing-host run a.wasm", "Host(\"pulsing-host run a.wasm\")"),
            ("target/release/pulsing-host run a.wasm &", "Host(\"target/release/pulsing-host run a.wasm\")"),
            ("python3 server.py &", "Background(\"python3 server.py\")"),
            ("pulsing-host ask a run", "Foreground { repeated: false }"),
            ("pulsing-host ask a b   # a moment later", "Foreground { repeated: true }"),
        ] {
            assert_eq!(kind(command), expected);
        }
    }
}
