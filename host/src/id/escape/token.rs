//! An id as one token of a NATS subject, or as a key in its key-value store.
//!
//! NATS ends a token with `.`, takes `*` and `>` for wildcards, and refuses white space and empty tokens; it
//! recommends ASCII, and compares bytes, so letters of both cases stand. Keys of its key-value store have
//! letters, digits, `-`, `_`, `/`, `=` and `.` alone. So all but letters, digits, `-` and `_` is escaped as
//! `=` and two digits in upper case: also the dots of names, and the `:` before a key.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use super::{InvalidEscape, from_equals_signs, with_equals_signs};
use crate::id::{ActorId, ActorName, Key};

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// The most bytes a token has: 577, for a name of dots after its first letter and a key of which every byte
/// is escaped. NATS advises subjects under 256 bytes, and by default refuses commands over 4096: plain ids,
/// at most 195 bytes, keep to the first, and all to the second.
pub const LENGTH_MAX: usize = 1 + 3 * (ActorName::LENGTH_MAX - 1) + 3 + 3 * Key::LENGTH_MAX;

/// `id` as one token: `room:42` is `room=3A42`, and `a.b` is `a=2Eb`.
#[must_use]
pub fn encode(id: &ActorId) -> String {
    with_equals_signs(id, ESCAPED)
}

/// Reads what [`encode`] writes, and nothing else: each id has one token.
///
/// # Errors
///
/// [`InvalidEscape`] for what no id is written as.
pub fn decode(token: &str) -> Result<ActorId, InvalidEscape> {
    let id = from_equals_signs(token)?;
    if encode(&id) == token { Ok(id) } else { Err(InvalidEscape::malformed(token)) }
}
