//! Every key of a host's configuration file stands in its document, under the name that the parser takes.
//!
//! The other way round, that the file shown there is one that the parser takes, `tests/tests/it/documents.rs` tries.

use anyhow::{Result, ensure};

use crate::source::{parse, serde_fields};
use crate::{files, markdown};

const DOCUMENT: &str = "docs/cli.md";
/// What is in the heading of the section about the file.
const SECTION: &str = "onfiguration";

/// The structs that are read from the file.
const STRUCTS: [(&str, &str); 6] = [
    ("host/src/config.rs", "HostConfig"),
    ("host/src/config.rs", "ActorConfig"),
    ("host/src/limits.rs", "HostLimits"),
    ("host/src/limits.rs", "Limits"),
    ("host/src/policy.rs", "RestartSettings"),
    ("host/src/grants.rs", "Grants"),
];

/// Whether a section names a key: `key = …`, also in a table of one line or commented out, `[actors.x.key]`, or in
/// backticks.
fn names_key(section: &str, key: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    section.match_indices(key).any(|(at, _)| {
        let (before, after) = (&section[..at], &section[at + key.len()..]);
        if before.ends_with(is_word) || after.starts_with(is_word) {
            return false;
        }
        after.trim_start_matches(' ').starts_with('=')
            || (before.ends_with('.') && after.starts_with([']', '`']))
            || (before.ends_with('[') && after.starts_with('.'))
            || (before.ends_with('`') && after.starts_with('`'))
    })
}

#[test]
fn every_key_of_the_configuration_file_is_documented() -> Result<()> {
    let document = files::read(&files::root()?.join(DOCUMENT))?;
    let section = markdown::sections(&document, SECTION).concat();
    ensure!(!section.is_empty(), "{DOCUMENT} has no section about the configuration file");
    let mut missing = Vec::new();
    for (file, name) in STRUCTS {
        let fields = serde_fields(&parse(file)?, name)?;
        let fields = fields.into_iter().filter(|field| !names_key(&section, &field.name));
        missing.extend(fields.map(|field| format!("`{}` of `{name}` in {file}", field.name)));
    }
    assert!(missing.is_empty(), "{DOCUMENT} does not name:\n{}", missing.join("\n"));
    Ok(())
}

#[test]
fn a_key_is_named_as_one_not_as_a_word_or_as_a_part_of_another() {
    let section =
        "limits = { memory_max = 1, actors = 2 }\n[actors.x.grants]\n# window = 3\nsee `policy`; the grace";
    for key in ["limits", "memory_max", "actors", "grants", "window", "policy"] {
        assert!(names_key(section, key), "{key}");
    }
    for key in ["max", "memory", "grace", "see", "x"] {
        assert!(!names_key(section, key), "{key}");
    }
}
