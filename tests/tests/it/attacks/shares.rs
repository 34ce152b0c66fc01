//! Guests and clients that take all there is of what an actor has for everybody.

use std::num::NonZeroUsize;

use futures::StreamExt;
use pulsing_host::{ActorError, ActorRef, CallError, StreamReader};
use pulsing_tests::{guest_file, host, spawn};
use serde_json::{Value, json};

use super::tokens::client;
use crate::ledgers::{BOTH, count_becomes, drain, idle, items, ledger, read};
use crate::program::{RunningHost, text};
use crate::{bounded, eventually};

/// How many streams the peer has at most.
const STREAMS: NonZeroUsize = NonZeroUsize::new(8).unwrap();
/// More items than wait anywhere between the peer and who reads what another actor relays.
const READ_AHEAD_MAX: usize = 200;

/// A stream of the peer `b` that `a` reads. Nobody reads on.
async fn relay(a: &ActorRef) -> Result<StreamReader, CallError> {
    let args = (["b"], "count", json!([u32::MAX, 0, null]), None::<u64>);
    bounded(a.stream("relay", &args).into_future()).await
}

async fn endless(b: &ActorRef) -> Result<StreamReader, CallError> {
    bounded(b.stream("count", &(u32::MAX, 0, None::<String>)).into_future()).await
}

/// What has ended a stream; none if it goes on.
async fn end(mut stream: StreamReader) -> Option<CallError> {
    for _ in 0..READ_AHEAD_MAX {
        if let Err(error) = bounded(stream.next()).await.unwrap() {
            return Some(error);
        }
    }
    None
}

#[tokio::test]
async fn shares_of_streams_come_from_an_actor_that_has_taken_all_and_reads_none() {
    for guest in BOTH {
        let host = host().unwrap();
        let mut spec = ledger(guest, "b", &[]);
        spec.limits.open_streams = STREAMS;
        let b = spawn(&host, spec).await.unwrap();
        let a = spawn(&host, ledger(guest, "a", &["b"])).await.unwrap();
        let mut taken = Vec::new();
        for _ in 0..STREAMS.get() {
            let mut stream = relay(&a).await.unwrap();
            assert_eq!(read(&mut stream, 1).await, items(1, 1), "{guest}");
            taken.push(stream);
        }
        // One guest says so as it opens the stream, the other with the first item.
        let refused = match relay(&a).await {
            Ok(stream) => drain(stream).await,
            Err(error) => (0, Some(error)),
        };
        let full = "has 8 streams open, and may have no more";
        assert!(refused.0 == 0 && refused.1.unwrap().to_string().contains(full), "{guest}");
        let mut ours = Vec::new();
        for _ in 0..STREAMS.get() / 2 {
            ours.push(endless(&b).await.unwrap());
        }
        assert!(endless(&b).await.is_err(), "{guest}: half of the places is the share of each of two");
        for stream in &mut ours {
            assert_eq!(read(stream, 100).await, items(1, 100), "{guest}");
        }
        let mut gave_way = 0;
        for stream in taken {
            let Some(error) = end(stream).await else { continue };
            let CallError::Actor(ActorError::System { message, .. }) = error else { panic!("{error:?}") };
            assert!(message.contains("ended one for a sender with fewer"), "{guest}: {message}");
            gave_way += 1;
        }
        assert_eq!(gave_way, STREAMS.get() / 2, "{guest}");
        drop(ours);
        idle(&b).await;
        count_becomes(&b, "running", 0).await;
        assert_eq!(b.status().await.unwrap().generation.0, 0, "{guest}");
        host.shutdown().await;
    }
}

/// A host with a `victim` whose mailbox has eight places, two that may send to it, and one that it may wait for.
struct Flooded {
    host: RunningHost,
    _folder: tempfile::TempDir,
}

impl Flooded {
    fn start(overflow: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let guest = guest_file("rogue").unwrap();
        let actor = |name: &str, peer: &str, more: &str| {
            let limits = format!("limits = {{ ask_timeout = \"10min\"{more} }}");
            format!("[actors.{name}]\ncomponent = {guest:?}\ngrants = {{ ask = [{peer:?}] }}\n{limits}\n")
        };
        let toml = [
            actor("victim", "gate", &format!(", mailbox_messages = 8, overflow = {overflow:?}")),
            actor("loud", "victim", ""),
            actor("quiet", "victim", ""),
            actor("gate", "victim", ""),
        ];
        let path = folder.path().join("host.toml");
        std::fs::write(&path, toml.concat()).unwrap();
        Self { host: RunningHost::start(&["--config", text(&path)], 4), _folder: folder }
    }

    /// Sends what goes on meanwhile. Its outcome is a status and a value.
    fn post(&self, path: &str, body: Value) -> tokio::task::JoinHandle<(u16, Value)> {
        let request = client().post(format!("{}/v1/actors/{path}", self.host.url)).json(&body);
        tokio::spawn(async move {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json().await.unwrap_or_default())
        })
    }

    async fn becomes(&self, field: &str, wanted: u64) {
        let url = format!("{}/v1/actors/victim", self.host.url);
        let seen = async || {
            let shown: Value = client().get(&url).send().await.unwrap().json().await.unwrap();
            shown[field].as_u64().unwrap()
        };
        eventually(seen, |seen| *seen == wanted).await;
    }
}

#[tokio::test]
async fn shares_of_a_mailbox_are_left_by_an_actor_that_floods_it() {
    const TELLS: u64 = 100;
    for overflow in ["wait", "reject"] {
        let flooded = Flooded::start(overflow);
        let busy = flooded.post("victim/ask/end_of", json!(["gate"]));
        flooded.becomes("in_flight", 1).await;
        let flood = flooded.post("loud/ask/flood", json!(["victim", TELLS]));
        flooded.becomes("mailbox_depth", 6).await;
        let of_actor = flooded.post("quiet/ask/count_of", json!(["victim"]));
        flooded.becomes("mailbox_depth", 7).await;
        let of_client = flooded.post("victim/ask/count", json!([]));
        flooded.becomes("mailbox_depth", 8).await;
        let late = flooded.post("victim/ask/count", json!([])).await.unwrap();
        assert_eq!(late.0, 429, "{overflow}: there is no place left, and no client waits for one");
        assert_eq!(flooded.post("gate/stop", json!([])).await.unwrap().0, 200);
        assert_eq!(busy.await.unwrap().0, 200);
        assert_eq!(of_actor.await.unwrap(), (200, json!(7)), "{overflow}: next after what was in before");
        assert_eq!(of_client.await.unwrap(), (200, json!(8)), "{overflow}");
        let told = flood.await.unwrap().0 == 200;
        assert_eq!(told, overflow == "wait", "it had room for all in the end, or was refused");
        let counted = if told { TELLS + 2 } else { 8 };
        let last = flooded.post("victim/ask/count", json!([])).await.unwrap();
        assert_eq!(last, (200, json!(counted + 1)), "{overflow}: what was taken was handled, once");
    }
}
