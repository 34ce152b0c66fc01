//! What is said on a command line, in variables and in a configuration file: taken as it is meant, or refused by the name
//! that it has there.

use std::fs;
use std::net::TcpListener;

use pulsing_tests::guest_file;

use crate::PATIENCE;
use crate::program::{RunningHost, run, run_with, text};

#[test]
fn what_cannot_be_is_refused_by_its_flag() {
    let counter = guest_file("counter").unwrap();
    for (flag, value, why) in [
        ("--ask-timeout", "0s", "it must be longer than 0 s"),
        ("--ask-timeout", "0", "it must be longer than 0 s"),
        ("--ask-timeout", "soon", "a time is such as 100ms, 30s, 5min, or a number of seconds"),
        ("--compile-time-max", "0ms", "it must be longer than 0 s"),
        ("--memory-max", "0", "it must be more than 0 bytes"),
        ("--host-memory-max", "0MiB", "it must be more than 0 bytes"),
        ("--compile-memory-max", "0", "it must be more than 0 bytes"),
        ("--listen", "localhost", "`localhost` is no address to listen on: give ADDRESS:PORT"),
        ("--listen", "127.0.0.1", "or PORT for 127.0.0.1 alone; port 0 is a free one"),
        ("--listen", "example.com:80", "is no address to listen on"),
        ("--connections-max", "0", "zero"),
        ("--http", "https://a.example/path", "there is no path"),
    ] {
        let left = run(&["run", text(&counter), flag, value]);
        left.assert_failed(2, &[&format!("invalid value '{value}' for '{flag} <"), why]);
    }
}

#[test]
fn what_a_client_cannot_send_is_refused_by_its_flag_and_nothing_is_sent() {
    let ask = ["ask", "counter", "get", "--host", "127.0.0.1:1"];
    for (flag, value, why) in [
        ("--timeout", "0s", "it must be from 1ms to 24h"),
        ("--timeout", "1us", "it must be from 1ms to 24h"),
        ("--timeout", "2days", "it must be from 1ms to 24h"),
        ("--idempotency-key", "", "it must be 1 to 256 visible ASCII characters"),
        ("--idempotency-key", "k\u{e9}y", "it must be 1 to 256 visible ASCII characters"),
    ] {
        let left = run(&[ask.as_slice(), &[flag, value]].concat());
        left.assert_failed(2, &[&format!("invalid value '{value}' for '{flag} <"), why]);
    }
    let stream = ["stream", "counter", "get", "--host", "127.0.0.1:1"];
    run(&[stream.as_slice(), &["--resume-after", "9007199254740992"]].concat())
        .assert_failed(2, &["invalid value '9007199254740992' for '--resume-after <N>'"]);
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let counter = guest_file("counter").unwrap();
    for variable in ["PULSING_TOKENS", "PULSING_TOKEN_FILE", "PULSING_LOG", "PULSING_CACHE_DIR"] {
        let host = RunningHost::start_with((variable, ""), &[text(&counter)], 1);
        assert_eq!(host.client(&["ask", "counter", "get"]).stdout, "0\n", "{variable}");
    }
    let host = RunningHost::start(&[text(&counter)], 1);
    for variable in ["PULSING_TOKEN_FILE", "PULSING_CA_CERT"] {
        let left = run_with((variable, ""), &["ask", "counter", "get", "--host", &host.url], PATIENCE);
        assert_eq!((left.code, left.stdout.as_str()), (Some(0), "0\n"), "{variable}: {left:?}");
    }
    // Without it, a client looks where a host is by default.
    let left = run_with(("PULSING_HOST", ""), &["inspect", "no-such-actor"], PATIENCE);
    assert_ne!(left.code, Some(2), "{left:?}");
    let left = run_with(("PULSING_TOKENS", ""), &["token", "list"], PATIENCE);
    assert_eq!(left.code, Some(2), "{left:?}");
    assert!(left.stderr.contains("required arguments were not provided:\n  --tokens <FILE>"), "{left:?}");
}

