//! What goes along with a call, and with every message that is sent from within it.

use std::sync::Arc;

use thiserror::Error;

use crate::text::printable;

/// The most entries of a context.
const ENTRIES_MAX: usize = 16;
/// The most bytes of its names and values together.
const BYTES_MAX: usize = 4 << 10;
/// The longest name, in bytes.
const NAME_MAX_BYTES: usize = 128;

/// Names with values, such as those of a trace. Cheap to clone; an empty one costs nothing.
///
/// At most 16 entries, whose names and values have at most 4 KiB together; no name comes twice. A name has 1 to 128
/// lower-case ASCII letters, digits, `-`, `_` and `.`; a value has no control characters. Where it comes from outside it
/// is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    entries: Option<Arc<[Entry]>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: Box<str>,
    value: Box<str>,
}

/// Why entries are no context.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ContextError {
    /// A name is not made as names are.
    #[error(
        "`{}` cannot name an entry of a context: use 1 to {NAME_MAX_BYTES} lower-case letters, digits, `-`, `_` or `.`",
        printable(.0, NAME_MAX_BYTES)
    )]
    Name(String),
    /// The value of the entry with this name has a control character: none that a header or a line of a log can hold.
    #[error(
        "the value of `{}` has a control character (U+0000 to U+001F, U+007F to U+009F)",
        printable(.0, NAME_MAX_BYTES)
    )]
    Value(String),
    /// A name comes twice.
    #[error("`{}` comes twice in a context", printable(.0, NAME_MAX_BYTES))]
    Twice(String),
    /// There are too many entries.
    #[error("a context has at most {ENTRIES_MAX} entries")]
    TooMany,
    /// They are too long.
    #[error("a context has at most {BYTES_MAX} bytes of names and values, not {bytes}")]
    TooLarge {
        /// How many there would be.
        bytes: usize,
    },
}

impl Context {
    /// A context of these entries, in this order.
    ///
    /// # Errors
    ///
    /// [`ContextError`] names the entry, or the bound.
    pub fn new(
        entries: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Result<Self, ContextError> {
        entries.into_iter().try_fold(Self::default(), |context, (name, value)| {
            let name = name.into();
            if context.get(&name).is_some() {
                return Err(ContextError::Twice(name));
            }
            context.with(name, value)
        })
    }

    /// The same with one entry more, or with another value for it.
    ///
    /// # Errors
    ///
    /// [`ContextError`] names the entry, or the bound.
    pub fn with(&self, name: impl Into<String>, value: impl Into<String>) -> Result<Self, ContextError> {
        let (name, value) = (name.into(), value.into());
        if !is_name(&name) {
            return Err(ContextError::Name(name));
        }
        // C0, DEL and C1.
        if value.contains(char::is_control) {
            return Err(ContextError::Value(name));
        }
        let mut entries: Vec<_> =
            self.entries().iter().filter(|entry| *entry.name != name).cloned().collect();
        if entries.len() >= ENTRIES_MAX {
            return Err(ContextError::TooMany);
        }
        entries.push(Entry { name: name.into(), value: value.into() });
        let bytes = size_bytes(&entries);
        if bytes > BYTES_MAX {
            return Err(ContextError::TooLarge { bytes });
        }
        Ok(Self { entries: Some(entries.into()) })
    }

    /// The value of an entry.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All names with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries().iter().map(|entry| (&*entry.name, &*entry.value))
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// How many bytes its names and values have together.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        size_bytes(self.entries())
    }

    fn entries(&self) -> &[Entry] {
        self.entries.as_deref().unwrap_or_default()
    }
}

fn size_bytes(entries: &[Entry]) -> usize {
    entries
        .iter()
        .map(|entry| entry.name.len().saturating_add(entry.value.len()))
        .fold(0, usize::saturating_add)
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    (1..=NAME_MAX_BYTES).contains(&name.len()) && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_by_name_and_count_in_bytes() {
        let context = Context::new([("traceparent", "00-1"), ("tenant.id", "ä")]).unwrap();
        assert_eq!(context.get("traceparent"), Some("00-1"));
        assert_eq!(context.get("tenant.id"), Some("ä"));
        assert_eq!(context.get("Traceparent"), None);
        assert_eq!(context.size_bytes(), 11 + 4 + 9 + 2);
        assert_eq!((Context::default().is_empty(), Context::default().size_bytes()), (true, 0));
    }

    #[test]
    fn a_second_value_takes_the_place_of_the_first() {
        let context = Context::new([("a", "1"), ("b", "2")]).unwrap().with("a", "3").unwrap();
        assert_eq!(context.iter().collect::<Vec<_>>(), [("b", "2"), ("a", "3")]);
        assert_eq!(Context::new([("a", "1"), ("a", "2")]), Err(ContextError::Twice("a".to_owned())));
    }

    #[test]
    fn a_value_has_no_control_characters() {
        for bad in ["\0", "\t", "a\r\nb", "\u{1f}", "\u{7f}", "\u{80}", "ä\u{9f}"] {
            assert_eq!(Context::new([("a", bad)]), Err(ContextError::Value("a".to_owned())), "{bad:?}");
        }
        for good in ["", " ~", "\u{a0}", "字\u{1f600}"] {
            assert!(Context::new([("a", good)]).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn names_numbers_and_bytes_have_bounds() {
        for good in ["a", "0-_.", &"n".repeat(128)] {
            assert!(Context::new([(good, "")]).is_ok(), "{good}");
        }
        for bad in ["", "A", "a b", "ä", "a\n", &"n".repeat(129)] {
            let error = Context::new([(bad, "")]).unwrap_err();
            assert_eq!(error, ContextError::Name(bad.to_owned()));
            assert!(!error.to_string().contains('\n'), "{error}");
        }
        let many = |count: usize| Context::new((0..count).map(|n| (n.to_string(), "x")));
        let full = many(16).unwrap();
        assert_eq!(many(17), Err(ContextError::TooMany));
        assert!(full.with("3", "another").is_ok());
        assert!(Context::new([("n", "v".repeat(4095))]).is_ok());
        assert_eq!(Context::new([("n", "v".repeat(4096))]), Err(ContextError::TooLarge { bytes: 4097 }));
    }
}
