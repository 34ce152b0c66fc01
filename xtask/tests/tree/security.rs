//! Every boundary of `docs/security.md` names what holds it and the tests that show it, and all of that exists.
//!
//! A boundary is a row of a table whose header is `| boundary | mechanism | tests |`: in its second cell it names a file of
//! the host in backticks, in its third a test.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::files;
use crate::semantics::{all_tests, names};

const DOCUMENT: &str = "docs/security.md";
const HEADER: &str = "| boundary | mechanism | tests |";

/// The rows of the tables of boundaries, each by its cells.
fn boundaries(document: &str) -> Vec<Vec<&str>> {
    let (mut found, mut inside) = (Vec::new(), false);
    for line in document.lines() {
        if line == HEADER {
            inside = true;
        } else if !line.starts_with('|') {
            inside = false;
        } else if inside && !line.starts_with("|:") {
            found.push(line.trim_matches('|').split('|').map(str::trim).collect());
        }
    }
    found
}

/// The files that a text names.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|name| name.starts_with("host/") && name.ends_with(".rs"))
}

/// What is wrong with the document.
fn complaints(document: &str, tests: &BTreeSet<String>, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for row in boundaries(document) {
        let [boundary, mechanism, shown] = row.as_slice() else {
            found.push(format!("a row has {} cells: {row:?}", row.len()));
            continue;
        };
        if paths(mechanism).next().is_none() {
            found.push(format!("`{boundary}` names no file that holds it"));
        }
        let missing = paths(mechanism).filter(|path| !exists(path));
        found.extend(missing.map(|path| format!("`{boundary}` names {path}, which is not there")));
        if names(shown).next().is_none() {
            found.push(format!("`{boundary}` names no test"));
        }
        let missing = names(shown).filter(|name| !tests.contains(*name));
        found.extend(missing.map(|name| format!("`{boundary}` names the test `{name}`, which is not there")));
    }
    found
}

#[test]
fn every_boundary_names_its_mechanism_and_its_tests() -> Result<()> {
    let root = files::root()?;
    let document = files::read(&root.join(DOCUMENT))?;
    assert!(boundaries(&document).len() > 10, "{DOCUMENT} has its tables");
    let exists = |path: &str| Path::new(&root.join(path)).is_file();
    let found = complaints(&document, &all_tests()?, exists);
    assert!(found.is_empty(), "{DOCUMENT}:\n{}", found.join("\n"));
    Ok(())
}

#[test]
fn a_boundary_that_nothing_holds_or_shows_is_found() {
    let document = format!(
        "| who | is |\n|:--|:--|\n| no | boundary |\n\n{HEADER}\n|:--|:--|:--|\n\
         | one | `host/src/here.rs` | `it_holds` |\n| two | a promise | none |\n\
         | three | `host/src/gone.rs` | `it_was_renamed` |\n| four |\n"
    );
    let found =
        complaints(&document, &BTreeSet::from(["it_holds".to_owned()]), |path| path.ends_with("here.rs"));
    assert_eq!(
        found,
        [
            "`two` names no file that holds it",
            "`two` names no test",
            "`three` names host/src/gone.rs, which is not there",
            "`three` names the test `it_was_renamed`, which is not there",
            "a row has 1 cells: [\"four\"]",
        ]
    );
}
