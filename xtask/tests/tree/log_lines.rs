//! Who may write to the host's log, and what of a guest an end of a life holds in the open.
//!
//! A line that a guest or a client can cause at will is written by the room `journal`, which charges it to them. The rest of
//! the host writes what its operator causes: [`WRITERS`].

use anyhow::{Context, Result};
use syn::{Fields, Item, Type};

use crate::files;
use crate::source::parse;

const SOURCES: &str = "host/src";

/// The files that write lines, and why no guest or client causes any number of them.
const WRITERS: [(&str, &str); 14] = [
    ("host/src/journal.rs", "each line has a cause, with an allowance"),
    ("host/src/cli.rs", "once, when a host is made"),
    ("host/src/cli/run.rs", "once, when a host stops"),
    ("host/src/cli/run/open_files.rs", "once, when a host is made"),
    ("host/src/delivery/retry.rs", "at debug alone; the program's own calls"),
    ("host/src/engine/ahead.rs", "once for each actor that the operator spawns"),
    ("host/src/engine/cache.rs", "once for each actor that the operator spawns"),
    (
        "host/src/engine/component.rs",
        "once for each actor that the operator spawns, and once a second while it compiles",
    ),
    ("host/src/execution/background_pool.rs", "once, when a host is made"),
    ("host/src/gateway.rs", "at debug alone: an operator who wants that wants each request"),
    ("host/src/gateway/origin.rs", "at debug alone: an operator who wants that wants each request"),
    ("host/src/gateway/follow.rs", "once for each change of the operator's files"),
    ("host/src/gateway/serve.rs", "at most ten a second where no socket is left; else at debug alone"),
    ("host/src/gateway/serve/first.rs", "at debug alone"),
];
/// A bug in the host, which is to be heard.
const BUGS: [&str; 1] = ["host/src/lifecycle.rs"];

const MACROS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "event"];

/// Whether a line of code writes to the log.
fn writes(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let called = |name: &&str| code.contains(&format!("tracing::{name}!"));
    // A short name would hide it from the look above.
    let taken = |name: &&str| {
        let words = |text: &str| text.split([',', '{', '}', ';', ' ']).any(|word| word == *name);
        code.trim_start().strip_prefix("use tracing::").is_some_and(words)
    };
    MACROS.iter().any(called) || MACROS.iter().any(taken) || code.contains("use tracing::*")
}

#[test]
fn lines_that_guests_and_clients_cause_are_written_by_the_journal_alone() -> Result<()> {
    let root = files::root()?;
    let mut found = Vec::new();
    for path in files::rust_files(&root.join(SOURCES))? {
        let name = path.strip_prefix(&root)?.to_string_lossy().into_owned();
        if WRITERS.iter().any(|(file, _)| *file == name) || BUGS.contains(&name.as_str()) {
            continue;
        }
        let text = files::read(&path)?;
        let lines = text.lines().zip(1..).filter(|(line, _)| writes(line));
        found.extend(lines.map(|(_, number)| format!("{name}:{number}")));
    }
    assert!(
        found.is_empty(),
        "write these through the room `journal`, which charges their cause:\n{}",
        found.join("\n")
    );
    Ok(())
}

#[test]
fn every_writer_of_the_log_writes() -> Result<()> {
    let root = files::root()?;
    for file in WRITERS.iter().map(|(file, _)| *file).chain(BUGS) {
        assert!(files::read(&root.join(file))?.lines().any(writes), "{file} writes nothing any more");
    }
    Ok(())
}

#[test]
fn a_line_that_is_written_is_found() {
    assert!(writes("    tracing::warn!(%actor, \"x\");") && writes("use tracing::{Span, warn};"));
    assert!(writes("use tracing::info;") && writes("use tracing::*;"));
    assert!(!writes("// tracing::warn!()") && !writes("use tracing::{Instrument, Span};"));
}

/// The types of fields that cannot hold a guest's text, or show none.
const PLAIN: [&str; 7] =
    ["OperatorText", "StartFailure", "MemoryRefused", "Overdue", "Duration", "i32", "&'static str"];

fn name_of(of: &Type) -> String {
    match of {
        Type::Reference(reference) if reference.lifetime.as_ref().is_some_and(|of| of.ident == "static") => {
            format!("&'static {}", name_of(&reference.elem))
        }
        Type::Path(path) => match path.path.segments.last() {
            Some(last) => match &last.arguments {
                syn::PathArguments::AngleBracketed(inner) if last.ident == "Option" => {
                    match inner.args.first() {
                        Some(syn::GenericArgument::Type(inner)) => name_of(inner),
                        _none => "Option".to_owned(),
                    }
                }
                _others => last.ident.to_string(),
            },
            None => String::new(),
        },
        _others => "another".to_owned(),
    }
}

#[test]
fn an_end_of_a_life_holds_a_guests_text_for_the_operator_alone() -> Result<()> {
    let rust = parse("host/src/exit.rs")?;
    let reasons = rust.items.iter().find_map(|item| match item {
        Item::Enum(item) if item.ident == "ExitReason" => Some(item),
        _others => None,
    });
    let mut fields = 0;
    for variant in &reasons.context("there is no enum `ExitReason`")?.variants {
        for field in &variant.fields {
            fields += 1;
            let name = name_of(&field.ty);
            assert!(
                PLAIN.contains(&name.as_str()),
                "`{}` holds `{name}`: callers are shown that",
                variant.ident
            );
        }
        assert!(
            !matches!(variant.fields, Fields::Unnamed(_)),
            "`{}` has fields without names",
            variant.ident
        );
    }
    assert!(fields > 8, "{fields}");
    Ok(())
}
