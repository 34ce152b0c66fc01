//! `compile`: a component's code, compiled ahead of the host that will run it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use super::log::LogArgs;
use super::output;
use crate::engine::{ComponentSource, Engines, compile_ahead};

/// The ending of files with compiled code.
const ENDING: &str = "pulsing";

#[derive(Debug, Args)]
pub(super) struct CompileArgs {
    /// The file with the component.
    #[arg(value_name = "ACTOR.wasm")]
    component: PathBuf,
    /// Where the compiled code goes; beside the component, if this is not given, with the ending `.pulsing`.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) async fn compile(args: CompileArgs) -> Result<(), Failure> {
    let _log = args.log.install()?;
    let out = args.out.unwrap_or_else(|| args.component.with_extension(ENDING));
    if out == args.component {
        return Err(Failure::usage(format!("{} would be overwritten; name another file", out.display())));
    }
    let source = ComponentSource::File(args.component);
    let compiled = tokio::task::spawn_blocking(move || {
        compile_ahead(&Engines::new(None)?, &source).map_err(Failure::from)
    });
    let code = compiled.await.map_err(Failure::system)??;
    write_whole(&out, &code)?;
    output::line(format!("{} {}", out.display(), bytesize::ByteSize::b(code.len() as u64)).as_bytes())
}

/// Writes a file so that nobody ever sees half of it.
pub(super) fn write_whole(out: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| Failure::system(format!("cannot write {}: {error}", out.display()));
    let mut unfinished = out.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    let written = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, out));
    written.map_err(|error| {
        // What there is of it is of no use.
        drop(fs::remove_file(&unfinished));
        cannot(error)
    })
}
