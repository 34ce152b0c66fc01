//! Every clause of `docs/semantics.md` names a test that exists.
//!
//! A promise is a row of a table (a line that starts with `|`, without header and separator) or a list item (a line
//! that starts with `- `, with the indented lines that follow). It names its tests by footnotes: `[^label]` in the
//! promise, and below it `[^label]: ` with the names of functions in backticks. Where a cell or an item has several
//! clauses, divided by `. ` or `; `, each has a footnote of its own. A table of terms, whose header begins with
//! `| term |`, promises nothing.
//!
//! A name in backticks of four words or more (`a_message_is_lost`), not starting with `pulsing_` as metrics do, is
//! taken for a test's wherever it stands, and must exist. What is fenced off as code is not read.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::files;

const DOCUMENT: &str = "docs/semantics.md";

/// Words that tell a test's name from a setting's: `max_restarts`, `memory_max_bytes`.
const TEST_NAME_WORDS: usize = 4;

/// A promise, or a footnote, with the number of its first line.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
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

/// Lines that `begins` says yes to, each with the indented lines that follow it.
fn entries(lines: &[(usize, &str)], mut begins: impl FnMut(usize, &str) -> bool) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut is_inside = false;
    for (at, &(line, text)) in lines.iter().enumerate() {
        if begins(at, text) {
            found.push(Entry { line, text: text.to_owned() });
            // A row of a table is one line.
            is_inside = !text.starts_with('|');
        } else if is_inside && text.starts_with(' ') {
            found.last_mut().expect("an entry was begun").text.push_str(&format!(" {}", text.trim_start()));
        } else {
            is_inside = false;
        }
    }
    found
}

fn promises(document: &str) -> Vec<Entry> {
    let lines = prose(document);
    let mut is_glossary = false;
    let is_header = |at: usize| lines.get(at + 1).is_some_and(|(_, next)| is_separator(next));
    entries(&lines, |at, text| {
        is_glossary = text.starts_with("| term |") || (is_glossary && text.starts_with('|'));
        let is_row = text.starts_with('|') && !is_header(at) && !is_separator(text);
        text.starts_with("- ") || (is_row && !is_glossary)
    })
}

/// The footnotes by their labels; a label that is defined twice is among the complaints.
fn footnotes(document: &str, complaints: &mut Vec<String>) -> BTreeMap<String, Entry> {
    let mut found = BTreeMap::new();
    for entry in entries(&prose(document), |_, text| footnote(text).is_some()) {
        let (label, text) = footnote(&entry.text).expect("it is one");
        let (label, text) = (label.to_owned(), text.to_owned());
        if found.contains_key(&label) {
            complaints.push(format!("{DOCUMENT}:{}: `[^{label}]` is defined twice", entry.line));
        }
        found.insert(label, Entry { line: entry.line, text });
    }
    found
}

/// The label and the text of a footnote.
fn footnote(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("[^")?.split_once("]: ")
}

/// The labels of the footnotes that a text refers to.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("[^").skip(1).filter_map(|rest| rest.split_once(']')).map(|(label, _)| label)
}

/// The clauses of a promise of which each must name a test: those of a cell that has several, or all of it.
fn clauses(promise: &str) -> Vec<String> {
    let mut found = Vec::new();
    for cell in promise.split('|').map(str::trim) {
        // The end of a sentence stands before its footnotes.
        let cell = cell.replace(".[^", "[^").replace(";[^", "[^");
        let divided = cell.replace("; ", "\n").replace(". ", "\n").replace("] ", "]\n");
        let parts: Vec<_> = divided.lines().map(str::to_owned).filter(|part| !part.is_empty()).collect();
        if parts.len() > 1 {
            found.extend(parts);
        }
    }
    if found.is_empty() { vec![promise.to_owned()] } else { found }
}

fn is_separator(line: &str) -> bool {
    line.starts_with('|') && line.contains('-') && line.chars().all(|c| "|-: ".contains(c))
}

/// What stands in backticks and could be the name of a function.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
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

/// The names of all tests of the tree.
pub(crate) fn all_tests() -> Result<BTreeSet<String>> {
    let mut tests = BTreeSet::new();
    for path in files::rust_files(&files::root()?)? {
        tests.extend(test_functions(&files::read(&path)?).map(str::to_owned));
    }
    Ok(tests)
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let modifiers = before.split_whitespace().all(|word| ["pub", "pub(crate)", "async"].contains(&word));
    modifiers.then(|| after.split(|c: char| !c.is_alphanumeric() && c != '_').next())?
}

