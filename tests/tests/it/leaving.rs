//! Readers over HTTP that go away in mid-stream, and streams without an end.

use std::process::{Command, Stdio};
use std::time::Instant;

use pulsing_tests::guest_file;
use serde_json::Value;

use crate::http::{event_line, open};
use crate::program::{Ended, RunningHost, text, wait_until};

fn host() -> RunningHost {
    RunningHost::start(&[text(&guest_file("ledger").unwrap())], 1)
}

fn count(host: &RunningHost, what: &str) -> u64 {
    let counts: Value = serde_json::from_str(&host.client(&["ask", "ledger", "counts"]).stdout).unwrap();
    counts[what].as_u64().unwrap()
}

/// Waits until the guest has dropped `wanted` streams, and says how long that took.
fn dropped(host: &RunningHost, wanted: u64, who: &str) {
    let begun = Instant::now();
    wait_until(|| count(host, "dropped") == wanted);
    println!("{who} went away: the producer's destructor had run after at most {:?}", begun.elapsed());
    assert_eq!(count(host, "running"), 0);
}

/// In full flow, and while the producer waits an hour for its next item after the second.
const STREAMS: [&str; 2] = ["[4294967295,0,null]", "[2,3600000,null]"];

#[test]
fn a_raw_connection_that_breaks_in_mid_stream_runs_the_producers_destructor() {
    let host = host();
    for (wanted, args) in (1..).zip(STREAMS) {
        let mut stream = open(&host, "ledger/stream/count", "", args);
        let lines: Vec<_> = (0..4).map(|_| event_line(&mut stream)).collect();
        assert_eq!(lines, ["id: 1", "data: 1", "id: 2", "data: 2"]);
        drop(stream);
        dropped(&host, wanted, "a raw client");
    }
}

#[test]
fn a_curl_that_is_killed_in_mid_stream_runs_the_producers_destructor() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("left out: there is no curl on this machine; the raw client shows the same");
        return;
    }
    let host = host();
    let url = format!("{}/v1/actors/ledger/stream/count", host.url);
    for (wanted, args) in (1..).zip(STREAMS) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--no-buffer", "--noproxy", "*", "--data", args]);
        curl.args(["--header", "content-type: application/json", &url]);
        let child = curl.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut curl = Ended(child);
        let mut head = [0; 14];
        std::io::Read::read_exact(curl.0.stdout.as_mut().unwrap(), &mut head).unwrap();
        assert_eq!(&head, b"id: 1\ndata: 1\n");
        curl.0.kill().unwrap();
        curl.0.wait().unwrap();
        dropped(&host, wanted, "curl");
    }
}

/// Bytes of memory that the host holds; none where the system does not say.
fn resident_bytes(host: &RunningHost) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? << 10)
}

fn guest_bytes(host: &RunningHost) -> u64 {
    let actor: Value = serde_json::from_str(&host.client(&["inspect", "ledger"]).stdout).unwrap();
    actor["memory_bytes"].as_u64().unwrap()
}

#[test]
fn a_long_stream_with_a_fast_reader_takes_no_more_memory_at_its_end_than_near_its_begin() {
    /// Room for what allocators do on their own, far below what 270,000 items would take.
    const MARGIN_BYTES: u64 = 8 << 20;
    const ITEMS: u64 = 300_000;
    let host = host();
    let mut stream = open(&host, "ledger/stream/count", "", "[4294967295,0,null]");
    let mut read_to = |wanted: u64| while event_line(&mut stream) != format!("data: {wanted}") {};
    read_to(ITEMS / 10);
    let begin = (guest_bytes(&host), resident_bytes(&host));
    read_to(ITEMS);
    let end = (guest_bytes(&host), resident_bytes(&host));
    println!("guest and host: {begin:?} bytes after {} items, {end:?} after {ITEMS}", ITEMS / 10);
    assert!(end.0 <= begin.0 + (1 << 16), "the guest grew from {} to {}", begin.0, end.0);
    if let (Some(begin), Some(end)) = (begin.1, end.1) {
        assert!(end <= begin + MARGIN_BYTES, "the host grew from {begin} to {end}");
    }
}
