//! What an actor says of itself, and the JSON that its component says it in: `wit/describe.md`.
//!
//! The text is a guest's own. Bounded by [`DESCRIPTION_MAX_BYTES`] and [`METHODS_MAX`]: it is read in a fixed number of
//! passes, schemas stay text, and nothing is read by recursion. A description that is not as it should be fails the
//! start of its actor.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::policy::{RestartPolicy, RestartWish};
use crate::text::{one_line, printable};
use crate::wire::{METHOD_MAX_BYTES, Method, MethodKind};

/// The most bytes of a description.
pub const DESCRIPTION_MAX_BYTES: usize = 1 << 20;
/// The most methods that an actor describes.
pub const METHODS_MAX: usize = 1024;

/// The largest number of milliseconds: what every guest language can count.
const MILLISECONDS_MAX: u64 = (1 << 53) - 1;

/// How much of a guest's words an error shows.
const SHOWN_MAX_CHARS: usize = 100;

/// What an actor says of itself. Without methods it says nothing, and every message is let through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// Its methods, in its own order.
    pub methods: Vec<Method>,
    /// How it wants to be restarted, if it says so.
    pub restart: Option<RestartWish>,
}

/// Why a description is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DescriptionError {
    /// It has more bytes than anybody reads.
    #[error("the description has {bytes} bytes, more than {DESCRIPTION_MAX_BYTES}")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// It is not JSON: what is wrong, with line and column.
    #[error("the description is not JSON: {0}")]
    NotJson(String),
    /// It is JSON that stands for nothing: a member that comes twice, or half a surrogate pair in a member's name.
    #[error("the description cannot be read: {0}")]
    Unreadable(String),
    /// A member is not what it should be.
    #[error("the description's `{member}` {problem}")]
    Member {
        /// Which, such as `methods[3].kind`.
        member: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Description {
    /// Reads what a component returned.
    ///
    /// # Errors
    ///
    /// [`DescriptionError`] names the member that is wrong, in one line.
    pub fn parse(text: &str) -> Result<Self, DescriptionError> {
        if text.len() > DESCRIPTION_MAX_BYTES {
            return Err(DescriptionError::TooLarge { bytes: text.len() });
        }
        if text.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        if shape(raw) != Shape::Object {
            return Err(DescriptionError::NotJson(format!("it is {}, not an object", shape(raw))));
        }
        let all: RawDescription<'_> = serde_json::from_str(raw.get())
            .map_err(|error| DescriptionError::Unreadable(without_position(&error)))?;
        let methods = all.methods.map_or_else(|| Ok(Vec::new()), methods)?;
        Ok(Self { methods, restart: all.restart.map(restart).transpose()? })
    }
}

/// Each member as its text: what is not read here is never looked into.
#[derive(Deserialize)]
struct RawDescription<'a> {
    #[serde(borrow)]
    methods: Option<&'a RawValue>,
    #[serde(borrow)]
    restart: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawMethod<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    doc: Option<&'a RawValue>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    #[serde(borrow)]
    answer: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawRestart<'a> {
    #[serde(borrow)]
    policy: Option<&'a RawValue>,
    #[serde(borrow)]
    max_restarts: Option<&'a RawValue>,
    #[serde(borrow)]
    min_backoff_ms: Option<&'a RawValue>,
    #[serde(borrow)]
    max_backoff_ms: Option<&'a RawValue>,
}

fn methods(raw: &RawValue) -> Result<Vec<Method>, DescriptionError> {
    let raw: Vec<&RawValue> = of_shape(raw, Shape::Array, &"methods")?;
    if raw.len() > METHODS_MAX {
        return Err(wrong(&"methods", format!("has {} members, more than {METHODS_MAX}", raw.len())));
    }
    let mut names = HashSet::new();
    let mut methods = Vec::with_capacity(raw.len());
    for (index, raw) in raw.into_iter().enumerate() {
        let method = method(raw, index)?;
        if !names.insert(method.name.clone()) {
            let name = printable(&method.name, SHOWN_MAX_CHARS);
            return Err(wrong(
                &MethodMember(index, "name"),
                format!("is `{name}`, as of a method before it"),
            ));
        }
        methods.push(method);
    }
    Ok(methods)
}

fn method(raw: &RawValue, index: usize) -> Result<Method, DescriptionError> {
    let member = |name| MethodMember(index, name);
    let raw: RawMethod<'_> = of_shape(raw, Shape::Object, &member(""))?;
    let name = text(required(raw.name, &member("name"))?, &member("name"))?;
    if !(1..=METHOD_MAX_BYTES).contains(&name.len()) {
        let problem = format!("has {} bytes, not 1 to {METHOD_MAX_BYTES}", name.len());
        return Err(wrong(&member("name"), problem));
    }
    let kind = text(required(raw.kind, &member("kind"))?, &member("kind"))?;
    let kind = MethodKind::from_word(&kind)
        .ok_or_else(|| unknown_word(&member("kind"), &kind, "`ask`, `stream` or `tell`"))?;
    Ok(Method {
        name,
        kind,
        doc: raw.doc.map_or_else(|| Ok(String::new()), |raw| text(raw, &member("doc")))?,
        args_schema: raw.args.map(|raw| schema(raw, &member("args"))).transpose()?,
        answer_schema: raw.answer.map(|raw| schema(raw, &member("answer"))).transpose()?,
        item_schema: raw.item.map(|raw| schema(raw, &member("item"))).transpose()?,
    })
}

