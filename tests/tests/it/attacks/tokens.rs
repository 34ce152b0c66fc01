//! Tokens: who has one may do what its scopes say and no more, for as long as it is there; nobody else may anything.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use pulsing_host::gateway::scope::Scope;
use pulsing_host::gateway::{Route, routes};
use pulsing_tests::guest_file;
use reqwest::{Client, Method, Response};
use tempfile::TempDir;

use crate::PATIENCE;
use crate::http::{event_line, open};
use crate::program::{RunningHost, run, text, wait_until};

/// A file of tokens in a folder of its own.
pub(super) struct Tokens {
    folder: TempDir,
}

impl Tokens {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("tokens.toml")
    }

    /// Makes a token with the program, and answers its secret.
    pub(super) fn make(&self, name: &str, scopes: &[Scope]) -> String {
        let file = self.file();
        let mut args = vec!["token", "new", name, "--tokens", text(&file)];
        scopes.iter().for_each(|scope| args.extend(["--scope", scope.as_str()]));
        let left = run(&args);
        assert_eq!((left.code, left.stderr.as_str()), (Some(0), ""), "{left:?}");
        left.stdout.trim_end().to_owned()
    }

    /// Has the file hold this, all at once.
    fn write(&self, text: &str) {
        let staged = self.folder.path().join("staged");
        std::fs::write(&staged, text).unwrap();
        std::fs::rename(&staged, self.file()).unwrap();
    }

    fn remove(&self, name: &str) {
        let left = run(&["token", "remove", name, "--tokens", text(&self.file())]);
        assert_eq!((left.code, left.stdout.as_str()), (Some(0), ""), "{left:?}");
    }

    fn host(&self, guest: &str) -> RunningHost {
        let guest = guest_file(guest).unwrap();
        RunningHost::start(&[text(&guest), "--tokens", text(&self.file())], 1)
    }
}

pub(super) fn client() -> Client {
    Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

async fn send(host: &RunningHost, verb: &str, path: &str, token: Option<&str>) -> Response {
    let method = Method::from_bytes(verb.as_bytes()).unwrap();
    let request = client().request(method, format!("{}{path}", host.url));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    request.send().await.unwrap()
}

async fn status(host: &RunningHost, token: &str) -> u16 {
    send(host, "GET", "/v1/actors", Some(token)).await.status().as_u16()
}

/// A path of a route to the actor `counter`, and the status of who may use it. In the order of the table, the actor runs
/// again before it is asked.
fn example(route: &Route) -> (String, u16) {
    let status = match (route.verb, route.path) {
        ("GET", "/healthz" | "/metrics") => 200,
        ("GET", "/v1/actors" | "/v1/actors/{name}" | "/v1/actors/{name}/dead-letters") => 200,
        ("POST", "/v1/actors/{name}/dead-letters/requeue") => 200,
        ("POST", "/v1/actors/{name}/stop" | "/v1/actors/{name}/restart") => 200,
        ("POST", "/v1/actors/{name}/ask/{method}" | "/v1/actors/{name}/stream/{method}") => 200,
        ("POST", "/v1/actors/{name}/tell/{method}") => 202,
        (verb, path) => panic!("nothing is known here of {verb} {path}"),
    };
    (route.path.replace("{name}", "counter").replace("{method}", "get"), status)
}

/// Every set of scopes but the empty one.
fn sets() -> impl Iterator<Item = Vec<Scope>> {
    (1..1 << Scope::ALL.len()).map(|bits: u32| {
        let has = |(index, _): &(u32, Scope)| bits & (1 << index) != 0;
        (0..).zip(Scope::ALL).filter(has).map(|(_, scope)| scope).collect()
    })
}

#[tokio::test]
async fn every_route_takes_the_tokens_whose_scopes_it_needs_and_no_others() {
    let tokens = Tokens::new();
    let made: Vec<_> = (0..)
        .zip(sets())
        .map(|(number, scopes)| (tokens.make(&format!("t{number}"), &scopes), scopes))
        .collect();
    assert_eq!(made.len(), 15);
    let host = tokens.host("counter");
    for route in routes() {
        let (path, good) = example(&route);
        for wrong in [None, Some("pht_wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong"), Some("short")] {
            let response = send(&host, route.verb, &path, wrong).await;
            let expected = if route.scope.is_some() { 401 } else { good };
            assert_eq!(response.status(), expected, "{} {path} with {wrong:?}", route.verb);
        }
        for (token, scopes) in &made {
            let response = send(&host, route.verb, &path, Some(token)).await;
            let missing = route.scope.filter(|scope| !scopes.contains(scope));
            let expected = missing.map_or(good, |_| 403);
            assert_eq!(response.status(), expected, "{} {path} with {scopes:?}", route.verb);
            if let Some(missing) = missing {
                let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{missing}\"");
                assert_eq!(response.headers()["www-authenticate"], challenge.as_str());
                let problem: serde_json::Value = response.json().await.unwrap();
                let detail = problem["detail"].as_str().unwrap();
                assert!(detail.contains(&format!("does not have the scope `{missing}`")), "{detail}");
            }
        }
    }
    // Not a word of what is there, to those who are not known.
    for (verb, path) in [("GET", "/nowhere"), ("GET", "/v1/actors/counter/stop"), ("PUT", "/v1/actors")] {
        assert_eq!(send(&host, verb, path, None).await.status(), 401, "{verb} {path}");
        let known = send(&host, verb, path, Some(&made[0].0)).await.status();
        assert_eq!(known, if path == "/nowhere" { 404 } else { 405 }, "{verb} {path}");
    }
}

