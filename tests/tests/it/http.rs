//! The gateway over real connections.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use pulsing_tests::guest_file;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::program::{RunningHost, text, wait_until};

fn host(guest: &str) -> RunningHost {
    RunningHost::start(&[text(&guest_file(guest).unwrap())], 1)
}

async fn post(host: &RunningHost, path: &str, body: Value) -> Response {
    let url = format!("{}/v1/actors/{path}", host.url);
    Client::builder().no_proxy().build().unwrap().post(url).json(&body).send().await.unwrap()
}

#[tokio::test]
async fn an_ask_is_answered_with_json() {
    let host = host("counter");
    let response = post(&host, "counter/ask/increment", json!({"n": 5})).await;
    assert_eq!(
        (response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()),
        (200, "application/json")
    );
    assert_eq!(response.json::<i64>().await.unwrap(), 5);
    assert_eq!(post(&host, "counter/tell/increment", json!([1])).await.status(), 202);
}

#[tokio::test]
async fn an_error_is_a_problem_with_its_class() {
    let host = host("rogue");
    for (class, status, kind) in [
        ("business", 422, "business"),
        ("system", 500, "system"),
        ("timeout", 504, "timeout"),
        ("unsupported", 404, "unsupported"),
        ("cancelled", 499, "cancelled"),
    ] {
        let response = post(&host, "rogue/ask/fail", json!([class])).await;
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["kind"], kind, "{problem}");
    }
    assert_eq!(post(&host, "nobody/ask/x", json!([])).await.status(), 404);
}

/// Opens a stream over a connection of its own, and answers it with the head read.
pub(crate) fn open(host: &RunningHost, path: &str, headers: &str, body: &str) -> BufReader<TcpStream> {
    let address = host.url.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(crate::PATIENCE)).unwrap();
    let length = body.len();
    write!(
        connection,
        "POST /v1/actors/{path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the head has an end");
    }
    reader
}

/// The lines of all events of a stream, up to the data of the one that ends it.
pub(crate) fn events(host: &RunningHost, path: &str, body: &str) -> Vec<String> {
    let mut stream = open(host, path, "", body);
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.starts_with("event: ")) {
        lines.push(event_line(&mut stream));
    }
    lines.push(event_line(&mut stream));
    lines
}

/// The next line of an event, without the framing of chunks around it.
pub(crate) fn event_line(reader: &mut BufReader<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the stream goes on");
        if line.contains(": ") {
            return line.trim_end().to_owned();
        }
    }
}

#[test]
fn a_stream_is_server_sent_events_and_is_taken_up_again() {
    let host = host("rogue");
    let mut stream = open(&host, "rogue/stream/numbers", "Last-Event-ID: 2\r\n", "[3]");
    let lines: Vec<_> = (0..4).map(|_| event_line(&mut stream)).collect();
    assert_eq!(lines, ["id: 3", "data: 3", "event: done", "data: {}"]);
}

#[test]
fn a_connection_that_closes_in_mid_stream_ends_the_stream_in_the_guest() {
    let host = host("waiter");
    let mut stream = open(&host, "waiter/stream/numbers", "", "[1]");
    assert_eq!(event_line(&mut stream), "id: 1");
    drop(stream);
    wait_until(|| host.client(&["ask", "waiter", "dropped"]).stdout == "1\n");
    // Also while the guest waits, and nothing is sent.
    let silent = open(&host, "waiter/stream/numbers", "", "[3600000]");
    wait_until(|| host.client(&["ask", "waiter", "running"]).stdout == "1\n");
    drop(silent);
    wait_until(|| host.client(&["ask", "waiter", "dropped"]).stdout == "2\n");
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused() {
    let host = host("counter");
    let client = Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/v1/actors/counter/ask/get", host.url);
    let response = client.post(&url).header("Origin", "http://evil.example").send().await.unwrap();
    assert_eq!(response.status(), 403);
    let response = client.post(&url).header("Host", "evil.example").send().await.unwrap();
    assert_eq!(response.status(), 403);
    assert_eq!(client.post(&url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn metrics_and_health_are_there() {
    let host = host("counter");
    let client = Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| client.get(format!("{}{path}", host.url)).send().await.unwrap();
    assert_eq!(get("/healthz").await.status(), 200);
    let metrics = get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("pulsing_mailbox_depth_messages{actor=\"counter\"} 0"), "{metrics}");
}

#[tokio::test]
async fn an_actor_that_takes_messages_from_others_alone_takes_none_over_http() {
    let file = guest_file("counter").unwrap();
    let host = RunningHost::start(&[text(&file), "--from", "other"], 1);
    for path in ["counter/ask/increment", "counter/tell/increment", "counter/stream/increment"] {
        let response = post(&host, path, json!([1])).await;
        assert_eq!(response.status().as_u16(), 403, "{path}");
        let problem: Value = response.json().await.unwrap();
        assert!(
            problem["detail"].as_str().unwrap().contains("needs the grant `from` for @http"),
            "{problem}"
        );
    }
    let host = RunningHost::start(&[text(&file), "--from", "other", "--from", "@http"], 1);
    assert_eq!(post(&host, "counter/ask/increment", json!([1])).await.status(), 200);
}

#[cfg(target_os = "linux")]
#[test]
fn a_host_opens_as_many_files_as_the_system_lets_it() {
    let guest = guest_file("counter").unwrap();
    let host =
        RunningHost::start_under(&["sh", "-c", "ulimit -S -n 100 && exec \"$@\"", "sh"], &[text(&guest)], 1);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", host.id())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let mut words = line.split_whitespace();
    let (soft, hard) = (words.next().unwrap(), words.next().unwrap());
    assert_eq!(soft, hard);
    assert_ne!(soft, "100");
}

#[test]
fn the_body_of_who_may_not_send_messages_is_not_looked_at() {
    let file = guest_file("counter").unwrap();
    let host = RunningHost::start(&[text(&file), "--from", "other"], 1);
    let address = host.url.strip_prefix("http://").unwrap();
    // One that is no JSON, and one that never comes.
    for body in ["Content-Length: 7\r\n\r\nno json", "Content-Length: 5000000\r\n\r\n"] {
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(crate::PATIENCE)).unwrap();
        write!(connection, "POST /v1/actors/counter/ask/increment HTTP/1.1\r\nHost: {address}\r\n{body}")
            .unwrap();
        let mut status = String::new();
        BufReader::new(connection).read_line(&mut status).unwrap();
        assert_eq!(status, "HTTP/1.1 403 Forbidden\r\n");
    }
}
