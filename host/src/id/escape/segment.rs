//! An id as one segment of a URL's path.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{InvalidEscape, decoded};
use crate::id::{ActorId, ActorName, Key};

/// All but the unreserved characters of RFC 3986 and `:`, which a path may have.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// The most bytes a segment has: a name and a colon stand as they are.
pub const LENGTH_MAX: usize = ActorName::LENGTH_MAX + 1 + 3 * Key::LENGTH_MAX;

/// `id` as one segment of a URL's path, percent-encoded: the name and the `:` are legible, and so is a plain
/// key.
///
/// Never `.` or `..`, which clients resolve: a name begins with a letter or a digit.
#[must_use]
pub fn encode(id: &ActorId) -> String {
    utf8_percent_encode(id.as_str(), ESCAPED).to_string()
}

/// Reads a segment as it stands in the URL, not decoded yet. Takes also what [`encode`] does not write but a
/// client may: digits in lower case, escapes of what needs none, and characters that stand as they are.
///
/// # Errors
///
/// [`InvalidEscape`] for a `%` without two digits, a `/`, `?` or `#`, bytes that are not UTF-8, and for what
/// is no id once it is decoded.
pub fn decode(segment: &str) -> Result<ActorId, InvalidEscape> {
    if segment.contains(['/', '?', '#']) || !escapes_are_whole(segment) {
        return Err(InvalidEscape::malformed(segment));
    }
    decoded(segment, segment)
}

fn escapes_are_whole(segment: &str) -> bool {
    let mut after_percents = segment.split('%').skip(1);
    after_percents
        .all(|after| matches!(after.as_bytes(), [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}