#[tokio::test]
async fn without_tokens_this_machine_may_do_all_that_there_is() {
    let host = RunningHost::start(&[text(&guest_file("counter").unwrap())], 1);
    for route in routes() {
        let (path, good) = example(&route);
        assert_eq!(send(&host, route.verb, &path, None).await.status(), good, "{} {path}", route.verb);
        assert_ne!(route.scope, Some(Scope::Deploy), "which only a token has");
    }
}

#[test]
fn a_token_is_added_and_taken_away_while_the_host_runs() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tokens = Tokens::new();
    let first = tokens.make("first", &[Scope::Send, Scope::Read]);
    let host = tokens.host("waiter");
    let seen = |token: &str| runtime.block_on(status(&host, token));
    let second = tokens.make("second", &[Scope::Read, Scope::Send]);
    wait_until(|| seen(&second) == 200);
    let authorized = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let mut taken = open(&host, "waiter/stream/numbers", &authorized(&first), "[1]");
    let mut kept = open(&host, "waiter/stream/numbers", &authorized(&second), "[1]");
    assert_eq!(event_line(&mut taken), "id: 1");
    tokens.remove("first");
    wait_until(|| seen(&first) == 401);
    assert_eq!(seen(&second), 200);
    // What had been let in ends, and the others go on.
    let mut line = String::new();
    while line != "event: error" {
        line = event_line(&mut taken);
    }
    let problem = event_line(&mut taken);
    assert!(problem.contains("the token `first` was taken away"), "{problem}");
    for _ in 0..100 {
        assert_ne!(event_line(&mut kept), "event: error");
    }
    // Its name can be another's, and the old token is none.
    let third = tokens.make("first", &[Scope::Read]);
    wait_until(|| seen(&third) == 200);
    assert_eq!(seen(&first), 401);
}

#[tokio::test]
async fn a_request_that_was_let_in_is_answered_though_its_token_is_taken_away() {
    let tokens = Tokens::new();
    let (sender, other) = (tokens.make("sender", &[Scope::Send]), tokens.make("other", &[Scope::Read]));
    let host = tokens.host("waiter");
    let asked = client()
        .post(format!("{}/v1/actors/waiter/ask/nap", host.url))
        .bearer_auth(&sender)
        .header("Pulsing-Timeout-Ms", "600000")
        .body("[10000]");
    let asked = tokio::spawn(async move { asked.send().await.unwrap().status().as_u16() });
    let running = async || {
        let actor = send(&host, "GET", "/v1/actors/waiter", Some(&other)).await;
        actor.json::<serde_json::Value>().await.unwrap()["in_flight"] == 1
    };
    crate::eventually(&running, |running| *running).await;
    tokens.remove("sender");
    crate::eventually(|| status(&host, &sender), |status| *status == 401).await;
    assert!(running().await, "it was under way all the while");
    assert_eq!(crate::bounded(asked).await.unwrap(), 200);
}

#[test]
fn a_file_of_tokens_that_is_wrong_changes_nothing_and_is_told_once() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tokens = Tokens::new();
    let (kept, file) = (tokens.make("kept", &[Scope::Read]), tokens.file());
    let guest = guest_file("counter").unwrap();
    let (host, log) = RunningHost::start_with_log(&[text(&guest), "--tokens", text(&file)], 1);
    let good = std::fs::read_to_string(&file).unwrap();
    let seen = |token: &str| runtime.block_on(status(&host, token));
    let told = || log.count("the tokens stay as they are");
    let half = &good[..good.len() / 2];
    for (number, wrong) in (1..).zip([half, "[tokens.a]\nsecret = 1", "tokens = 5", "\0"]) {
        tokens.write(wrong);
        wait_until(|| told() == number);
        assert_eq!(seen(&kept), 200, "{wrong}");
    }
    std::fs::remove_file(&file).unwrap();
    wait_until(|| told() == 5);
    assert_eq!(seen(&kept), 200, "without the file");
    // No tokens are not the same as no file of tokens.
    tokens.write("");
    wait_until(|| seen(&kept) == 401);
    tokens.write(&good);
    wait_until(|| seen(&kept) == 200);
    wait_until(|| log.count("the tokens have been read again") == 2);
    assert_eq!(told(), 5);
}

