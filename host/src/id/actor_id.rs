//! Which actor: its name alone, or its name and a key.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{ActorName, InvalidKey, InvalidName, Key};

/// Stands between a name, which cannot have it, and a key, which can.
const SEPARATOR: char = ':';

/// Which actor: its name alone, or its name and a key that tells the actors of this name apart. Cheap to
/// clone.
///
/// Written `name` or `name:key`. The first `:` ends the name, so `a:b:c` is the key `b:c` of the name `a`. In
/// maps, and in every comparison, an id is its text: a map of ids is looked up by `&str`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActorId {
    text: Arc<str>,
    /// Bytes of the name: all of `text`, or all before the first separator.
    name_length: usize,
}

/// Why a text is no actor's id: the half that is wrong, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidActorId {
    /// What stands before the first `:` is no name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// What stands after the first `:` is no key.
    #[error(transparent)]
    Key(#[from] InvalidKey),
}

impl ActorId {
    /// The most bytes an id has.
    pub const LENGTH_MAX: usize = ActorName::LENGTH_MAX + SEPARATOR.len_utf8() + Key::LENGTH_MAX;

    /// The actor `key` of the name `name`, or the only one of that name.
    #[must_use]
    pub fn new(name: ActorName, key: Option<Key>) -> Self {
        let name_length = name.as_str().len();
        let text = match key {
            Some(key) => format!("{name}{SEPARATOR}{key}").into(),
            None => name.0,
        };
        Self { text, name_length }
    }

    /// The whole: `name` or `name:key`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name, without the key.
    #[must_use]
    pub fn name(&self) -> &str {
        self.halves().0
    }

    /// The key, if there is one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.halves().1
    }

    /// The name, to keep. Allocates only if there is a key.
    #[must_use]
    pub fn to_name(&self) -> ActorName {
        ActorName(if self.name_length == self.text.len() { self.text.clone() } else { self.name().into() })
    }

    fn halves(&self) -> (&str, Option<&str>) {
        let (name, rest) = self.text.split_at(self.name_length);
        (name, rest.strip_prefix(SEPARATOR))
    }
}

impl From<ActorName> for ActorId {
    fn from(name: ActorName) -> Self {
        Self::new(name, None)
    }
}

impl FromStr for ActorId {
    type Err = InvalidActorId;

    fn from_str(text: &str) -> Result<Self, InvalidActorId> {
        let (name, key) = text.split_once(SEPARATOR).map_or((text, None), |(name, key)| (name, Some(key)));
        ActorName::check(name)?;
        key.map_or(Ok(()), Key::check)?;
        Ok(Self { text: text.into(), name_length: name.len() })
    }
}

impl TryFrom<String> for ActorId {
    type Error = InvalidActorId;

    fn try_from(text: String) -> Result<Self, InvalidActorId> {
        text.parse()
    }
}

