//! A hash of arguments that is the same however they are spelled: what stands between the tokens of JSON, the order of an
//! object's members and how the characters of a text are escaped do not count. Numbers do as they are written: `1` and `1.0`
//! are not the same to every actor.
//!
//! Bounded by `BODY_MAX_BYTES`, by `DEPTH_MAX`, and by how often bytes are read, since each level reads its own again.
//! What is beyond, and what is no JSON, counts byte by byte.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The longest JSON that is looked into: a millisecond's.
const BODY_MAX_BYTES: usize = 64 << 10;
/// How deep it is nested at most.
const DEPTH_MAX: usize = 32;
/// How many bytes are read of one body at most, counted once for each level that they are on.
const READ_MAX_BYTES: usize = 4 * BODY_MAX_BYTES;

/// The hash of JSON by what it says. None where it is not looked into.
pub(super) fn hash(hasher: &impl BuildHasher, body: &[u8]) -> Option<u64> {
    if body.len() > BODY_MAX_BYTES {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?;
    let mut reader = Reader { state: hasher.build_hasher(), left: READ_MAX_BYTES };
    // Nothing at all is well, too: it is no arguments.
    if !text.trim_ascii().is_empty() {
        reader.value(serde_json::from_str::<&RawValue>(text).ok()?.get(), DEPTH_MAX)?;
    }
    Some(reader.state.finish())
}

/// What the parts of JSON begin with in a hash, so that none is taken for another.
#[derive(Hash)]
enum Part {
    Object,
    Array,
    Text,
    Other,
}

struct Reader<H> {
    state: H,
    /// How many bytes may still be read.
    left: usize,
}

impl<H: Hasher> Reader<H> {
    fn value(&mut self, text: &str, depth: usize) -> Option<()> {
        self.left = self.left.checked_sub(text.len())?;
        let within = depth.checked_sub(1)?;
        match text.as_bytes().first()? {
            b'{' => {
                let Members(mut members) = serde_json::from_str(text).ok()?;
                // Of two of one name, the order counts.
                members.sort_by(|(one, _), (other, _)| one.cmp(other));
                (Part::Object, members.len()).hash(&mut self.state);
                members.into_iter().try_for_each(|(name, value)| {
                    name.hash(&mut self.state);
                    self.value(value.get(), within)
                })
            }
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                (Part::Array, items.len()).hash(&mut self.state);
                items.into_iter().try_for_each(|item| self.value(item.get(), within))
            }
            b'"' => {
                let text: String = serde_json::from_str(text).ok()?;
                (Part::Text, text).hash(&mut self.state);
                Some(())
            }
            _number_or_word => {
                (Part::Other, text).hash(&mut self.state);
                Some(())
            }
        }
    }
}

/// The members of an object, in their order, also those of one name.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::*;

    #[test]
    fn the_same_arguments_have_one_hash_however_they_are_spelled() {
        let hasher = RandomState::new();
        for (one, other) in [
            (
                r#"{"a":1,"b":[2,{"c":null,"d":"x"}]}"#,
                "{ \"b\" : [2, {\"d\":\"x\",\r\n\"c\":null}],\t\"a\":1 }\n",
            ),
            (r#"["A\n"]"#, r#"["\u0041\u000a"]"#),
            (r#"{"\u0061":1}"#, r#"{"a":1}"#),
            (r#"{"a":1,"a":2}"#, r#"{ "a": 1, "a": 2 }"#),
            ("", " \n"),
        ] {
            let hash = |text: &str| hash(&hasher, text.as_bytes()).expect("it is looked into");
            assert_eq!(hash(one), hash(other), "{one} and {other}");
        }
    }

    #[test]
    fn arguments_that_an_actor_could_tell_apart_have_hashes_of_their_own() {
        let hasher = RandomState::new();
        let different = [
            "",
            "{}",
            "[]",
            "[[]]",
            "[{}]",
            "null",
            "\"\"",
            "[1]",
            "[1.0]",
            "[1e0]",
            "[\"1\"]",
            "[true]",
            "[\"true\"]",
            "[1,2]",
            "[2,1]",
            "[[1],2]",
            "[[1,2]]",
            r#"{"a":1}"#,
            r#"{"a":"1"}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":2,"a":1}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":{},"b":1}"#,
            "[18446744073709551616]",
            "[18446744073709551617]",
            r#"["a b"]"#,
            r#"["a  b"]"#,
        ];
        let hashes: std::collections::HashSet<_> =
            different.iter().map(|text| hash(&hasher, text.as_bytes()).expect(text)).collect();
        assert_eq!(hashes.len(), different.len());
    }

    #[test]
    fn what_is_no_json_or_would_take_long_is_not_looked_into() {
        let hasher = RandomState::new();
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(hash(&hasher, nested(DEPTH_MAX).as_bytes()).is_some());
        assert!(hash(&hasher, nested(DEPTH_MAX + 1).as_bytes()).is_none());
        assert!(hash(&hasher, format!("\"{}\"", "x".repeat(BODY_MAX_BYTES - 2)).as_bytes()).is_some());
        assert!(hash(&hasher, format!("\"{}\"", "x".repeat(BODY_MAX_BYTES - 1)).as_bytes()).is_none());
        // On each of these levels, almost all of it is read again.
        let heavy = format!("[[[[\"{}\"]]]]", "x".repeat(BODY_MAX_BYTES - 10));
        assert!(hash(&hasher, heavy.as_bytes()).is_none());
        for text in ["{oops", "[1] 2", r#"["\ud800"]"#] {
            assert!(hash(&hasher, text.as_bytes()).is_none(), "{text}");
        }
        assert!(hash(&hasher, b"[\"\xff\"]").is_none());
    }
}