#[test]
fn neither_the_file_nor_the_log_holds_a_secret_and_the_log_says_who() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tokens = Tokens::new();
    let (ci, file) = (tokens.make("ci", &Scope::ALL), tokens.file());
    let secret = ci.strip_prefix("pht_").expect("scanners know tokens by it").to_owned();
    assert_eq!(secret.len(), 43, "256 bits");
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.contains("[tokens.ci]") && !kept.contains(&secret), "{kept}");
    let listed = run(&["token", "list", "--tokens", text(&file)]);
    assert_eq!(listed.stdout, "NAME  SCOPES\nci    read,send,control,deploy\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let guest = guest_file("counter").unwrap();
    let args = [text(&guest), "--tokens", text(&file), "--log-level", "debug"];
    let host = RunningHost::start_with_unread_log(&args, 1);
    let send =
        |path: &str, token: &str| runtime.block_on(send(&host, "POST", path, Some(token))).status().as_u16();
    assert_eq!(send("/v1/actors/counter/ask/get", &ci), 200);
    assert_eq!(send("/v1/actors/counter/restart", &ci), 200);
    assert_eq!(send("/v1/actors/counter/stop", "pht_guessed-guessed-guessed-guessed"), 401);
    let log = host.stop_and_read_log();
    assert!(!log.contains(&secret) && !log.contains("guessed-guessed"), "{log}");
    let line = |all: &[&str]| {
        let found = log.lines().any(|line| all.iter().all(|part| line.contains(part)));
        assert!(found, "no line has all of {all:?}:\n{log}");
    };
    line(&["DEBUG", "who=\"ci\"", "/v1/actors/counter/ask/get", "answered", "status=200"]);
    line(&["INFO", "POST /v1/actors/counter/restart", " who=ci ", "scope=control"]);
    line(&["DEBUG", "who=\"@unknown\"", "/v1/actors/counter/stop", "status=401"]);
    assert!(!log.contains("POST /v1/actors/counter/stop who"), "nobody was let in for it: {log}");
}

#[test]
fn who_controls_actors_is_in_the_log_also_without_tokens() {
    let guest = guest_file("counter").unwrap();
    let host = RunningHost::start_with_unread_log(&[text(&guest)], 1);
    assert_eq!(host.client(&["stop", "counter"]).code, Some(0));
    assert_eq!(host.client(&["dead-letters", "counter", "--requeue"]).code, Some(0));
    assert_eq!(host.client(&["ls"]).code, Some(0));
    let log = host.stop_and_read_log();
    let told: Vec<_> = log.lines().filter(|line| line.contains(" who=@local ")).collect();
    assert_eq!(told.len(), 2, "{log}");
    assert!(told[0].contains("POST /v1/actors/counter/stop"), "{log}");
    assert!(told[1].contains("POST /v1/actors/counter/dead-letters/requeue"), "{log}");
}

#[test]
fn commands_without_end_do_not_fill_the_log_and_are_counted() {
    const COMMANDS: usize = 8000;
    let guest = guest_file("counter").unwrap();
    let mut host = RunningHost::start_with_unread_log(&[text(&guest)], 1);
    let log = host.read_log();
    let path = "x".repeat(2000);
    let head = format!("POST /v1/actors/{path}/restart HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n");
    let mut connection = TcpStream::connect(host.url.strip_prefix("http://").unwrap()).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answers = connection.try_clone().unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        answers.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap().matches("HTTP/1.1 4").count()
    });
    let whole = format!("{head}\r\n");
    (1..COMMANDS).for_each(|_| connection.write_all(whole.as_bytes()).unwrap());
    connection.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(reader.join().unwrap(), COMMANDS);
    host.stop();
    let log = log.join().unwrap();
    let told = log.lines().filter(|line| line.contains("POST /v1/actors/xxx")).count();
    let left_out =
        log.lines().filter(|line| line.contains("lines of the log that clients caused are left out"));
    let left_out: Vec<usize> =
        left_out.map(|line| line.rsplit_once("left_out=").unwrap().1.trim().parse().unwrap()).collect();
    assert!(told > 0 && !left_out.is_empty(), "{told} lines: {left_out:?}");
    assert_eq!(told + left_out.iter().sum::<usize>(), COMMANDS);
}

