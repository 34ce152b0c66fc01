//! HTTP from actors to servers on loopback: what reaches them, and what does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{any, get, post};
use bytesize::ByteSize;
use futures::StreamExt;
use pulsing_host::{ActorError, ActorRef, ActorSpec, CallError, Host};
use pulsing_tests::{host, spawn, spec};
use serde_json::{Value, json};
use tokio::sync::{Barrier, Notify, mpsc};

use crate::program::{RunningHost, text};
use crate::servers::Server;
use crate::{bounded, eventually};

/// What an actor of `guest` is made from that may reach these.
fn granted(guest: &str, grants: &[&str]) -> ActorSpec {
    let mut spec = spec(guest).unwrap();
    spec.grants.http = grants.iter().map(|grant| grant.parse().unwrap()).collect();
    spec
}

async fn actor(host: &Host, guest: &str, grants: &[&str]) -> ActorRef {
    spawn(host, granted(guest, grants)).await.unwrap()
}

async fn fetch(actor: &ActorRef, request: Value) -> Result<Value, CallError> {
    bounded(actor.ask("fetch", &(request,)).into_future()).await
}

fn text_of(error: CallError) -> String {
    error.to_string()
}

/// Counts requests, and answers with the headers that it got.
async fn counting() -> (Server, Arc<AtomicUsize>) {
    let count = Arc::<AtomicUsize>::default();
    let answer = any(async |State(count): State<Arc<AtomicUsize>>, headers: HeaderMap| {
        count.fetch_add(1, Ordering::SeqCst);
        format!("{}", headers.contains_key(header::AUTHORIZATION))
    });
    let server = Server::start(Router::new().fallback(answer).with_state(Arc::clone(&count))).await;
    (server, count)
}

/// A body that begins, and does not go on while somebody holds the connection; `gone` hears of its end.
fn endless(gone: Arc<Notify>) -> Body {
    struct Gone(Arc<Notify>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let gone = Gone(gone);
    let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"beginning"))]);
    Body::from_stream(first.chain(futures::stream::once(async move {
        let _gone = gone;
        std::future::pending().await
    })))
}

async fn holding() -> (Server, Arc<Notify>) {
    let gone = Arc::<Notify>::default();
    let answer = get(async |State(gone): State<Arc<Notify>>| endless(gone));
    let server = Server::start(Router::new().route("/", answer).with_state(Arc::clone(&gone))).await;
    (server, gone)
}

