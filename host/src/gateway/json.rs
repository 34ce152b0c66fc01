//! Checks JSON. Bounded by its input: what is only checked is not built, and its nesting takes neither stack nor more
//! than a byte a level; what is shown is read once, by recursion, and is nested no deeper than `SHOWN_DEPTH_MAX`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::wire::{Encoding, Payload};

/// What a JSON text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `{…}`.
    Object,
    /// `[…]`.
    Array,
    /// A number, a string, `true`, `false` or `null`.
    Scalar,
}

/// Why bytes are no JSON.
#[derive(Debug, Error)]
pub enum NotJson {
    /// They are no text.
    #[error("not UTF-8 from byte {at} on")]
    Text {
        /// How many bytes before are.
        at: usize,
    },
    /// They are a text that is no JSON: what is wrong, with line and column.
    #[error("{0}")]
    Syntax(#[from] serde_json::Error),
}

/// Checks that `bytes` are one JSON text.
///
/// # Errors
///
/// [`NotJson`] says where they are not.
pub fn check(bytes: &[u8]) -> Result<Shape, NotJson> {
    // The parser lets through what it skips, whatever its encoding.
    let text = std::str::from_utf8(bytes).map_err(|error| NotJson::Text { at: error.valid_up_to() })?;
    serde_json::from_str::<IgnoredAny>(text)?;
    Ok(match text.trim_start().as_bytes().first() {
        Some(b'{') => Shape::Object,
        Some(b'[') => Shape::Array,
        _ => Shape::Scalar,
    })
}

/// How deep what is shown is nested at most: clients read it as a part of something larger, and have bounds too.
const SHOWN_DEPTH_MAX: usize = 64;

/// A text as a part of an answer, if it is JSON that every client can read.
#[must_use]
pub fn shown(text: &str) -> Option<Box<RawValue>> {
    let is_shown = depth(text) <= SHOWN_DEPTH_MAX && is_value(text);
    is_shown.then(|| RawValue::from_string(text.to_owned()).ok()).flatten()
}

/// Whether a client can build the value of a text. Half a surrogate pair and a number that no float holds pass
/// [`check`], which does not look at what they stand for, and fail a client that does.
fn is_value(text: &str) -> bool {
    serde_json::from_str::<Read>(text).is_ok()
}

/// A value whose parts were all read, and none kept: as a `Value` it would take up to a hundred times its text.
struct Read;

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Read {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

/// How deep a JSON text is nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Checks that `bytes` are the arguments of a method: an object, an array, or nothing at all.
///
/// # Errors
///
/// One line for people, that says what they are instead.
pub fn check_args(bytes: &[u8]) -> Result<(), String> {
    if bytes.trim_ascii().is_empty() {
        return Ok(());
    }
    match check(bytes) {
        Ok(Shape::Object | Shape::Array) => Ok(()),
        Ok(Shape::Scalar) => {
            Err("the arguments are neither a JSON object (by name, such as {\"n\": 5}) nor an \
                                  array (by position, such as [5])"
                .to_owned())
        }
        Err(error) => Err(format!("the arguments are no JSON: {error}")),
    }
}

/// What follows the mark that some programs begin a text in UTF-8 with, and that is no part of JSON (RFC 8259, section 8.1).
pub(crate) fn after_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Checks what a guest calls JSON. Nothing is `null`; bytes are whatever they are.
pub(super) fn check_answer(payload: Payload) -> Result<Payload, NotJson> {
    match payload.encoding {
        Encoding::Bytes => Ok(payload),
        Encoding::Json if payload.body.is_empty() => Ok(Payload::json("null")),
        Encoding::Json => check(&payload.body).map(|_shape| payload),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn arguments_are_an_object_an_array_or_nothing() {
        for good in ["", " \n", "{}", " [1]", "{\"a\": {\"b\": []}}"] {
            assert_eq!(check_args(good.as_bytes()), Ok(()), "{good:?}");
        }
        for scalar in ["5", "null", "\"x\""] {
            assert!(check_args(scalar.as_bytes()).unwrap_err().contains("by name"), "{scalar:?}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        let error = check_args(b"{\n \"a\": 1,\n}").unwrap_err();
        assert!(error.ends_with("at line 3 column 1"), "{error}");
        let error = check_args(b"{\"a\": \"\xff\"}").unwrap_err();
        assert!(error.ends_with("not UTF-8 from byte 7 on"), "{error}");
        assert!(check_args("[".repeat(1_000_000).as_bytes()).is_err());
        assert!(check_args(b"{} {}").is_err());
    }

    #[test]
    fn a_mark_before_json_is_taken_away_once() {
        for (bytes, rest) in [
            (b"\xef\xbb\xbf[1]".as_slice(), b"[1]".as_slice()),
            (b"\xef\xbb\xbf", b""),
            (b"[1]", b"[1]"),
            (b"\xef\xbb", b"\xef\xbb"),
            (b"\xef\xbb\xbf\xef\xbb\xbf[1]", b"\xef\xbb\xbf[1]"),
        ] {
            assert_eq!(after_mark(bytes), rest);
        }
    }

    #[test]
    fn an_answer_without_bytes_is_null() {
        assert_eq!(check_answer(Payload::none()).unwrap(), Payload::json("null"));
        assert!(check_answer(Payload::json("nope")).is_err());
        assert!(check_answer(Payload::bytes("nope")).is_ok());
    }

    #[test]
    fn what_clients_cannot_read_is_not_shown() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(shown(&nested(SHOWN_DEPTH_MAX)).is_some());
        assert!(shown(&nested(SHOWN_DEPTH_MAX + 1)).is_none());
        let brackets_in_a_string = format!("\"\\\"{}\"", "[".repeat(1000));
        assert!(shown(&brackets_in_a_string).is_some());
        assert!(shown("nope").is_none());
    }

    #[test]
    fn what_is_shown_can_be_read_as_a_part_of_a_larger_answer() {
        for unreadable in
            [r#"{"const":"\ud800"}"#, r#"{"\udc00":1}"#, r#"{"maximum":1e999}"#, "[-1e999]", "1e999"]
        {
            assert!(check(unreadable.as_bytes()).is_ok(), "{unreadable}");
            assert!(shown(unreadable).is_none(), "{unreadable}");
        }
        for readable in
            [r#"{"const":"\ud83d\ude00"}"#, r#"{"maximum":1e308}"#, "18446744073709551616", "true"]
        {
            let answer = serde_json::to_string(&[shown(readable).expect(readable)]).unwrap();
            assert!(serde_json::from_str::<Value>(&answer).is_ok(), "{answer}");
        }
    }
}
