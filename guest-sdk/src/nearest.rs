//! The method that was probably meant.

/// The one of `names` that differs from `wanted` by so few letters that it must be a slip: one in three, at
/// most three.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wanted.chars().count() / 3).clamp(1, 3);
    names
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let nearest = |wanted| nearest(wanted, ["increment", "get", "reset"].into_iter());
        assert_eq!(nearest("incremnet"), Some("increment"));
        assert_eq!(nearest("increments"), Some("increment"));
        assert_eq!(nearest("gte"), Some("get"));
        assert_eq!(nearest("decrement"), Some("increment"));
        assert_eq!(nearest("history"), None);
        assert_eq!(nearest(""), None);
    }
}