#[tokio::test]
async fn a_hundred_requests_of_one_actor_overlap() {
    let barrier = Arc::new(Barrier::new(100));
    let answer = get(async |State(barrier): State<Arc<Barrier>>| {
        barrier.wait().await;
        "all here"
    });
    let server = Server::start(Router::new().route("/", answer).with_state(barrier)).await;
    let host = host().unwrap();
    let actor = actor(&host, "fetcher", &[&server.url]).await;
    let asks = (0..50).map(|_| fetch(&actor, json!({"url": server.url})));
    let at_once =
        bounded(actor.ask::<(usize, Option<String>)>("fetch_at_once", &(&server.url, 50)).into_future());
    let (asks, at_once) = futures::join!(futures::future::join_all(asks), at_once);
    assert_eq!(at_once.unwrap(), (50, None));
    for answer in asks {
        assert_eq!(answer.unwrap()["body"], "all here");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn bodies_stream_in_both_directions() {
    // The next number is sent after the answer to the one before it.
    let echo = post(async |body: Body| Body::from_stream(body.into_data_stream()));
    let server = Server::start(Router::new().route("/", echo)).await;
    let host = host().unwrap();
    let actor = actor(&host, "fetcher", &[&server.url]).await;
    let stream = actor.stream("echo", &(&server.url, 1000)).await.unwrap();
    let items: Vec<_> = bounded(stream.collect::<Vec<_>>()).await;
    let numbers = items.into_iter().map(|item| item.unwrap().payload.to_value::<String>().unwrap());
    assert_eq!(numbers.collect::<Vec<_>>(), (0..1000).map(|n| n.to_string()).collect::<Vec<_>>());
    host.shutdown().await;
}

#[tokio::test]
async fn a_server_that_was_not_granted_is_not_reached_and_the_grant_is_named() {
    let (server, count) = counting().await;
    let host = host().unwrap();
    let actor = actor(&host, "fetcher", &[]).await;
    let error = fetch(&actor, json!({"url": server.url})).await.unwrap_err();
    assert!(!error.is_retryable());
    let error = text_of(error);
    assert!(error.contains(&format!("needs the grant `http` for `{}`", server.url)), "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
    host.shutdown().await;
}

#[tokio::test]
async fn a_redirect_leads_nowhere_that_was_not_granted() {
    let (other, count) = counting().await;
    let target = other.url.clone();
    let redirect = any(async move || (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, target.clone())]));
    let server = Server::start(Router::new().fallback(redirect)).await;
    let host = host().unwrap();
    let request = json!({"url": server.url, "headers": [["authorization", "secret"]]});

    let confined = actor(&host, "fetcher", &[&server.url]).await;
    let error = text_of(fetch(&confined, request.clone()).await.unwrap_err());
    assert!(error.contains(&format!("needs the grant `http` for `{}`", other.url)), "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
    let not_followed = json!({"url": server.url, "redirects": 0});
    assert_eq!(fetch(&confined, not_followed).await.unwrap()["status"], 307);
    bounded(confined.stop()).await.unwrap();

    let free = actor(&host, "fetcher", &[&server.url, &other.url]).await;
    let answer = fetch(&free, request).await.unwrap();
    assert_eq!(answer["url"], format!("{}/", other.url));
    assert_eq!(answer["body"], "false", "what was for one server is not sent to another");
    host.shutdown().await;
}

#[tokio::test]
async fn a_redirect_in_a_circle_ends() {
    let circle = any(async || (StatusCode::FOUND, [(header::LOCATION, "/")]));
    let server = Server::start(Router::new().fallback(circle)).await;
    let host = host().unwrap();
    let actor = actor(&host, "fetcher", &[&server.url]).await;
    let error = text_of(fetch(&actor, json!({"url": server.url})).await.unwrap_err());
    assert!(error.contains("more than 10 redirects"), "{error}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_wildcard_does_not_reach_the_machine_itself() {
    let (server, count) = counting().await;
    let port = server.url.rsplit(':').next().unwrap();
    let host = host().unwrap();
    let actor = actor(&host, "fetcher", &[&format!("http://*:{port}")]).await;
    for name in ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1", "2130706433"] {
        let error = fetch(&actor, json!({"url": format!("http://{name}:{port}/")})).await.unwrap_err();
        assert!(text_of(error).contains("needs the grant `http`"), "{name}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
    host.shutdown().await;
}

#[tokio::test]
async fn headers_that_could_smuggle_a_request_do_not_reach_a_server() {
    let (server, count) = counting().await;
    let host = host().unwrap();
    let actor = actor(&host, "fetcher", &[&server.url]).await;
    for (name, value) in
        [("Host", "other"), ("content-length", "5"), ("transfer-encoding", "chunked"), ("x", "a\r\nhost: b")]
    {
        let request = json!({"url": server.url, "headers": [[name, value]]});
        assert!(fetch(&actor, request).await.is_err(), "{name}");
    }
    for url in ["ftp://127.0.0.1/", "http://me:secret@127.0.0.1/", "nowhere", ""] {
        assert!(fetch(&actor, json!({"url": url})).await.is_err(), "{url}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
    host.shutdown().await;
}

#[tokio::test]
async fn a_request_ends_with_the_deadline_of_its_call() {
    let (server, gone) = holding().await;
    let host = host().unwrap();
    let actor = actor(&host, "fetcher", &[&server.url]).await;
    let asked =
        actor.ask::<Value>("fetch", &(json!({"url": server.url}),)).timeout(Duration::from_millis(300));
    let error = bounded(asked.into_future()).await.unwrap_err();
    assert!(matches!(error, CallError::Actor(ActorError::Timeout { .. })), "{error:?}");
    bounded(gone.notified()).await;
    assert_eq!(
        (actor.ask::<bool>("is_alive", &()).await, actor.status().await.unwrap().generation.0),
        (Ok(true), 0)
    );
    host.shutdown().await;
}

#[tokio::test]
async fn a_request_ends_where_nobody_reads_on() {
    let (server, gone) = holding().await;
    let host = host().unwrap();
    let actor = actor(&host, "fetcher", &[&server.url]).await;
    let length = bounded(actor.ask::<usize>("beginning", &(&server.url,)).into_future()).await;
    assert_eq!(length, Ok("beginning".len()));
    bounded(gone.notified()).await;
    let mut stream = actor.stream("body", &(&server.url,)).await.unwrap();
    bounded(stream.next()).await.unwrap().unwrap();
    drop(stream);
    bounded(gone.notified()).await;
    eventually(|| async { actor.snapshot().await.unwrap().streams }, |streams| *streams == 0).await;
    assert_eq!(
        (actor.ask::<bool>("is_alive", &()).await, actor.status().await.unwrap().generation.0),
        (Ok(true), 0)
    );
    host.shutdown().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_in_time() {
    let never = get(async || std::future::pending::<()>().await);
    let server = Server::start(Router::new().route("/", never)).await;
    let host = host().unwrap();
    let actor = actor(&host, "fetcher", &[&server.url]).await;
    let error = fetch(&actor, json!({"url": server.url, "timeout_ms": 50})).await.unwrap_err();
    let expected = ActorError::Timeout { operation: "http".to_owned(), duration: Duration::from_millis(50) };
    assert_eq!(error, expected.into());
    host.shutdown().await;
}

#[tokio::test]
async fn an_actor_has_no_more_requests_open_than_its_limit() {
    let never = get(async || std::future::pending::<()>().await);
    let server = Server::start(Router::new().route("/", never)).await;
    let host = host().unwrap();
    let mut spec = granted("fetcher", &[&server.url]);
    spec.limits.http_requests = 2.try_into().unwrap();
    spec.limits.ask_timeout = Duration::from_secs(1);
    let actor = spawn(&host, spec).await.unwrap();
    let pending = actor.ask::<Value>("fetch_at_once", &(&server.url, 2)).into_future();
    let pending = tokio::spawn(pending);
    eventually(|| async { actor.snapshot().await.unwrap().in_flight }, |in_flight| *in_flight == 1).await;
    let error = fetch(&actor, json!({"url": server.url})).await.unwrap_err();
    assert!(error.is_retryable() && text_of(error.clone()).contains("http_requests"), "{error:?}");
    assert!(pending.await.unwrap().is_err());
    host.shutdown().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_worth_another_try() {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let host = host().unwrap();
    let url = format!("http://{unused}");
    let actor = actor(&host, "fetcher", &[&url]).await;
    let error = fetch(&actor, json!({"url": url})).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_serial_guest_uses_wasi_http() {
    let routes = Router::new().route("/", get(async || "hello")).route("/", post(async |body: String| body));
    let server = Server::start(routes).await;
    let host = host().unwrap();
    let free = actor(&host, "fetcher-serial", &[&server.url]).await;
    let url = format!("{}/", server.url);
    let got = bounded(free.ask::<(u16, String)>("fetch", &(&url,)).into_future()).await;
    assert_eq!(got, Ok((200, "hello".to_owned())));
    let body = "x".repeat(300_000);
    let got = bounded(free.ask::<(u16, String)>("post", &(&url, &body)).into_future()).await;
    assert_eq!(got, Ok((200, body)));
    bounded(free.stop()).await.unwrap();

    let confined = actor(&host, "fetcher-serial", &[]).await;
    let error = bounded(confined.ask::<Value>("fetch", &(&url,)).into_future()).await.unwrap_err();
    assert!(text_of(error.clone()).contains("HttpRequestDenied"), "{error}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_serial_guest_that_waits_for_a_server_is_told_to_stop() {
    let never = get(async || std::future::pending::<()>().await);
    let (held, gone) = holding().await;
    let server = Server::start(Router::new().route("/", never)).await;
    let host = host().unwrap();
    let actor = actor(&host, "fetcher-serial", &[&server.url, &held.url]).await;
    for url in [&server.url, &held.url] {
        let asked = actor.ask::<Value>("fetch", &(format!("{url}/"),)).timeout(Duration::from_millis(300));
        assert!(bounded(asked.into_future()).await.is_err());
        // It went on in the same life: what it waited for failed.
        assert_eq!(bounded(actor.ask::<bool>("is_alive", &()).into_future()).await, Ok(true));
    }
    assert_eq!(actor.status().await.unwrap().generation.0, 0);
    bounded(gone.notified()).await;
    host.shutdown().await;
}

/// A server that begins to answer at once, tells here whether the request's body was whole when that ended, and
/// leaves its answer unfinished.
async fn answering_at_once() -> (Server, mpsc::Receiver<bool>) {
    let (tell, told) = mpsc::channel(1);
    let answer = post(async |State(tell): State<mpsc::Sender<bool>>, body: Body| {
        // It outlives a connection that breaks.
        tokio::spawn(async move { tell.send(axum::body::to_bytes(body, usize::MAX).await.is_ok()).await });
        endless(Arc::default())
    });
    (Server::start(Router::new().route("/", answer).with_state(tell)).await, told)
}

/// A server that answers at once, and never reads more than the head of a request.
async fn deaf() -> (String, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        connection.read_u8().await.unwrap();
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        std::future::pending().await
    });
    (authority, serving)
}

#[tokio::test]
async fn a_serial_guest_whose_body_nobody_reads_is_told_to_stop() {
    let (authority, serving) = deaf().await;
    let host = host().unwrap();
    let actor = actor(&host, "fetcher-serial", &[&authority]).await;
    // More than the buffers of both ends.
    let asked = actor.ask::<()>("upload", &(&authority, 64 << 20)).timeout(Duration::from_millis(500));
    let error = bounded(asked.into_future()).await.unwrap_err();
    assert!(matches!(error, CallError::Actor(ActorError::Timeout { .. })), "{error:?}");
    assert_eq!(bounded(actor.ask::<bool>("is_alive", &()).into_future()).await, Ok(true));
    assert_eq!(actor.status().await.unwrap().generation.0, 0);
    serving.abort();
    host.shutdown().await;
}

#[tokio::test]
async fn a_response_to_a_serial_guest_ends_with_its_call_whoever_keeps_it() {
    let (server, gone) = holding().await;
    let host = host().unwrap();
    let actor = actor(&host, "fetcher-serial", &[&server.url]).await;
    let status = bounded(actor.ask::<u16>("keep", &(format!("{}/", server.url),)).into_future()).await;
    assert_eq!(status, Ok(200));
    bounded(gone.notified()).await;
    assert_eq!(
        (actor.ask::<bool>("is_alive", &()).await, actor.status().await.unwrap().generation.0),
        (Ok(true), 0)
    );
    host.shutdown().await;
}

#[tokio::test]
async fn half_a_body_does_not_pass_for_a_whole_one_when_its_life_ends() {
    let (server, mut was_whole) = answering_at_once().await;
    let authority = server.url.strip_prefix("http://").unwrap();
    let host = host().unwrap();
    let actor = actor(&host, "fetcher-serial", &[&server.url]).await;
    bounded(actor.ask::<()>("upload_half", &(authority,)).into_future()).await.unwrap_err();
    assert_eq!(bounded(was_whole.recv()).await, Some(false));
    host.shutdown().await;
}

#[tokio::test]
async fn a_serial_guest_is_held_to_the_same_headers_and_methods() {
    let (server, count) = counting().await;
    let host = host().unwrap();
    let actor = actor(&host, "fetcher-serial", &[&server.url]).await;
    let url = format!("{}/", server.url);
    let send = async |method: &str, header: (&str, &str), body: &str| {
        bounded(actor.ask::<u16>("send", &(&url, method, header, body)).into_future()).await
    };
    for name in ["host", "expect", "te", "trailer", "via", "transfer-encoding", "connection"] {
        let error = text_of(send("GET", (name, "x"), "").await.unwrap_err());
        assert!(error.contains("Forbidden"), "{name}: {error}");
    }
    for method in ["CONNECT", "TRACE"] {
        let error = text_of(send(method, ("x", "x"), "").await.unwrap_err());
        assert!(error.contains("HttpRequestMethodInvalid"), "{method}: {error}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert_eq!(send("GET", ("x", "x"), "").await, Ok(200));
    host.shutdown().await;
}

#[tokio::test]
async fn a_body_that_a_method_does_not_have_is_refused() {
    let slow = any(async || tokio::time::sleep(Duration::from_secs(3600)).await);
    let server = Server::start(Router::new().fallback(slow)).await;
    let host = host().unwrap();
    let overlapping = actor(&host, "fetcher", &[&server.url]).await;
    let asked = overlapping.ask::<u16>("get_with_body_stream", &(&server.url,)).into_future();
    let error = text_of(bounded(asked).await.unwrap_err());
    assert!(error.contains("a GET has no streamed body"), "{error}");
    let serial = actor(&host, "fetcher-serial", &[&server.url]).await;
    let asked = serial.ask::<u16>("send", &(format!("{}/", server.url), "HEAD", ("x", "x"), "body"));
    let error = text_of(bounded(asked.into_future()).await.unwrap_err());
    assert!(error.contains("HttpRequestBodySize") || error.contains("Closed"), "{error}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_request_without_a_body_says_no_length_of_one() {
    let answer = any(async |headers: HeaderMap| match headers.get(header::CONTENT_LENGTH) {
        None => StatusCode::OK,
        Some(_length) => StatusCode::BAD_REQUEST,
    });
    let server = Server::start(Router::new().fallback(answer)).await;
    let authority = server.url.strip_prefix("http://").unwrap();
    let host = host().unwrap();
    let actor = actor(&host, "fetcher-serial", &[&server.url]).await;
    assert_eq!(bounded(actor.ask("get_with_length", &(authority,)).into_future()).await, Ok(200));
    host.shutdown().await;
}

#[tokio::test]
async fn requests_of_a_serial_guest_count_under_kept_max() {
    let (server, _gone) = holding().await;
    let host = host().unwrap();
    let mut spec = granted("fetcher-serial", &[&server.url]);
    spec.limits.message_max = ByteSize::kib(64);
    spec.limits.kept_max = ByteSize::mib(1);
    let actor = spawn(&host, spec).await.unwrap();
    let asked = actor.ask::<usize>("keep_at_once", &(format!("{}/", server.url), 100));
    let open = bounded(asked.into_future()).await.unwrap();
    assert!((8..16).contains(&open), "{open}");
    host.shutdown().await;
}

#[tokio::test]
async fn what_a_serial_guest_holds_of_wasi_http_is_bounded() {
    let host = host().unwrap();
    let mut granted = granted("fetcher-serial", &["127.0.0.1"]);
    granted.limits.http_requests = 5.try_into().unwrap();
    let granted = spawn(&host, granted).await.unwrap();
    // In each call anew: what is dropped counts no more.
    for _ in 0..3 {
        assert_eq!(bounded(granted.ask::<usize>("hold_bodies", &(1000,)).into_future()).await, Ok(5));
    }
    assert_eq!(granted.ask("takes_texts_of", &(32,)).await, Ok([true, true, true]));
    assert_eq!(granted.ask("takes_texts_of", &(2000,)).await, Ok([false, false, true]));
    assert_eq!(granted.ask("takes_texts_of", &(20_000,)).await, Ok([false, false, false]));
    assert_eq!(bounded(granted.ask::<usize>("hold_fields", &(1000,)).into_future()).await, Ok(1000));
    bounded(granted.ask::<usize>("hold_fields", &(3000,)).into_future()).await.unwrap_err();
    eventually(|| async { granted.status().await.unwrap() }, |status| status.generation.0 == 1).await;
    bounded(granted.stop()).await.unwrap();
    let confined = spawn(&host, spec("fetcher-serial").unwrap()).await.unwrap();
    assert_eq!(bounded(confined.ask::<usize>("hold_bodies", &(1000,)).into_future()).await, Ok(8));
    host.shutdown().await;
}

#[test]
fn what_a_serial_guest_is_denied_names_the_grant_in_the_log() {
    let guest = pulsing_tests::guest_file("fetcher-serial").unwrap();
    let host = RunningHost::start_with_unread_log(&[text(&guest)], 1);
    let ask = |method, args| host.client(&["ask", "fetcher-serial", method, args]);
    let denied = ask("fetch", r#"["http://127.0.0.1:1/"]"#);
    assert!(denied.stderr.contains("HttpRequestDenied"), "{denied:?}");
    assert_eq!(ask("hold_bodies", "[9]").stdout, "8\n");
    let log = host.stop_and_read_log();
    for says in ["needs the grant `http` for `http://127.0.0.1:1`", "no host was granted by `http`"] {
        assert!(log.contains(says), "{log}");
    }
}

#[tokio::test]
async fn an_exchange_that_its_guest_never_closes_gives_back_its_bytes_with_its_call() {
    let (server, gone) = holding().await;
    let host = host().unwrap();
    let mut spec = granted("fetcher", &[&server.url]);
    // Room for three at once.
    spec.limits.message_max = ByteSize::kib(64);
    spec.limits.kept_max = ByteSize::kib(200);
    let actor = spawn(&host, spec).await.unwrap();
    for _ in 0..10 {
        assert_eq!(bounded(actor.ask("leave_open", &(&server.url,)).into_future()).await, Ok(200));
        bounded(gone.notified()).await;
    }
    host.shutdown().await;
}

#[tokio::test]
async fn the_error_of_a_status_keeps_the_query_to_itself() {
    let missing = any(async || StatusCode::NOT_FOUND);
    let server = Server::start(Router::new().fallback(missing)).await;
    let host = host().unwrap();
    let actor = actor(&host, "fetcher", &[&server.url]).await;
    let url = format!("{}/path?key=secret", server.url);
    let error =
        text_of(bounded(actor.ask::<u16>("expect_success", &(url,)).into_future()).await.unwrap_err());
    assert!(error.contains("/path answered 404") && !error.contains("secret"), "{error}");
    host.shutdown().await;
}

/// A server on TLS with a certificate that nobody vouches for, and the certificate.
async fn secure() -> (String, tokio::task::JoinHandle<()>, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = vec![certified.cert.der().clone()];
    let config = config.with_no_client_auth().with_single_cert(chain, key.into()).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let serving = tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            // A client that does not trust us hangs up.
            let Ok(mut connection) = acceptor.accept(connection).await else { continue };
            let mut request = [0; 4096];
            if connection.read(&mut request).await.is_ok_and(|length| length > 0) {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecret";
                connection.write_all(answer).await.unwrap();
                drop(connection.shutdown().await);
            }
        }
    });
    (url, serving, certified.cert.pem())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_trusted_by_the_roots_of_the_system_alone() {
    let (url, serving, certificate) = secure().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roots.pem");
    std::fs::write(&file, certificate).unwrap();
    let guest = pulsing_tests::guest_file("fetcher").unwrap();
    let args = [text(&guest), "--http", &url];
    let request = json!([{"url": url}]).to_string();
    // The variable by which the system's roots are replaced.
    let trusting = RunningHost::start_with(("SSL_CERT_FILE", text(&file)), &args, 1);
    let answer = trusting.client(&["ask", "fetcher", "fetch", &request]);
    assert!(answer.stdout.contains("\"body\":\"secret\""), "{answer:?}");
    let wary = RunningHost::start(&args, 1);
    wary.client(&["ask", "fetcher", "fetch", &request]).assert_failed(3, &["certificate"]);
    serving.abort();
}
