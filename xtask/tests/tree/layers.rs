//! Rooms of the host name only their own and lower layers.
//!
//! Reads code, not comments: `crate::ROOM` paths (also in groups), and the crates that a layer does without. What
//! hides behind a macro or a `super::super` path is not seen here; `rooms.rs` sees it, and cycles among the rooms
//! of a layer.

use std::path::Path;

use anyhow::Result;

use crate::files;

/// The rooms of `host/src`, lowest layer first, and the crates that the layer must not name.
const LAYERS: [Layer; 5] = [
    Layer {
        rooms: &[
            "backoff",
            "config",
            "description",
            "exit",
            "files",
            "grants",
            "id",
            "journal",
            "limits",
            "observe",
            "policy",
            "text",
            "wire",
        ],
        without: &["wasmtime", "tokio", "axum"],
    },
    Layer {
        rooms: &[
            "actor",
            "budget",
            "call",
            "delivery",
            "dispatch",
            "execution",
            "lifecycle",
            "mailbox",
            "registry",
            "stream",
            "supervision",
            "wait_graph",
        ],
        without: &["wasmtime", "axum"],
    },
    Layer { rooms: &["engine", "instance"], without: &["axum"] },
    Layer { rooms: &["gateway"], without: &["wasmtime"] },
    Layer { rooms: &["host", "cli", "internals", "main", "lib"], without: &[] },
];

pub(crate) struct Layer {
    rooms: &'static [&'static str],
    without: &'static [&'static str],
}

pub(crate) fn layer_of(room: &str) -> Option<(usize, &'static Layer)> {
    LAYERS.iter().enumerate().find(|(_, layer)| layer.rooms.contains(&room))
}

/// The violations in one file of a room, as `line: what is wrong`.
fn violations(room: &str, text: &str) -> Vec<String> {
    let Some((layer, Layer { without, .. })) = layer_of(room) else {
        return vec![format!("1: room `{room}` has no layer; give it one in xtask/tests/tree/layers.rs")];
    };
    let code = without_comments(text);
    let mut found: Vec<String> = named_rooms(&code)
        .into_iter()
        .filter_map(|(line, named)| Some(format!("{line}: {}", complaint(room, layer, &named)?)))
        .collect();
    for (number, line) in (1..).zip(code.lines()) {
        let named = without.iter().filter(|name| names_crate(line, name));
        found.extend(named.map(|name| format!("{number}: layer {layer} does without {name}")));
    }
    found
}

fn complaint(room: &str, layer: usize, named: &str) -> Option<String> {
    match layer_of(named) {
        Some((other, _)) if other <= layer => None,
        Some((other, _)) => Some(format!("`{room}` (layer {layer}) names `{named}` (layer {other})")),
        // The root may name what it offers itself.
        None if layer == LAYERS.len() - 1 => None,
        None => {
            Some(format!("`{room}` names `crate::{named}`, which has no layer in xtask/tests/tree/layers.rs"))
        }
    }
}

/// Blanks `//` comments, keeping lines in their places. `://` is taken for an address in a string.
fn without_comments(text: &str) -> String {
    let code = |line: &str| {
        let starts = line.match_indices("//").map(|(at, _)| at);
        let comment = starts.into_iter().find(|&at| !line[..at].ends_with(':'));
        line[..comment.unwrap_or(line.len())].to_owned()
    };
    text.lines().map(code).collect::<Vec<_>>().join("\n")
}

/// Whether the code names this crate or one of its family, as in `wasmtime_wasi`.
fn names_crate(code: &str, name: &str) -> bool {
    let starts_word = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    code.match_indices(name).any(|(at, _)| starts_word(at))
}

/// What follows `crate::` in the code, with its line; each member of a group by itself.
fn named_rooms(code: &str) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    for (at, found) in code.match_indices("crate::") {
        let line = code[..at].lines().count().max(1);
        let rest = code[at + found.len()..].trim_start();
        match rest.strip_prefix('{') {
            Some(group) => named.extend(group_members(group).into_iter().map(|name| (line, name))),
            None => named.push((line, identifier(rest))),
        }
    }
    named
}

/// The first names of a use group whose brace has been opened: `a::{b, c}, d}` gives `a` and `d`.
fn group_members(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut members) = (1, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            members.push(identifier(group[start..at].trim_start()));
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    members.retain(|member| !member.is_empty());
    members
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// `actor` for `actor/run.rs` and for `actor.rs`.
fn room_of(path: &Path) -> String {
    let first = path.components().next().expect("a file has a name");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

#[test]
fn rooms_of_the_host_name_only_their_own_and_lower_layers() -> Result<()> {
    let source = files::root()?.join("host/src");
    let mut found = Vec::new();
    for path in files::rust_files(&source)? {
        let inside = path.strip_prefix(&source)?;
        let here = violations(&room_of(inside), &files::read(&path)?);
        found.extend(here.into_iter().map(|violation| format!("host/src/{}:{violation}", inside.display())));
    }
    assert!(found.is_empty(), "a room may name only its own and lower layers:\n{}", found.join("\n"));
    Ok(())
}

#[test]
fn a_room_that_names_a_higher_one_is_found() {
    let bad = "//! Talks to wasmtime.\nuse crate::id::ActorId;\nuse crate::{\n    stream::{Item, Seq},\n    gateway,\n};\n\
               fn f() -> crate::host::Host { tokio::x() } // crate::cli\nlet u = \"http://tokio\";\n";
    assert_eq!(
        violations("mailbox", bad),
        ["3: `mailbox` (layer 1) names `gateway` (layer 3)", "7: `mailbox` (layer 1) names `host` (layer 4)"]
    );
}

#[test]
fn a_layer_that_names_a_crate_it_does_without_is_found() {
    assert_eq!(violations("id", "use tokio_util::x;\nlet nottokio = 1;"), ["1: layer 0 does without tokio"]);
    assert_eq!(violations("actor", "fn f(x: wasmtime::Store) {}"), ["1: layer 1 does without wasmtime"]);
    assert_eq!(
        violations("gateway", "use axum::Router;\nuse wasmtime_wasi::p2;"),
        ["2: layer 3 does without wasmtime"]
    );
    assert!(violations("engine", "use wasmtime::Config;").is_empty());
}

#[test]
fn a_room_without_a_layer_is_found() {
    assert!(violations("helpers", "")[0].contains("no layer"));
    assert!(
        violations("registry", "use crate::ActorRef;")[0].contains("`crate::ActorRef`, which has no layer")
    );
    assert!(violations("host", "pub use crate::ActorRef;").is_empty());
    assert!(violations("exit", "pub(crate) fn f() {}").is_empty());
}

#[test]
fn a_file_belongs_to_the_room_of_its_first_folder() {
    for (path, room) in
        [("actor/run.rs", "actor"), ("actor.rs", "actor"), ("instance/imports/http.rs", "instance")]
    {
        assert_eq!(room_of(Path::new(path)), room);
    }
}
