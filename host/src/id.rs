//! Names and numbers that tell actors, their lives, calls and streams apart.
//!
//! Used by every room. Bounded by construction: a name is at most [`ActorName::LENGTH_MAX`] bytes, a key at
//! most [`Key::LENGTH_MAX`], an id at most [`ActorId::LENGTH_MAX`].

mod actor_id;
pub mod escape;
mod key;

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::actor_id::{ActorId, InvalidActorId};
pub use self::key::{InvalidKey, Key, KeyFault};
use crate::text::printable;

/// Whether a text is safe as a name wherever names are shown: see [`ActorName`].
pub(crate) fn is_name(text: &str) -> bool {
    let first_fits = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let rest_fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    first_fits && rest_fits && text.len() <= ActorName::LENGTH_MAX
}

/// The name under which an actor is reached. Cheap to clone.
///
/// One to 64 ASCII letters, digits, `-`, `_` and `.`, the first a letter or a digit: safe in a URL path, a
/// file name, a log line and a metric label without any escaping.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActorName(Arc<str>);

/// Why a text is no actor's name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{}` cannot name an actor: use 1 to {} letters, digits, `-`, `_` or `.`, the first a letter or a digit",
    printable(.0, ActorName::LENGTH_MAX),
    ActorName::LENGTH_MAX
)]
pub struct InvalidName(String);

impl ActorName {
    /// The most bytes a name has.
    pub const LENGTH_MAX: usize = 64;

    /// Takes `name` if it can name an actor.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] says what a name is made of.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        Self::check(name)?;
        Ok(Self(name.into()))
    }

    fn check(name: &str) -> Result<(), InvalidName> {
        if is_name(name) { Ok(()) } else { Err(InvalidName(name.to_owned())) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ActorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Borrow<str> for ActorName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for ActorName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        Self::new(name)
    }
}

impl TryFrom<String> for ActorName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        Self::new(&name)
    }
}

impl From<ActorName> for String {
    fn from(name: ActorName) -> Self {
        name.as_str().to_owned()
    }
}

/// Which life of an actor: 0 for the first, one more with each restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct Generation(pub u64);

impl Generation {
    /// The life after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one call of one actor, from its sending to its answer or the end of the stream it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

impl CallId {
    /// No call: what an actor's start and stop do is part of none.
    pub const NONE: Self = Self(0);
}

/// Names one open stream within one life of the actor that produces it. Chosen by the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "counter", "Counter-2", "x.y_z", "7up", &"n".repeat(64)] {
            assert_eq!(ActorName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", ".", "-a", "_a", "a b", "a/b", "ä", "a\n", "a?", &"n".repeat(65)] {
            assert!(ActorName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_impossible_name_is_shown_short_and_escaped() {
        let message = ActorName::new(&format!("\u{1b}[2J{}", "x".repeat(10_000))).unwrap_err().to_string();
        assert!(message.starts_with("`\\u{1b}[2Jxxx"), "{message}");
        assert!(message.len() < 250, "{message}");
    }
}
