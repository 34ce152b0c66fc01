//! A real browser, and two pages in it: one that was granted, and one that was not and tries what pages can.
//!
//! Both pages come from one server of this test, which browsers take for two origins by the names that they know it
//! under. What the pages saw, they send back to it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use pulsing_tests::guest_file;
use serde_json::{Value, json};

use crate::program::{RunningHost, text};

/// Names the browser; the usual one, without.
const BROWSER: &str = "PULSING_BROWSER";
const FOREIGN: &str = include_str!("chromium/foreign.html");
const GRANTED: &str = include_str!("chromium/granted.html");

/// A browser without a window, ended with all its processes.
struct Browser {
    process: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a page; none where there is no browser, which is an error where everything has to be there.
    fn open(url: &str) -> Option<Self> {
        let program = std::env::var_os(BROWSER).unwrap_or_else(|| "chromium".into());
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(&program);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ]);
        command.args(["--disable-crash-reporter", "--disable-breakpad", "--disable-background-networking"]);
        command.args(["--disable-component-update", "--disable-sync", "--no-proxy-server"]);
        // It asks for nothing beyond this machine.
        command.arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1");
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg(url);
        command.env("HOME", profile.path()).process_group(0);
        match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(process) => Some(Self { process, _profile: profile }),
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "there is no {program:?}: {error}");
                println!("left out: there is no {program:?} ({error}); {BROWSER} names another");
                None
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // All of its processes; they may have ended by themselves.
        let group = Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        let _ = killpg(group, Signal::SIGKILL);
        drop(self.process.wait());
    }
}

/// Serves the pages, and passes on what they send back: their name, and what they saw.
fn serve(listener: TcpListener, host: String, seen: mpsc::SyncSender<(String, Value)>) {
    for connection in listener.incoming() {
        // Browsers open connections ahead, and send nothing.
        let (host, seen) = (host.clone(), seen.clone());
        std::thread::spawn(move || drop(serve_one(connection.unwrap(), &host, &seen)));
    }
}

fn serve_one(
    connection: TcpStream,
    host: &str,
    seen: &mpsc::SyncSender<(String, Value)>,
) -> std::io::Result<()> {
    connection.set_read_timeout(Some(crate::PATIENCE))?;
    let mut reader = BufReader::new(connection);
    let (mut target, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if target.is_empty() {
            target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let page = match target.as_str() {
        "/foreign" => FOREIGN.replace("HOST", host),
        "/granted" => GRANTED.replace("HOST", host),
        _ => String::new(),
    };
    if let Some(name) = target.strip_prefix("/seen/") {
        // The test may have ended.
        drop(seen.send((name.to_owned(), serde_json::from_slice(&body)?)));
    }
    let connection = reader.get_mut();
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    )
}

#[test]
fn a_browser_lets_a_page_do_what_was_granted_and_no_other_page_anything() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let granted = format!("http://localhost:{port}");
    let counter = guest_file("counter").unwrap();
    let log = "warn,pulsing_host::gateway::origin=debug";
    let args = [text(&counter), "--origin", &granted, "--log-level", log];
    let host = RunningHost::start_with_unread_log(&args, 1);
    let (sender, seen) = mpsc::sync_channel(10);
    let url = host.url.clone();
    std::thread::spawn(move || serve(listener, url, sender));

    let Some(browser) = Browser::open(&format!("http://127.0.0.1:{port}/foreign")) else { return };
    let mut pages = BTreeMap::new();
    while pages.len() < 2 {
        let (name, saw) = seen.recv_timeout(crate::PATIENCE).expect("both pages say what they saw");
        pages.insert(name, saw);
    }
    drop(browser);

    let nothing = json!({
        "post_no_cors": "opaque",
        "form": "sent",
        "beacon": true,
        "hidden_origin": "opaque",
        "read": "TypeError",
        "post_json": "TypeError",
        "events": "error",
        "image": "error",
        "script": "error",
    });
    assert_eq!(pages["foreign"], nothing);
    let all = json!({
        "asked": [200, 5],
        "error": [404, "unsupported"],
        "refused": [405, "POST"],
        "stream": [200, "text/event-stream", "id: 1\ndata: 5\n\nevent: done\ndata: {}\n\n"],
    });
    assert_eq!(pages["granted"], all);
    let actor: Value = serde_json::from_str(&host.get("/v1/actors/counter")).unwrap();
    assert_eq!((&actor["state"], &actor["generation"]), (&json!("running"), &json!(0)));
    assert_eq!(host.client(&["ask", "counter", "get"]).stdout, "5\n");
    // Each came to the host, and was refused by it: the browser stopped none.
    let log = host.stop_and_read_log();
    let from = |origin: &str| log.matches(&format!("no requests from pages of `{origin}`")).count();
    assert!(from(&format!("http://127.0.0.1:{port}")) >= 6, "{log}");
    assert_eq!(from("null"), 1, "{log}");
    assert_eq!(log.matches("from pages elsewhere that do not say where").count(), 2, "{log}");
    assert_eq!(from(&granted), 0, "{log}");
}
