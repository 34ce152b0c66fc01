//! Finds or gets a compiler that makes components: rustc with a std for wasm32-wasip2; and one for C++, for fuzzing.
//!
//! | order | way | needs |
//! |---|---|---|
//! | 1 | the active rustc has the target | nothing |
//! | 2 | Debian's compiler, got ready by an earlier run | nothing |
//! | 3 | `rustup target add` | rustup's server, within [`RUSTUP_BOUND`] |
//! | 4 | Debian's compiler, got from its packages | apt-get, root, Debian's mirror |
//!
//! What was done is read off what is there, each time: the target in rustc's sysroot (after 3), or the packages
//! and the unpacked wasi-libc (after 4). So a second run asks no network, and a machine that lost a part gets it
//! again.

pub(crate) mod apt;
mod debian;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{self, step};
use crate::tree::Tree;
use debian::Debian;

/// What guests are compiled for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// How long rustup may try. The target is some 20 MB: a minute is enough where its server can be reached well, and
/// short enough to wait where it cannot.
const RUSTUP_BOUND: Duration = Duration::from_secs(60);

/// Programs that answer about themselves, from the disk.
const QUERY_BOUND: Duration = Duration::from_secs(30);

/// A compiler for guests, and how cargo is told to use it.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The active rustc.
    Active,
    /// Debian's rustc and std source, for machines that rustup's server is out of reach of.
    Debian(Debian),
}

impl Toolchain {
    /// The first way of the module's table that works.
    ///
    /// # Errors
    ///
    /// When none does: why not, and what a person can run to change that.
    pub(crate) fn get(tree: &Tree) -> Result<Self> {
        let active = ActiveRustc::ask(&tree.root)?;
        if active.has_target() {
            return Ok(Self::Active);
        }
        let folder = tree.target.join("toolchain");
        if let Some(debian) = Debian::find(&folder, &active) {
            return Ok(Self::Debian(debian));
        }
        let refusal = match step(&format!("rustup target add {TARGET}"), || add_by_rustup(tree)) {
            Ok(()) if active.has_target() => return Ok(Self::Active),
            Ok(()) => {
                format!("rustup added the target to another toolchain than {}", active.sysroot.display())
            }
            Err(error) => format!("{error:#}"),
        };
        println!("    {refusal}; trying Debian's packages instead");
        let debian = step("get Debian's compiler for guests", || Debian::install(&folder, &active));
        debian.map(Self::Debian).with_context(|| no_toolchain(&refusal))
    }

    /// Makes a `cargo build --target wasm32-wasip2` use this compiler.
    ///
    /// # Errors
    ///
    /// When PATH cannot be extended, because a folder's name contains its separator.
    pub(crate) fn apply(&self, cargo: &mut Command) -> Result<()> {
        match self {
            Self::Active => Ok(()),
            Self::Debian(debian) => debian.apply(cargo),
        }
    }
}

/// Sees to a compiler for C++, which libFuzzer is built with.
///
/// # Errors
///
/// Where there is none and apt cannot get one.
pub(crate) fn get_cpp() -> Result<()> {
    let program = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    if process::answer(Command::new(program).arg("--version"), QUERY_BOUND).is_ok() {
        return Ok(());
    }
    step("get a compiler for C++", || apt::install(&["g++"]))
}

fn no_toolchain(refusal: &str) -> String {
    format!(
        "there is no compiler for guests: the target {TARGET} is missing here.\n\
         Where rustup's server can be reached, `rustup target add {TARGET}` is all it takes (tried: {refusal}).\n\
         Debian's packages would do as well"
    )
}

fn add_by_rustup(tree: &Tree) -> Result<()> {
    let mut rustup = Command::new("rustup");
    rustup.current_dir(&tree.root).args(["target", "add", TARGET]).env("RUSTUP_MAX_RETRIES", "1");
    rustup.env_remove("RUST_BACKTRACE");
    let captured = process::capture(&mut rustup, RUSTUP_BOUND)?;
    if !captured.succeeded() {
        bail!("rustup could not: {}", captured.complaint());
    }
    Ok(())
}

/// The rustc that cargo would use by itself.
#[derive(Debug)]
struct ActiveRustc {
    sysroot: PathBuf,
    /// The triple of this machine.
    host: String,
}

impl ActiveRustc {
    fn ask(root: &Path) -> Result<Self> {
        let rustc = || {
            let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
            rustc.current_dir(root);
            rustc
        };
        let sysroot = process::answer(rustc().args(["--print", "sysroot"]), QUERY_BOUND)?;
        let version = process::answer(rustc().arg("-vV"), QUERY_BOUND)?;
        let host = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .context("rustc -vV names no host")?;
        Ok(Self { sysroot: sysroot.into(), host: host.to_owned() })
    }

    fn has_target(&self) -> bool {
        let libraries = self.sysroot.join("lib/rustlib").join(TARGET).join("lib");
        let Ok(mut entries) = libraries.read_dir() else { return false };
        entries
            .any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
    }

    /// Where rustup's toolchains keep `wasm-component-ld`; `wasm-ld` is in `gcc-ld` below it.
    fn linkers(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(&self.host).join("bin")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_there_when_its_std_is() {
        let sysroot = tempfile::tempdir().unwrap();
        let rustc =
            ActiveRustc { sysroot: sysroot.path().to_owned(), host: "x86_64-unknown-linux-gnu".into() };
        assert!(!rustc.has_target());
        let libraries = sysroot.path().join("lib/rustlib/wasm32-wasip2/lib");
        std::fs::create_dir_all(&libraries).unwrap();
        assert!(!rustc.has_target());
        std::fs::write(libraries.join("libstd-0123.rlib"), "").unwrap();
        assert!(rustc.has_target());
    }
}
