//! Files are opened in the room `files` alone: nothing else makes sure that what is opened is a plain file, and that it
//! is read with a bound.

use anyhow::Result;

use crate::cycles::{made_up, modules_of_the_host};
use crate::modules::Modules;

/// What opens a file by its path.
const OPENING: [[&str; 2]; 5] =
    [["File", "open"], ["File", "options"], ["OpenOptions", "new"], ["fs", "read"], ["fs", "read_to_string"]];

/// The modules that may, and why.
const MAY: [(&str, &str); 7] = [
    ("files", "is the room for it"),
    ("files::mounts", "the system's own list of mounts, in /proc"),
    ("instance::shortage", "the system's own files, in /proc"),
    ("cli::run::signals", "the system's own files, in /proc"),
    ("cli::arguments", "a person's arguments may be in a pipe, and are waited for"),
    ("cli::token", "a folder, to take turns by its lock"),
    ("cli::build::c", "what the compiler has just written"),
];

fn complaints(modules: &Modules) -> Vec<String> {
    let mut found = Vec::new();
    for (module, content) in modules {
        let module = module.join("::");
        let opens =
            |path: &&Vec<String>| OPENING.iter().any(|opening| path.ends_with(&opening.map(str::to_owned)));
        let opening = content.paths.iter().find(opens);
        match (opening, MAY.iter().any(|(may, _)| *may == module)) {
            (Some(path), false) => found.push(format!("`{module}` opens a file: {}", path.join("::"))),
            (None, true) => found.push(format!("`{module}` opens no file: delete it from MAY")),
            (Some(_), true) | (None, false) => {}
        }
    }
    found
}

#[test]
fn files_are_opened_in_the_room_for_it() -> Result<()> {
    let found = complaints(&modules_of_the_host()?);
    assert!(found.is_empty(), "use `crate::files`, or say in MAY why not:\n{}", found.join("\n"));
    Ok(())
}

#[test]
fn a_module_that_opens_a_file_is_found() {
    let modules = made_up(&[
        ("lib.rs", "pub mod config; pub mod files;"),
        ("config.rs", "use std::fs; fn f() { fs::read_to_string(\"x\"); } #[cfg(test)] mod tests { fn g() { fs::read(0) } }"),
        ("files.rs", "fn f() { let file = std::fs::File::open(\"x\"); }"),
    ])
    .unwrap();
    assert_eq!(complaints(&modules), ["`config` opens a file: fs::read_to_string"]);
}
