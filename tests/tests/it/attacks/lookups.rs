//! Guests that look up names for which nobody has an answer soon.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::any;
use pulsing_host::{ActorId, ActorName, ActorRef, Host, Key};
use pulsing_tests::{cache_dir, spawn, spec};
use serde_json::{Value, json};

use crate::servers::Server;
use crate::{bounded, eventually};

/// All lookups of a host, and those of an actor that is alone.
const LOOKUPS: usize = 64;
const ALONE: usize = LOOKUPS / 2;

/// Names under `slow.example`, of which nobody knows anything until this is dropped.
struct SlowNames {
    /// How many lookups of them run.
    running: Arc<AtomicUsize>,
    _answers: Sender<()>,
}

impl SlowNames {
    /// A host where these are slow, and all others are this machine's.
    fn host() -> (Host, Self) {
        let (answers, awaited) = channel::<()>();
        let (running, awaited) = (Arc::<AtomicUsize>::default(), Mutex::new(awaited));
        let count = Arc::clone(&running);
        let find = move |name: &str| {
            if !name.ends_with(".slow.example") {
                return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
            }
            count.fetch_add(1, Ordering::SeqCst);
            let _gone = awaited.lock().unwrap().recv();
            count.fetch_sub(1, Ordering::SeqCst);
            Err(io::Error::other("nobody knows it"))
        };
        let host = Host::builder().cache_dir(cache_dir()).resolve_by(find).build().unwrap();
        (host, Self { running, _answers: answers })
    }

    async fn run(&self, count: usize) {
        eventually(async || self.running.load(Ordering::SeqCst), |running| *running == count).await;
    }
}

/// One actor of many of the same code, that may reach this.
async fn fetcher(host: &Host, key: &str, grant: &str) -> ActorRef {
    let mut spec = spec("fetcher").unwrap();
    spec.id = ActorId::new(ActorName::new("fetcher").unwrap(), Some(Key::new(key).unwrap()));
    spec.grants.http = vec![grant.parse().unwrap()];
    spawn(host, spec).await.unwrap()
}

/// An actor that looks up as many names as it can, none of which it gets to know.
async fn hog(host: &Host, key: usize) {
    let actor = fetcher(host, &key.to_string(), "*.slow.example").await;
    actor.tell("fetch_at_once", &("http://a.slow.example/", 2 * LOOKUPS)).await.unwrap();
}

#[tokio::test]
async fn shares_of_lookups_are_left_for_actors_that_hold_none() {
    let (host, names) = SlowNames::host();
    hog(&host, 0).await;
    names.run(ALONE).await;
    for number in 1..8 {
        hog(&host, number).await;
        names.run(ALONE + number).await;
    }
    let server = Server::start(Router::new().fallback(any(async || "here"))).await;
    let url = server.url.replace("127.0.0.1", "quick.example");
    let quick = fetcher(&host, "quick", &url).await;
    for _ in 0..3 {
        let answer = bounded(quick.ask::<Value>("fetch", &[json!({ "url": url })]).into_future()).await;
        assert_eq!(answer.unwrap()["body"], "here");
    }
    names.run(ALONE + 7).await;
    drop(names);
    host.shutdown().await;
}
