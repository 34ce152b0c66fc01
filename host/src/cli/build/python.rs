//! Python, by componentize-py.

use std::process::Command;

use super::Work;
use super::tool::{python_with, run};
use crate::cli::failure::Failure;

const MISSING: &str =
    "componentize-py is missing: python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1";

pub(super) fn build(work: &Work<'_>) -> Result<(), Failure> {
    let (source, sdk) = (work.project.source()?, work.project.sdk()?);
    let python =
        python_with("componentize_py", &work.project.folder).ok_or_else(|| Failure::system(MISSING))?;
    let mut command = Command::new(python);
    command
        // Without the project's folder in front: an `argparse.py` in it would stand for Python's. From 3.11 on.
        .env("PYTHONSAFEPATH", "1")
        .args(["-m", "pulsing_guest.build", "--quiet"])
        .arg(source)
        .arg("--wit")
        .arg(work.wit)
        .arg("-o")
        .arg(work.out);
    command.env("PYTHONPATH", sdk.join("src")).env("PYTHONDONTWRITEBYTECODE", "1");
    run(command.current_dir(&work.project.folder), MISSING)
}
