//! `compile`: a component's code, compiled ahead of the host that will run it.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::Args;

use super::compiler::{CompilerArgs, own_program};
use super::failure::Failure;
use super::log::LogArgs;
use super::output;
use crate::engine::{COMPILED_ENDING, Compiler, ComponentSource, Engines, compile_ahead};
use crate::limits::HostLimits;

#[derive(Debug, Args)]
pub(super) struct CompileArgs {
    /// The file with the component.
    #[arg(value_name = "ACTOR.wasm")]
    component: PathBuf,
    /// Where the compiled code goes; beside the component, if this is not given, with the ending `.pulsing`.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    compiler: CompilerArgs,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) async fn compile(args: CompileArgs) -> Result<(), Failure> {
    let _log = args.log.install()?;
    let out = args.out.unwrap_or_else(|| args.component.with_extension(COMPILED_ENDING));
    if out.extension().is_none_or(|ending| ending != COMPILED_ENDING) {
        let shown = out.display();
        return Err(Failure::usage(format!(
            "{shown}: compiled code goes to a file that ends in `.{COMPILED_ENDING}`"
        )));
    }
    if is_same_file(&out, &args.component) {
        return Err(Failure::usage(format!("{} would be overwritten; name another file", out.display())));
    }
    let source = ComponentSource::File(args.component);
    let compiler = Compiler::new(&own_program()?, args.compiler.apply(HostLimits::default()).compile());
    let compiled = tokio::task::spawn_blocking(move || {
        let engines = Engines::new(None)?.compile_with(compiler);
        compile_ahead(&engines, &source).map_err(Failure::from)
    });
    let code = compiled.await.map_err(Failure::system)??;
    write_whole(&out, &code)?;
    output::line(format!("{} {}", out.display(), bytesize::ByteSize::b(code.len() as u64)).as_bytes())
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let resolved = |path: &Path| path.canonicalize().ok();
    one == other || resolved(one).is_some_and(|one| Some(one) == resolved(other))
}

/// Writes a file so that nobody ever sees half of it.
///
/// What is there is replaced only where it is a plain file: a link is followed, and a device is left alone.
pub(super) fn write_whole(out: &Path, bytes: &[u8]) -> Result<(), Failure> {
    // As every other file that a tool makes: what the user's mask leaves of this.
    write_whole_with(out, bytes, 0o666, |_| Ok(()))
}

/// The same, of a file that is its owner's alone where it is new, and whose owner and permissions stay where it is not:
/// a host that reads it runs as another user, perhaps.
pub(super) fn write_private(out: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let before = std::fs::metadata(out).ok();
    let keep = |file: &File| match &before {
        None => Ok(()),
        Some(before) => {
            let now = file.metadata()?;
            if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
                std::os::unix::fs::fchown(file, Some(before.uid()), Some(before.gid()))?;
            }
            file.set_permissions(before.permissions())
        }
    };
    write_whole_with(out, bytes, 0o600, keep)
}

fn write_whole_with(
    out: &Path,
    bytes: &[u8],
    permissions: u32,
    finish: impl FnOnce(&File) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| Failure::system(format!("cannot write {}: {error}", out.display()));
    let out = match out.canonicalize() {
        Ok(there) if !there.is_file() => {
            return Err(Failure::usage(format!("{} is there, and no plain file", out.display())));
        }
        Ok(there) => there,
        Err(_) if out.is_symlink() => {
            return Err(Failure::usage(format!("{} is a link that leads nowhere", out.display())));
        }
        Err(_) => out.to_owned(),
    };
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.permissions(Permissions::from_mode(permissions));
    let mut unfinished = builder.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(cannot)?;
    unfinished.write_all(bytes).map_err(cannot)?;
    finish(unfinished.as_file()).map_err(cannot)?;
    unfinished.persist(&out).map(drop).map_err(|failed| cannot(failed.error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_private_file_keeps_its_owner_and_permissions_when_it_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("tokens");
        write_private(&out, b"one").unwrap();
        assert_eq!(fs::metadata(&out).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&out, Permissions::from_mode(0o640)).unwrap();
        // Only root may give files away.
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            std::os::unix::fs::chown(&out, Some(1), Some(2)).unwrap();
        }
        let before = fs::metadata(&out).unwrap();
        write_private(&out, b"two").unwrap();
        let after = fs::metadata(&out).unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "two");
        assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
        assert_eq!(after.mode() & 0o777, 0o640);
    }

    #[test]
    fn a_file_is_written_whole_and_nothing_but_a_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        for bytes in ["one", "two"] {
            write_whole(&out, bytes.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&out).unwrap(), bytes);
        }
        assert!(write_whole(folder.path(), b"x").is_err());
        assert!(write_whole(Path::new("/dev/null"), b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing unfinished is left");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "one").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_whole(&link, b"two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        fs::remove_file(&file).unwrap();
        assert!(write_whole(&link, b"three").is_err(), "it leads nowhere");
    }
}
