//! Clients that hold connections: with half a head, half a body, answers that they do not read.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use pulsing_tests::guest_file;

use super::raw::{address, answer, exchange, send, status};
use crate::http::open;
use crate::program::{RunningHost, run, text, wait_until};

/// How many connections a host has beyond its requests.
const RESERVE: usize = 64;
const HALF_A_HEAD: &str = "POST /v1/actors/waiter/ask/nap HTTP/1.1\r\nHost: loc";

fn host(connections_max: usize) -> RunningHost {
    let (waiter, counter) = (guest_file("waiter").unwrap(), guest_file("counter").unwrap());
    let connections_max = connections_max.to_string();
    RunningHost::start(&[text(&waiter), text(&counter), "--connections-max", &connections_max], 2)
}

fn get(host: &RunningHost, path: &str) -> u16 {
    status(&exchange(host, &format!("GET {path} HTTP/1.1\r\nHost: {}", address(host))))
}

/// An ask that takes until somebody ends it.
fn nap(host: &RunningHost, more: &str) -> String {
    let (address, body) = (address(host), "[3600000]");
    format!(
        "POST /v1/actors/waiter/ask/nap HTTP/1.1\r\nHost: {address}\r\nPulsing-Timeout-Ms: 3600000\r\n{more}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn running(host: &RunningHost) -> String {
    host.client(&["ask", "waiter", "running"]).stdout
}

/// Whether the host has closed it. Nothing was sent to it.
fn is_closed(connection: &mut TcpStream) -> bool {
    connection.set_nonblocking(true).unwrap();
    match connection.read(&mut [0]) {
        Ok(bytes) => {
            assert_eq!(bytes, 0, "it was sent something");
            true
        }
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn half_heads_give_way_the_oldest_first_and_what_carries_a_request_stays() {
    const REQUESTS: usize = 40;
    const MORE: usize = 30;
    let host = host(REQUESTS);
    let mut stream = open(&host, "waiter/stream/numbers", "", "[1]");
    let mut asking = send(&host, &nap(&host, ""));
    wait_until(|| running(&host) == "2\n");
    let mut halves: Vec<_> = (0..REQUESTS + RESERVE + MORE).map(|_| send(&host, HALF_A_HEAD)).collect();
    assert_eq!(get(&host, "/healthz"), 200);
    // The youngest goes on, and is served.
    let mut youngest = halves.pop().unwrap();
    youngest.write_all(b"alhost\r\nContent-Length: 3\r\nConnection: close\r\n\r\n[1]").unwrap();
    assert_eq!(status(&answer(youngest)), 200);
    // For the stream, the ask, and the one that asked for health.
    wait_until(|| halves[..MORE + 3].iter_mut().all(is_closed));
    let closed: Vec<_> = halves.iter_mut().map(is_closed).collect();
    assert!(closed.is_sorted_by(|before, after| before >= after), "the oldest first: {closed:?}");
    // Both that carried a request are served all the while.
    let mut line = String::new();
    for _ in 0..100 {
        assert!(stream.read_line(&mut line).unwrap() > 0, "{line}");
    }
    assert!(!is_closed(&mut asking));
    assert_eq!(host.client(&["stop", "counter"]).code, Some(0));
}

#[test]
fn with_as_many_requests_as_there_may_be_operators_are_served_and_messages_are_told_to_come_back() {
    let host = host(4);
    let asking: Vec<_> = (0..4).map(|_| send(&host, &nap(&host, ""))).collect();
    wait_until(|| {
        let actor: serde_json::Value = serde_json::from_str(&host.get("/v1/actors/waiter")).unwrap();
        actor["in_flight"] == 4
    });
    let refused = answer(send(&host, &nap(&host, "Connection: close\r\n")));
    assert_eq!(status(&refused), 503, "{refused}");
    for says in [
        "retry-after: 1\r\n",
        "application/problem+json",
        "\"recoverable\":true",
        "urn:pulsing:error:request",
    ] {
        assert!(refused.contains(says), "{says} is missing in {refused}");
    }
    let left = host.client(&["ask", "waiter", "running"]);
    left.assert_failed(7, &["the host serves as many requests as it may already"]);
    for path in ["/healthz", "/metrics", "/v1/actors", "/v1/actors/waiter", "/v1/actors/waiter/dead-letters"]
    {
        assert_eq!(get(&host, path), 200, "{path}");
    }
    assert_eq!(host.client(&["restart", "counter"]).code, Some(0));
    assert_eq!(host.client(&["stop", "counter"]).code, Some(0));
    drop(asking);
    wait_until(|| running(&host) == "0\n");
}

#[test]
fn bodies_that_trickle_give_way_to_messages_the_oldest_first() {
    let host = host(4);
    let nap = nap(&host, "Expect: 100-continue\r\n");
    let trickle = || {
        let mut connection = send(&host, &nap[..nap.len() - 1]);
        // The host has read its head.
        let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        connection.read_exact(&mut go_on).unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        connection
    };
    let mut trickling: Vec<_> = (0..4).map(|_| trickle()).collect();
    assert_eq!(get(&host, "/healthz"), 200);
    assert_eq!(get(&host, "/v1/actors/waiter"), 200);
    let mut seen = Vec::new();
    wait_until(|| {
        let answered = exchange(
            &host,
            &format!(
                "POST /v1/actors/waiter/ask/running HTTP/1.1\r\nHost: {}\r\nContent-Length: 0",
                address(&host)
            ),
        );
        seen.push(status(&answered));
        seen.last() == Some(&200)
    });
    assert!(seen.iter().all(|status| [200, 503].contains(status)), "{seen:?}");
    wait_until(|| is_closed(&mut trickling[0]));
    let closed: Vec<_> = trickling.iter_mut().map(is_closed).collect();
    assert_eq!(closed, [true, false, false, false]);
    // None of them has reached the actor.
    assert_eq!(running(&host), "0\n");
}

#[cfg(target_os = "linux")]
#[test]
fn half_heads_give_way_also_where_the_system_has_no_socket_left() {
    let counter = guest_file("counter").unwrap();
    let host =
        RunningHost::start_under(&["sh", "-c", "ulimit -n 200 && exec \"$@\"", "sh"], &[text(&counter)], 1);
    let mut halves: Vec<_> = (0..300).map(|_| send(&host, HALF_A_HEAD)).collect();
    assert_eq!(get(&host, "/healthz"), 200);
    assert_eq!(host.client(&["stop", "counter"]).code, Some(0));
    wait_until(|| halves[..100].iter_mut().all(is_closed));
    let closed: Vec<_> = halves.iter_mut().map(is_closed).collect();
    assert!(closed.is_sorted_by(|before, after| before >= after), "the oldest first: {closed:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn half_bodies_give_way_where_the_system_has_no_socket_left() {
    const SOCKETS: usize = 200;
    let waiter = guest_file("waiter").unwrap();
    let host =
        RunningHost::start_under(&["sh", "-c", "ulimit -n 200 && exec \"$@\"", "sh"], &[text(&waiter)], 1);
    let nap = nap(&host, "");
    let mut halves: Vec<_> = (0..SOCKETS + 100).map(|_| send(&host, &nap[..nap.len() - 1])).collect();
    assert_eq!(get(&host, "/healthz"), 200);
    // Each without an answer, which those have that were waited for to the end.
    wait_until(|| halves.iter_mut().filter_map(|half| is_closed(half).then_some(())).count() > 100);
    assert_eq!(running(&host), "0\n");
}

#[test]
fn a_client_without_a_token_throws_out_nobody_and_is_heard_once() {
    let folder = tempfile::tempdir().unwrap();
    let (tokens, waiter) = (folder.path().join("tokens.toml"), guest_file("waiter").unwrap());
    let made = run(&["token", "new", "ci", "--scope", "send", "--scope", "read", "--tokens", text(&tokens)]);
    let bearer = format!("Authorization: Bearer {}\r\n", made.stdout.trim_end());
    let host = RunningHost::start(&[text(&waiter), "--tokens", text(&tokens), "--connections-max", "1"], 1);
    let known = nap(&host, &format!("{bearer}Connection: close\r\n")).replace("[3600000]", "[1      ]");
    let begun = std::time::Instant::now();
    let mut uploading = send(&host, &known[..known.len() - 1]);
    let whole = nap(&host, "");
    // For longer than a body has before it gives way.
    while begun.elapsed() < std::time::Duration::from_secs(3) {
        for stranger in [&whole, &whole[..whole.len() - 1]] {
            let answered = answer(send(&host, stranger));
            assert_eq!(status(&answered), 401, "{answered}");
            assert!(answered.contains("connection: close\r\n"), "{answered}");
        }
        let busy = exchange(&host, &format!("GET /v1/actors HTTP/1.1\r\nHost: x\r\n{}", bearer.trim_end()));
        assert_eq!(status(&busy), 200, "{busy}");
    }
    uploading.write_all(b"]").unwrap();
    let answered = answer(uploading);
    assert_eq!(status(&answered), 200, "{answered}");
}

#[test]
fn a_page_reads_that_the_host_is_busy_only_if_it_was_granted() {
    let waiter = guest_file("waiter").unwrap();
    let args = [text(&waiter), "--connections-max", "1", "--origin", "https://app.example"];
    let host = RunningHost::start(&args, 1);
    let _asking = send(&host, &nap(&host, ""));
    wait_until(|| {
        let actor: serde_json::Value = serde_json::from_str(&host.get("/v1/actors/waiter")).unwrap();
        actor["in_flight"] == 1
    });
    let from = |origin: &str| {
        answer(send(&host, &nap(&host, &format!("Origin: {origin}\r\nConnection: close\r\n"))))
    };
    let busy = from("https://app.example");
    assert_eq!(status(&busy), 503, "{busy}");
    for says in ["access-control-allow-origin: https://app.example\r\n", "retry-after: 1\r\n"] {
        assert!(busy.contains(says), "{says} is missing in {busy}");
    }
    let refused = from("https://evil.example");
    assert_eq!(status(&refused), 403, "{refused}");
    let asked = format!(
        "OPTIONS /v1/actors/waiter/ask/nap HTTP/1.1\r\nHost: {}\r\nOrigin: https://app.example\r\n\
         Access-Control-Request-Method: POST",
        address(&host)
    );
    let asked = exchange(&host, &asked);
    assert_eq!(status(&asked), 200, "{asked}");
}

#[test]
fn connections_that_wait_between_two_requests_give_way() {
    let host = host(1);
    let whole = format!("GET /v1/actors/nobody HTTP/1.1\r\nHost: {}\r\n\r\n", address(&host));
    let mut kept: Vec<_> = (0..1 + RESERVE)
        .map(|_| {
            let mut connection = BufReader::new(send(&host, &whole));
            let (mut line, mut length) = (String::new(), 0);
            while line != "\r\n" {
                line.clear();
                connection.read_line(&mut line).unwrap();
                if let Some(bytes) = line.strip_prefix("content-length: ") {
                    length = bytes.trim().parse().unwrap();
                }
            }
            connection.read_exact(&mut vec![0; length]).unwrap();
            connection.into_inner()
        })
        .collect();
    assert_eq!(get(&host, "/healthz"), 200);
    wait_until(|| is_closed(&mut kept[0]));
    assert!(!is_closed(kept.last_mut().unwrap()));
}

#[test]
fn a_client_that_sends_more_than_is_taken_reads_why() {
    const BYTES: usize = 40 << 20;
    let host = host(100);
    let body = vec![b'x'; BYTES];
    let post = |target: &str, more: &str| {
        let host_header = address(&host);
        let head =
            format!("POST {target} HTTP/1.1\r\nHost: {host_header}\r\nContent-Length: {BYTES}\r\n{more}\r\n");
        send(&host, &head)
    };
    for (target, more, refused) in [
        ("/v1/actors/waiter/ask/nap", "", 413),
        ("/v1/actors/waiter/ask/nap", "Origin: http://evil.example\r\n", 403),
        ("/v1/actors/nobody/ask/nap", "", 404),
        ("/healthz", "", 405),
    ] {
        for _ in 0..4 {
            let mut connection = post(target, more);
            connection.write_all(&body).unwrap();
            let answered = answer(connection);
            assert_eq!(status(&answered), refused, "{answered}");
            assert!(answered.contains("connection: close\r\n"), "{answered}");
        }
    }
    // One that asks first is told at once, and not to go on.
    let asked = answer(post("/v1/actors/waiter/ask/nap", "Expect: 100-continue\r\nConnection: close\r\n"));
    assert_eq!(status(&asked), 413, "{asked}");
}
