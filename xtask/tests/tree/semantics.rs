//! Every promise of `docs/semantics.md` names a test that exists.
//!
//! A promise is a list item (a line that starts with `- `, with the indented lines that follow) or a row of a table
//! (a line that starts with `|`, without header and separator). It names a test by the function's name in
//! backticks. A name in backticks of four words or more (`a_message_is_lost`), not starting with `pulsing_` as
//! metrics do, is taken for a test's wherever it stands, and must exist. What is fenced off as code is not read.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::files;

const DOCUMENT: &str = "docs/semantics.md";

/// Words that tell a test's name from a setting's: `max_restarts`, `memory_max_bytes`.
const TEST_NAME_WORDS: usize = 4;

#[derive(Debug, PartialEq, Eq)]
struct Promise {
    line: usize,
    text: String,
}

/// The lines of the document outside of fenced code, numbered from 1.
fn prose(document: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(document.lines()) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((number, line));
        }
    }
    lines
}

fn promises(document: &str) -> Vec<Promise> {
    let lines = prose(document);
    let mut found: Vec<Promise> = Vec::new();
    let mut in_item = false;
    for (at, &(line, text)) in lines.iter().enumerate() {
        let header = lines.get(at + 1).is_some_and(|(_, next)| is_separator(next));
        if text.starts_with("- ") || (text.starts_with('|') && !header && !is_separator(text)) {
            found.push(Promise { line, text: text.to_owned() });
            in_item = text.starts_with("- ");
        } else if in_item && text.starts_with(' ') {
            found.last_mut().expect("an item was begun").text.push_str(&format!("\n{text}"));
        } else {
            in_item = false;
        }
    }
    found
}

fn is_separator(line: &str) -> bool {
    line.starts_with('|') && line.contains('-') && line.chars().all(|c| "|-: ".contains(c))
}

/// What stands in backticks and could be the name of a function.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    })
}

fn looks_like_a_test(name: &str) -> bool {
    !name.starts_with("pulsing_")
        && name.split('_').filter(|word| !word.is_empty()).count() >= TEST_NAME_WORDS
}

/// The functions of a file that an attribute marks as tests; ignored ones prove nothing and do not count.
fn test_functions(rust: &str) -> impl Iterator<Item = &str> {
    let mut marked = false;
    rust.lines().map(str::trim).filter_map(move |line| {
        if let Some(attribute) = line.strip_prefix("#[") {
            marked = (marked || attribute.contains("test")) && !attribute.starts_with("ignore");
        }
        let name = function_name(line)?;
        std::mem::take(&mut marked).then_some(name)
    })
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let modifiers = before.split_whitespace().all(|word| ["pub", "pub(crate)", "async"].contains(&word));
    modifiers.then(|| after.split(|c: char| !c.is_alphanumeric() && c != '_').next())?
}

/// What is wrong with the document, given the tests that there are.
fn complaints(document: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (line, text) in prose(document) {
        let missing = names(text).filter(|name| looks_like_a_test(name) && !tests.contains(*name));
        found.extend(missing.map(|name| format!("{DOCUMENT}:{line}: there is no test `{name}`")));
    }
    for promise in promises(document) {
        if !names(&promise.text).any(|name| tests.contains(name)) {
            found.push(format!("{DOCUMENT}:{}: names no test: {}", promise.line, promise.text));
        }
    }
    found
}

#[test]
fn every_promise_names_a_test_that_exists() -> Result<()> {
    let document = files::read(&files::root()?.join(DOCUMENT))?;
    let mut tests = BTreeSet::new();
    for path in files::rust_files(&files::root()?)? {
        tests.extend(test_functions(&files::read(&path)?).map(str::to_owned));
    }
    let found = complaints(&document, &tests);
    assert!(found.is_empty(), "every promise names a test that exists:\n{}", found.join("\n"));
    Ok(())
}

#[test]
fn list_items_and_table_rows_are_promises() {
    let document = "# Head\ntext - no\n- one\n  goes on\n\n| a | b |\n|---|:--|\n| two | x |\n```\n- code\n```\n  stray\n- three";
    let promise = |line, text: &str| Promise { line, text: text.into() };
    assert_eq!(
        promises(document),
        [promise(3, "- one\n  goes on"), promise(8, "| two | x |"), promise(13, "- three")]
    );
}

#[test]
fn a_promise_without_a_test_and_a_test_that_is_not_there_are_found() {
    let tests = BTreeSet::from(["tells_are_kept_in_order".to_owned(), "stops_at_once".to_owned()]);
    let document = "- kept: `tells_are_kept_in_order`, `max_restarts` 5\n- `stops_at_once`\n\
                    - bare `pulsing_mailbox_depth_messages`\n- gone `this_was_renamed_since`\n";
    let found = complaints(document, &tests);
    let lines: Vec<_> = found.iter().map(|complaint| complaint.lines().next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "docs/semantics.md:4: there is no test `this_was_renamed_since`",
            "docs/semantics.md:3: names no test: - bare `pulsing_mailbox_depth_messages`",
            "docs/semantics.md:4: names no test: - gone `this_was_renamed_since`",
        ]
    );
}

#[test]
fn only_functions_marked_as_tests_and_not_ignored_count() {
    let rust = "#[test]\nfn plain() {}\nfn helper() {}\n    #[tokio::test(start_paused = true)]\n    async fn paused() {}\n\
                #[test]\n#[should_panic]\nfn panics() {}\n#[test]\n#[ignore = \"slow\"]\nfn slow() {}\n#[inline]\nfn inline() {}";
    assert_eq!(test_functions(rust).collect::<Vec<_>>(), ["plain", "paused", "panics"]);
}
