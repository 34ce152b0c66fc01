//! What an error looks like.

/// Asserts that `text` is one line, which does nothing to a terminal but fill it.
pub(crate) fn assert_one_line(text: &str) {
    assert!(!text.is_empty(), "an error says nothing");
    let stray = text.chars().find(|char| char.is_control() || ('\u{2028}'..='\u{2029}').contains(char));
    assert_eq!(stray, None, "an error is no single line: {text:?}");
}

/// Asserts that `text` is at most so long, whatever is quoted in it.
pub(crate) fn assert_at_most(chars_max: usize, text: &str) {
    let chars = text.chars().count();
    assert!(chars <= chars_max, "an error has {chars} characters: {text}");
}
