//! One bad start among several actors.

use std::path::PathBuf;

use pulsing_tests::guest_file;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{RunningHost, run, text};

/// A configuration of these actors: a name, a guest, and what else is said of it.
fn config(actors: &[(&str, &str, &str)]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("host.toml");
    let actors = actors.iter().map(|(name, guest, more)| {
        let file = guest_file(guest).unwrap();
        format!("[actors.{name}]\ncomponent = {file:?}\n{more}\n")
    });
    std::fs::write(&path, actors.collect::<String>()).unwrap();
    (dir, path)
}

const TRAPS: &str = "config = { trap_in_start = true }\nrestart = { policy = \"never\" }";
const REFUSES: &str =
    "config = { refuse_start = true }\nrestart = { policy = \"always\", min_backoff = \"1ms\" }";
/// For some tries, which take longer than the start of another.
const TRAPS_ON_AND_ON: &str = "config = { trap_in_start = true }\nrestart = { min_backoff = \"300ms\", max_backoff = \"300ms\", max_restarts = 3 }";

fn inspect(host: &RunningHost, actor: &str) -> Value {
    serde_json::from_str(&host.client(&["inspect", actor]).stdout).unwrap()
}

#[test]
fn an_actor_that_fails_its_start_is_failed_and_shown_and_the_others_run() {
    let (_dir, path) =
        config(&[("bad", "rogue", TRAPS), ("good", "counter", ""), ("wrong", "rogue", REFUSES)]);
    let host = RunningHost::start(&["--config", text(&path)], 0);
    let trapped = host.line();
    assert!(trapped.starts_with("failed bad crashed: wasm trap: wasm `unreachable`"), "{trapped}");
    assert!(trapped.ends_with("told to panic in start"), "{trapped}");
    assert_eq!(host.line(), "ready good serial 6 methods");
    assert_eq!(host.line(), "failed wrong failed to start: told to refuse, for card 4111 (code 400)");
    assert_eq!(host.client(&["ask", "good", "increment"]).stdout, "1\n");
    for (actor, reason) in [("bad", "trapped"), ("wrong", "start-failed")] {
        let seen = inspect(&host, actor);
        assert_eq!((&seen["state"], &seen["last_exit"]["reason"]), (&"failed".into(), &reason.into()));
        // The same start would fail again.
        assert_eq!((&seen["generation"], &seen["restarts"]), (&0.into(), &0.into()), "{actor}");
        host.client(&["ask", actor, "count"]).assert_failed(7, &[&format!("`{actor}` has failed")]);
    }
    host.stop();
}

#[test]
fn an_actor_that_tries_again_and_again_to_start_holds_up_no_other() {
    let (_dir, path) = config(&[("bad", "rogue", TRAPS_ON_AND_ON), ("good", "counter", "")]);
    let host = RunningHost::start(&["--config", text(&path)], 0);
    assert_eq!(host.line(), "ready good serial 6 methods");
    let failed = host.line();
    assert!(failed.starts_with("failed bad crashed: "), "{failed}");
    assert_eq!(inspect(&host, "bad")["restarts"], 3);
    host.stop();
}

#[test]
fn with_fail_fast_the_first_that_fails_its_start_ends_the_host() {
    let (_dir, path) = config(&[("bad", "rogue", TRAPS), ("good", "counter", "")]);
    let left = run(&["run", "--listen", "127.0.0.1:0", "--fail-fast", "--config", text(&path)]);
    assert_eq!(left.code, Some(3), "{left:?}");
    assert!(left.stderr.contains("error: `bad` did not start: it crashed: wasm trap"), "{left:?}");
    assert_eq!(left.stdout.lines().count(), 1, "it says where it listens, and no more: {left:?}");
}

#[test]
fn an_actor_that_is_alone_and_fails_its_start_ends_the_host() {
    let (_dir, path) = config(&[("wrong", "rogue", REFUSES)]);
    let left = run(&["run", "--listen", "127.0.0.1:0", "--config", text(&path)]);
    assert_eq!(left.code, Some(3), "{left:?}");
    let error = "error: `wrong` did not start: it failed to start: told to refuse, for card 4111 (code 400)";
    assert_eq!(left.stderr.lines().last(), Some(error), "{left:?}");
}

#[test]
fn a_host_none_of_whose_actors_start_ends_with_an_error() {
    let (_dir, path) = config(&[("bad", "rogue", TRAPS), ("wrong", "rogue", REFUSES)]);
    let left = run(&["run", "--listen", "127.0.0.1:0", "--config", text(&path)]);
    assert_eq!(left.code, Some(3), "{left:?}");
    assert_eq!(left.stderr.lines().last(), Some("error: none of the 2 actors started"), "{left:?}");
    let words: Vec<_> = left.stdout.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>()).collect();
    assert_eq!(words[1..], [["failed", "bad"], ["failed", "wrong"]]);
}

#[test]
fn an_actor_whose_compiler_meets_a_limit_is_failed_and_the_others_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("heavy.wasm");
    std::fs::write(&file, pulsing_tests::bombs::functions(80_000)).unwrap();
    let good = guest_file("counter").unwrap();
    // It is in the cache, and compiled no more.
    assert_eq!(run(&["check", text(&good)]).code, Some(0));
    let host = RunningHost::start(&["--compile-memory-max", "100MiB", text(&file), text(&good)], 0);
    assert_eq!(
        host.line(),
        format!(
            "failed heavy {}: cannot be compiled: it took more than 100.0 MiB of memory; --compile-memory-max sets that",
            file.display()
        )
    );
    assert_eq!(host.line(), "ready counter serial 6 methods");
    assert_eq!(host.client(&["ask", "counter", "increment"]).stdout, "1\n");
    host.stop();
    let args = ["run", "--listen", "127.0.0.1:0", "--fail-fast", "--compile-memory-max", "100MiB"];
    let ended = run(&[args.as_slice(), &[text(&good), text(&file)]].concat());
    assert_eq!(ended.code, Some(9), "{ended:?}");
    assert!(ended.stderr.contains("it took more than 100.0 MiB of memory"), "{ended:?}");
}

#[test]
fn a_component_that_cannot_be_loaded_is_an_error_of_the_configuration() {
    let (dir, path) = config(&[("good", "counter", "")]);
    let none = dir.path().join("none.wasm");
    std::fs::write(&none, b"no component").unwrap();
    let left = run(&["run", "--listen", "127.0.0.1:0", "--config", text(&path), text(&none)]);
    assert_eq!(left.code, Some(9), "{left:?}");
}
