//! The end of a file of code: what tells it from a damaged one, and from that of another component.
//!
//! The file: the code as wasmtime makes it, the file's name, the CRC-32 of both (four bytes, the lowest first), and
//! [`MAGIC`]. The name has the component's digest and what the engine is compatible with. It is no seal against whoever
//! may write to the folder: they could change this, too.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crc32fast::Hasher;

/// What files end with.
const MAGIC: &[u8; 16] = b"\0pulsing-kept-1\n";
/// How much is read at once: it stays in the processor's own memory.
const CHUNK_BYTES: usize = 128 << 10;

/// What comes after the code in a file of this name.
pub(super) fn of(code: &[u8], name: &str) -> Vec<u8> {
    let mut checksum = Hasher::new();
    checksum.update(code);
    end(checksum, name)
}

/// The end of a file with code of which this is the checksum.
fn end(mut checksum: Hasher, name: &str) -> Vec<u8> {
    checksum.update(name.as_bytes());
    [name.as_bytes(), &checksum.finalize().to_le_bytes(), MAGIC].concat()
}

/// Reads all of a file, and compares it with its end.
///
/// # Errors
///
/// How it differs from what was written under this name.
///
/// # Blocking
///
/// Reads the file.
pub(super) fn check(file: &File, name: &str) -> io::Result<()> {
    let mut found = of(&[], name);
    let end_bytes = u64::try_from(found.len()).map_err(io::Error::other)?;
    let Some(code_bytes) = file.metadata()?.len().checked_sub(end_bytes) else {
        return Err(io::Error::other("it is cut short"));
    };
    file.read_exact_at(&mut found, code_bytes)?;
    if found == end(checksum(file, code_bytes)?, name) {
        return Ok(());
    }
    Err(io::Error::other(if !found.ends_with(MAGIC) {
        "it is cut short, or another version wrote it"
    } else if !found.starts_with(name.as_bytes()) {
        "it is the code of another component"
    } else {
        "it is damaged"
    }))
}

/// The checksum of so many bytes.
fn checksum(file: &File, bytes: u64) -> io::Result<Hasher> {
    let mut checksum = Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = 0;
    while at < bytes {
        let left = usize::try_from(bytes - at).unwrap_or(usize::MAX);
        let chunk = chunk.get_mut(..left.min(CHUNK_BYTES)).unwrap_or_default();
        file.read_exact_at(chunk, at)?;
        checksum.update(chunk);
        at += u64::try_from(chunk.len()).map_err(io::Error::other)?;
    }
    Ok(checksum)
}
