//! An id as the name of a file, on every file system in use.
//!
//! Lower-case ASCII letters, digits, `-` and `_` stand; every other byte is `=` and two digits in lower case.
//! Capitals are escaped too, since some file systems take `A` and `a` for one. There is no dot, so a name
//! hides no file, ends in none, and an extension is told from it. A name that Windows gives to a device has
//! its first letter escaped.
//!
//! Some ids cannot be written in the 255 bytes of a name by any such alphabet. An escape over [`LENGTH_MAX`]
//! is cut, and `==` and the SHA-256 of the id in hexadecimal follow; no other escape has `==`. Such names
//! differ as surely as the digests do, but are not read back: a file of which the id must be known holds it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use sha2::{Digest as _, Sha256};

use super::{InvalidEscape, from_equals_signs, shown, with_equals_signs};
use crate::id::ActorId;

const ESCAPED: &AsciiSet = &{
    let mut escaped = NON_ALPHANUMERIC.remove(b'-').remove(b'_');
    let mut capital = b'A';
    while capital <= b'Z' {
        escaped = escaped.add(capital);
        capital += 1;
    }
    escaped
};

/// The most bytes a name has: of the 255 that Linux, macOS and Windows take, 55 are left for an extension and
/// for what marks a file that is being written.
pub const LENGTH_MAX: usize = 200;

/// Before the digest. No escape has it: there two digits follow each `=`.
const SHORTENED: &str = "==";
const DIGEST_DIGITS: usize = 64;
const KEPT_MAX: usize = LENGTH_MAX - SHORTENED.len() - DIGEST_DIGITS;

/// `id` as the name of a file, without an extension: `Room:42` is `=52oom=3a42`.
#[must_use]
pub fn encode(id: &ActorId) -> String {
    let mut name = with_equals_signs(id, ESCAPED).to_ascii_lowercase();
    if is_device(&name) {
        let first = name.remove(0);
        name = format!("={:02x}{name}", u32::from(first));
    }
    if name.len() > LENGTH_MAX {
        name.truncate(end_of_kept(&name));
        name = format!("{name}{SHORTENED}{:x}", Sha256::digest(id.as_str()));
    }
    name
}

/// Reads what [`encode`] writes, and nothing else: each id has one name.
///
/// # Errors
///
/// [`InvalidEscape::Shortened`] for a name that was cut: the id is not in it. The others for what no id is
/// written as.
pub fn decode(name: &str) -> Result<ActorId, InvalidEscape> {
    if name.contains(SHORTENED) {
        return Err(InvalidEscape::Shortened(shown(name)));
    }
    let id = from_equals_signs(name)?;
    if encode(&id) == name { Ok(id) } else { Err(InvalidEscape::malformed(name)) }
}

/// Where to cut `name`, not within an escape: its last two places are no `=`.
fn end_of_kept(name: &str) -> usize {
    let kept = name.get(..KEPT_MAX).unwrap_or(name);
    kept.rfind('=').filter(|start| start + 3 > kept.len()).unwrap_or(kept.len())
}

/// Whether Windows opens a device by this name, in any folder and with any extension.
fn is_device(name: &str) -> bool {
    let numbered =
        |kind| name.strip_prefix(kind).is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']));
    matches!(name, "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}
