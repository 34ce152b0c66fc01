//! Making text from strangers fit for a person's terminal and log: the one table of what characters may do.

use std::any::Any;

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The first `chars_max` characters of `text`, with all but visible characters and spaces escaped.
///
/// Quotes and letters of all scripts stay as they are. What could move a cursor, end a line, turn the direction of writing,
/// hide, or look like anything at all does not: control and format characters (with tags and marks of direction), all
/// separators but the space, private-use and unassigned characters, and what Unicode calls default ignorable, such as
/// variation selectors.
#[must_use]
pub(crate) fn printable(text: &str, chars_max: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(chars_max));
    for char in text.chars().take(chars_max) {
        if is_harmless(char) {
            shown.push(char);
        } else {
            shown.extend(char.escape_unicode());
        }
    }
    shown
}

/// The first `chars_max` characters of `text` on one line: line breaks and other runs of white space become a space,
/// and what else could do harm is escaped.
#[must_use]
pub(crate) fn one_line(text: &str, chars_max: usize) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "), chars_max)
}

/// JSON without what could do harm, which it escapes as `\u1234`: the value is the same.
#[must_use]
pub(crate) fn printable_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for char in json.chars() {
        // Between its tokens.
        if is_harmless(char) || matches!(char, '\n' | '\r' | '\t') {
            shown.push(char);
        } else {
            let units = char.encode_utf16(&mut [0; 2]).to_vec();
            units.iter().for_each(|unit| shown.push_str(&format!("\\u{unit:04x}")));
        }
    }
    shown
}

/// How many bytes a text takes as a JSON string, without its quotes: a control character takes six.
#[must_use]
pub(crate) fn json_bytes(text: &str) -> usize {
    text.bytes().map(json_bytes_of).sum()
}

/// The longest beginning of `text` that takes no more than this as a JSON string, without its quotes.
#[must_use]
pub(crate) fn json_prefix(text: &str, max_bytes: usize) -> &str {
    let mut left = max_bytes;
    let end = text.char_indices().find(|(at, char)| {
        let bytes = text.as_bytes().get(*at..*at + char.len_utf8()).unwrap_or_default();
        let bytes = bytes.iter().copied().map(json_bytes_of).sum();
        let is_over = bytes > left;
        left = left.saturating_sub(bytes);
        is_over
    });
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// What a byte of a text takes in a JSON string, as `serde_json` writes it.
fn json_bytes_of(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

/// Whether a character is a control (Cc), format (Cf) or separator (Zs, Zl, Zp) character: none that stands for itself.
#[must_use]
pub(crate) fn is_invisible(char: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator, SpaceSeparator};
    matches!(category(char), Control | Format | SpaceSeparator | LineSeparator | ParagraphSeparator)
}

fn is_harmless(char: char) -> bool {
    use GeneralCategory::{PrivateUse, Surrogate, Unassigned};
    if char.is_ascii() {
        return !char.is_ascii_control();
    }
    !is_invisible(char)
        && !matches!(category(char), PrivateUse | Surrogate | Unassigned)
        && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char)
}

fn category(char: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(char)
}

/// What a panic says, where that is text.
pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_the_rest_is_kept() {
        assert_eq!(printable("it's \"ü\" 字", 100), "it's \"ü\" 字");
        assert_eq!(printable("\u{1b}[2J\n\u{202e}x", 100), "\\u{1b}[2J\\u{a}\\u{202e}x");
        assert_eq!(printable(&"x".repeat(1000), 3), "xxx");
    }

    #[test]
    fn what_is_not_seen_or_could_be_anything_is_escaped() {
        let harmful = [
            '\0',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{a0}',
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{206f}',
            '\u{3000}',
            '\u{3164}',
            '\u{378}',
            '\u{e000}',
            '\u{f8ff}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{fff9}',
            '\u{ffff}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{f0000}',
            '\u{10ffff}',
        ];
        for char in harmful {
            assert_eq!(printable(&char.to_string(), 1), char.escape_unicode().to_string());
        }
        let kept = " ~éß字язשعनि👍€";
        assert_eq!(printable(kept, 100), kept);
    }

    #[test]
    fn no_character_that_is_shown_is_one_that_rust_would_not_print() {
        for char in (char::MIN..=char::MAX).filter(|char| is_harmless(*char)) {
            assert!(!char.is_control() && (char == ' ' || !char.is_whitespace()), "{char:?}");
        }
    }

    #[test]
    fn json_is_escaped_without_changing_its_value() {
        let value = serde_json::json!({ "a": "\u{202e}x\u{e0041}\u{9b}\n é", "b": [1, "\u{feff}"] });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = printable_json(&text);
        assert!(shown.contains(r#""\u202ex\udb40\udc41\u009b\n é""#), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn a_text_is_counted_as_the_json_string_that_it_becomes() {
        let all: String = (char::MIN..='\u{2fff}').collect();
        for text in ["", "x\"\\/", "\u{0}\u{8}\u{c}\n\r\t\u{1f}\u{7f}", "é字👍", all.as_str()] {
            let quoted = serde_json::to_string(text).unwrap();
            assert_eq!(json_bytes(text), quoted.len() - 2, "{quoted}");
            for max_bytes in [0, 1, 5, 6, 7, 100, usize::MAX] {
                let prefix = json_prefix(text, max_bytes);
                let next = text.chars().nth(prefix.chars().count()).map(String::from).unwrap_or_default();
                assert!(text.starts_with(prefix) && json_bytes(prefix) <= max_bytes);
                assert!(prefix == text || json_bytes(prefix) + json_bytes(&next) > max_bytes);
            }
        }
    }

    #[test]
    fn lines_are_joined_by_spaces() {
        assert_eq!(one_line(" expected=[\n    0x0,\r\n]\u{2028}\u{1b}", 100), "expected=[ 0x0, ] \\u{1b}");
        assert_eq!(one_line("a\nbc", 3), "a b");
    }
}
