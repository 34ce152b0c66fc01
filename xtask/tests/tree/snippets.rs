//! Rust in the documents is taken from sources that are compiled and run.
//!
//! A block of Rust has a line `<!-- source: PATH#REGION -->` right above it, and is, but for the indentation, what
//! stands in that file between `// region: REGION` and the next `// endregion`.

use anyhow::{Context, Result};

use crate::files;

/// The documents in which every block of Rust has a source.
const DOCUMENTS: [&str; 1] = ["docs/patterns.md"];

/// A block of Rust in a document.
#[derive(Debug, PartialEq, Eq)]
struct Snippet {
    line: usize,
    /// The file and the region that it is said to be.
    source: Option<(String, String)>,
    text: String,
}

fn snippets(document: &str) -> Vec<Snippet> {
    let mut found = Vec::new();
    let mut above = "";
    let mut lines = (1..).zip(document.lines());
    while let Some((line, text)) = lines.next() {
        if text.trim_end() == "```rust" {
            let inside = lines.by_ref().map(|(_, text)| text).take_while(|text| !text.starts_with("```"));
            let text = inside.collect::<Vec<_>>().join("\n");
            found.push(Snippet { line, source: source(above), text });
        }
        above = text;
    }
    found
}

fn source(line: &str) -> Option<(String, String)> {
    let mark = line.trim().strip_prefix("<!-- source: ")?.strip_suffix(" -->")?;
    mark.split_once('#').map(|(path, region)| (path.to_owned(), region.to_owned()))
}

/// What stands in a region, without the indentation that all of it has.
fn region(rust: &str, name: &str) -> Option<String> {
    let mut lines = rust.lines().skip_while(|line| line.trim() != format!("// region: {name}"));
    lines.next()?;
    let inside: Vec<_> = lines.by_ref().take_while(|line| line.trim() != "// endregion").collect();
    let indentation = inside.iter().filter(|line| !line.trim().is_empty());
    let indentation = indentation.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let inside = inside.iter().map(|line| line.get(indentation..).unwrap_or(""));
    Some(inside.collect::<Vec<_>>().join("\n"))
}

/// What is wrong with a snippet, given how its source reads.
fn complaint(snippet: &Snippet, read: impl Fn(&str) -> Result<String>) -> Result<Option<String>> {
    let Some((path, name)) = &snippet.source else {
        return Ok(Some("has no `<!-- source: PATH#REGION -->` above it".to_owned()));
    };
    Ok(match region(&read(path)?, name) {
        None => Some(format!("there is no region `{name}` in {path}")),
        Some(text) if text != snippet.text => {
            Some(format!("is not region `{name}` of {path}, which is:\n{text}"))
        }
        Some(_) => None,
    })
}

#[test]
fn rust_in_the_documents_is_what_stands_in_its_source() -> Result<()> {
    let root = files::root()?;
    let mut found = Vec::new();
    for document in DOCUMENTS {
        let text = files::read(&root.join(document))?;
        let snippets = snippets(&text);
        assert!(!snippets.is_empty(), "{document} has no Rust: is it written otherwise now?");
        for snippet in snippets {
            let complaint = complaint(&snippet, |path| files::read(&root.join(path)));
            let complaint = complaint.with_context(|| format!("{document}:{}", snippet.line))?;
            found.extend(complaint.map(|complaint| format!("{document}:{}: {complaint}", snippet.line)));
        }
    }
    assert!(found.is_empty(), "Rust in a document is a region of a source:\n{}", found.join("\n"));
    Ok(())
}

#[test]
fn a_snippet_that_is_not_its_source_is_found() {
    let rust = "a\n    // region: x\n    fn x() {\n        y\n\n    }\n    // endregion\n";
    let read = |_: &str| Ok(rust.to_owned());
    let complaint_of = |document: &str| complaint(&snippets(document)[0], read).unwrap();
    let same = "<!-- source: a.rs#x -->\n```rust\nfn x() {\n    y\n\n}\n```\n";
    assert_eq!(complaint_of(same), None);
    let other = complaint_of(&same.replace("    y", "    z")).unwrap();
    assert!(other.starts_with("is not region `x` of a.rs"), "{other}");
    let missing = complaint_of(&same.replace("#x", "#q")).unwrap();
    assert_eq!(missing, "there is no region `q` in a.rs");
    let unmarked = complaint_of("text\n```rust\nfn x() {}\n```\n").unwrap();
    assert!(unmarked.starts_with("has no"), "{unmarked}");
}
