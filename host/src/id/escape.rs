//! An id written where only some characters may stand: a segment of a URL's path, a token of a NATS subject,
//! a name of a file.
//!
//! For what reaches actors by URL, for what a subject or a key of NATS needs, and for what keeps a file for
//! each actor. Two ids never have the same escape, and an escape is read back as the id it was made of; only
//! a long [`file_name`] is one-way. TOML and JSON need none of this: there an id is a quoted string.
//!
//! Bounded: each states its longest result. Names on disk and in NATS outlive this process: a change to an
//! escape makes what was written under the old one unreachable.

pub mod file_name;
pub mod segment;
pub mod token;

use percent_encoding::{AsciiSet, percent_decode_str, utf8_percent_encode};
use thiserror::Error;

use super::{ActorId, InvalidActorId};
use crate::text::printable;

/// Why a text is the escape of no id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidEscape {
    /// It has an escape or a character that no id is written with.
    #[error("`{0}` is no escaped id of an actor: it has an escape or a character that does not belong there")]
    Malformed(String),
    /// Its bytes are not UTF-8.
    #[error("`{0}` is no escaped id of an actor: its bytes are not UTF-8")]
    NotUtf8(String),
    /// It is a shortened name of a file, from which nobody reads the id.
    #[error("`{0}` is a shortened name, from which the id cannot be read")]
    Shortened(String),
    /// It is an escape, but of a text that is no id.
    #[error(transparent)]
    Id(#[from] InvalidActorId),
}

impl InvalidEscape {
    fn malformed(text: &str) -> Self {
        Self::Malformed(shown(text))
    }
}

fn shown(text: &str) -> String {
    const MAX_CHARS: usize = 40;
    printable(text, MAX_CHARS)
}

/// `id` with each byte of `escaped`, and each that is not ASCII, as `=` and two digits: the escapes of URLs,
/// but for their `%`, which names of files and keys of NATS should not have.
fn with_equals_signs(id: &ActorId, escaped: &'static AsciiSet) -> String {
    utf8_percent_encode(id.as_str(), escaped).to_string().replace('%', "=")
}

/// Reads back what [`with_equals_signs`] writes, and more: the caller compares with what it would have
/// written.
fn from_equals_signs(text: &str) -> Result<ActorId, InvalidEscape> {
    decoded(text, &text.replace('=', "%"))
}

fn decoded(text: &str, percents: &str) -> Result<ActorId, InvalidEscape> {
    let id = percent_decode_str(percents).decode_utf8().map_err(|_| InvalidEscape::NotUtf8(shown(text)))?;
    Ok(id.parse()?)
}

#[cfg(test)]
mod tests;
