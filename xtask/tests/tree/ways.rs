//! The ways that ARCHITECTURE.md follows through the code are there.
//!
//! A section `## The way of one ask` has numbered steps of the form ``1. `host/src/path.rs`: `function` - text``,
//! where `function` may also be `Type::method`. Lines that follow a step and are indented belong to it.

use anyhow::{Context, Result};

use crate::source::{functions, parse};
use crate::{files, markdown};

const DOCUMENT: &str = "ARCHITECTURE.md";

/// What a stranger wants to follow from end to end.
const WAYS: [&str; 4] = ["one ask", "one item", "one crash", "one tell"];

/// A shorter one is no way through several rooms.
const STEPS_MIN: usize = 3;

/// One step: a file and the function in it.
#[derive(Debug, PartialEq, Eq)]
struct Step<'a> {
    file: &'a str,
    function: &'a str,
}

/// The numbered lines of a section.
fn steps(section: &str) -> Result<Vec<Step<'_>>> {
    let numbered = section.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    (1..).zip(numbered).map(|(number, line)| step(number, line).with_context(|| malformed(line))).collect()
}

fn step(number: usize, line: &str) -> Option<Step<'_>> {
    let rest = line.strip_prefix(&format!("{number}. `"))?;
    let (file, rest) = rest.split_once("`: `")?;
    let (function, text) = rest.split_once("` - ")?;
    (!text.trim().is_empty()).then_some(Step { file, function })
}

fn malformed(line: &str) -> String {
    format!("is not ``N. `host/src/path.rs`: `function` - text``, or not the next number: {line}")
}

/// What is wrong with a way, given what functions a file has.
fn complaints(document: &str, way: &str, defined: impl Fn(&Step) -> Result<bool>) -> Result<Vec<String>> {
    let section = markdown::sections(document, &format!("The way of {way}")).concat();
    let steps = steps(&section)?;
    let mut found = Vec::new();
    if steps.len() < STEPS_MIN {
        found.push(format!("`## The way of {way}` has {} steps, of at least {STEPS_MIN}", steps.len()));
    }
    for step in steps {
        if !defined(&step)? {
            found.push(format!("the way of {way}: there is no `{}` in {}", step.function, step.file));
        }
    }
    Ok(found)
}

#[test]
fn every_step_of_the_ways_through_the_code_is_there() -> Result<()> {
    let document = files::read(&files::root()?.join(DOCUMENT))?;
    let mut found = Vec::new();
    for way in WAYS {
        found.extend(complaints(&document, way, |step| {
            Ok(functions(&parse(step.file)?).contains(step.function))
        })?);
    }
    assert!(found.is_empty(), "{DOCUMENT} shows ways that are not there:\n{}", found.join("\n"));
    Ok(())
}

#[test]
fn a_step_that_is_not_there_and_a_way_that_is_missing_are_found() {
    let document = "## The way of one ask\nText.\n1. `a.rs`: `begin` - at first\n   and more\n\
                    2. `b.rs`: `X::go` - then\n3. `c.rs`: `end` - at last\n## Other\n1. no step\n";
    let all = |way| complaints(document, way, |_| Ok(true)).unwrap();
    assert!(all("one ask").is_empty());
    assert_eq!(all("one tell"), ["`## The way of one tell` has 0 steps, of at least 3"]);
    let without = complaints(document, "one ask", |step| Ok(step.function != "X::go")).unwrap();
    assert_eq!(without, ["the way of one ask: there is no `X::go` in b.rs"]);
}

#[test]
fn a_step_that_is_written_otherwise_is_found() {
    for line in
        ["2. `a.rs`: `f` - x", "1. `a.rs` `f` - x", "1. `a.rs`: `f`", "1. a.rs: f - x", "1. `a.rs`: `f` - "]
    {
        assert!(steps(line).is_err(), "{line}");
    }
    assert_eq!(steps("1. `a.rs`: `f` - x").unwrap(), [Step { file: "a.rs", function: "f" }]);
}
