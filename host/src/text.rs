//! Making text from strangers fit for a person's terminal and log.

/// The first `chars_max` characters of `text`, with control characters escaped.
///
/// Quotes and letters of all scripts stay as they are; what could move a cursor, end a line or turn the
/// direction of writing does not.
#[must_use]
pub(crate) fn printable(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
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

fn is_harmless(char: char) -> bool {
    // The last two: marks and overrides of the direction of writing, and other invisible format characters.
    !char.is_control()
        && !('\u{200b}'..='\u{200f}').contains(&char)
        && !('\u{2028}'..='\u{206f}').contains(&char)
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
    fn lines_are_joined_by_spaces() {
        assert_eq!(one_line(" expected=[\n    0x0,\r\n]\u{2028}\u{1b}", 100), "expected=[ 0x0, ] \\u{1b}");
        assert_eq!(one_line("a\nbc", 3), "a b");
    }
}
