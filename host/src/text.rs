//! Making text from strangers fit for a person's terminal and log.

/// The first `chars_max` characters of `text`, with control characters escaped.
///
/// Quotes and letters of all scripts stay as they are; what could move a cursor, end a line or turn the
/// direction of writing does not.
#[must_use]
pub fn printable(text: &str, chars_max: usize) -> String {
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
}
