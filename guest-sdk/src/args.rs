//! Reading a method's arguments: a JSON object by name, a JSON array by position, nothing at all where every
//! argument may be left out, or the bytes themselves for a single [`Bytes`].
//!
//! One pass over the body, straight into the argument types. What is wrong is said of the argument by its name,
//! and is the caller's fault: a business error with code 400.

mod missing;
mod tuples;

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::bindings::types::{Encoding, Payload};
use crate::{Bytes, Error};

pub(crate) use missing::missing;

/// One argument of a method.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument: it is not `Deserialize`",
    label = "an argument is `Deserialize`, or `pulsing_guest::Bytes` and the only one",
    note = "derive it: `#[derive(pulsing_guest::serde::Deserialize)] #[serde(crate = \"pulsing_guest::serde\")]`"
)]
pub trait Argument: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Argument for T {}

/// The arguments of one method, as a tuple.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the arguments of a method",
    label = "an argument is `Deserialize`, or `pulsing_guest::Bytes` and the only one",
    note = "derive it: `#[derive(pulsing_guest::serde::Deserialize)] #[serde(crate = \"pulsing_guest::serde\")]`"
)]
pub trait Args: Sized {
    /// What has been read so far.
    type Slots: Default;

    /// Reads the argument at `index`: false where the body has no more.
    ///
    /// # Errors
    ///
    /// Where the value does not fit the argument.
    fn read<'de, S: Source<'de>>(
        slots: &mut Self::Slots,
        index: usize,
        source: &mut S,
    ) -> Result<bool, S::Error>;

    /// Fills in for what was left out.
    ///
    /// # Errors
    ///
    /// A business error with code 400 where nothing stands for it.
    fn finish(slots: Self::Slots, names: &[&str]) -> Result<Self, Error>;

    /// Whether the argument at `index` must be given.
    fn is_required(index: usize) -> bool;

    /// Takes the body as it is, where the method wants bytes.
    ///
    /// # Errors
    ///
    /// The body back, where it does not.
    fn from_bytes(body: Vec<u8>) -> Result<Self, Vec<u8>> {
        Err(body)
    }

    /// Whether the method wants bytes: there is no JSON Schema for them.
    const IS_BYTES: bool = false;
}

/// Where the values of a JSON object and of a JSON array come from.
pub trait Source<'de> {
    /// The deserializer's own.
    type Error: serde::de::Error;

    /// The next value, if there is one.
    ///
    /// # Errors
    ///
    /// Where it does not fit.
    fn next<T: serde::Deserialize<'de>>(&mut self) -> Result<Option<T>, Self::Error>;
}

/// Reads the arguments `names` of a method.
///
/// # Errors
///
/// A business error with code 400 that names the argument.
pub fn decode<A: Args>(payload: Payload, names: &'static [&'static str]) -> Result<A, Error> {
    let body = match A::from_bytes(payload.body) {
        Ok(args) => return Ok(args),
        Err(body) => body,
    };
    if payload.encoding != Encoding::Json {
        return Err(bad("this method takes JSON, not bytes"));
    }
    if body.is_empty() {
        return A::finish(A::Slots::default(), names);
    }
    let mut slots = A::Slots::default();
    let at = Cell::new(None);
    let mut json = serde_json::Deserializer::from_slice(&body);
    serde::Deserializer::deserialize_any(&mut json, Body::<A> { slots: &mut slots, names, at: &at })
        .and_then(|()| json.end())
        .map_err(|error| explain(&error, at.get().and_then(|index: usize| names.get(index).copied())))?;
    A::finish(slots, names)
}

fn bad(message: impl fmt::Display) -> Error {
    Error::business(400, message)
}

/// The error for the argument `name`, or for all of them.
fn explain(error: &serde_json::Error, name: Option<&str>) -> Error {
    if !error.is_data() {
        return bad(format_args!("the arguments are not JSON: {error}"));
    }
    let text = error.to_string();
    // The position says nothing to who did not write the body by hand.
    let position = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&position).unwrap_or(&text);
    match name {
        Some(name) => bad(format_args!("argument `{name}`: {text}")),
        None => bad(text),
    }
}

/// The whole body.
struct Body<'a, A: Args> {
    slots: &'a mut A::Slots,
    names: &'static [&'static str],
    /// The argument that is being read, for errors.
    at: &'a Cell<Option<usize>>,
}

impl<'de, A: Args> Visitor<'de> for Body<'_, A> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the arguments as a JSON object by name or a JSON array by position")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let mut seen: u32 = 0;
        while let Some(index) = map.next_key_seed(Name(self.names))? {
            self.at.set(Some(index));
            if seen & (1 << index) != 0 {
                return Err(M::Error::custom("given twice"));
            }
            seen |= 1 << index;
            A::read(self.slots, index, &mut Values(&mut map))?;
            self.at.set(None);
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<(), S::Error> {
        for index in 0..self.names.len() {
            self.at.set(Some(index));
            if !A::read(self.slots, index, &mut Elements(&mut seq))? {
                break;
            }
        }
        self.at.set(None);
        let mut extra = 0;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            extra += 1;
        }
        match extra {
            0 => Ok(()),
            _ => Err(S::Error::custom(TooMany { given: self.names.len() + extra, names: self.names })),
        }
    }
}

struct TooMany {
    given: usize,
    names: &'static [&'static str],
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} arguments given; {}", self.given, Known(self.names))
    }
}

