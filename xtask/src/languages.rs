//! Actors in other languages than Rust: their tools, and their components.
//!
//! The tools come from the languages' own registries, pinned, into folders of the tree: Python's and C's to
//! `target/languages/python`, a virtual environment, JavaScript's to `guest-sdk/javascript/node_modules`. The components
//! are built by `pulsing-host build`, as by anybody else, and only where something changed that they are made of.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::process::{self, step};
use crate::toolchain::apt;
use crate::tree::Tree;

/// What the environment for Python and C holds. The SDKs' READMEs and the errors of `pulsing-host build` name the same.
const PACKAGES: [&str; 2] = ["componentize-py==0.25.1", "ziglang==0.17.1"];
/// Where projects are, and what is put after their names, of which examples have the same in each language.
const FOLDERS: [(&str, Naming); 4] = [
    ("tests/polyglot", Naming::Own),
    ("examples/python", Naming::WithLanguage),
    ("examples/javascript", Naming::WithLanguage),
    ("examples/c", Naming::WithLanguage),
];
/// The tests of the SDK for C, each a file, and what else each is made of.
const C_TESTS: [(&str, &[&str]); 3] = [
    ("sdk_test", &["src/describe.c", "src/json.c", "src/kind.c", "vendor/yyjson.c"]),
    ("work_test", &["src/done.c", "src/utf8.c", "src/work.c"]),
    (
        "run_test",
        &[
            "src/args.c",
            "src/call.c",
            "src/describe.c",
            "src/done.c",
            "src/error.c",
            "src/json.c",
            "src/kind.c",
            "src/known.c",
            "src/reply.c",
            "src/run.c",
            "src/stream.c",
            "src/text.c",
            "src/utf8.c",
            "src/work.c",
            "vendor/yyjson.c",
        ],
    ),
];
/// In place of those that are made of the contract.
const C_TEST_BINDINGS: &str = r#"-DPULSING_BINDINGS="../tests/bindings.h""#;
/// For programs that say something about themselves: Python takes a second to look through its packages, and a minute
/// where the machine is busy.
const QUERY_BOUND: Duration = Duration::from_secs(10 * 60);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    Own,
    WithLanguage,
}

/// A language that needs tools which Rust's do not bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Python,
    Javascript,
    C,
}

impl Language {
    pub(crate) const ALL: [Self; 3] = [Self::Python, Self::Javascript, Self::C];
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Python => "python",
            Self::Javascript => "javascript",
            Self::C => "c",
        })
    }
}

/// A project that makes a component.
struct Project {
    folder: PathBuf,
    language: Language,
    /// The file's name in the folder of the guests.
    artifact: String,
}

/// Gets the tools of the languages where they are missing.
///
/// # Errors
///
/// Where that cannot be done: what was tried, and how to leave the language out.
pub(crate) fn get_tools(tree: &Tree, without: &[Language]) -> Result<()> {
    for language in Language::ALL {
        if without.contains(&language) {
            println!("==> {language} is left out, as you wanted: no test will use it");
            continue;
        }
        get_tools_of(tree, language).with_context(|| {
            format!("no tools for {language}; without them, `cargo xtask test --without {language}` runs the other tests")
        })?;
    }
    Ok(())
}

/// Gets the tools of one language where they are missing.
///
/// # Errors
///
/// Where that cannot be done.
pub(crate) fn get_tools_of(tree: &Tree, language: Language) -> Result<()> {
    match language {
        Language::Python | Language::C => get_environment(tree),
        Language::Javascript => get_node_modules(tree),
    }
}

/// The environment with the tools for Python and C.
pub(crate) fn environment(tree: &Tree) -> PathBuf {
    tree.target.join("languages/python")
}

fn get_environment(tree: &Tree) -> Result<()> {
    let folder = environment(tree);
    let python = folder.join("bin/python");
    let has_all = || {
        let frozen = process::answer(Command::new(&python).args(["-m", "pip", "freeze"]), QUERY_BOUND);
        frozen.is_ok_and(|frozen| PACKAGES.iter().all(|package| frozen.lines().any(|line| line == *package)))
    };
    if has_all() {
        return Ok(());
    }
    step("get the tools for Python and C", || {
        // Debian has it as a package of its own.
        if process::answer(Command::new("python3").args(["-c", "import ensurepip"]), QUERY_BOUND).is_err() {
            apt::install(&["python3", "python3-venv"])?;
        }
        process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        process::run(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(PACKAGES),
        )
    })?;
    ensure!(has_all(), "{} lacks what was installed", folder.display());
    Ok(())
}

