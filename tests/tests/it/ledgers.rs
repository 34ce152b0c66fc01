//! Actors of the guests `ledger` and `ledger-serial`, which count what becomes of their handlers and streams.

use futures::StreamExt;
use pulsing_host::{ActorRef, ActorSpec, CallError, Host, StreamReader};
use pulsing_tests::{spawn, spec};
use serde_json::{Value, json};

use crate::{bounded, eventually};

/// The same guest twice: one whose handlers overlap, and its serial twin.
pub(crate) const BOTH: [&str; 2] = ["ledger", "ledger-serial"];

pub(crate) fn ledger(guest: &str, name: &str, peers: &[&str]) -> ActorSpec {
    let mut spec = spec(guest).unwrap();
    spec.id = name.parse().unwrap();
    spec.grants.ask = peers.iter().map(|peer| peer.parse().unwrap()).collect();
    spec
}

/// The actors `a`, `b` and `c` of one guest: each may reach the next.
pub(crate) async fn chain(host: &Host, guest: &str) -> [ActorRef; 3] {
    let a = spawn(host, ledger(guest, "a", &["b", "c", "nobody"])).await.unwrap();
    let b = spawn(host, ledger(guest, "b", &["c", "nobody"])).await.unwrap();
    let c = spawn(host, ledger(guest, "c", &[])).await.unwrap();
    [a, b, c]
}

/// One of its counts.
pub(crate) async fn count(actor: &ActorRef, what: &str) -> u64 {
    let counts: Value = bounded(actor.ask("counts", &()).into_future()).await.unwrap();
    counts[what].as_u64().unwrap_or_else(|| panic!("{what} in {counts}"))
}

/// Waits until one of its counts is such.
pub(crate) async fn count_becomes(actor: &ActorRef, what: &str, wanted: u64) {
    eventually(|| count(actor, what), |found| *found == wanted).await;
}

/// Waits until nothing of any message or stream is left in it.
pub(crate) async fn idle(actor: &ActorRef) {
    let left = || async {
        let rest = actor.snapshot().await.unwrap();
        (rest.in_flight, rest.streams, rest.mailbox_depth)
    };
    eventually(left, |left| *left == (0, 0, 0)).await;
}

/// Reads up to `count` items: their numbers and values.
pub(crate) async fn read(stream: &mut StreamReader, count: usize) -> Vec<(u64, Value)> {
    let mut items = Vec::new();
    while items.len() < count {
        match bounded(stream.next()).await {
            Some(item) => {
                items.push(item.map(|item| (item.number, item.payload.to_value().unwrap())).unwrap())
            }
            None => break,
        }
    }
    items
}

/// Reads to the end: how many items there were, and what ended them.
pub(crate) async fn drain(mut stream: StreamReader) -> (u64, Option<CallError>) {
    let mut count = 0;
    loop {
        match bounded(stream.next()).await {
            Some(Ok(_)) => count += 1,
            Some(Err(error)) => return (count, Some(error)),
            None => return (count, None),
        }
    }
}

/// The items `first..=last`, as `count` of a ledger makes them.
pub(crate) fn items(first: u64, last: u64) -> Vec<(u64, Value)> {
    (first..=last).map(|number| (number, json!(number))).collect()
}
