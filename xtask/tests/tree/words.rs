//! Where a document lists the words of the host, it lists all of them.
//!
//! A list is a run of lines without an empty one between that has more than half of the words of a kind, quoted, or in
//! WIT as they are. A few of them are an example, or a choice that the text explains.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::files;
use crate::markdown::quoted;
use crate::source::{parse, words};

/// Where lists are looked for: the documents, the contract, and what SDKs say to whoever uses them.
const FOLDERS: [&str; 3] = ["docs", "wit", "guest-sdk"];
const FILES: [&str; 2] = ["README.md", "ARCHITECTURE.md"];
const ENDINGS: [&str; 8] = ["md", "wit", "rs", "py", "pyi", "ts", "js", "h"];

/// An enum whose words people and programs see.
struct Vocabulary {
    file: &'static str,
    name: &'static str,
    /// The documents that cannot do without a list.
    listed_in: &'static [&'static str],
}

const VOCABULARIES: [Vocabulary; 3] = [
    Vocabulary {
        file: "host/src/exit.rs",
        name: "ExitReason",
        listed_in: &["docs/http.md", "guest-sdk/src/peer.rs"],
    },
    Vocabulary {
        file: "host/src/wire/error.rs",
        name: "RuntimeErrorKind",
        listed_in: &["docs/http.md", "wit/errors.md"],
    },
    Vocabulary { file: "host/src/lifecycle.rs", name: "State", listed_in: &["docs/http.md"] },
];

/// A list of words in a document.
#[derive(Debug, PartialEq, Eq)]
struct List {
    line: usize,
    missing: Vec<String>,
}

fn lists(file: &str, text: &str, words: &[String]) -> Vec<List> {
    let mut found = Vec::new();
    let mut line = 1;
    for block in text.split("\n\n") {
        let named = named(file, block);
        let missing: Vec<_> = words.iter().filter(|word| !named.contains(word.as_str())).cloned().collect();
        if missing.len() * 2 < words.len() {
            found.push(List { line, missing });
        }
        line += block.lines().count() + 1;
    }
    found
}

/// What could be a word of the host in a run of lines.
fn named<'a>(file: &str, block: &'a str) -> BTreeSet<&'a str> {
    match file.ends_with(".wit") {
        true => block.split(|c: char| !c.is_alphanumeric() && c != '-').collect(),
        false => quoted(block).collect(),
    }
}

fn documents() -> Result<Vec<String>> {
    let root = files::root()?;
    let mut found: Vec<String> = FILES.map(str::to_owned).into();
    for folder in FOLDERS {
        for path in files::all(&root.join(folder))? {
            let is_read = !path.iter().any(|folder| folder == "tests")
                && path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
            found.extend(is_read.then(|| path.strip_prefix(&root).unwrap_or(&path).display().to_string()));
        }
    }
    Ok(found)
}

#[test]
fn a_document_that_lists_the_words_of_the_host_lists_all() -> Result<()> {
    let root = files::root()?;
    let mut found = Vec::new();
    for vocabulary in &VOCABULARIES {
        let words = words(&parse(vocabulary.file)?, vocabulary.name)?;
        let mut listed = Vec::new();
        for file in documents()? {
            for List { line, missing } in lists(&file, &files::read(&root.join(&file))?, &words) {
                listed.push(file.clone());
                if !missing.is_empty() {
                    let name = vocabulary.name;
                    found.push(format!("{file}:{line}: of `{name}`, it lacks {}", missing.join(", ")));
                }
            }
        }
        ensure!(!listed.is_empty(), "no document lists the words of `{}`", vocabulary.name);
        let without =
            vocabulary.listed_in.iter().filter(|file| !listed.iter().any(|listed| listed == **file));
        found.extend(without.map(|file| format!("{file}: does not list the words of `{}`", vocabulary.name)));
    }
    assert!(found.is_empty(), "lists of words are not whole:\n{}", found.join("\n"));
    Ok(())
}

#[test]
fn a_list_that_lacks_a_word_is_found_and_a_choice_is_none() {
    let words: Vec<_> = ["one", "two", "three-four", "five"].map(str::to_owned).into();
    let text =
        "`one` or `two`\nalone\n\n`one`, 'two',\n\"five\", three-four\n\n`one` `two` `three-four` `five`";
    let found = lists("a.md", text, &words);
    let list =
        |line, missing: &[&str]| List { line, missing: missing.iter().map(|&word| word.into()).collect() };
    assert_eq!(found, [list(4, &["three-four"]), list(7, &[])]);
    assert_eq!(
        lists("a.wit", "enum x { one, two,\n /// not five-six\n three-four }", &words),
        [list(1, &["five"])]
    );
}
