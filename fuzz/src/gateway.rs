//! What a client sends over one connection: raw bytes, through the server library into the routes.
//!
//! An input that begins with `:` is, the other way round, a stream's events as a host sends them to the command line.
//! Behind the gateway is one actor, `double`. An input that begins with `!` meets a gateway with a token. Pages of one
//! origin may use it. The clock is paused, so that a wait takes no time, and time-outs come. Each input has a runtime of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use futures::TryStreamExt;
use pulsing_host::gateway::keyring::Keyring;
use pulsing_host::gateway::keys::Keys;
use pulsing_host::gateway::problem::{CONTENT_TYPE_PROBLEM, Problem};
use pulsing_host::gateway::token::Token;
use pulsing_host::internals;
use pulsing_host::{Limits, Registry, RestartSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::double;
use crate::line::assert_one_line;

/// Whose pages may use the gateway.
const ORIGIN: &str = "https://page.example";
const TOKEN: &str = "correct-horse-battery";
/// How much may lie unread in either direction.
const PIPE_BYTES: usize = 16 << 10;
/// How long a client stays at most, on a clock that jumps. Longer than the server waits for a head or a body.
const CLIENT_BOUND: Duration = Duration::from_secs(120);
/// Where the items of a stream are numbered from at most.
const NUMBER_MAX: u64 = (1 << 53) - 1;
/// More than all the answers to the longest input have.
const ANSWER_MAX_BYTES: usize = 8 << 20;

/// Sends `data` and reads what comes.
pub fn run(data: &[u8]) {
    if let Some((b':', events)) = data.split_first() {
        check_reading(events);
        return;
    }
    let (tokens, sent) = match data.split_first() {
        Some((b'!', rest)) => (Some(keyring()), rest),
        _ => (None, data),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let answered = runtime.expect("the system gives what a runtime needs").block_on(converse(tokens, sent));
    assert!(answered.len() < ANSWER_MAX_BYTES, "{} bytes answer {}", answered.len(), sent.len());
    assert!(answered.is_empty() || answered.starts_with(b"HTTP/1."), "an answer begins in another way");
}

/// Events are the same however they are cut, and there are no more of them than lines.
fn check_reading(bytes: &[u8]) {
    let whole = internals::events([bytes]);
    assert_eq!(whole, internals::events(bytes.chunks(1)), "events depend on how they are cut");
    assert!(whole.is_none_or(|events| events.len() <= bytes.len()), "events come from nothing");
}

fn keyring() -> Keyring {
    let mut keys = Keys::default();
    let token = Token::new(TOKEN).expect("it is long enough");
    keys.insert_only(&token).expect("it is the first");
    Keyring::new(keys)
}

async fn converse(tokens: Option<Keyring>, sent: &[u8]) -> Vec<u8> {
    let registry = Registry::default();
    let actor = double::spawn(&registry, Limits::default(), RestartSettings::default());
    actor.ready().await.expect("the double starts");
    let granted = vec![ORIGIN.parse().expect("it is an origin")];
    let router: Router = internals::router(Arc::new(registry), tokens, granted).layer(from_fn(checked));
    let (client, server) = tokio::io::duplex(PIPE_BYTES);
    let serving = tokio::spawn(internals::connection(server, router));
    let mut answered = Vec::new();
    drop(tokio::time::timeout(CLIENT_BOUND, exchange(client, sent, &mut answered)).await);
    // The client has gone: what it waited for ends, whatever it was.
    drop(tokio::time::timeout(CLIENT_BOUND, serving).await.expect("a connection ends with its client"));
    answered
}

async fn exchange(client: DuplexStream, sent: &[u8], answered: &mut Vec<u8>) {
    let (mut reader, mut writer) = tokio::io::split(client);
    let write = async {
        // The server may close before all is written.
        drop(writer.write_all(sent).await);
    };
    let read = async { drop(reader.read_to_end(answered).await) };
    tokio::join!(write, read);
}

/// Answers as the gateway does, once that has been looked at.
async fn checked(request: Request, next: Next) -> Response {
    let (method, resumed_after) = (request.method().clone(), resumed_after(request.headers()));
    let may_be_let_in = may_be_let_in(&request);
    let (parts, body) = next.run(request).await.into_parts();
    let body = collected(body).await;
    assert!(may_be_let_in || parts.status.is_client_error(), "{} for a request from elsewhere", parts.status);
    if method != Method::HEAD {
        check(parts.status, &parts.headers, &body, resumed_after);
    }
    Response::from_parts(parts, Body::from(body))
}

/// Whether a request is none of those that nobody may send, whatever else there is to it.
fn may_be_let_in(request: &Request) -> bool {
    let all =
        |name: &str| request.headers().get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
    let (hosts, origins) = (all("host"), all("origin"));
    let is_granted = |origin: &[u8]| origin == ORIGIN.as_bytes();
    let may_be_own = |origin: &[u8]| {
        origin.starts_with(b"http://")
            && !origin.contains(&b'@')
            && (!hosts.is_empty() || request.uri().host().is_some())
    };
    hosts.len() <= 1
        && origins.len() <= 1
        && !hosts.iter().any(|host| host.contains(&b'@'))
        && origins.iter().all(|origin| is_granted(origin) || may_be_own(origin))
}

async fn collected(body: Body) -> Bytes {
    let mut chunks = body.into_data_stream();
    let mut all = Vec::new();
    while let Ok(Some(chunk)) = chunks.try_next().await {
        all.extend_from_slice(&chunk);
        assert!(all.len() < ANSWER_MAX_BYTES, "an answer has no end");
    }
    all.into()
}

fn check(status: StatusCode, headers: &HeaderMap, body: &[u8], resumed_after: u64) {
    let content_type = headers.get("content-type").map_or("", |value| value.to_str().unwrap_or_default());
    if status.is_client_error() || status.is_server_error() {
        assert_eq!(content_type, CONTENT_TYPE_PROBLEM, "{status} has no problem");
        check_problem(status, headers, body);
    } else if content_type == "application/json" {
        assert!(serde_json::from_slice::<serde_json::Value>(body).is_ok(), "no JSON: {body:?}");
    } else if content_type == "text/event-stream" {
        check_events(body, resumed_after);
    }
}

fn check_problem(status: StatusCode, headers: &HeaderMap, body: &[u8]) {
    let problem: Problem = serde_json::from_slice(body).expect("problem details are what clients read");
    assert_eq!(problem.status, status.as_u16());
    assert_one_line(&problem.detail);
    assert_eq!(headers.contains_key("retry-after"), [429, 503].contains(&problem.status));
    // The one status that does not follow from the error.
    if status != StatusCode::UNAUTHORIZED {
        let there_and_back = Problem::from(problem.clone().into_refusal());
        assert_eq!(serde_json::to_string(&there_and_back).ok(), serde_json::to_string(&problem).ok());
    }
}

fn resumed_after(headers: &HeaderMap) -> u64 {
    let number = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    number.and_then(|text| text.trim().parse().ok()).unwrap_or(0).min(NUMBER_MAX)
}

/// Items count on from the last that the client has.
fn check_events(body: &[u8], resumed_after: u64) {
    let text = std::str::from_utf8(body).expect("events are text");
    let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
    let ids: Vec<u64> = ids.map(|id| id.parse().expect("an item has a number")).collect();
    for (id, before) in ids.iter().zip(std::iter::once(&resumed_after).chain(&ids)) {
        assert_eq!(before.checked_add(1), Some(*id), "items {ids:?} do not follow {resumed_after}");
    }
    assert!(text.is_empty() || text.ends_with("\n\n"), "an event is cut off");
}