#[test]
fn what_is_wrong_in_a_variable_is_refused_as_it_was_written_and_by_its_name() {
    let counter = guest_file("counter").unwrap();
    for (variable, value, args, says) in [
        ("PULSING_LOG", "verbose", &["run", text(&counter)][..], "--log-level verbose (or PULSING_LOG): "),
        (
            "PULSING_HOST",
            "ftp://x",
            &["ls"],
            "--host ftp://x (or PULSING_HOST): this is no address of a host",
        ),
        (
            "PULSING_CA_CERT",
            "nowhere.pem",
            &["ls"],
            "--ca-cert nowhere.pem (or PULSING_CA_CERT): no such file",
        ),
    ] {
        run_with((variable, value), args, PATIENCE).assert_failed(2, &[says]);
    }
    run(&["run", text(&counter), "--log-level", "verbose"])
        .assert_failed(2, &["--log-level verbose", "give error, warn, info, debug, trace, off, or a filter"]);
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_host_listens_on_loopback_where_a_port_alone_is_given() {
    let counter = guest_file("counter").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("host.toml");
    for listen in [":0", "localhost:0", "0"] {
        fs::write(
            &config,
            format!("listen = \"{listen}\"\nactors.counter = {{ component = {counter:?} }}\n"),
        )
        .unwrap();
        let host = RunningHost::start_as_configured(&["--config", text(&config)], 1);
        assert!(host.url.starts_with("http://127.0.0.1:"), "{}", host.url);
        let host = RunningHost::start_as_configured(&[text(&counter), "--listen", listen], 1);
        assert!(host.url.starts_with("http://127.0.0.1:"), "{}", host.url);
        // And clients find it the same ways.
        let port = host.url.rsplit(':').next().unwrap().to_owned();
        for named in [port.clone(), format!(":{port}"), format!("localhost:{port}"), format!("{}/", host.url)]
        {
            let left = run(&["ask", "counter", "get", "--host", &named]);
            assert_eq!((left.code, left.stdout.as_str()), (Some(0), "0\n"), "{named}: {left:?}");
        }
    }
    let port = free_port();
    fs::write(&config, format!("listen = {port}\nactors.counter = {{ component = {counter:?} }}\n")).unwrap();
    let host = RunningHost::start_as_configured(&["--config", text(&config)], 1);
    assert_eq!(host.url, format!("http://127.0.0.1:{port}"));
}

#[test]
fn numbers_in_a_configuration_file_are_seconds_and_what_cannot_be_has_its_line() {
    let counter = guest_file("counter").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("host.toml");
    let write = |more: &str| {
        fs::write(&config, format!("[actors.counter]\ncomponent = {counter:?}\n{more}\n")).unwrap();
    };
    write(
        "restart = { min_backoff = 0.2 }\nlimits = { ask_timeout = 5 }\ngrants = { http = [\"https://a.example/\"] }",
    );
    let host = RunningHost::start(&["--config", text(&config)], 1);
    assert_eq!(host.client(&["ask", "counter", "get"]).stdout, "0\n");
    for (line, says) in [
        ("limits = { ask_timeout = \"0s\" }", "it must be longer than 0 s"),
        ("limits = { handler_max_cpu = 0 }", "it must be longer than 0 s"),
        ("limits = { message_max = 0 }", "it must be more than 0 bytes"),
        ("restart = { min_backoff = -1 }", "a time is not below 0"),
        ("restart = { min_backoff = true }", "a time, such as \"30s\" or 30, a number of seconds"),
    ] {
        write(line);
        run(&["run", "--config", text(&config)]).assert_failed(2, &["host.toml:3: ", says]);
    }
    fs::write(&config, "listen = \"localhost\"\n").unwrap();
    run(&["run", "--config", text(&config)])
        .assert_failed(2, &["host.toml:1: `localhost` is no address to listen on"]);
}