/// What is wrong with the document, given the tests that there are.
fn complaints(document: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut found = missing_tests(document, tests);
    let footnotes = footnotes(document, &mut found);
    for (label, Entry { line, text }) in &footnotes {
        if !names(text).any(|name| tests.contains(name)) {
            found.push(format!("{DOCUMENT}:{line}: `[^{label}]` names no test: {text}"));
        }
    }
    for Entry { line, text } in promises(document) {
        let unproven = clauses(&text).into_iter().filter(|clause| references(clause).next().is_none());
        found.extend(unproven.map(|clause| format!("{DOCUMENT}:{line}: names no test: {clause}")));
    }
    let mut referred = BTreeSet::new();
    for (line, text) in prose(document).into_iter().filter(|(_, text)| footnote(text).is_none()) {
        for label in references(text) {
            referred.insert(label.to_owned());
            if !footnotes.contains_key(label) {
                found.push(format!("{DOCUMENT}:{line}: there is no footnote `[^{label}]`"));
            }
        }
    }
    let unused = footnotes.iter().filter(|(label, _)| !referred.contains(*label));
    found.extend(
        unused
            .map(|(label, Entry { line, .. })| format!("{DOCUMENT}:{line}: nothing refers to `[^{label}]`")),
    );
    found
}

/// Names of tests that do not exist.
fn missing_tests(document: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (line, text) in prose(document) {
        let missing = names(text).filter(|name| looks_like_a_test(name) && !tests.contains(*name));
        found.extend(missing.map(|name| format!("{DOCUMENT}:{line}: there is no test `{name}`")));
    }
    found
}

#[test]
fn every_clause_names_a_test_that_exists() -> Result<()> {
    let document = files::read(&files::root()?.join(DOCUMENT))?;
    let found = complaints(&document, &all_tests()?);
    assert!(found.is_empty(), "every clause names a test that exists:\n{}", found.join("\n"));
    Ok(())
}

#[test]
fn list_items_and_table_rows_are_promises() {
    let document = "# Head\ntext - no\n- one\n  goes on\n\n| a | b |\n|---|:--|\n| two | x |\n```\n- code\n```\n  stray\n- three\n\n\
                    | term | b |\n|---|---|\n| no | promise |\n";
    let promise = |line, text: &str| Entry { line, text: text.into() };
    assert_eq!(
        promises(document),
        [promise(3, "- one goes on"), promise(8, "| two | x |"), promise(13, "- three")]
    );
}

#[test]
fn a_cell_with_several_clauses_is_divided() {
    assert_eq!(clauses("| kept | 5 |"), ["| kept | 5 |"]);
    assert_eq!(clauses("| `a.b` is kept.[^a] | 5 |"), ["| `a.b` is kept.[^a] | 5 |"]);
    assert_eq!(clauses("| kept.[^a] Sorted; first | 5 |"), ["kept[^a]", "Sorted", "first"]);
    assert_eq!(clauses("- one[^a] and two[^b]."), ["- one[^a]", "and two[^b]."]);
}

/// The complaints about a document, without what it says, where these are all the tests.
fn complaints_of(document: &str) -> Vec<String> {
    let tests = BTreeSet::from(["tells_are_kept_in_order".to_owned(), "stops_at_once".to_owned()]);
    let found = complaints(document, &tests);
    found.into_iter().map(|complaint| complaint.replace("docs/semantics.md:", "")).collect()
}

#[test]
fn a_clause_without_a_test_is_found() {
    let footnotes = "[^a]: `tells_are_kept_in_order`,\n    and more\n[^b]: `stops_at_once`\n";
    assert!(
        complaints_of(&format!("| h |\n|---|\n| kept.[^a] Ended.[^b] | `max_restarts` |\n{footnotes}"))
            .is_empty()
    );
    assert_eq!(
        complaints_of(&format!(
            "- kept,[^a] for long; ended[^b]\n- bare `pulsing_mailbox_depth_messages`\n{footnotes}"
        )),
        ["1: names no test: for long", "2: names no test: - bare `pulsing_mailbox_depth_messages`"]
    );
}

#[test]
fn a_footnote_that_proves_nothing_is_found() {
    assert_eq!(
        complaints_of(
            "- kept[^a]\n- lost[^b]\n[^a]: `this_was_renamed_since`\n[^c]: `stops_at_once`\n[^c]: `stops_at_once`\n"
        ),
        [
            "3: there is no test `this_was_renamed_since`",
            "5: `[^c]` is defined twice",
            "3: `[^a]` names no test: `this_was_renamed_since`",
            "2: there is no footnote `[^b]`",
            "5: nothing refers to `[^c]`",
        ]
    );
}

#[test]
fn only_functions_marked_as_tests_and_not_ignored_count() {
    let rust = "#[test]\nfn plain() {}\nfn helper() {}\n    #[tokio::test(start_paused = true)]\n    async fn paused() {}\n\
                #[test]\n#[should_panic]\nfn panics() {}\n#[test]\n#[ignore = \"slow\"]\nfn slow() {}\n#[inline]\nfn inline() {}";
    assert_eq!(test_functions(rust).collect::<Vec<_>>(), ["plain", "paused", "panics"]);
}
