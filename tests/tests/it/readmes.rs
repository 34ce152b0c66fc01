//! Every document with a terminal session in it shows what happens.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use pulsing_tests::{console, languages};

/// The seeds of the promises: there in each language, with the same names and the same behaviour.
pub(crate) const EXAMPLES_IN_ALL_LANGUAGES: [&str; 2] = ["counter", "llm-service"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn shows_what_happens(document: &str) {
    let report = console::run(&root().join(document), Path::new(crate::program::PROGRAM)).unwrap();
    for left_out in &report.left_out {
        println!("{document}: left out: {left_out}");
    }
}

#[test]
fn the_readme_shows_what_happens() {
    shows_what_happens("README.md");
}

#[test]
fn the_page_on_grants_shows_what_happens() {
    shows_what_happens("docs/grants.md");
}

#[test]
fn the_readme_of_api_client_shows_what_happens() {
    shows_what_happens("examples/rust/api-client/README.md");
}

#[test]
fn the_readme_of_counter_shows_what_happens() {
    shows_what_happens("examples/rust/counter/README.md");
}

#[test]
fn the_readme_of_data_service_shows_what_happens() {
    shows_what_happens("examples/rust/data-service/README.md");
}

#[test]
fn the_readme_of_flaky_shows_what_happens() {
    shows_what_happens("examples/rust/flaky/README.md");
}

#[test]
fn the_readme_of_large_file_shows_what_happens() {
    shows_what_happens("examples/rust/large-file/README.md");
}

#[test]
fn the_readme_of_llm_service_shows_what_happens() {
    shows_what_happens("examples/rust/llm-service/README.md");
}

#[test]
fn the_readme_of_log_sink_shows_what_happens() {
    shows_what_happens("examples/rust/log-sink/README.md");
}

#[test]
fn the_readme_of_long_task_shows_what_happens() {
    shows_what_happens("examples/rust/long-task/README.md");
}

#[test]
fn the_readme_of_metrics_sink_shows_what_happens() {
    shows_what_happens("examples/rust/metrics-sink/README.md");
}

#[test]
fn the_readme_of_mixed_shows_what_happens() {
    shows_what_happens("examples/rust/mixed/README.md");
}

#[test]
fn the_readme_of_retry_client_shows_what_happens() {
    shows_what_happens("examples/rust/retry-client/README.md");
}

#[test]
fn the_page_on_patterns_shows_what_happens() {
    shows_what_happens("docs/patterns.md");
}

#[test]
fn the_page_on_the_command_line_shows_what_happens() {
    shows_what_happens("docs/cli.md");
}

#[test]
fn the_page_on_http_shows_what_happens() {
    shows_what_happens("docs/http.md");
}

#[test]
fn the_readme_of_the_sdk_for_python_shows_what_happens() {
    if languages::is_left_out("python") {
        println!("left out, as python was");
        return;
    }
    let document = root().join("guest-sdk/python/README.md");
    let project = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(&document).unwrap();
    let (_, rest) = text.split_once("```python\n").expect("it shows an actor");
    let (actor, _) = rest.split_once("```").unwrap();
    fs::write(project.path().join("kitchen.py"), actor).unwrap();
    for folder in ["guest-sdk", "wit"] {
        symlink(root().join(folder), project.path().join(folder)).unwrap();
    }
    let python = languages::python();
    let environment = python.ancestors().nth(2).expect("`cargo xtask test` says where the tools are");
    symlink(environment, project.path().join(".venv")).unwrap();
    let place =
        console::Project { folder: project.path(), variables: Vec::new(), build_variables: Vec::new() };
    console::run_in_project(&document, Path::new(crate::program::PROGRAM), place).unwrap();
}

/// The examples in a language whose tools may have been left out.
fn examples_show_what_happens(language: &str) {
    for example in EXAMPLES_IN_ALL_LANGUAGES {
        match languages::is_left_out(language) {
            true => println!("left out, as {language} was: examples/{language}/{example}/README.md"),
            false => shows_what_happens(&format!("examples/{language}/{example}/README.md")),
        }
    }
}

#[test]
fn the_readmes_of_examples_in_python_show_what_happens() {
    examples_show_what_happens("python");
}

#[test]
fn the_readmes_of_examples_in_javascript_show_what_happens() {
    examples_show_what_happens("javascript");
}

#[test]
fn the_readmes_of_examples_in_c_show_what_happens() {
    examples_show_what_happens("c");
}

#[test]
fn every_example_has_a_readme_that_is_run() {
    let here = include_str!("readmes.rs");
    for example in fs::read_dir(root().join("examples/rust")).unwrap() {
        let name = example.unwrap().file_name().into_string().unwrap();
        assert!(here.contains(&format!("\"examples/rust/{name}/README.md\"")), "{name}");
    }
    for language in ["python", "javascript", "c"] {
        let examples = fs::read_dir(root().join("examples").join(language)).unwrap();
        let mut names: Vec<_> =
            examples.map(|example| example.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, EXAMPLES_IN_ALL_LANGUAGES, "{language}");
    }
}
