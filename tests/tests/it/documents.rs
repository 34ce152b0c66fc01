//! What documents show is tried: every terminal session is run, every configuration file is read.

use std::fs;
use std::path::{Path, PathBuf};

use pulsing_host::config::HostConfig;

use crate::readmes::EXAMPLES_IN_ALL_LANGUAGES;

/// Documents with sessions that are not run, and why.
const NOT_RUN: [(&str, &str); 1] =
    [("docs/performance.md", "measures for minutes, beside programs that few machines have")];

/// Folders with no documents of ours.
const PASSED_OVER: [&str; 4] = ["target", "node_modules", ".git", ".venv"];

/// What marks a terminal session, and what it begins with.
const SESSION: &str = "console";
const PROMPT: &str = "$ ";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every Markdown file of the tree, named from its root, with its text.
fn documents() -> Vec<(String, String)> {
    let root = root();
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() && !PASSED_OVER.contains(&name.as_str()) {
                folders.push(path);
            } else if name.ends_with(".md") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().display().to_string(), text));
            }
        }
    }
    found.sort();
    found
}

/// The fenced blocks of a document: what stands behind the fence, and what is inside.
fn blocks(document: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let inside: Vec<_> =
                lines.by_ref().take_while(|line| !line.trim_start().starts_with("```")).collect();
            found.push((language.trim().to_owned(), inside.join("\n")));
        }
    }
    found
}

/// Whether a test of `readmes.rs` or `projects.rs` runs a document.
fn is_run(document: &str) -> bool {
    let by_name = include_str!("readmes.rs").contains(&format!("\"{document}\""));
    let project = document.strip_prefix("host/src/cli/new/").and_then(|name| name.strip_suffix(".md"));
    let of_project = project.is_some_and(|language| {
        include_str!("projects.rs").contains(&format!("Project::new(\"{language}\")"))
    });
    let languages = ["python", "javascript", "c"];
    let mut examples = languages.iter().flat_map(|language| {
        EXAMPLES_IN_ALL_LANGUAGES.map(|example| format!("examples/{language}/{example}/README.md"))
    });
    by_name || of_project || examples.any(|example| example == document)
}

#[test]
fn every_terminal_session_is_run_or_it_is_said_why_not() {
    let mut met = Vec::new();
    for (document, text) in documents() {
        for (language, inside) in blocks(&text) {
            let is_session = inside.starts_with(PROMPT);
            assert!(
                !is_session || language == SESSION,
                "{document}: a session is not marked as `{SESSION}`:\n{inside}"
            );
        }
        if blocks(&text).iter().any(|(language, _)| language == SESSION) {
            let not_run = NOT_RUN.iter().any(|(known, _why)| *known == document);
            assert!(
                is_run(&document) != not_run,
                "{document}: run it in readmes.rs, or say in NOT_RUN why not; not both"
            );
            met.push(document);
        }
    }
    assert!(
        NOT_RUN.iter().all(|(document, _why)| met.iter().any(|met| met == document)),
        "NOT_RUN names others"
    );
    assert!(met.len() > NOT_RUN.len(), "no document has a session: are they written otherwise now?");
}

/// The same with what is commented out in it: `# key = value`.
fn with_comments(toml: &str) -> String {
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if rest.contains(" = ") => rest.to_owned(),
        _ => line.to_owned(),
    };
    toml.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The parts of a file that is shown in pieces, where what is of an actor needs its component.
fn completed(toml: &str) -> String {
    match toml.contains("[actors.") && !toml.contains("component = ") {
        true => format!(
            "[actors.front]\ncomponent = \"front.wasm\"\n{}",
            toml.replace("[actors.counter", "[actors.front")
        ),
        false => toml.to_owned(),
    }
}

#[test]
fn every_configuration_file_in_the_documents_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("host.toml");
    let mut read = 0;
    for (document, text) in documents() {
        let is_of_host = |toml: &str| document == "docs/cli.md" || toml.contains("[actors.");
        let blocks =
            blocks(&text).into_iter().filter(|(language, toml)| language == "toml" && is_of_host(toml));
        for (_, toml) in blocks {
            for toml in [completed(&toml), with_comments(&completed(&toml))] {
                fs::write(&file, &toml).unwrap();
                let config = HostConfig::read(&file);
                assert!(config.is_ok(), "{document}: {}:\n{toml}", config.unwrap_err());
                read += 1;
            }
        }
    }
    assert!(read > 0, "no document shows a configuration file: are they written otherwise now?");
}

#[test]
fn a_key_that_is_commented_out_is_tried_too() {
    assert_eq!(with_comments("a = 1  # one\n# b = 2  # two\n# text"), "a = 1  # one\nb = 2  # two\n# text");
}
