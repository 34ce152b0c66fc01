//! What `docs/semantics.md` promises of real guests, and no other file of tests is about.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use futures::StreamExt;
use futures::future::join_all;
use pulsing_host::{ActorError, ActorRef, ActorSpec, CallError, Host, State};
use pulsing_tests::{guest_file, host, spawn, spec};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio::task::JoinHandle;

use crate::program::{RunningHost, text};
use crate::servers::Server;
use crate::{bounded, eventually};

fn named(name: &str, guest: &str, may_ask: &[&str]) -> ActorSpec {
    let mut spec = ActorSpec { id: name.parse().unwrap(), ..spec(guest).unwrap() };
    spec.grants.ask = may_ask.iter().map(|name| name.parse().unwrap()).collect();
    spec
}

async fn may_fetch(host: &Host, guest: &str, url: &str) -> ActorRef {
    let mut spec = spec(guest).unwrap();
    spec.grants.http = vec![url.parse().unwrap()];
    spawn(host, spec).await.unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn a_deadlock_of_overlapping_actors_that_no_chain_of_calls_shows_ends_by_timeout() {
    let host = host().unwrap();
    let full = |name, other| {
        let mut spec = named(name, "waiter", &[other]);
        spec.limits.max_in_flight = NonZeroUsize::MIN;
        spec
    };
    let a = spawn(&host, full("a", "b")).await.unwrap();
    let b = spawn(&host, full("b", "a")).await.unwrap();
    let ask = |actor: &ActorRef, other| {
        actor.ask::<u64>("naps_of", &(other, 1)).timeout(Duration::from_millis(300)).into_future()
    };
    let nap = |actor: &ActorRef| actor.ask::<u64>("nap", &(50,)).into_future();
    // Both are in their mailboxes before either is handled: the naps that they ask for come second, and find no room.
    let asked = async { futures::join!(nap(&a), nap(&b), ask(&a, "b"), ask(&b, "a")) };
    let (_, _, of_a, of_b) = bounded(asked).await;
    for outcome in [of_a, of_b] {
        assert!(matches!(&outcome, Err(CallError::Actor(ActorError::Timeout { .. }))), "{outcome:?}");
    }
    for actor in [&a, &b] {
        assert_eq!(bounded(actor.ask::<u64>("dropped", &()).into_future()).await, Ok(0));
        assert_eq!(actor.status().await.unwrap().generation.0, 0, "no life was ended for it");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn background_work_does_not_keep_an_actor_from_being_passivated() {
    let host = host().unwrap();
    let mut spec = spec("waiter").unwrap();
    spec.limits.passivate_after = Some(Duration::from_millis(50));
    let actor = spawn(&host, spec).await.unwrap();
    bounded(actor.ask::<()>("count_in_background", &(None::<String>,)).into_future()).await.unwrap();
    bounded(actor.wait_for(|status| status.state == State::Passive)).await.unwrap();
    assert_eq!(
        bounded(actor.ask::<u64>("counted", &()).into_future()).await,
        Ok(0),
        "it ended with the life"
    );
    host.shutdown().await;
}

#[tokio::test]
async fn the_key_of_one_sender_is_not_that_of_another() {
    let host = host().unwrap();
    let mut asked = named("asked", "rogue", &[]);
    asked.limits.reply_cache = 10;
    let asked = spawn(&host, asked).await.unwrap();
    let one = spawn(&host, named("one", "waiter", &["asked"])).await.unwrap();
    let other = spawn(&host, named("other", "waiter", &["asked"])).await.unwrap();
    let try_of = async |actor: &ActorRef| {
        bounded(actor.ask::<u64>("try_of", &("asked", 0, "key")).into_future()).await.unwrap()
    };
    let outside = || asked.ask::<u64>("flaky", &(0,)).idempotency_key("key").into_future();
    for _ in 0..2 {
        // `flaky` answers how often it was tried under the key, whoever sent it.
        assert_eq!((try_of(&one).await, try_of(&other).await), (1, 2));
        assert_eq!(bounded(outside()).await, Ok(3));
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_watches_no_actor_that_it_was_not_granted() {
    let host = host().unwrap();
    spawn(&host, spec("rogue").unwrap()).await.unwrap();
    let watching = spawn(&host, spec("waiter").unwrap()).await.unwrap();
    let mut ends = watching.stream("ends_of", &("rogue",)).await.unwrap();
    let error = bounded(ends.next()).await.unwrap().map(drop).unwrap_err().to_string();
    assert!(error.contains("may not") && error.contains("needs the grant `ask` for `rogue`"), "{error}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_message_that_computes_for_too_long_is_blamed_for_it() {
    let host = host().unwrap();
    let mut spec = spec("rogue").unwrap();
    spec.limits.handler_max_cpu = Duration::from_millis(50);
    spec.restart.min_backoff = Some(Duration::from_millis(1));
    let actor = spawn(&host, spec).await.unwrap();
    for life in 1..=2 {
        bounded(actor.ask::<()>("spin", &()).into_future()).await.unwrap_err();
        bounded(actor.wait_for(|status| status.generation.0 == life && status.state == State::Running))
            .await
            .unwrap();
    }
    let error = bounded(actor.ask::<()>("spin", &()).into_future()).await.unwrap_err().to_string();
    assert!(error.contains("in quarantine"), "{error}");
    assert_eq!(actor.status().await.unwrap().generation.0, 2);
    host.shutdown().await;
}

#[test]
fn the_error_of_a_tell_is_in_the_log() {
    let host = RunningHost::start_with_unread_log(&[text(&guest_file("rogue").unwrap())], 1);
    assert_eq!(host.client(&["tell", "rogue", "fail", "[\"system\"]"]).code, Some(0));
    host.client(&["ask", "rogue", "count"]);
    let log = host.stop_and_read_log();
    let line = log.lines().find(|line| line.contains("dead letter"));
    assert!(line.is_some_and(|line| line.contains("rogue") && line.contains("disk gone")), "{log}");
}

#[tokio::test]
async fn a_life_holds_2_048_things_of_wasi_at_most() {
    let host = host().unwrap();
    let actor = spawn(&host, spec("fetcher-serial").unwrap()).await.unwrap();
    assert_eq!(bounded(actor.ask::<usize>("hold_fields", &(2_000,)).into_future()).await, Ok(2_000));
    bounded(actor.ask::<usize>("hold_fields", &(2_049,)).into_future()).await.unwrap_err();
    eventually(|| async { actor.status().await.unwrap() }, |status| status.generation.0 == 1).await;
    host.shutdown().await;
}

/// Where requests came from.
type Seen = Arc<Mutex<HashSet<SocketAddr>>>;

/// A server that answers once so many requests are there, and remembers their connections.
async fn remembering(at_once: usize) -> (String, Seen, JoinHandle<()>) {
    let (barrier, seen) = (Arc::new(Barrier::new(at_once)), Seen::default());
    let remember = Arc::clone(&seen);
    let answer = get(move |ConnectInfo(from): ConnectInfo<SocketAddr>| async move {
        remember.lock().unwrap().insert(from);
        barrier.wait().await;
        "all here"
    });
    let routes = Router::new().route("/", answer).into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (url, seen, tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() }))
}

#[tokio::test]
async fn no_more_than_four_connections_to_a_host_are_kept_for_another_request() {
    const AT_ONCE: usize = 20;
    let (url, seen, serving) = remembering(AT_ONCE).await;
    let host = host().unwrap();
    let actor = may_fetch(&host, "fetcher", &url).await;
    for connections_at_least in [AT_ONCE, 2 * AT_ONCE - 4] {
        let request = (json!({"url": url}),);
        let asks = (0..AT_ONCE).map(|_| actor.ask::<Value>("fetch", &request).into_future());
        for answer in bounded(join_all(asks)).await {
            assert_eq!(answer.unwrap()["body"], "all here");
        }
        let connections = seen.lock().unwrap().len();
        assert!(connections >= connections_at_least, "{connections}");
    }
    serving.abort();
    host.shutdown().await;
}

#[tokio::test]
async fn a_serial_guest_is_held_to_the_length_that_it_says() {
    // It reads on after it has responded: a server that does not closes the connection, before or after the guest wrote.
    let read_on = async |body: Body| {
        tokio::spawn(to_bytes(body, 100));
        "ok"
    };
    let server = Server::start(Router::new().route("/", post(read_on))).await;
    let authority = server.url.strip_prefix("http://").unwrap();
    let host = host().unwrap();
    let actor = may_fetch(&host, "fetcher-serial", &server.url).await;
    let upload = async |body: &str| {
        let asked = actor.ask::<()>("upload_with_length", &(authority, "4", body)).into_future();
        bounded(asked).await
    };
    assert_eq!(upload("four").await, Ok(()));
    upload("more than four").await.unwrap_err();
    assert_eq!(bounded(actor.ask::<bool>("is_alive", &()).into_future()).await, Ok(true));
    host.shutdown().await;
}