/// The arguments that a method takes, for people.
struct Known(&'static [&'static str]);

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "this method takes none" } else { "this method takes " })?;
        for (index, name) in self.0.iter().enumerate() {
            write!(f, "{}`{name}`", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// A key of the object, as the position of the argument that it names.
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = usize;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an argument")
    }

    fn visit_str<E: serde::de::Error>(self, given: &str) -> Result<usize, E> {
        let index = self.0.iter().position(|name| *name == given);
        index.ok_or_else(|| E::custom(format_args!("unknown argument `{given}`; {}", Known(self.0))))
    }
}

/// The values of an object.
struct Values<'a, M>(&'a mut M);

impl<'de, M: MapAccess<'de>> Source<'de> for Values<'_, M> {
    type Error = M::Error;

    fn next<T: serde::Deserialize<'de>>(&mut self) -> Result<Option<T>, M::Error> {
        self.0.next_value().map(Some)
    }
}

/// The elements of an array.
struct Elements<'a, S>(&'a mut S);

impl<'de, S: SeqAccess<'de>> Source<'de> for Elements<'_, S> {
    type Error = S::Error;

    fn next<T: serde::Deserialize<'de>>(&mut self) -> Result<Option<T>, S::Error> {
        self.0.next_element()
    }
}

impl Args for (Bytes,) {
    type Slots = ();

    const IS_BYTES: bool = true;

    fn read<'de, S: Source<'de>>(_: &mut (), _: usize, _: &mut S) -> Result<bool, S::Error> {
        Ok(false)
    }

    fn finish((): (), _: &[&str]) -> Result<Self, Error> {
        Ok((Bytes::default(),))
    }

    fn is_required(_: usize) -> bool {
        false
    }

    fn from_bytes(body: Vec<u8>) -> Result<Self, Vec<u8>> {
        Ok((Bytes(body),))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<A: Args>(body: &str, names: &'static [&'static str]) -> Result<A, String> {
        let payload = Payload { encoding: Encoding::Json, body: body.into() };
        decode(payload, names).map_err(|error| {
            assert_eq!(error.kind(), Error::business(400, &error).kind());
            error.to_string()
        })
    }

    const NAMES: &[&str] = &["n", "who"];

    fn pair(body: &str) -> Result<(i64, Option<String>), String> {
        read(body, NAMES)
    }

    #[test]
    fn arguments_come_by_name_in_any_order_or_by_position() {
        let both = Ok((5, Some("ann".to_owned())));
        assert_eq!(pair(r#"{"n":5,"who":"ann"}"#), both);
        assert_eq!(pair(r#"{"who":"ann","n":5}"#), both);
        assert_eq!(pair(r#"[5,"ann"]"#), both);
    }

    #[test]
    fn an_optional_argument_may_be_left_out_or_null() {
        for body in [r#"{"n":5}"#, "[5]", r#"{"n":5,"who":null}"#, "[5,null]"] {
            assert_eq!(pair(body), Ok((5, None)), "{body}");
        }
        for body in ["", "null", "{}", "[]", "  {} "] {
            assert_eq!(read::<(Option<i64>,)>(body, &["n"]), Ok((None,)), "{body}");
            assert_eq!(read::<()>(body, &[]), Ok(()), "{body}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_of_the_argument_by_its_name() {
        for (body, message) in [
            (r#"{"n":"x"}"#, r#"argument `n`: invalid type: string "x", expected i64"#),
            (r#"["x"]"#, r#"argument `n`: invalid type: string "x", expected i64"#),
            (r#"{"n":1,"who":2}"#, "argument `who`: invalid type: integer `2`, expected a string"),
            ("{}", "argument `n` is missing"),
            ("", "argument `n` is missing"),
            (r#"{"n":1,"m":2}"#, "unknown argument `m`; this method takes `n`, `who`"),
            (r#"{"n":1,"n":2}"#, "argument `n`: given twice"),
            (r#"[1,"a",2,3]"#, "4 arguments given; this method takes `n`, `who`"),
        ] {
            assert_eq!(pair(body), Err(message.to_owned()), "{body}");
        }
    }

    #[test]
    fn what_is_no_object_and_no_array_is_refused() {
        for (body, message) in [
            (
                "5",
                "invalid type: integer `5`, expected the arguments as a JSON object by name or a JSON array by position",
            ),
            (r#"{"n":1"#, "the arguments are not JSON: EOF while parsing an object at line 1 column 6"),
            (r#"{"n":1} x"#, "the arguments are not JSON: trailing characters at line 1 column 9"),
        ] {
            assert_eq!(pair(body), Err(message.to_owned()), "{body}");
        }
    }

    #[test]
    fn a_method_without_arguments_refuses_any() {
        assert_eq!(read::<()>(r#"{"n":1}"#, &[]), Err("unknown argument `n`; this method takes none".into()));
        assert_eq!(read::<()>("[1]", &[]), Err("1 arguments given; this method takes none".into()));
    }

    #[test]
    fn errors_deep_inside_an_argument_name_the_argument() {
        let error = read::<(Vec<(i64, i64)>,)>(r#"{"points":[[1,2],[3]]}"#, &["points"]).unwrap_err();
        assert!(error.starts_with("argument `points`: invalid length 1"), "{error}");
    }

    #[test]
    fn bytes_are_taken_as_they_are_and_json_methods_refuse_them() {
        let payload = || Payload { encoding: Encoding::Bytes, body: vec![0, 255] };
        assert_eq!(decode::<(Bytes,)>(payload(), &["raw"]).unwrap().0, Bytes(vec![0, 255]));
        let error = decode::<(i64,)>(payload(), &["n"]).unwrap_err();
        assert_eq!(error, Error::business(400, "this method takes JSON, not bytes"));
    }

    #[test]
    fn only_arguments_that_nothing_stands_for_are_required() {
        assert!(<(i64, Option<String>)>::is_required(0));
        assert!(!<(i64, Option<String>)>::is_required(1));
    }
}
