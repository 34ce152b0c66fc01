//! Calling a language's tools.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli::failure::Failure;

/// Runs a tool to its end. What it says goes to stderr: stdout is for the result.
pub(super) fn run(command: &mut Command, missing: &str) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status =
        command.stdin(Stdio::null()).stdout(io::stderr()).status().map_err(|error| match error.kind() {
            ErrorKind::NotFound => Failure::system(format!("`{program}` is missing: {missing}")),
            _ => Failure::system(format!("`{program}` cannot be run: {error}")),
        })?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure::system(format!("`{program}` failed ({status}); what it says is above"))),
    }
}

/// Whether a program answers well to a question, of which nothing is shown.
pub(super) fn answers(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The Python that has `module`: the project's own environment, the active one, or the system's.
pub(super) fn python_with(module: &str, folder: &Path) -> Option<PathBuf> {
    // The tool runs in the project's folder, and the path is of this one.
    let absolute = |folder| std::path::absolute(folder).ok();
    let active = std::env::var_os("VIRTUAL_ENV").and_then(absolute).map(|folder| folder.join("bin/python"));
    let candidates = [Some(folder.join(".venv/bin/python")), active, Some("python3".into())];
    let has_module =
        |python: &PathBuf| answers(Command::new(python).args(["-c", &format!("import {module}")]));
    candidates.into_iter().flatten().find(has_module)
}
