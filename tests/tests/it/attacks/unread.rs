//! Clients that read nothing of what is large or becomes large: what the host keeps for them stays within its budget, and
//! others are served.

use std::io::{BufRead, Read};
use std::net::TcpStream;

use pulsing_tests::guest_file;
use serde_json::Value;

use super::raw::{address, answer, exchange, send, status};
use crate::http::open;
use crate::program::{RunningHost, text, wait_until};

const MIB: u64 = 1 << 20;
/// What a host keeps for its clients in these tests.
const BUDGET: u64 = 32 * MIB;

/// A host with one guest, which is told so in its environment, and has room for all messages of a test in its mailbox.
fn host(guest: &str, fault: &str) -> (tempfile::TempDir, RunningHost) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("host.toml");
    let toml = format!(
        "http_memory_max = \"32MiB\"\n[actors.{guest}]\ncomponent = {:?}\n\
         limits = {{ mailbox_messages = 1000, ask_timeout = \"10min\" }}\ngrants = {{ env = {{ FAULT = \"{fault}\" }} }}\n",
        guest_file(guest).unwrap()
    );
    std::fs::write(&path, toml).unwrap();
    let host = RunningHost::start(&["--config", text(&path)], 1);
    (dir, host)
}

fn ask(host: &RunningHost, path: &str, body: &str) -> String {
    let (address, length) = (address(host), body.len());
    format!(
        "POST /v1/actors/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn get(host: &RunningHost, path: &str) -> TcpStream {
    send(host, &format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", address(host)))
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

/// A metric without labels, or the sum over all labels.
fn metric(host: &RunningHost, name: &str) -> u64 {
    let page = exchange(host, &format!("GET /metrics HTTP/1.1\r\nHost: {}", address(host)));
    let values = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.rsplit(' ').next()?.parse::<f64>().ok()
    });
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts and bytes are small")]
    let sum = values.sum::<f64>() as u64;
    sum
}

/// What is kept for clients, which is never more than may be.
fn kept(host: &RunningHost) -> u64 {
    assert_eq!(metric(host, "pulsing_http_kept_max_bytes "), BUDGET);
    let kept = metric(host, "pulsing_http_kept_bytes ");
    assert!(kept <= BUDGET, "{kept}");
    kept
}

/// The most memory that the host has had, in bytes.
fn peak_bytes(host: &RunningHost) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// The status of what was left unread until now; 0 where there is nothing of it any more.
fn status_of_unread(mut connection: TcpStream) -> u16 {
    let mut head = [0; "HTTP/1.1 200".len()];
    match connection.read_exact(&mut head) {
        Ok(()) => status(std::str::from_utf8(&head).unwrap()),
        Err(_closed) => 0,
    }
}

#[cfg(target_os = "linux")]
#[test]
fn budgets_answers_that_nobody_reads_are_kept_within_their_budget() {
    const CLIENTS: usize = 400;
    let (_dir, host) = host("rogue", "");
    let before = peak_bytes(&host);
    let large = ask(&host, "rogue/ask/answer", "[4000000]");
    let unread: Vec<_> = (0..CLIENTS).map(|_| send(&host, &large)).collect();
    let mut most = 0;
    wait_until(|| {
        most = most.max(kept(&host));
        metric(&host, "pulsing_asks_total{") == CLIENTS as u64
    });
    assert!(most > BUDGET / 2, "they are kept at all: {most}");
    // What is short has room whatever they do; what is long has it once they have been thrown out.
    let short = answer(send(&host, &ask(&host, "rogue/ask/answer", "[4000]")));
    assert_eq!((status(&short), body(&short).len()), (200, 4002), "{short}");
    let mut seen = Vec::new();
    wait_until(|| {
        let answered = answer(send(&host, &large));
        seen.push(status(&answered));
        status(&answered) == 200 && body(&answered).len() == 4_000_002
    });
    assert!(seen.iter().all(|status| [200, 503].contains(status)), "{seen:?}");
    let grown = peak_bytes(&host) - before;
    // Beside the budget there is the guest's own memory.
    assert!(grown < 10 * BUDGET, "{grown} bytes more, for answers of {} bytes", CLIENTS * 4_000_000);
    let statuses: Vec<_> = unread.into_iter().map(status_of_unread).collect();
    assert!(statuses.iter().all(|status| [0, 200, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&503), "{statuses:?}");
    wait_until(|| kept(&host) == 0);
}

#[test]
fn budgets_errors_of_control_characters_are_short_on_the_wire() {
    const CLIENTS: usize = 100;
    const ERROR_MAX_BYTES: usize = 20 << 10;
    let (_dir, host) = host("saboteur", "handle:control-error");
    let asked = ask(&host, "saboteur/ask/x", "");
    let unread: Vec<_> = (0..CLIENTS).map(|_| send(&host, &asked)).collect();
    wait_until(|| {
        kept(&host);
        metric(&host, "pulsing_asks_total{") == CLIENTS as u64
    });
    for connection in unread {
        let answered = answer(connection);
        assert_eq!(status(&answered), 422, "{answered}");
        assert!(body(&answered).len() < ERROR_MAX_BYTES, "{}", body(&answered).len());
        let problem: Value = serde_json::from_str(body(&answered)).unwrap();
        assert_eq!((&problem["kind"], &problem["code"]), (&"business".into(), &7.into()));
        assert!(problem["detail"].as_str().unwrap().contains("with 4194304 bytes of text"), "{problem}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn budgets_a_large_description_is_shown_within_the_budget() {
    const CLIENTS: usize = 100;
    let (_dir, host) = host("saboteur", "describe:long");
    let before = peak_bytes(&host);
    let paths = ["/v1/actors/saboteur", "/v1/actors"];
    let unread: Vec<_> = (0..CLIENTS).map(|client| get(&host, paths[client % 2])).collect();
    for path in paths {
        let mut shown = String::new();
        // Others may have taken the room for a moment.
        wait_until(|| {
            kept(&host);
            shown = answer(get(&host, path));
            status(&shown) == 200
        });
        let shown: Value = serde_json::from_str(body(&shown)).unwrap();
        let actor = if path == "/v1/actors" { &shown[0] } else { &shown };
        let method = &actor["methods"][0];
        assert_eq!(method["doc"].as_str().unwrap().len(), 80_000);
        assert_eq!(method["args_schema"]["enum"].as_array().unwrap().len(), 60_001);
    }
    let grown = peak_bytes(&host) - before;
    assert!(grown < 5 * BUDGET, "{grown} bytes more");
    drop(unread);
    wait_until(|| kept(&host) == 0);
}

#[test]
fn budgets_line_breaks_of_items_become_no_more_than_they_are() {
    const LINE_BREAKS: usize = 1 << 20;
    let (_dir, host) = host("saboteur", "stream-next:line-breaks");
    let mut stream = open(&host, "saboteur/stream/stream", "", "");
    let data = loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "it goes on");
        if let Some(data) = line.strip_prefix("data: ") {
            break data.to_owned();
        }
    };
    assert_eq!(data, format!("[{}]\n", " ".repeat(LINE_BREAKS)));
    // From now on nobody reads it: one chunk at most is kept, of one item of this length.
    wait_until(|| kept(&host) > 0);
    assert!(kept(&host) < LINE_BREAKS as u64 + 100);
    drop(stream);
    wait_until(|| kept(&host) == 0);
}
