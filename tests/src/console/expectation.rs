//! Whether an output is what a document shows, which may leave parts of it open.

/// A line of a document that stands for any lines.
const ANY_LINES: &str = "...";
/// What stands for any text within a line.
const ANY_TEXT: [&str; 2] = ["…", "PORT"];

/// One element of a pattern.
enum Wild<T> {
    /// Any number of elements, also none.
    Any,
    One(T),
}

/// Whether `output` is as `expected` says. An end of line at the very end does not count.
pub(super) fn is_met(expected: &[String], output: &str) -> bool {
    let pattern: Vec<_> = expected
        .iter()
        .map(|line| if line.trim() == ANY_LINES { Wild::Any } else { Wild::One(line.as_str()) })
        .collect();
    let lines: Vec<_> = output.lines().collect();
    matches(&pattern, &lines, |expected, line| line_is_met(expected, line))
}

fn line_is_met(expected: &str, line: &str) -> bool {
    let chars: Vec<_> = line.trim_end().chars().collect();
    matches(&line_pattern(expected.trim_end()), &chars, |expected, c| expected == c)
}

fn line_pattern(expected: &str) -> Vec<Wild<char>> {
    let mut pattern = Vec::new();
    let mut rest = expected;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = ANY_TEXT.iter().find_map(|any| rest.strip_prefix(any)) {
            pattern.push(Wild::Any);
            rest = after;
        } else {
            pattern.push(Wild::One(first));
            rest = rest.strip_prefix(first).unwrap_or_default();
        }
    }
    pattern
}

/// Matches with one place to come back to, the last [`Wild::Any`]: at most `pattern` times `input` steps.
fn matches<P, T>(pattern: &[Wild<P>], input: &[T], same: impl Fn(&P, &T) -> bool) -> bool {
    let (mut p, mut i) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while let Some(element) = input.get(i) {
        match (pattern.get(p), &mut back) {
            (Some(Wild::Any), _) => {
                back = Some((p, i));
                p += 1;
            }
            (Some(Wild::One(wanted)), _) if same(wanted, element) => {
                p += 1;
                i += 1;
            }
            (_, Some((any, taken))) => {
                *taken += 1;
                (p, i) = (*any + 1, *taken);
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(p).all(|left| matches!(left, Wild::Any))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(expected: &[&str], output: &str) -> bool {
        is_met(&expected.iter().map(|&line| line.to_owned()).collect::<Vec<_>>(), output)
    }

    #[test]
    fn without_wildcards_only_the_same_is_met() {
        assert!(met(&[], ""));
        assert!(met(&["a", "b"], "a\nb\n"));
        for (expected, output) in [
            (&["a"][..], ""),
            (&[][..], "a\n"),
            (&["a"][..], "a\nb\n"),
            (&["a", "b"][..], "b\na\n"),
            (&["ab"][..], "a\n"),
        ] {
            assert!(!met(expected, output), "{expected:?} {output:?}");
        }
    }

    #[test]
    fn any_text_within_a_line() {
        assert!(met(&["listening http://127.0.0.1:PORT"], "listening http://127.0.0.1:4711\n"));
        assert!(met(&["a … c … e"], "a b c c d e"));
        assert!(met(&["…end"], "the end"));
        for (expected, output) in [("a … c", "a b d"), ("…end", "the end."), ("…", "one\ntwo")] {
            assert!(!met(&[expected], output), "{expected:?} {output:?}");
        }
    }

    #[test]
    fn any_lines_between_lines() {
        assert!(met(&["..."], ""));
        assert!(met(&["...", "b", "..."], "a\nb\nc\n"));
        assert!(met(&["a", "...", "c"], "a\nb\nc\nc\n"));
        assert!(!met(&["a", "...", "c"], "a\nb\n"));
        assert!(!met(&["...", "x"], "x\ny\n"));
    }
}
