//! What a guest wrote during one call, and who gets to read it.

use pulsing_tests::guest_file;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Left, RunningHost, text, wait_until};

const CARD: &str = "4111-1111";

/// The actor that writes what is secret, and another that may watch and ask it. `more` is said of the first.
fn host(more: &str) -> (TempDir, RunningHost) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("host.toml");
    let file = guest_file("rogue").unwrap();
    let toml = format!(
        "[actors.shop]\ncomponent = {file:?}\n{more}\n[actors.spy]\ncomponent = {file:?}\ngrants = {{ ask = [\"shop\"] }}\n"
    );
    std::fs::write(&path, toml).unwrap();
    let host = RunningHost::start_logging_to(&dir.path().join("log"), &["--config", text(&path)]);
    assert_eq!((&host.line()[..10], &host.line()[..9]), ("ready shop", "ready spy"));
    (dir, host)
}

fn log(dir: &TempDir) -> String {
    std::fs::read_to_string(dir.path().join("log")).unwrap()
}

fn ask(host: &RunningHost, method: &str, args: Value) -> Left {
    host.client(&["ask", "shop", method, &args.to_string()])
}

/// One customer pays.
fn pay(host: &RunningHost) {
    assert_eq!(ask(host, "pay", json!([CARD])).stdout, "\"paid\"\n");
}

/// The whole answer of a host to a POST.
fn post(host: &RunningHost, path: &str, body: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().timeout(crate::PATIENCE).build().unwrap();
    let answer = async {
        let answer = client.post(format!("{}{path}", host.url)).body(body.to_owned()).send().await?;
        Ok::<_, reqwest::Error>(format!("{:?}\n{}", answer.headers().clone(), answer.text().await?))
    };
    tokio::runtime::Runtime::new().unwrap().block_on(answer).unwrap()
}

fn assert_nothing_of_it(told: &str) {
    for secret in [CARD, "4111", "charging", "rogue::", "told to"] {
        assert!(!told.contains(secret), "{secret:?} is in: {told}");
    }
}

#[test]
fn what_an_actor_logged_in_one_call_is_told_to_no_other_caller() {
    let (dir, host) = host("");
    pay(&host);
    let told = ask(&host, "recurse", json!([]));
    told.assert_failed(
        3,
        &["`recurse` was cut off: the actor crashed: wasm trap: ", "the log of its host says more"],
    );
    assert_nothing_of_it(&told.stderr);
    pay(&host);
    let told = post(&host, "/v1/actors/shop/ask/panic", "[]");
    assert!(told.contains("`panic` was cut off: the actor crashed: wasm trap: "), "{told}");
    assert_nothing_of_it(&told);
    pay(&host);
    let told = host.client(&["stream", "shop", "exit", "[1]"]);
    told.assert_failed(3, &["`exit` was cut off: the actor exited with code 1"]);
    assert_nothing_of_it(&told.stderr);
    // The operator reads all of it.
    pay(&host);
    ask(&host, "panic", json!([]));
    let seen: Value = serde_json::from_str(&host.client(&["inspect", "shop"]).stdout).unwrap();
    let message = seen["last_exit"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("it wrote last: charging card {CARD}")), "{message}");
    assert!(seen["last_exit"]["backtrace"].to_string().contains("rogue"), "{seen}");
    host.stop();
    let log = log(&dir);
    assert!(log.lines().any(|line| line.contains("it wrote last: charging card")), "{log}");
}

#[test]
fn a_message_in_quarantine_and_a_failed_actor_tell_callers_nothing_that_was_logged() {
    let (_dir, host) = host("restart = { max_restarts = 2, min_backoff = \"1ms\", max_backoff = \"1ms\" }");
    for _ in 0..2 {
        pay(&host);
        assert_nothing_of_it(&ask(&host, "panic", json!([])).stderr);
    }
    pay(&host);
    let told = ask(&host, "panic", json!([]));
    told.assert_failed(3, &["in quarantine: it ended 2 lives, the last: crashed: wasm trap: "]);
    assert_nothing_of_it(&told.stderr);
    let letters = host.client(&["dead-letters", "shop"]).stdout;
    assert!(letters.contains(&format!("charging card {CARD}")), "the operator reads it: {letters}");
    pay(&host);
    ask(&host, "recurse", json!([]));
    wait_until(|| host.client(&["ls"]).stdout.contains("failed"));
    let told = ask(&host, "count", json!([]));
    told.assert_failed(7, &["`shop` has failed: it crashed: wasm trap: "]);
    assert_nothing_of_it(&told.stderr);
    host.stop();
}

/// What a peer is told that watches while one life after the other crashes, and is followed by a restart.
fn first_end_that_is_told(host: &RunningHost) -> String {
    let watching = host.client_in_background(&["ask", "spy", "words_of_end_of", "[\"shop\"]"]);
    // An end that came before the watch is not told: one comes after the other until it is.
    std::thread::scope(|scope| {
        let answer = scope.spawn(move || watching.output());
        let mut turn = 0;
        while !answer.is_finished() {
            turn += 1;
            ask(host, "pay", json!([CARD]));
            ask(host, "cry", json!([1, turn]));
            host.client(&["restart", "shop"]);
        }
        answer.join().unwrap()
    })
}

#[test]
fn a_peer_that_watches_or_asks_is_told_nothing_that_was_logged() {
    let (_dir, host) = host("");
    pay(&host);
    // The end that it is told may be that of the restart.
    let mut ends = (0..5).map(|_| first_end_that_is_told(&host));
    let told = ends.find(|told| told.contains("trapped")).expect("one of the ends is a crash");
    assert!(told.contains("generation") && told.contains("trapped"), "{told}");
    assert_nothing_of_it(&told);
    host.stop();
}

#[test]
fn a_start_that_fails_tells_whoever_asked_for_it_nothing_of_the_guests() {
    let (_dir, host) = host("config = { refuse_next_start = true }");
    let told = post(&host, "/v1/actors/shop/restart", "");
    let why =
        "`shop` did not come back: failed to start, with a business error; the log of its host says more";
    assert!(told.contains(why), "{told}");
    assert_nothing_of_it(&told);
    let told = ask(&host, "count", json!([]));
    told.assert_failed(7, &["`shop` has failed: it failed to start, with a business error"]);
    assert_nothing_of_it(&told.stderr);
    host.stop();
}
