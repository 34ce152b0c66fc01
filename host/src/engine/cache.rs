//! Compiled code, kept in a folder, so that a component is compiled once on a machine.
//!
//! A file for each component and each engine, as the engine writes it: uncompressed, so that it is mapped and not read.
//! Pages that nobody touches are never loaded, and hosts that run the same component share the others. What the
//! engine's own cache costs beside this is in docs/design/0011.
//!
//! The code is run as it is found. So the folder must be the user's own, and it is made for nobody else; a file comes
//! into it whole, by its last name, and none is ever written to again. All files together have [`TOTAL_MAX_BYTES`]
//! at most: whichever were not used for the longest time go. Nothing that fails here keeps a component from running.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::component::Digest;
use super::error::BuildError;

/// The folder's own, within the one that was given: nothing else is in it, and nothing outside it is removed.
const FOLDER: &str = "code";
/// The ending of files with code. Those without are being written, or were left when their writer ended.
const ENDING: &str = "code";
/// The most bytes of all files together: thirty large components. A file that is larger than this is kept alone.
const TOTAL_MAX_BYTES: u64 = 1 << 30;

/// A folder of compiled code.
#[derive(Debug, Clone)]
pub(super) struct CodeCache {
    dir: PathBuf,
    max_bytes: u64,
}

impl CodeCache {
    /// Keeps code in a folder within `dir`. Both are made where they are missing.
    ///
    /// # Errors
    ///
    /// [`BuildError::Cache`] where they cannot be made, or where others than this user could put code into it.
    pub(super) fn open(dir: &Path) -> Result<Self, BuildError> {
        Self::with_max(dir, TOTAL_MAX_BYTES)
    }

    fn with_max(dir: &Path, max_bytes: u64) -> Result<Self, BuildError> {
        let dir = dir.join(FOLDER);
        let made = make_private(&dir).and_then(|()| check_private(&dir));
        let resolved = made.and_then(|()| dir.canonicalize());
        let dir = resolved.map_err(|error| BuildError::Cache { dir, error: error.to_string() })?;
        Ok(Self { dir, max_bytes })
    }

    /// Where the files are, without links on the way.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The code of a component for this engine, if it is there and whole.
    pub(super) fn find(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let path = self.path(engine, digest);
        let file = File::open(&path).ok()?;
        // SAFETY: it was put there by a host of this user, whole and under this name alone, as `Component::serialize`
        // gave it: `open` saw that nobody else may write to the folder. No host changes a file that is there.
        #[expect(unsafe_code, reason = "there is no safe way to load compiled code")]
        let component = unsafe { Component::deserialize_file(engine, &path) };
        match component {
            Ok(component) => {
                // When it was used last. Where the folder may only be read, nothing is removed from it either.
                let _no_matter = file.set_modified(SystemTime::now());
                Some(component)
            }
            Err(error) => {
                tracing::debug!(path = %path.display(), "kept code is not used: {error:#}");
                let _no_matter = fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps the code of a component for this engine, and removes what was not used for the longest time where there is
    /// too much.
    pub(super) fn keep(&self, engine: &Engine, digest: &Digest, component: &Component) {
        let path = self.path(engine, digest);
        let kept = component.serialize().map_err(|error| format!("{error:#}")).and_then(|code| {
            self.write(&path, &code).and_then(|()| self.trim(&path)).map_err(|error| error.to_string())
        });
        if let Err(error) = kept {
            tracing::warn!(path = %path.display(), "compiled code could not be kept: {error}");
        }
    }

    /// Other engines, also those of other versions and for other processors, have files of their own.
    fn path(&self, engine: &Engine, digest: &Digest) -> PathBuf {
        let fits =
            BuildHasherDefault::<DefaultHasher>::default().hash_one(engine.precompile_compatibility_hash());
        self.dir.join(format!("{digest}-{fits:016x}.{ENDING}"))
    }

    fn write(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        file.write_all(code)?;
        // A file whose name outlives a loss of power, and whose content does not, would be run all the same.
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    fn trim(&self, newest: &Path) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            // Another host may have removed it meanwhile.
            if let Ok(metadata) = entry.metadata()
                && metadata.is_file()
                && entry.path() != newest
            {
                files.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        // From the one used last to the one used first.
        files.sort_by(|one, other| other.cmp(one));
        let mut total = fs::metadata(newest)?.len();
        for (_, bytes, path) in files {
            total = total.saturating_add(bytes);
            if total > self.max_bytes {
                let _gone_already = fs::remove_file(path);
            }
        }
        Ok(())
    }
}

fn make_private(dir: &Path) -> io::Result<()> {
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Whether nobody but this user, or the system's own, can put code there. Of the folders that it is in, those are refused in
/// which anybody could put another in its place.
#[cfg(unix)]
fn check_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let metadata = fs::symlink_metadata(dir)?;
    if !metadata.is_dir() {
        return Err(io::Error::other("it is no folder"));
    }
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me && metadata.uid() != 0 {
        return Err(io::Error::other("it is another user's, and what is in it is run as machine code"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other("others may write to it, and what is in it is run as machine code"));
    }
    for parent in dir.canonicalize()?.ancestors().skip(1) {
        let mode = fs::metadata(parent)?.mode();
        // Where the sticky bit is set, as of `/tmp`, nobody replaces what is another's.
        if mode & 0o002 != 0 && mode & 0o1000 == 0 {
            let parent = parent.display();
            return Err(io::Error::other(format!(
                "anybody may replace it, in {parent}, and what is in it is run as machine code"
            )));
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_dir: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