impl From<ActorId> for String {
    fn from(id: ActorId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

// By the text alone, as `Borrow<str>` demands.

impl Borrow<str> for ActorId {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl PartialEq for ActorId {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ActorId {}

impl Hash for ActorId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for ActorId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ActorId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;

    fn id(text: &str) -> ActorId {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_colon_ends_the_name() {
        let longest = format!("{}:{}", "n".repeat(64), "k".repeat(128));
        assert_eq!(longest.len(), ActorId::LENGTH_MAX);
        let table = [
            ("room", "room", None),
            ("room:42", "room", Some("42")),
            ("a:b:c", "a", Some("b:c")),
            ("a::", "a", Some(":")),
            ("a.b-c_d:älice/1", "a.b-c_d", Some("älice/1")),
            ("room:e\u{301}", "room", Some("e\u{301}")),
            ("room:\u{301}", "room", Some("\u{301}")),
            ("room:%", "room", Some("%")),
            ("room:🦀", "room", Some("🦀")),
            (&longest, &longest[..64], Some(&longest[65..])),
        ];
        for (text, name, key) in table {
            let id = id(text);
            assert_eq!((id.as_str(), id.name(), id.key()), (text, name, key));
            let built = ActorId::new(ActorName::new(name).unwrap(), key.map(|key| Key::new(key).unwrap()));
            assert_eq!((&built, built.name(), built.key()), (&id, name, key));
            assert_eq!(id.to_name().as_str(), name);
        }
    }

    #[test]
    fn an_impossible_half_is_told_from_the_other() {
        let long_name = format!("{}:k", "n".repeat(65));
        let long_key = format!("n:{}", "k".repeat(129));
        for text in ["", ":", ":x", " a:x", "a b:x", "ä:x", "a/b", "a\n", "%", "\u{feff}a", &long_name] {
            let error = text.parse::<ActorId>().unwrap_err();
            assert!(matches!(error, InvalidActorId::Name(_)), "{text:?}: {error}");
        }
        let keys = [
            "a:",
            "a: ",
            "a:x y",
            "a:x\0",
            "a:\u{7f}",
            "a:\u{202e}x",
            "a:\u{2066}x",
            "a:x\u{200b}",
            "a:x\u{200f}",
            "a:\u{feff}",
            "a:\u{e0041}",
            "a:👩\u{200d}👧",
            "a:x\n",
            "a:b:\u{2028}",
            &long_key,
        ];
        for text in keys {
            let error = text.parse::<ActorId>().unwrap_err();
            assert!(matches!(error, InvalidActorId::Key(_)), "{text:?}: {error}");
        }
    }

    #[test]
    fn an_impossible_id_is_shown_short_escaped_and_on_one_line() {
        let message = |text: &str| text.parse::<ActorId>().unwrap_err().to_string();
        assert!(
            message("room:").starts_with("`` cannot be an actor's key: it is empty;"),
            "{}",
            message("room:")
        );
        assert!(message(":x").starts_with("`` cannot name an actor"), "{}", message(":x"));
        for hostile in ["\n\u{1b}[2J\u{202e}".repeat(10_000), format!("a:{}", "\r\u{2066}".repeat(10_000))] {
            let message = message(&hostile);
            assert!(message.len() < 800 && !message.contains(char::is_control), "{message:?}");
        }
    }

    #[test]
    fn maps_of_ids_are_looked_up_by_text() {
        let hashed = HashMap::from([(id("room"), 1), (id("room:1"), 2)]);
        let sorted = BTreeMap::from([(id("room"), 1), (id("room:1"), 2), (id("room-a"), 3)]);
        assert_eq!(
            (hashed.get("room"), hashed.get("room:1"), hashed.get("room:2")),
            (Some(&1), Some(&2), None)
        );
        assert_eq!(
            (sorted.get("room"), sorted.get("room:1"), sorted.get("room:2")),
            (Some(&1), Some(&2), None)
        );
        let order: Vec<_> = sorted.keys().map(ActorId::as_str).collect();
        assert_eq!(order, ["room", "room-a", "room:1"]);
    }

    #[test]
    fn an_id_is_shown_as_its_text() {
        assert_eq!(id("room:älice").to_string(), "room:älice");
        assert_eq!(format!("{:?}", id("room:älice")), "\"room:älice\"");
        assert_eq!(ActorId::from(ActorName::new("room").unwrap()).to_string(), "room");
    }

    #[test]
    fn an_id_is_a_string_of_json() {
        let read: ActorId = serde_json::from_str("\"room:a:b\"").unwrap();
        assert_eq!((read.name(), read.key()), ("room", Some("a:b")));
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"room:a:b\"");
        assert!(serde_json::from_str::<ActorId>("\"room:\"").is_err());
    }

    #[test]
    fn an_id_is_a_quoted_key_of_toml() {
        let written = "\"room:älice\" = 1\n";
        let read: BTreeMap<ActorId, u8> = toml::from_str(written).unwrap();
        assert_eq!(read, BTreeMap::from([(id("room:älice"), 1)]));
        assert_eq!(toml::to_string(&read).unwrap(), written);
        assert!(toml::from_str::<BTreeMap<ActorId, u8>>("\"room:\" = 1").is_err());
    }
}
