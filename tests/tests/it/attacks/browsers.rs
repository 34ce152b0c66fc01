//! Pages in browsers, and requests that can be understood in two ways: none of them commands a host.

mod chromium;

use pulsing_tests::guest_file;
use serde_json::Value;

use super::raw::{address, answer, exchange, send, status};
use crate::program::{RunningHost, run, text};

fn host(args: &[&str]) -> RunningHost {
    let counter = guest_file("counter").unwrap();
    RunningHost::start(&[&[text(&counter)], args].concat(), 1)
}

/// That nobody has stopped, restarted or told the counter anything.
fn assert_untouched(host: &RunningHost) {
    let actor: Value = serde_json::from_str(&host.get("/v1/actors/counter")).unwrap();
    assert_eq!((&actor["state"], &actor["generation"]), (&"running".into(), &0.into()));
    assert_eq!(host.client(&["ask", "counter", "get"]).stdout, "0\n");
}

#[test]
fn what_a_page_sends_is_refused_whatever_it_is() {
    let host = host(&["--origin", "https://app.example"]);
    let here = address(&host);
    for origin in [
        "http://localhost:3000",
        "http://127.0.0.1",
        "http://evil.com@localhost",
        &format!("http://evil.com@{here}"),
        "http://[::1].evil.com",
        "https://app.example.evil.com",
        "http://app.example",
        "null",
        "",
    ] {
        for request in [
            "POST /v1/actors/counter/stop",
            "POST /v1/actors/counter/restart",
            "POST /v1/actors/counter/ask/increment",
            "POST /v1/actors/counter/tell/increment",
            "GET /v1/actors/counter",
            "GET /healthz",
            "OPTIONS /v1/actors/counter/stop",
        ] {
            let body = "Content-Type: text/plain\r\nContent-Length: 0";
            let answered =
                exchange(&host, &format!("{request} HTTP/1.1\r\nHost: {here}\r\nOrigin: {origin}\r\n{body}"));
            assert_eq!(status(&answered), 403, "{request} from `{origin}`: {answered}");
            assert!(!answered.contains("access-control-allow-origin"), "{answered}");
        }
    }
    assert_untouched(&host);
    for origin in ["https://app.example", &format!("http://{here}")] {
        let answered = exchange(&host, &format!("GET /healthz HTTP/1.1\r\nHost: {here}\r\nOrigin: {origin}"));
        assert_eq!(status(&answered), 200, "{answered}");
    }
}

#[test]
fn a_request_that_two_readers_understand_in_two_ways_is_refused() {
    let host = host(&[]);
    let here = address(&host);
    let local = format!("Host: {here}");
    let stop = "POST /v1/actors/counter/stop HTTP/1.1\r\nContent-Length: 0\r\n";
    for (head, refused) in [
        (format!("{stop}Host: evil@localhost"), 400),
        (format!("{stop}Host: evil@{here}"), 400),
        (format!("{stop}{local}\r\n{local}"), 400),
        (format!("{stop}{local}\r\nHost: evil.example"), 400),
        (format!("{stop}Host: localhost, evil.example"), 400),
        (format!("{stop}Host: localhost/x"), 400),
        (format!("{stop}Host:"), 400),
        (format!("{stop}X: y"), 400),
        (format!("{stop}Host: evil.example"), 403),
        (
            format!(
                "POST http://evil.example/v1/actors/counter/stop HTTP/1.1\r\nContent-Length: 0\r\n{local}"
            ),
            403,
        ),
        (
            format!("POST http://x@{here}/v1/actors/counter/stop HTTP/1.1\r\nContent-Length: 0\r\n{local}"),
            400,
        ),
        (format!("POST https://{here}/v1/actors/counter/stop HTTP/1.1\r\nContent-Length: 0\r\n{local}"), 400),
        (format!("GET http://evil.example/healthz HTTP/1.1\r\n{local}"), 403),
        (format!("CONNECT {here} HTTP/1.1\r\n{local}"), 400),
        (format!("GET * HTTP/1.1\r\n{local}"), 400),
        (format!("GET /healthz HTTP/1.0\r\n{local}\r\n{local}"), 400),
    ] {
        let answered = exchange(&host, &head);
        assert_eq!(status(&answered), refused, "{head}\n{answered}");
    }
    assert_untouched(&host);
    for head in [
        format!("GET /healthz HTTP/1.1\r\n{local}"),
        format!("GET http://{here}/healthz HTTP/1.1\r\nHost: evil.example"),
        "GET /healthz HTTP/1.1\r\nHost: LOCALHOST.:1".to_owned(),
    ] {
        assert_eq!(status(&exchange(&host, &head)), 200, "{head}");
    }
    // As HAProxy asks.
    let probed = answer(send(&host, "GET /healthz HTTP/1.0\r\n\r\n"));
    assert!(probed.starts_with("HTTP/1.0 200 OK\r\n"), "{probed}");
}

#[test]
fn origins_are_granted_one_by_one_on_the_command_line_and_in_the_configuration() {
    for bad in ["*", "null", "https://*.example", "app.example", "https://app.example/path"] {
        let left = run(&["run", "x.wasm", "--listen", "127.0.0.1:0", "--origin", bad]);
        assert_eq!(left.code, Some(2), "{left:?}");
        assert!(left.stderr.contains("is no origin: give SCHEME://HOST[:PORT]"), "{left:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("host.toml");
    let counter = guest_file("counter").unwrap().canonicalize().unwrap();
    let actor = format!("[actors.counter]\ncomponent = {:?}\n", text(&counter));
    std::fs::write(&config, format!("origins = [\"https://one.example\"]\n{actor}")).unwrap();
    let args = ["--config", text(&config), "--origin", "https://two.example"];
    let host = RunningHost::start(&args, 1);
    for (origin, expected) in
        [("https://one.example", 200), ("https://two.example", 200), ("https://three.example", 403)]
    {
        let head = format!("GET /v1/actors HTTP/1.1\r\nHost: {}\r\nOrigin: {origin}", address(&host));
        assert_eq!(status(&exchange(&host, &head)), expected, "{origin}");
    }
}