fn restart(raw: &RawValue) -> Result<RestartWish, DescriptionError> {
    const POLICIES: &str = "`never`, `on_failure` or `always`";
    let raw: RawRestart<'_> = of_shape(raw, Shape::Object, &"restart")?;
    let policy = |raw| {
        let word = text(raw, &"restart.policy")?;
        RestartPolicy::from_word(&word).ok_or_else(|| unknown_word(&"restart.policy", &word, POLICIES))
    };
    let count = |raw| {
        let number = integer(raw, u64::from(u32::MAX), &"restart.max_restarts");
        number.map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    };
    let delay = |raw, member: &str| integer(raw, MILLISECONDS_MAX, &member).map(Duration::from_millis);
    let wish = RestartWish {
        policy: raw.policy.map(policy).transpose()?,
        max_restarts: raw.max_restarts.map(count).transpose()?,
        min_backoff: raw.min_backoff_ms.map(|raw| delay(raw, "restart.min_backoff_ms")).transpose()?,
        max_backoff: raw.max_backoff_ms.map(|raw| delay(raw, "restart.max_backoff_ms")).transpose()?,
    };
    if wish.min_backoff.zip(wish.max_backoff).is_some_and(|(min, max)| min > max) {
        return Err(wrong(&"restart.max_backoff_ms", "is less than `min_backoff_ms`"));
    }
    Ok(wish)
}

/// A member of a method, or the method itself where it has no name.
#[derive(Clone, Copy)]
struct MethodMember(usize, &'static str);

impl fmt::Display for MethodMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(index, name) = self;
        let dot = if name.is_empty() { "" } else { "." };
        write!(f, "methods[{index}]{dot}{name}")
    }
}

fn wrong(member: &dyn fmt::Display, problem: impl Into<String>) -> DescriptionError {
    DescriptionError::Member { member: member.to_string(), problem: problem.into() }
}

fn unknown_word(member: &dyn fmt::Display, word: &str, known: &str) -> DescriptionError {
    wrong(member, format!("is `{}`, not {known}", printable(word, SHOWN_MAX_CHARS)))
}

fn not_json(error: &serde_json::Error) -> DescriptionError {
    DescriptionError::NotJson(one_line(&error.to_string(), SHOWN_MAX_CHARS))
}

fn required<'a>(
    raw: Option<&'a RawValue>,
    member: &dyn fmt::Display,
) -> Result<&'a RawValue, DescriptionError> {
    raw.ok_or_else(|| wrong(member, "is missing"))
}

fn text(raw: &RawValue, member: &dyn fmt::Display) -> Result<String, DescriptionError> {
    of_shape::<String>(raw, Shape::String, member)
}

/// A JSON Schema, as its guest wrote it. What is in it is the business of whoever uses it.
fn schema(raw: &RawValue, member: &dyn fmt::Display) -> Result<String, DescriptionError> {
    match shape(raw) {
        Shape::Object | Shape::Boolean => Ok(raw.get().to_owned()),
        other @ (Shape::Array | Shape::String | Shape::Number | Shape::Null) => {
            Err(wrong(member, format!("is {other}, not a JSON Schema, which is an object or a boolean")))
        }
    }
}

fn integer(raw: &RawValue, max: u64, member: &dyn fmt::Display) -> Result<u64, DescriptionError> {
    if shape(raw) != Shape::Number {
        return Err(wrong(member, format!("is {}, not {}", shape(raw), Shape::Number)));
    }
    let number = serde_json::from_str::<u64>(raw.get()).ok().filter(|number| *number <= max);
    number.ok_or_else(|| {
        let shown = printable(raw.get(), SHOWN_MAX_CHARS);
        wrong(member, format!("is {shown}, not a whole number from 0 to {max}"))
    })
}

/// Reads a value that must be of this shape.
fn of_shape<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
    wanted: Shape,
    member: &dyn fmt::Display,
) -> Result<T, DescriptionError> {
    if shape(raw) != wanted {
        return Err(wrong(member, format!("is {}, not {wanted}", shape(raw))));
    }
    // It is JSON of the right shape: a member that comes twice, or half a surrogate pair.
    serde_json::from_str(raw.get())
        .map_err(|error| wrong(member, format!("cannot be read: {}", without_position(&error))))
}

/// What is wrong with JSON of the right shape. The position is one in the member alone.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    one_line(text.strip_suffix(&position).unwrap_or(&text), SHOWN_MAX_CHARS)
}

/// What a JSON value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        })
    }
}

/// The first byte of a JSON value tells its shape.
fn shape(raw: &RawValue) -> Shape {
    match raw.get().trim_ascii_start().as_bytes().first() {
        Some(b'{') => Shape::Object,
        Some(b'[') => Shape::Array,
        Some(b'"') => Shape::String,
        Some(b't' | b'f') => Shape::Boolean,
        Some(b'n') => Shape::Null,
        Some(_) | None => Shape::Number,
    }
}

#[cfg(test)]
mod tests;