#[test]
fn what_is_no_plain_file_is_refused_at_once_wherever_a_secret_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let guest = guest_file("counter").unwrap();
    let key = folder.path().join("key.pem");
    std::fs::write(&key, "").unwrap();
    for odd in [fifo.as_path(), folder.path(), Path::new("/dev/zero")] {
        for option in [vec!["--token-file"], vec!["--tokens"], vec!["--tls-key", text(&key), "--tls-cert"]] {
            let mut args = vec!["run", text(&guest), "--listen", "127.0.0.1:0"];
            args.extend(&option);
            args.push(text(odd));
            run(&args).assert_failed(2, &[text(odd), "no plain file"]);
        }
        run(&["token", "list", "--tokens", text(odd)]).assert_failed(2, &["no plain file"]);
        run(&["ls", "--token-file", text(odd)]).assert_failed(2, &["no plain file"]);
        run(&["ls", "--ca-cert", text(odd)]).assert_failed(2, &["no plain file"]);
        let new = run(&["token", "new", "a", "--scope", "read", "--tokens", text(odd)]);
        new.assert_failed(2, &["no plain file"]);
    }
}

#[test]
fn files_that_take_each_others_place_are_refused_and_not_shown() {
    let tokens = Tokens::new();
    let secret = tokens.make("ci", &[Scope::Read]);
    let file = tokens.folder.path().join("secret");
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    let guest = guest_file("counter").unwrap();
    let with = |option: &str, file: &Path| {
        let left = run(&["run", text(&guest), "--listen", "127.0.0.1:0", option, text(file)]);
        assert!(!left.stderr.contains(&secret[..12]), "{left:?}");
        left
    };
    with("--tokens", &file).assert_failed(2, &["holds a token, not the hashes of tokens"]);
    with("--token-file", &tokens.file()).assert_failed(2, &["must hold one line"]);
    with("--tls-cert", &file).assert_failed(2, &["--tls-cert needs --tls-key"]);
}

#[test]
fn a_token_is_shown_in_one_header_and_in_one_way() {
    let tokens = Tokens::new();
    let token = tokens.make("ci", &[Scope::Read]);
    let host = tokens.host("counter");
    let status = |headers: &[u8]| {
        let address = host.url.strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection.write_all(b"GET /v1/actors HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").unwrap();
        connection.write_all(headers).unwrap();
        connection.write_all(b"\r\n").unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[9..12]).into_owned()
    };
    let header = |value: &str| format!("Authorization: {value}\r\n").into_bytes();
    let right = header(&format!("Bearer {token}"));
    for good in [
        right.clone(),
        header(&format!("bearer   {token}")),
        header(&format!("BEARER {token}  ")),
        format!("authorization:Bearer {token}\r\n").into_bytes(),
    ] {
        assert_eq!(status(&good), "200", "{}", String::from_utf8_lossy(&good));
    }
    for bad in [
        [right.clone(), right.clone()].concat(),
        [right.clone(), header("Basic eDp5")].concat(),
        [header("Bearer x"), right.clone()].concat(),
        header(&format!("Bearer\t{token}")),
        header(&format!("Bearer \t{token}")),
        header(&format!("Bearer {token},")),
        header(&format!("Bearer {token} {token}")),
        header(&format!("Bearer \"{token}\"")),
        header(&format!("Bearer={token}")),
        header(&format!("Basic {token}")),
        header(&format!("Bearer {}", token.to_uppercase())),
        header(&format!("Bearer {}", &token[..token.len() - 1])),
        header(&format!("Bearer {token}x")),
        header(&format!("Bearer {}", "x".repeat(8 << 10))),
        header("Bearer"),
        header("Bearer ü-ü-ü-ü-ü-ü-ü-ü-ü"),
        [b"Authorization: Bearer ".as_slice(), &[0xff; 47], b"\r\n"].concat(),
        header(&token),
        format!("X-Authorization: Bearer {token}\r\n").into_bytes(),
    ] {
        assert_eq!(status(&bad), "401", "{}", String::from_utf8_lossy(&bad));
    }
    // Nor anywhere that is logged.
    assert_eq!(status(format!("Cookie: token={token}\r\n").as_bytes()), "401");
}

#[test]
fn tokens_that_are_made_at_once_are_all_there_or_were_refused() {
    const TOKENS: usize = 8;
    let tokens = Tokens::new();
    let file = tokens.file();
    let mut made: Vec<String> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..TOKENS)
            .map(|number| {
                let file = &file;
                scope.spawn(move || {
                    let name = format!("t{number}");
                    let left = run(&["token", "new", &name, "--scope", "send", "--tokens", text(file)]);
                    (left.code == Some(0)).then_some(name)
                })
            })
            .collect();
        makers.into_iter().filter_map(|maker| maker.join().unwrap()).collect()
    });
    made.sort();
    assert!(!made.is_empty());
    let listed = run(&["token", "list", "--tokens", text(&file)]).stdout;
    let names: Vec<_> = listed.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, made);
}
