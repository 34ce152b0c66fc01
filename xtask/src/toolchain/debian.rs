//! Debian's compiler for guests: its rustc, the std source that belongs to it, and a wasi-libc for wasm32-wasip2.
//!
//! rustc-web is the newest rustc that a Debian release has, and does not take the place of rustup's on PATH. It has
//! no std for the target, so cargo builds one from source, with every guest's target directory (half a minute).
//! The linkers come with rustup's toolchain. wasi-libc is an `all` package, which any release can unpack; before
//! Debian 13 it knows no wasip2, so it is fetched from there and unpacked below `target/toolchain`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{ActiveRustc, TARGET, apt};

const COMPILER: &str = "/usr/bin/rustc";
const PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// The first release whose wasi-libc is built for wasm32-wasip2.
const LIBC_SUITE: &str = "trixie";

/// A compiler that is ready for use.
#[derive(Debug)]
pub(crate) struct Debian {
    /// Where wasi-libc's `libc.a` is.
    libc: PathBuf,
    /// Where `wasm-component-ld` is.
    linkers: PathBuf,
}

impl Debian {
    /// What is there already: from the system's own packages, or from an earlier run.
    pub(super) fn find(folder: &Path, active: &ActiveRustc) -> Option<Self> {
        let linkers = active.linkers();
        if !linkers.join("wasm-component-ld").exists() || !apt::installed(&PACKAGES) {
            return None;
        }
        Some(Self { libc: libc(folder)?, linkers })
    }

    /// Gets the parts that are missing.
    ///
    /// # Errors
    ///
    /// On a machine that is not Debian's, without root where packages are missing, or when apt fails.
    pub(super) fn install(folder: &Path, active: &ActiveRustc) -> Result<Self> {
        if !Path::new("/etc/debian_version").exists() {
            bail!("this machine is not Debian's");
        }
        let linker = active.linkers().join("wasm-component-ld");
        if !linker.exists() {
            bail!("{} is missing: it comes with rustup's toolchains", linker.display());
        }
        if !apt::installed(&PACKAGES) {
            apt::install(&PACKAGES).with_context(|| format!("cannot install {}", PACKAGES.join(" and ")))?;
        }
        if libc(folder).is_none() {
            apt::unpack("wasi-libc", LIBC_SUITE, &folder.join("apt"), &folder.join("wasi-libc"))
                .with_context(|| format!("cannot get wasi-libc of {LIBC_SUITE}"))?;
        }
        Self::find(folder, active).context("all parts were installed, but not to where they are looked for")
    }

    /// Makes a `cargo build` use this compiler and build std.
    pub(super) fn apply(&self, cargo: &mut Command) -> Result<()> {
        let mut library_path = OsString::from("-L");
        library_path.push(&self.libc);
        // Encoded, because a plain RUSTFLAGS would cut a path at its spaces and win over the target's own.
        let mut flags = OsString::from("-Clink-self-contained=no\x1f");
        flags.push(library_path);
        cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
        cargo.env("RUSTC", COMPILER).env("CARGO_ENCODED_RUSTFLAGS", flags).env("PATH", self.path()?);
        // `cargo run` points it at the libraries of rustup's compiler.
        cargo.env_remove("LD_LIBRARY_PATH");
        Ok(())
    }

    fn path(&self) -> Result<OsString> {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.linkers.clone(), self.linkers.join("gcc-ld")];
        std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&inherited)))
            .context("cannot put the linkers on PATH")
    }
}

/// The folder of a wasi-libc for the target: the system's, or the one unpacked below `folder`.
fn libc(folder: &Path) -> Option<PathBuf> {
    let places = [PathBuf::from("/usr/lib").join(TARGET), folder.join("wasi-libc/usr/lib").join(TARGET)];
    places.into_iter().find(|place| place.join("libc.a").exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_told_the_compiler_the_libc_and_the_linkers() {
        let debian = Debian { libc: "/a tree/libc".into(), linkers: "/rustup/bin".into() };
        let mut cargo = Command::new("cargo");
        debian.apply(&mut cargo).unwrap();
        let variable = |name: &str| {
            let value = cargo.get_envs().find(|(key, _)| *key == name).and_then(|(_, value)| value);
            value.unwrap_or_default().to_string_lossy().into_owned()
        };
        assert_eq!(variable("RUSTC"), COMPILER);
        assert_eq!(variable("CARGO_ENCODED_RUSTFLAGS"), "-Clink-self-contained=no\x1f-L/a tree/libc");
        assert!(variable("PATH").starts_with("/rustup/bin:/rustup/bin/gcc-ld:"));
    }
}