fn get_node_modules(tree: &Tree) -> Result<()> {
    let folder = tree.root.join("guest-sdk/javascript");
    let lock = fs::read(folder.join("package-lock.json")).context("package-lock.json")?;
    // What npm was told when it was last called: a half-done installation has no such note.
    let note = folder.join("node_modules/.installed");
    if fs::read(&note).is_ok_and(|noted| noted == lock) {
        return Ok(());
    }
    step("get the tools for JavaScript", || {
        if process::answer(Command::new("npm").arg("--version"), QUERY_BOUND).is_err() {
            apt::install(&["nodejs", "npm"])?;
        }
        process::run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder))?;
        Ok(fs::write(&note, &lock)?)
    })
}

/// Compiles the C that the README of its SDK shows. Those of Python and JavaScript are among the tests of their SDKs.
fn test_readme_of_c(tree: &Tree, without: &[Language]) -> Result<()> {
    if without.contains(&Language::C) {
        return Ok(());
    }
    let mut python = Command::new(environment(tree).join("bin/python"));
    python.arg(tree.root.join("guest-sdk/c/tests/readme.py"));
    step("compile what the README of the SDK for C shows", || process::run(&mut python))
}

/// Runs the tests of the SDKs themselves, which need no host.
///
/// # Errors
///
/// Where one fails.
pub(crate) fn test_sdks(tree: &Tree, without: &[Language]) -> Result<()> {
    test_readme_of_c(tree, without)?;
    if !without.contains(&Language::Python) {
        let sdk = tree.root.join("guest-sdk/python");
        let mut tests = Command::new(environment(tree).join("bin/python"));
        tests.args(["-m", "unittest", "discover", "--start-directory", "tests"]).current_dir(&sdk);
        tests.env("PYTHONPATH", sdk.join("src")).env("PYTHONDONTWRITEBYTECODE", "1");
        step("test the SDK for Python", || process::run(&mut tests))?;
    }
    if !without.contains(&Language::Javascript) {
        let mut tests = Command::new("node");
        tests
            .args(["--test", "tests/sdk.test.js", "tests/readme.test.js"])
            .current_dir(tree.root.join("guest-sdk/javascript"));
        step("test the SDK for JavaScript", || process::run(&mut tests))?;
    }
    if !without.contains(&Language::C) {
        step("test the SDK for C", || {
            C_TESTS.iter().try_for_each(|(test, parts)| test_c(tree, test, parts))
        })?;
    }
    Ok(())
}

/// Builds a test of the SDK for C for this machine, with what it tests, and runs it.
fn test_c(tree: &Tree, test: &str, parts: &[&str]) -> Result<()> {
    let (sdk, program) = (tree.root.join("guest-sdk/c"), tree.target.join("languages").join(test));
    let mut compiler = Command::new(environment(tree).join("bin/python"));
    compiler
        .args(["-m", "ziglang", "cc", "-std=gnu11", "-Wall", "-Werror", C_TEST_BINDINGS])
        .arg(format!("tests/{test}.c"))
        .args(parts)
        .arg("-o")
        .arg(&program);
    process::run(compiler.current_dir(&sdk))?;
    process::run(&mut Command::new(&program))
}

/// Builds the components of all projects that need it.
///
/// # Errors
///
/// Where one does not build.
pub(crate) fn build(tree: &Tree, host: &Path, without: &[Language]) -> Result<()> {
    let mut built = 0;
    for project in projects(tree)? {
        if without.contains(&project.language) {
            continue;
        }
        built += usize::from(build_one(tree, host, &project)?);
    }
    println!("    {built} components of other languages built anew");
    Ok(())
}

