//! What a person gets wrong: one clear line, the documented exit code or status, and a host that goes on.

use std::fs;
use std::net::TcpListener;

use pulsing_tests::guest_file;

use crate::program::{RunningHost, run, text};

/// Runs `run` and `check` with a file of these bytes: both refuse it alike.
fn refused(bytes: &[u8], says: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("actor.wasm");
    fs::write(&file, bytes).unwrap();
    run(&["check", text(&file)]).assert_failed(9, &[&[text(&file)], says].concat());
    let left = run(&["run", text(&file), "--listen", "127.0.0.1:0"]);
    assert_eq!(left.code, Some(9), "{left:?}");
    let errors = left.stderr.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 1, "{left:?}");
}

#[test]
fn a_missing_component_is_named() {
    run(&["check", "nowhere.wasm"]).assert_failed(9, &["nowhere.wasm", "no such file"]);
}

#[test]
fn a_folder_is_no_component() {
    run(&["check", "."]).assert_failed(9, &["this is a folder"]);
}

#[test]
fn an_empty_file_is_no_component() {
    refused(b"", &["is empty"]);
}

#[test]
fn a_file_that_is_no_wasm_is_refused() {
    refused(b"#!/bin/sh\n", &["is no WebAssembly", "wasm32-wasip2"]);
}

#[test]
fn a_core_module_is_refused_with_what_to_do() {
    refused(
        b"\0asm\x01\0\0\0",
        &["this is a core module; build for wasm32-wasip2 or wrap it with `wasm-tools component new`"],
    );
}

#[test]
fn a_truncated_component_is_refused() {
    let whole = fs::read(guest_file("counter").unwrap()).unwrap();
    refused(&whole[..whole.len() / 2], &["is damaged or cut short"]);
}

#[test]
fn a_component_of_another_world_is_refused_with_what_it_lacks() {
    refused(b"\0asm\x0d\0\x01\0", &["lacks the export `pulsing:actor/actor@0.2.0`", "exports nothing"]);
}

#[test]
fn a_component_of_version_0_1_is_refused_and_told_to_be_built_again() {
    // It exports an instance with nothing in it, under this name.
    for name in ["pulsing:actor/actor@0.1.0", "pulsing:actor/async-actor@0.1.0"] {
        let length = |bytes: usize| u8::try_from(bytes).unwrap();
        let export = [&[1, 0, length(name.len())], name.as_bytes(), &[5, 0, 0]].concat();
        let section = [&[11, length(export.len())], export.as_slice()].concat();
        let component = [b"\0asm\x0d\0\x01\0".as_slice(), &[5, 3, 1, 1, 0], &section].concat();
        refused(&component, &["was built for version 0.1.0", "build it again with the SDK of this version"]);
    }
}

#[test]
fn a_component_that_imports_what_there_is_not_is_refused_with_its_name() {
    // An actor in every way, but that the interface `system` that it imports has another name.
    let whole = fs::read(guest_file("rogue").unwrap()).unwrap();
    let (known, unknown) = (b"pulsing:actor/system@0.2.0", b"pulsing:other/system@0.2.0");
    let mut strange = whole.clone();
    let places: Vec<_> =
        (0..whole.len() - known.len()).filter(|at| whole[*at..].starts_with(known)).collect();
    for at in places {
        strange[at..at + known.len()].copy_from_slice(unknown);
    }
    refused(&strange, &["imports what this host does not offer: `pulsing:other/system@0.2.0`"]);
}

#[test]
fn two_actors_of_one_name_are_both_named() {
    let dir = tempfile::tempdir().unwrap();
    let counter = guest_file("counter").unwrap();
    let other = dir.path().join("counter.wasm");
    fs::copy(&counter, &other).unwrap();
    run(&["run", text(&counter), text(&other)])
        .assert_failed(2, &[text(&counter), text(&other), "would both be called `counter`"]);
}

#[test]
fn an_impossible_name_is_refused() {
    let counter = guest_file("counter").unwrap();
    run(&["run", text(&counter), "--name", "no spaces"])
        .assert_failed(2, &["`no spaces` cannot name an actor"]);
    let dir = tempfile::tempdir().unwrap();
    let strange = dir.path().join("no spaces.wasm");
    fs::copy(&counter, &strange).unwrap();
    run(&["run", text(&strange)]).assert_failed(2, &["cannot name an actor", "--name"]);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let counter = guest_file("counter").unwrap();
    run(&["run", text(&counter), "--listen", &address]).assert_failed(2, &[&address, "in use"]);
}

#[test]
fn a_host_that_others_can_reach_needs_a_token() {
    let counter = guest_file("counter").unwrap();
    run(&["run", text(&counter), "--listen", "0.0.0.0:0"])
        .assert_failed(2, &["0.0.0.0:0", "--tokens", "--token-file"]);
}

#[test]
fn an_unreachable_host_is_named() {
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for verb in ["inspect", "stop", "restart", "dead-letters"] {
        run(&[verb, "counter", "--host", &free]).assert_failed(8, &[&free, "pulsing-host run"]);
    }
    run(&["ask", "counter", "get", "--host", &free]).assert_failed(8, &[&free]);
    run(&["ls", "--host", "https://127.0.0.1:1"])
        .assert_failed(8, &["no host answers", "https://127.0.0.1:1"]);
    run(&["ls", "--host", "ftp://127.0.0.1:1"]).assert_failed(2, &["give http://ADDRESS:PORT or https://"]);
}

#[test]
fn a_config_file_with_an_unknown_key_is_refused_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("host.toml");
    fs::write(&file, "listen = \"127.0.0.1:0\"\n[actors.a]\ncomponent = \"a.wasm\"\nmemory = 3\n").unwrap();
    run(&["run", "--config", text(&file)])
        .assert_failed(2, &["host.toml:4: unknown key `memory`, expected one of"]);
    run(&["run", "--config", "nowhere.toml"]).assert_failed(2, &["nowhere.toml"]);
}

#[test]
fn wrong_requests_are_answered_and_the_host_goes_on() {
    let counter = guest_file("counter").unwrap();
    let host = RunningHost::start(&[text(&counter)], 1);
    let ask = |args: &[&str]| host.client(&[&["ask"], args].concat());
    ask(&["countr", "get"]).assert_failed(7, &["no actor is called `countr`; did you mean `counter`?"]);
    ask(&["counter", "incremnt"])
        .assert_failed(5, &["`incremnt` is not supported; did you mean `increment`?"]);
    ask(&["counter", "increment", "{\"n\":"]).assert_failed(2, &["no JSON", "line 1 column"]);
    ask(&["counter", "increment", "5"]).assert_failed(2, &["by name"]);
    ask(&["counter", "increment", "{\"n\":\"five\"}"]).assert_failed(1, &["argument `n`"]);
    ask(&["counter", "increment", "{\"m\":1}"]).assert_failed(1, &["`m`"]);
    let big = tempfile::NamedTempFile::new().unwrap();
    fs::write(big.path(), format!("[\"{}\"]", "x".repeat(5 << 20))).unwrap();
    ask(&["counter", "increment", &format!("@{}", text(big.path()))])
        .assert_failed(7, &["4194304", "counter"]);
    ask(&["counter/../x", "get"]).assert_failed(7, &["no actor is called"]);
    assert_eq!(ask(&["counter", "get"]).stdout, "0\n");
}
