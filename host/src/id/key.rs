//! Which of the actors of one name: any short text that a person can read and tell from others.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::{is_invisible, printable};

/// Which of the actors of one name. Cheap to clone.
///
/// One to 128 bytes of UTF-8 without control (Cc), format (Cf) and separator (Zs, Zl, Zp) characters: letters
/// of all scripts, marks, digits, punctuation and symbols may stand, also `:` and `/`. Private-use and
/// unassigned characters may stand too: what they look like is unknown, and a host with newer tables of
/// Unicode must not refuse the letters of an older one. Emoji that join others by U+200D, a format character,
/// are refused.
///
/// Keys are compared by their bytes and never normalised: `é` as one character and as `e` with a combining
/// accent are two keys.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(Arc<str>);

/// Why a text is no actor's key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{shown}` cannot be an actor's key: it {fault}; use 1 to {} bytes of UTF-8 without control, format and \
     separator characters",
    Key::LENGTH_MAX
)]
pub struct InvalidKey {
    // The beginning, escaped: the whole has no bound.
    shown: String,
    fault: KeyFault,
}

/// What is wrong with a text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// It has no character.
    #[error("is empty")]
    Empty,
    /// It has more bytes than [`Key::LENGTH_MAX`]: so many.
    #[error("has {0} bytes")]
    Long(usize),
    /// It has this control, format or separator character.
    #[error("has the character U+{:04X}", u32::from(*.0))]
    Character(char),
}

/// Enough to recognise a key by, also where each character is escaped.
const SHOWN_MAX_CHARS: usize = 40;

impl InvalidKey {
    /// What is wrong with it.
    #[must_use]
    pub fn fault(&self) -> KeyFault {
        self.fault
    }
}

impl Key {
    /// The most bytes a key has.
    pub const LENGTH_MAX: usize = 128;

    /// Takes `key` if it can be an actor's key.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] says what a key is made of.
    pub fn new(key: &str) -> Result<Self, InvalidKey> {
        Self::check(key)?;
        Ok(Self(key.into()))
    }

    pub(super) fn check(key: &str) -> Result<(), InvalidKey> {
        let fault = if key.is_empty() {
            KeyFault::Empty
        } else if key.len() > Self::LENGTH_MAX {
            KeyFault::Long(key.len())
        } else if let Some(char) = key.chars().find(|char| is_invisible(*char)) {
            KeyFault::Character(char)
        } else {
            return Ok(());
        };
        Err(InvalidKey { shown: printable(key, SHOWN_MAX_CHARS), fault })
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(key: &str) -> Result<Self, InvalidKey> {
        Self::new(key)
    }
}

impl TryFrom<String> for Key {
    type Error = InvalidKey;

    fn try_from(key: String) -> Result<Self, InvalidKey> {
        Self::new(&key)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_readable_text_of_all_scripts() {
        let words =
            "x 42 alice älice e\u{301} \u{301} 字 שלום 🦀 👍🏽 % a/b a:b : .. - \" ' \\ $(id) <b> \u{fe0f}";
        // Surrogates' neighbours, private-use and unassigned characters.
        let unknown = "\u{d7ff} \u{e000} \u{f8ff} \u{fffe} \u{ffff} \u{378} \u{e0fff} \u{10ffff}";
        let longest = ["k".repeat(128), "é".repeat(64), "🦀".repeat(32)];
        let good = words.split(' ').chain(unknown.split(' ')).chain(longest.iter().map(String::as_str));
        for text in good {
            assert_eq!(Key::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_invisible_or_moves_the_cursor_is_refused() {
        let controls = "\0\t\n\r\u{1b}\u{7f}\u{85}\u{9b}";
        let formats = "\u{ad}\u{61c}\u{180e}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{202a}\u{202e}\u{2060}\
                       \u{2066}\u{2069}\u{feff}\u{fff9}\u{e0001}\u{e0041}\u{e007f}";
        let separators = " \u{a0}\u{1680}\u{2000}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";
        let bad = controls.chars().chain(formats.chars()).chain(separators.chars());
        for char in bad {
            for text in [char.to_string(), format!("a{char}"), format!("{char}a"), format!("é{char}é")] {
                let fault = Key::new(&text).unwrap_err().fault();
                assert_eq!(fault, KeyFault::Character(char), "{text:?}");
            }
        }
        let family = Key::new("👩\u{200d}👧").unwrap_err();
        assert_eq!(family.fault(), KeyFault::Character('\u{200d}'));
    }

    #[test]
    fn a_key_has_1_to_128_bytes() {
        assert_eq!(Key::new("").unwrap_err().fault(), KeyFault::Empty);
        assert_eq!(Key::new(&"k".repeat(129)).unwrap_err().fault(), KeyFault::Long(129));
        assert_eq!(Key::new(&"字".repeat(43)).unwrap_err().fault(), KeyFault::Long(129));
    }

    #[test]
    fn two_spellings_of_one_letter_are_two_keys() {
        assert_ne!(Key::new("\u{e9}").unwrap(), Key::new("e\u{301}").unwrap());
    }

    #[test]
    fn an_impossible_key_is_shown_short_and_escaped_with_what_is_wrong() {
        let message = Key::new("a\u{202e}b").unwrap_err().to_string();
        assert_eq!(
            message,
            "`a\\u{202e}b` cannot be an actor's key: it has the character U+202E; use 1 to 128 bytes of \
             UTF-8 without control, format and separator characters"
        );
        let message = Key::new(&"\u{1b}".repeat(100_000)).unwrap_err().to_string();
        assert!(message.contains("it has 100000 bytes;") && message.len() < 450, "{message}");
        assert!(!message.contains(char::is_control), "{message:?}");
    }

    #[test]
    fn a_key_is_a_string_of_json() {
        let key: Key = serde_json::from_str("\"älice\"").unwrap();
        assert_eq!(serde_json::to_string(&key).unwrap(), "\"älice\"");
        assert!(serde_json::from_str::<Key>("\"\\u200b\"").is_err());
    }
}
