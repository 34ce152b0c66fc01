//! A project that `new` writes builds, tests itself and runs as its README says, in each language.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pulsing_tests::console;
use pulsing_tests::languages::{apply_guest_toolchain, is_left_out};

use crate::program::PROGRAM;

/// What a README shows at least: build, test, run, ask.
const COMMANDS_MIN: usize = 4;

/// A project called `hello`, in a folder that goes with it.
struct Project {
    parent: tempfile::TempDir,
    language: &'static str,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

impl Project {
    /// None, where the language is left out.
    fn new(language: &'static str) -> Option<Self> {
        if is_left_out(language) {
            println!("left out, as {language} was");
            return None;
        }
        let parent = tempfile::tempdir().unwrap();
        let mut new = Command::new(PROGRAM);
        let made =
            new.current_dir(parent.path()).args(["new", "hello", "--lang", language]).output().unwrap();
        assert!(made.status.success(), "{}", said(&made));
        Some(Self { parent, language })
    }

    fn folder(&self) -> PathBuf {
        self.parent.path().join("hello")
    }

    /// Does what its README shows: it is built, tested, run and asked.
    fn does_what_its_readme_shows(&self) {
        let of_cargo =
            ("CARGO_TARGET_DIR".to_owned(), root().join("target/tests/new-rust").display().to_string());
        let project = console::Project {
            folder: &self.folder(),
            // One folder for all runs: what is built there is the same each time.
            variables: if self.language == "rust" { vec![of_cargo] } else { Vec::new() },
            build_variables: if self.language == "rust" { guest_toolchain() } else { Vec::new() },
        };
        let readme = self.folder().join("README.md");
        let report = console::run_in_project(&readme, Path::new(PROGRAM), project).unwrap();
        assert!(report.commands >= COMMANDS_MIN, "{}: {report:?}", self.language);
    }
}

/// The variables that tell cargo how to build guests.
fn guest_toolchain() -> Vec<(String, String)> {
    let mut command = Command::new(PROGRAM);
    apply_guest_toolchain(&mut command);
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let variables: BTreeMap<_, _> = command.get_envs().collect();
    variables.into_iter().filter_map(|(name, value)| Some((text(name), text(value?)))).collect()
}

#[test]
fn a_new_project_in_rust_builds_tests_itself_and_runs() {
    let Some(project) = Project::new("rust") else { return };
    project.does_what_its_readme_shows();
}

#[test]
fn a_new_project_in_python_builds_tests_itself_and_runs() {
    let Some(project) = Project::new("python") else { return };
    project.does_what_its_readme_shows();
}

#[test]
fn a_new_project_in_javascript_builds_tests_itself_and_runs() {
    let Some(project) = Project::new("javascript") else { return };
    // What `npm install` does, without the network.
    let modules = project.folder().join("node_modules");
    fs::create_dir(&modules).unwrap();
    for module in fs::read_dir(root().join("guest-sdk/javascript/node_modules")).unwrap() {
        let module = module.unwrap();
        symlink(module.path(), modules.join(module.file_name())).unwrap();
    }
    symlink(project.folder().join("sdk/guest-sdk/javascript"), modules.join("pulsing-guest")).unwrap();
    project.does_what_its_readme_shows();
}

#[test]
fn a_new_project_in_c_builds_tests_itself_and_runs() {
    let Some(project) = Project::new("c") else { return };
    project.does_what_its_readme_shows();
}

#[test]
fn a_missing_tool_is_named_with_the_line_that_installs_it() {
    let nowhere = tempfile::tempdir().unwrap();
    for (language, line) in [
        ("python", "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1"),
        ("javascript", "install Node.js"),
        ("c", "python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1"),
        ("rust", "install Rust: see rustup.rs"),
    ] {
        let parent = tempfile::tempdir().unwrap();
        let run = |folder: &Path, args: &[&str]| {
            let mut program = Command::new(PROGRAM);
            program.current_dir(folder).args(args).env("PATH", nowhere.path());
            program
                .env_remove("VIRTUAL_ENV")
                .env_remove("WASI_SDK_PATH")
                .env_remove("CARGO")
                .output()
                .unwrap()
        };
        assert!(run(parent.path(), &["new", "hello", "--lang", language]).status.success());
        let built = run(&parent.path().join("hello"), &["build"]);
        assert_eq!(built.status.code(), Some(3), "{}", said(&built));
        assert!(said(&built).contains(line), "{language}: {}", said(&built));
    }
}

#[test]
fn a_project_that_is_wrong_is_told_so_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let build = || {
        let built = Command::new(PROGRAM).current_dir(folder.path()).arg("build").output().unwrap();
        assert_eq!(built.status.code(), Some(2), "{}", said(&built));
        let text = said(&built);
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        text
    };
    assert!(build().contains("begin one with `pulsing-host new"));
    for (manifest, wanted) in [
        ("language = \"python\"", "needs `source`"),
        ("language = \"python\"\nsource = \"none.py\"", "which is not there"),
        ("language = \"go\"", "pulsing.toml:1: unknown variant `go`"),
        ("language = \"c\"\nsorce = \"a.c\"", "pulsing.toml:2: unknown field `sorce`"),
        ("language = [", "pulsing.toml:1: "),
        ("name = \"../up\"\nlanguage = \"rust\"", "`../up` cannot name an actor"),
    ] {
        fs::write(folder.path().join("pulsing.toml"), manifest).unwrap();
        let text = build();
        assert!(text.contains(wanted), "{manifest}: {text}");
    }
}