fn build_one(tree: &Tree, host: &Path, project: &Project) -> Result<bool> {
    let to = tree.guests_dir().join(format!("{}.wasm", project.artifact));
    let note = tree.target.join("languages").join(format!("{}.made-of", project.artifact));
    let sdk = format!("guest-sdk/{}", project.language);
    let mut made_of = PACKAGES.join(" ");
    for folder in [
        project.folder.clone(),
        tree.root.join(sdk),
        tree.root.join("wit"),
        tree.root.join("host/src/cli/build"),
    ] {
        describe(&folder, &mut made_of)?;
    }
    for file in ["Cargo.lock", "host/src/cli/build.rs"] {
        describe_file(&tree.root.join(file), &mut made_of)?;
    }
    if to.exists() && fs::read_to_string(&note).is_ok_and(|noted| noted == made_of) {
        return Ok(false);
    }
    let what = format!("build {}", project.artifact);
    step(&what, || {
        let mut build = Command::new(host);
        build.arg("build").arg(&project.folder).arg("--out").arg(&to);
        process::run(build.env("VIRTUAL_ENV", environment(tree)))
    })?;
    note.parent().map_or(Ok(()), fs::create_dir_all).with_context(|| note.display().to_string())?;
    fs::write(&note, made_of).with_context(|| note.display().to_string())?;
    Ok(true)
}

/// Adds the path, the length and the time of every file below `folder`.
fn describe(folder: &Path, to: &mut String) -> Result<()> {
    let mut entries: Vec<_> =
        folder.read_dir().with_context(|| folder.display().to_string())?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        if name == "node_modules" || name == "__pycache__" {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => describe(&entry.path(), to)?,
            false => describe_file(&entry.path(), to)?,
        }
    }
    Ok(())
}

fn describe_file(file: &Path, to: &mut String) -> Result<()> {
    use fmt::Write as _;
    let metadata = file.metadata().with_context(|| file.display().to_string())?;
    let changed = metadata.modified()?.duration_since(std::time::UNIX_EPOCH)?.as_nanos();
    Ok(writeln!(to, "{} {} {changed}", file.display(), metadata.len())?)
}

fn projects(tree: &Tree) -> Result<Vec<Project>> {
    let mut projects = Vec::new();
    for (folder, naming) in FOLDERS {
        let folder = tree.root.join(folder);
        for entry in folder.read_dir().with_context(|| folder.display().to_string())? {
            let folder = entry?.path();
            let Ok(manifest) = fs::read_to_string(folder.join("pulsing.toml")) else { continue };
            projects.push(project(folder, &manifest, naming)?);
        }
    }
    projects.sort_by(|one, other| one.artifact.cmp(&other.artifact));
    Ok(projects)
}

/// Reads as much of a manifest as is needed here; `pulsing-host build` reads it whole.
fn project(folder: PathBuf, manifest: &str, naming: Naming) -> Result<Project> {
    let value = |key: &str| {
        let line = manifest.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='));
        let value = line.map(|value| value.trim().trim_matches('"').to_owned());
        value.with_context(|| format!("{}: no `{key}`", folder.display()))
    };
    let (name, word) = (value("name")?, value("language")?);
    let language = Language::ALL.into_iter().find(|language| language.to_string() == word);
    let language = language.with_context(|| format!("{}: language `{word}`", folder.display()))?;
    let artifact = match naming {
        Naming::Own => name,
        Naming::WithLanguage => format!("{name}-{language}"),
    };
    Ok(Project { folder, language, artifact })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_told_from_the_same_in_another_language() {
        let manifest = "name = \"counter\"\nlanguage = \"python\"\n";
        let artifact = |naming| project("/w/counter".into(), manifest, naming).unwrap().artifact;
        assert_eq!(artifact(Naming::Own), "counter");
        assert_eq!(artifact(Naming::WithLanguage), "counter-python");
        assert!(project("/w".into(), "name = \"x\"\nlanguage = \"go\"\n", Naming::Own).is_err());
    }

    #[test]
    fn a_component_is_made_of_what_is_in_its_folders_but_the_tools() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("node_modules")).unwrap();
        fs::write(folder.path().join("node_modules/x"), "x").unwrap();
        fs::write(folder.path().join("actor.py"), "one").unwrap();
        let described = || {
            let mut text = String::new();
            describe(folder.path(), &mut text).unwrap();
            text
        };
        let before = described();
        assert!(before.contains("actor.py 3 ") && !before.contains("node_modules"), "{before}");
        fs::write(folder.path().join("actor.py"), "four").unwrap();
        assert_ne!(described(), before);
    }
}
