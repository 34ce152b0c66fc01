//! Guests, clients and servers that make the host keep what no limit of theirs seems to count.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use std::os::unix::fs::symlink;
use std::process::Command;

use pulsing_tests::guest_file;
use serde_json::Value;

use super::raw::{address, answer, exchange, send, status};
use crate::program::{RunningHost, text, wait_until};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// A host with actors of this configuration, and nobody else.
fn host(actors: &[(&str, &str, &str)]) -> (tempfile::TempDir, RunningHost) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("host.toml");
    let section = |(name, guest, more): &(&str, &str, &str)| {
        let restart = "restart = { policy = \"always\", max_restarts = 1000, min_backoff = \"1ms\", quarantine_after = 0 }";
        format!("[actors.{name}]\ncomponent = {:?}\n{restart}\n{more}\n", guest_file(guest).unwrap())
    };
    std::fs::write(&path, actors.iter().map(section).collect::<String>()).unwrap();
    let host = RunningHost::start(&["--config", text(&path)], actors.len());
    (dir, host)
}

/// A number of the system's about the host's process.
fn of_process(host: &RunningHost, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn resident_bytes(host: &RunningHost) -> u64 {
    of_process(host, "VmRSS:") * KIB
}

fn post(host: &RunningHost, path: &str, timeout_ms: u64, body: &str) -> String {
    let (address, length) = (address(host), body.len());
    format!(
        "POST /v1/actors/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Pulsing-Timeout-Ms: {timeout_ms}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn inspect(host: &RunningHost, actor: &str) -> Value {
    let head = format!("GET /v1/actors/{actor} HTTP/1.1\r\nHost: {}", address(host));
    serde_json::from_str(exchange(host, &head).split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn budgets_pipes_in_a_granted_folder_take_no_threads() {
    const TIMES: u64 = 20;
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    symlink("pipe", folder.path().join("link")).unwrap();
    let grants = format!("grants = {{ dirs = [\"{}::/data\"] }}", text(folder.path()));
    let (_dir, host) = host(&[("rogue", "rogue", &format!("{grants}\nlimits = {{ grace = \"1ms\" }}"))]);
    let ask = |method: &str, args: &str| {
        answer(send(&host, &post(&host, &format!("rogue/ask/{method}"), 10_000, args)))
    };
    assert_eq!(status(&ask("list", "[\"/data\"]")), 200);
    let before = of_process(&host, "Threads:");
    for _ in 0..TIMES / 4 {
        for name in ["pipe", "link"] {
            let read = ask("read_file", &format!("[\"/data/{name}\"]"));
            assert!(status(&read) != 504 && read.contains("not permitted"), "{read}");
            let written = ask("write_file", &format!("[\"/data/{name}\",\"x\"]"));
            assert!(status(&written) != 504 && written.contains("not permitted"), "{written}");
        }
    }
    let more = of_process(&host, "Threads:").saturating_sub(before);
    assert!(more < TIMES / 4, "{more} threads more after {TIMES} opened pipes");
    assert_eq!(inspect(&host, "rogue")["generation"], 0);
}

#[test]
fn budgets_half_heads_take_the_buffers_of_their_connections_and_no_more() {
    const CLIENTS: u64 = 500;
    let (_dir, host) = host(&[("counter", "counter", "")]);
    let half = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}", "x".repeat(31 << 10));
    // What is there once, for connections as such.
    let begun: Vec<_> = (0..CLIENTS).map(|_| send(&host, "GET /healthz HTTP/1.1\r\n")).collect();
    assert_eq!(status(&exchange(&host, "GET /healthz HTTP/1.1\r\nHost: localhost")), 200);
    let before = resident_bytes(&host);
    drop(begun);
    let halves: Vec<_> = (0..CLIENTS).map(|_| send(&host, &half)).collect();
    let mut grown = 0;
    for path in ["/healthz", "/metrics"].repeat(20) {
        assert_eq!(status(&exchange(&host, &format!("GET {path} HTTP/1.1\r\nHost: localhost"))), 200);
        grown = grown.max(resident_bytes(&host).saturating_sub(before));
    }
    // Of a connection, 64 KiB are read ahead at most; and what the allocator keeps.
    assert!(grown < CLIENTS * 128 * KIB, "{grown} bytes more for {CLIENTS} heads");
    drop(halves);
}

/// A server that answers everything with a head as long as clients take, and no body.
fn serve_long_heads(header_bytes: usize) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for connection in listener.incoming() {
            let mut connection: TcpStream = connection.unwrap();
            let mut request = [0; 4096];
            let _ = connection.read(&mut request).unwrap();
            let headers: String =
                (0..90).map(|n| format!("X-{n}: {}\r\n", "x".repeat(header_bytes))).collect();
            // The client may refuse it before it has come.
            drop(write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{headers}\r\n"));
            kept.push(connection);
        }
    });
    address
}

#[test]
fn budgets_heads_of_responses_that_a_guest_leaves_are_short() {
    const REQUESTS: usize = 250;
    // With 90 headers, some are below 64 KiB and some above.
    for (header_bytes, taken) in [(600, REQUESTS), (4000, 0)] {
        let server = serve_long_heads(header_bytes);
        let more =
            format!("grants = {{ http = [\"http://{server}\"] }}\nlimits = {{ memory_max = \"32MiB\" }}");
        let (_dir, host) = host(&[("fetcher", "fetcher", &more)]);
        let ask = post(&host, "fetcher/ask/leave_open", 60_000, &format!("[\"http://{server}/\"]"));
        let before = resident_bytes(&host);
        let answers: Vec<_> = (0..REQUESTS).map(|_| answer(send(&host, &ask))).collect();
        let good = answers.iter().filter(|answer| status(answer) == 200).count();
        assert_eq!(good, taken, "{}", answers[0]);
        let grown = resident_bytes(&host).saturating_sub(before);
        assert!(grown < 64 * MIB, "{grown} bytes more for {REQUESTS} heads of 90 times {header_bytes}");
    }
}

#[test]
fn budgets_mailboxes_hold_what_their_own_actor_may_keep_and_no_more() {
    const ACTORS: u64 = 6;
    const KEPT: u64 = 8 * MIB;
    let limits = "limits = { kept_max = \"8MiB\", message_max = \"4MiB\", mailbox_messages = 1000 }";
    let names: Vec<_> = (0..ACTORS).map(|n| format!("rogue-{n}")).collect();
    let actors: Vec<_> = names.iter().map(|name| (name.as_str(), "rogue", limits)).collect();
    let (_dir, host) = host(&actors);
    let asleep: Vec<_> = names
        .iter()
        .map(|name| send(&host, &post(&host, &format!("{name}/ask/sleep"), 3_600_000, "[3600000]")))
        .collect();
    wait_until(|| names.iter().all(|name| inspect(&host, name)["in_flight"] == 1));
    let before = resident_bytes(&host);
    let body = format!("[{:?}]", "x".repeat(2 << 20));
    let mut taken = 0;
    for name in &names {
        for _ in 0..20 {
            let tell = post(&host, &format!("{name}/tell/say"), 1000, &body);
            taken += u64::from(status(&answer(send(&host, &tell))) == 202);
        }
    }
    let grown = resident_bytes(&host).saturating_sub(before);
    assert!(taken <= ACTORS * KEPT / (2 * MIB), "{taken}");
    assert!(grown < 2 * ACTORS * KEPT, "{grown}");
    drop(asleep);
}
