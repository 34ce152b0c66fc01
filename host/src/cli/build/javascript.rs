//! JavaScript, by componentize-qjs where handlers overlap, and by componentize-js where they do not.

use std::process::Command;

use super::Work;
use super::tool::run;
use crate::cli::failure::Failure;

const MISSING: &str = "install Node.js 20 or later, such as by `apt install nodejs npm`";

pub(super) fn build(work: &Work<'_>) -> Result<(), Failure> {
    let (source, sdk) = (work.project.source()?, work.project.sdk()?);
    let mut command = Command::new("node");
    command.arg(sdk.join("build.js")).arg(source).arg("--wit").arg(work.wit).arg("-o").arg(work.out);
    run(command.current_dir(&work.project.folder), MISSING)
}
