//! `build`: from the source of an actor to its component, by the tools of its language.
//!
//! The tools speak for themselves, on stderr. What is missing is named with the line that installs it.

mod c;
mod javascript;
mod python;
mod rust;
mod tool;

use std::path::{Path, PathBuf};

use clap::Args;

use super::embedded;
use super::failure::Failure;
use super::output;
use super::project::{Language, Project};
use crate::engine::{ComponentSource, world};

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// The folder of the project.
    #[arg(value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// Where the component goes; to `NAME.wasm` in the project, if this is not given.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn build(args: BuildArgs) -> Result<(), Failure> {
    let project = Project::read(&args.project)?;
    let file = format!("{}.wasm", project.name);
    // Not `./hello.wasm`: what is shown is what people type.
    let inside =
        |folder: PathBuf| if folder == Path::new(".") { file.clone().into() } else { folder.join(&file) };
    let out = args.out.unwrap_or_else(|| inside(args.project));
    let scratch =
        tempfile::tempdir().map_err(|error| Failure::system(format!("no folder to work in: {error}")))?;
    let wit = scratch.path().join("wit");
    embedded::write_wit(&wit)?;
    let built = scratch.path().join("actor.wasm");
    let work = Work { project: &project, wit: &wit, scratch: scratch.path(), out: &built };
    match project.language {
        Language::Rust => rust::build(&work)?,
        Language::Python => python::build(&work)?,
        Language::Javascript => javascript::build(&work)?,
        Language::C => c::build(&work)?,
    }
    publish(&built, &out)
}

/// One build.
struct Work<'a> {
    project: &'a Project,
    /// The folder with the contract.
    wit: &'a Path,
    /// A folder of its own, which goes with the build.
    scratch: &'a Path,
    /// Where the component is to be.
    out: &'a Path,
}

/// Hands over what was built, if it is an actor.
fn publish(built: &Path, out: &Path) -> Result<(), Failure> {
    if !built.exists() {
        return Err(Failure::system("the tool says that all is well, and made nothing"));
    }
    let component = ComponentSource::File(built.to_owned()).read()?.bytes;
    let lane = world(&out.display().to_string(), &component)?.lane();
    super::compile::write_whole(out, &component)?;
    let size = bytesize::ByteSize::b(component.len() as u64);
    output::line(format!("{} {} {size}", out.display(), lane.as_str()).as_bytes())
}
