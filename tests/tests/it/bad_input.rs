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
fn a_component_in_an_encoding_of_before_the_standard_is_told_so() {
    refused(
        b"\0asm\x0c\0\x01\0",
        &["is a component in version 12 of the encoding, and this host reads version 13: build it again"],
    );
}

/// A component with these sections, whose export is that of a serial actor.
fn serial(sections: &[&[u8]]) -> Vec<u8> {
    let name = b"pulsing:actor/actor@0.2.0";
    let export = [&[1, 0, 25], name.as_slice(), &[5, 0, 0]].concat();
    [b"\0asm\x0d\0\x01\0".as_slice(), &sections.concat(), &[11, 31], &export].concat()
}

#[test]
fn async_in_a_component_whose_calls_do_not_overlap_is_named() {
    // An empty instance, and the type of a function that is async.
    let component = serial(&[&[5, 3, 1, 1, 0], &[7, 5, 1, 0x43, 0, 1, 0]]);
    refused(
        &component,
        &[
            "uses `async` of the component model, which a component that exports `pulsing:actor/actor@0.2.0` cannot",
            "or for `pulsing:actor/async-actor@0.2.0`",
        ],
    );
}

#[test]
fn a_describe_of_another_type_is_named() {
    let module = [
        b"\0asm\x01\0\0\0".as_slice(),
        // A function that returns an i32, exported as `f`, and traps.
        &[1, 5, 1, 0x60, 0, 1, 0x7f],
        &[3, 2, 1, 0],
        &[7, 5, 1, 1, b'f', 0, 0],
        &[10, 5, 1, 3, 0, 0, 0x0b],
    ]
    .concat();
    let component = serial(&[
        &[&[1, u8::try_from(module.len()).unwrap()], module.as_slice()].concat(),
        // An instance of it, the type of a function that returns a u32, and the function, lifted to that.
        &[2, 4, 1, 0, 0, 0],
        &[7, 5, 1, 0x40, 0, 0, 0x79],
        &[6, 7, 1, 0, 0, 1, 0, 1, b'f'],
        &[8, 6, 1, 0, 0, 0, 0, 0],
        // An instance that exports it as `describe`.
        &[&[5, 15, 1, 1, 1, 0, 8], b"describe".as_slice(), &[1, 0]].concat(),
    ]);
    refused(
        &component,
        &["its `pulsing:actor/actor@0.2.0` has a function `describe` that is not `func() -> string`"],
    );
}

#[test]
fn the_address_of_something_elsewhere_is_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("host.toml");
    for (url, with) in [
        ("oci://ghcr.io/someone/actor:latest", "`oras pull` or `wkg oci pull`"),
        ("https://example.com/actor.wasm?a=b", "`curl -LO`"),
        ("http://example.com/actor.wasm", "`curl -LO`"),
    ] {
        let says =
            format!("{url}: this is a URL, and components are files: download it first, such as with {with}");
        run(&["run", url]).assert_failed(9, &[&says]);
        run(&["check", url]).assert_failed(9, &[&says]);
        run(&["compile", url]).assert_failed(9, &[&says]);
        fs::write(&config, format!("listen = \"127.0.0.1:0\"\nactors.a = {{ component = \"{url}\" }}\n"))
            .unwrap();
        let left = run(&["run", "--config", text(&config)]);
        assert_eq!(left.code, Some(9), "{left:?}");
        assert!(left.stderr.contains(&says), "{left:?}");
    }
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
    let places: Vec<_> =
        (0..whole.len() - known.len()).filter(|at| whole[*at..].starts_with(known)).collect();
    let mut newer = whole.clone();
    for at in places {
        newer[at..at + known.len()].copy_from_slice(b"pulsing:actor/system@0.3.0");
    }
    refused(
        &newer,
        &["was built for version 0.3.0 of the actor interface, and this host runs 0.2.0: use a newer host"],
    );
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
