//! A browser, for the test of what pages may do: Debian's Chromium, unless a variable names another.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::{self, step};
use crate::toolchain::apt;

const QUERY_BOUND: Duration = Duration::from_secs(60);
/// Names a browser for the test, which is then not looked for.
const BROWSER: &str = "PULSING_BROWSER";
/// The test that needs one.
const TEST: &str =
    "attacks::browsers::chromium::a_browser_lets_a_page_do_what_was_granted_and_no_other_page_anything";

/// Gets a browser where there is none, if a test runs that needs one: one whose name contains one of the filters.
///
/// # Errors
///
/// Where that cannot be done, and everything has to be there (`CI`). Elsewhere that is said, and the test leaves it out.
pub(crate) fn get(filter: &[String]) -> Result<()> {
    let has_browser = || process::answer(Command::new("chromium").arg("--version"), QUERY_BOUND).is_ok();
    if !is_wanted(filter) || std::env::var_os(BROWSER).is_some() || has_browser() {
        return Ok(());
    }
    let got = step("get a browser", || apt::install(&["chromium"]));
    if std::env::var_os("CI").is_some() {
        return got.with_context(|| format!("there is no browser; {BROWSER} names one"));
    }
    if let Err(error) = got {
        println!("    there is no browser, so no test will use one: {error:#}");
    }
    Ok(())
}

fn is_wanted(filter: &[String]) -> bool {
    filter.is_empty() || filter.iter().any(|part| TEST.contains(part.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_wanted_by_its_test_alone() {
        let wanted =
            |filter: &[&str]| is_wanted(&filter.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        assert!(wanted(&[]) && wanted(&["attacks"]) && wanted(&["streams", "chromium"]));
        assert!(!wanted(&["streams"]) && !wanted(&["attacks::tokens"]));
    }

    #[test]
    fn the_test_that_needs_one_is_there() {
        let (path, name) = TEST.rsplit_once("::").unwrap();
        let file = format!("../tests/tests/it/{}.rs", path.replace("::", "/"));
        let text =
            std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        assert!(text.contains(&format!("fn {name}(")));
    }
}
