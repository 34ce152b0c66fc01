//! Compiled code, kept in a folder, so that a component is compiled once on a machine.
//!
//! A file for each component and each engine, as the engine writes it: uncompressed, so that it is mapped and not read.
//! Pages that nobody touches are never loaded, and hosts that run the same component share the others. What the
//! engine's own cache costs beside this is in docs/design/0011.
//!
//! The code is run as it is found. So a file is taken only where this user or the system's own wrote it, and nobody may
//! write to it; it comes into the folder whole, by its last name, and no host ever writes to it again. All of it is read
//! before it is mapped, and has to be what was written, under its own name ([`seal`]). What is damaged is removed and made
//! anew. All files together have [`TOTAL_MAX_BYTES`] at most: whichever were not used for the longest time go. Once the
//! folder is open, nothing that fails here keeps a component from running.

mod seal;

use std::fs::{self, DirBuilder, File, Metadata};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::component::Digest;
use super::error::BuildError;
use crate::files::{self, LastLink};

/// The cache's own, within the folder that was given: nobody else calls a folder so.
const FOLDER: &str = "pulsing-code";
/// The ending of files with code.
const ENDING: &str = "code";
/// What files begin with that are being written, or were left when their writer ended.
const UNFINISHED: &str = ".unfinished-";
/// How long the names of files with code are: two numbers, in hexadecimal digits.
const STEM_CHARS: usize = 64 + 1 + 16;
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
        let made = make(&dir).and_then(|()| check_folder(&dir)).and_then(|()| std::path::absolute(&dir));
        let dir = made.map_err(|error| BuildError::Cache { dir, error: error.to_string() })?;
        Ok(Self { dir, max_bytes })
    }

    /// Where the files are.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The code of a component for this engine, if it is there and whole.
    pub(super) fn find(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let name = name(engine, digest);
        let path = self.dir.join(&name);
        match open_whole(&path, &name).and_then(|file| Ok((load(engine, &file)?, file))) {
            Ok((component, file)) => {
                // When it was used last. Where the folder may only be read, nothing is removed from it either.
                let _no_matter = file.set_modified(SystemTime::now());
                Some(component)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // The system's own, such as that no more files may be open: it says nothing of the file.
            Err(error) if error.raw_os_error().is_some() => {
                tracing::warn!(path = %path.display(), "kept code cannot be read: {error}");
                None
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), "kept code is not used, and made anew: {error}");
                let _no_matter = fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps the code of a component for this engine, and removes what was not used for the longest time where there is
    /// too much.
    pub(super) fn keep(&self, engine: &Engine, digest: &Digest, component: &Component) {
        let name = name(engine, digest);
        let path = self.dir.join(&name);
        let kept = component.serialize().map_err(|error| format!("{error:#}")).and_then(|code| {
            self.write(&path, &code, &seal::of(&code, &name))
                .and_then(|()| self.trim(&path))
                .map_err(|error| error.to_string())
        });
        if let Err(error) = kept {
            tracing::warn!(path = %path.display(), "compiled code could not be kept: {error}");
        }
    }

    fn write(&self, path: &Path, code: &[u8], seal: &[u8]) -> io::Result<()> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(UNFINISHED);
        // Others may read it: a cache that is a part of an image is used by whoever runs there.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        let mut file = builder.tempfile_in(&self.dir)?;
        file.write_all(code)?;
        file.write_all(seal)?;
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
                && is_ours(&entry.file_name().to_string_lossy())
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

/// Other engines, also those of other versions and for other processors, have files of their own.
fn name(engine: &Engine, digest: &Digest) -> String {
    let fits =
        BuildHasherDefault::<DefaultHasher>::default().hash_one(engine.precompile_compatibility_hash());
    format!("{digest}-{fits:016x}.{ENDING}")
}

/// Opens a file of code that this user or the system's own wrote, and looks at all of it.
fn open_whole(path: &Path, name: &str) -> io::Result<File> {
    let file = files::open(path, LastLink::Refused)?;
    check_owner(&file.metadata()?)?;
    seal::check(&file, name)?;
    Ok(file)
}

/// Whether a file of this name is one that the cache made.
fn is_ours(name: &str) -> bool {
    let stem = name.strip_suffix(ENDING).and_then(|name| name.strip_suffix('.'));
    let is_code = |stem: &str| {
        stem.len() == STEM_CHARS && stem.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    };
    name.starts_with(UNFINISHED) || stem.is_some_and(is_code)
}

fn make(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
    builder.recursive(true).create(dir)
}

/// Makes a component of the code in an open file: by mapping it, or where the system does not let files of that place be
/// run (`noexec`), by copying it.
fn load(engine: &Engine, mut file: &File) -> io::Result<Component> {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;

        // The file that was looked at, whatever has its name by now.
        let opened = format!("/proc/self/fd/{}", file.as_raw_fd());
        // SAFETY: it is what `Component::serialize` gave to a host of this user or of the system's own, whole: see
        // `open_whole` and `CodeCache::write`. No host changes a file that is there. The engine looks at the sections
        // that the code names, and not at what comes after them.
        #[expect(unsafe_code, reason = "there is no safe way to load compiled code")]
        if let Ok(component) = unsafe { Component::deserialize_file(engine, opened) } {
            return Ok(component);
        }
    }
    let mut code = Vec::new();
    file.read_to_end(&mut code)?;
    // SAFETY: as above.
    #[expect(unsafe_code, reason = "there is no safe way to load compiled code")]
    let component = unsafe { Component::deserialize(engine, code) };
    component.map_err(|error| io::Error::other(format!("{error:#}")))
}

/// Whether it was this user or the system's own that wrote a file, and not everybody may.
#[cfg(unix)]
fn check_owner(metadata: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me && metadata.uid() != 0 {
        return Err(io::Error::other("it is another user's, and what is in it is run as machine code"));
    }
    if metadata.mode() & 0o002 != 0 {
        return Err(io::Error::other("everybody may write to it, and what is in it is run as machine code"));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_owner(_metadata: &Metadata) -> io::Result<()> {
    Ok(())
}

fn check_folder(dir: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(dir)?;
    match metadata.is_dir() {
        true => check_owner(&metadata),
        false => Err(io::Error::other("it is no folder")),
    }
}

#[cfg(test)]
mod tests;
