//! Requests in the forms that clients send them in.

use std::io::{Read, Write};
use std::net::TcpStream;

use pulsing_tests::guest_file;
use serde_json::Value;

use crate::program::{RunningHost, run, text};

const INCREMENT: &str = "POST /v1/actors/counter/ask/increment HTTP/1.1";

fn host(args: &[&str]) -> RunningHost {
    let file = guest_file("counter").unwrap();
    RunningHost::start(&[&[text(&file)], args].concat(), 1)
}

/// The status, the head and the body of what answers a request with this line, these headers and this body.
fn exchange(host: &RunningHost, line: &str, headers: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let address = host.url.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(crate::PATIENCE)).unwrap();
    let head = format!("{line}\r\nHost: {address}\r\nConnection: close\r\n{headers}");
    let length = if headers.contains("Content-Length") {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    connection.write_all(format!("{head}{length}\r\n").as_bytes()).unwrap();
    connection.write_all(body).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer).unwrap();
    (head[9..12].parse().unwrap(), head, body)
}

/// The value that answers an increment.
fn incremented(host: &RunningHost, headers: &str, body: &[u8]) -> String {
    let (status, _, body) = exchange(host, INCREMENT, headers, body);
    let body = String::from_utf8(body).unwrap();
    assert_eq!(status, 200, "{headers}: {body}");
    body
}

/// The problem's detail that answers a request.
fn refused(host: &RunningHost, line: &str, headers: &str, body: &[u8], status: u16) -> String {
    let (answered, head, body) = exchange(host, line, headers, body);
    assert_eq!(answered, status, "{line}: {head}");
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["status"], status);
    problem["detail"].as_str().unwrap().to_owned()
}

#[test]
fn an_empty_body_is_no_arguments_whatever_its_type() {
    let host = host(&[]);
    for (content_type, count) in
        [("application/octet-stream", "1"), ("application/json", "2"), ("text/plain", "3"), ("", "4")]
    {
        assert_eq!(incremented(&host, &format!("Content-Type: {content_type}\r\n"), b""), count);
    }
    assert_eq!(incremented(&host, "", b""), "5");
}

#[test]
fn a_byte_order_mark_before_json_is_taken_away() {
    let host = host(&[]);
    assert_eq!(incremented(&host, "Content-Type: application/json\r\n", b"\xef\xbb\xbf{\"n\":5}"), "5");
    assert_eq!(incremented(&host, "", b"\xef\xbb\xbf"), "6");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"\xef\xbb\xbf[4]").unwrap();
    let argument = format!("@{}", text(file.path()));
    assert_eq!(host.client(&["ask", "counter", "increment", &argument]).stdout, "10\n");
}

#[test]
fn a_query_parameter_is_refused_by_its_name_on_every_route() {
    let host = host(&[]);
    let says = |name: &str| {
        format!(
            "the query parameter `{name}` means nothing here: arguments are sent in the body, and all else in headers"
        )
    };
    for route in pulsing_host::gateway::routes() {
        let path = route.path.replace("{name}", "counter").replace("{method}", "increment");
        let line = format!("{} {path}?&timeout=5&n=2 HTTP/1.1", route.verb);
        assert_eq!(refused(&host, &line, "", b"", 400), says("timeout"), "{line}");
    }
    assert_eq!(host.client(&["ask", "counter", "get"]).stdout, "0\n", "nothing was done");
    let line = format!("GET /v1/actors?{} HTTP/1.1", "x".repeat(5000));
    assert!(refused(&host, &line, "", b"", 400).len() < 300);
    // What there is no route for is said first, and a mark without a parameter is none.
    assert!(refused(&host, "GET /v1/actor?a=1 HTTP/1.1", "", b"", 404).starts_with("there is nothing at"));
    assert_eq!(exchange(&host, "GET /v1/actors? HTTP/1.1", "", b"").0, 200);
}

#[test]
fn a_packed_body_is_refused_before_it_is_read() {
    let host = host(&[]);
    for coding in ["gzip", "br", "GZIP, identity", "x"] {
        // One that never comes, and that its sender would be told to go on with.
        let headers =
            format!("Content-Encoding: {coding}\r\nExpect: 100-continue\r\nContent-Length: 100\r\n");
        let (status, head, body) = exchange(&host, INCREMENT, &headers, b"");
        assert_eq!(status, 415, "{head}");
        assert!(head.contains("\r\naccept-encoding: identity\r\n"), "{head}");
        let problem: Value = serde_json::from_slice(&body).unwrap();
        let detail = format!(
            "the body comes as `content-encoding: {coding}`, and this host unpacks none: send it as it is"
        );
        assert_eq!(problem["detail"], detail);
    }
    assert_eq!(incremented(&host, "Content-Encoding: identity\r\n", b"[1]"), "1");
    assert_eq!(incremented(&host, "Content-Encoding: \r\n", b"[1]"), "2");
}

#[test]
fn what_is_too_large_is_refused_and_its_sender_not_told_to_go_on() {
    let host = host(&[]);
    let headers = "Expect: 100-continue\r\nContent-Length: 5000000\r\n";
    let (status, head, _) = exchange(&host, INCREMENT, headers, b"");
    assert_eq!(status, 413, "{head}");
    assert!(!head.contains("100 Continue"), "{head}");
}

#[test]
fn an_empty_last_event_id_is_none() {
    let host = host(&[]);
    let line = "POST /v1/actors/counter/stream/increment HTTP/1.1";
    let (status, _, body) = exchange(&host, line, "Last-Event-ID:\r\n", b"[1]");
    assert_eq!(status, 200);
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains("id: 1\ndata: 1\n"), "{body}");
    let detail = refused(&host, line, "Last-Event-ID: x\r\n", b"[1]", 400);
    assert_eq!(detail, "the header `last-event-id` must be a whole number from 0 to 9007199254740991");
}

#[test]
fn a_key_repeats_the_same_arguments_in_another_spelling() {
    let host = host(&["--reply-cache", "10"]);
    let key = "Idempotency-Key: k\r\n";
    for body in ["{\"n\":5}", "{ \"n\" : 5 }\n", "{\"\\u006e\":5}", "\u{feff}{\"n\":5}"] {
        assert_eq!(incremented(&host, key, body.as_bytes()), "5", "{body}");
    }
    let detail = refused(&host, INCREMENT, key, b"{\"n\":6}", 422);
    assert_eq!(detail, "the idempotency key was used before, with other arguments");
    assert_eq!(host.client(&["ask", "counter", "get"]).stdout, "5\n", "it was handled once");
}

#[test]
fn a_file_of_arguments_may_begin_with_a_mark_and_have_nothing_else_before() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"\xef\xbb\xbf\xef\xbb\xbf[4]").unwrap();
    let argument = format!("@{}", text(file.path()));
    run(&["ask", "counter", "increment", &argument, "--host", "127.0.0.1:1"])
        .assert_failed(2, &["the arguments are no JSON"]);
}
