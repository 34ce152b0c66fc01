//! How handlers share an instance.

use std::time::Duration;

use pulsing_host::{Message, Payload, SendOptions, State};
use pulsing_tests::{host, spawn, spec};
use serde_json::{Value, json};

use crate::bounded;

#[tokio::test]
async fn a_serial_guest_handles_one_message_at_a_time() {
    let host = host().unwrap();
    let actor = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    let sleeper = tokio::spawn({
        let actor = actor.clone();
        async move { actor.ask::<Value>("sleep", &json!([50])).await }
    });
    tokio::task::yield_now().await;
    // `sleep` counts after its wait: a message that came in between would be counted before it.
    assert_eq!(bounded(actor.ask::<u64>("count", &()).into_future()).await.unwrap(), 2);
    assert_eq!(sleeper.await.unwrap().unwrap(), json!(false));
    host.shutdown().await;
}

#[tokio::test]
async fn a_thousand_waits_of_one_guest_overlap() {
    let host = host().unwrap();
    let actor = spawn(&host, spec("waiter").unwrap()).await.unwrap();
    let naps = (0..1000).map(|_| actor.ask::<u64>("nap", &(200,)).into_future());
    let most: Vec<u64> =
        bounded(futures::future::join_all(naps)).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(most.into_iter().max(), Some(1000), "all of them waited at once");
    assert_eq!(actor.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}

#[tokio::test]
async fn handlers_of_an_overlapping_guest_start_in_order() {
    let host = host().unwrap();
    let actor = spawn(&host, spec("waiter").unwrap()).await.unwrap();
    let notes = (0..200_u64).map(|number| actor.ask::<()>("note", &(number, 10)).into_future());
    for noted in bounded(futures::future::join_all(notes)).await {
        noted.unwrap();
    }
    let order: Vec<u64> = actor.ask("noted", &()).await.unwrap();
    assert_eq!(order, (0..200).collect::<Vec<_>>());
    host.shutdown().await;
}

#[tokio::test]
async fn a_sync_method_is_answered_while_others_wait() {
    let host = host().unwrap();
    let actor = spawn(&host, spec("waiter").unwrap()).await.unwrap();
    let nap = tokio::spawn(actor.ask::<u64>("nap", &(3_600_000,)).into_future());
    let running = crate::eventually(
        || actor.ask::<u64>("running", &()).into_future(),
        |running| running.as_ref().is_ok_and(|running| *running == 1),
    );
    assert_eq!(running.await.unwrap(), 1);
    nap.abort();
    host.shutdown().await;
}

#[tokio::test]
async fn background_work_goes_on_after_its_handler_and_ends_with_the_life() {
    let host = host().unwrap();
    let peer = "peer".parse::<pulsing_host::ActorId>().unwrap();
    let mut asked = spec("waiter").unwrap();
    asked.id = peer.clone();
    let asked = spawn(&host, asked).await.unwrap();
    let mut asking = spec("waiter").unwrap();
    asking.grants.ask = vec![peer];
    let actor = spawn(&host, asking).await.unwrap();
    let counted = || actor.ask::<u64>("counted", &()).into_future();
    for peer in [None, Some("peer")] {
        bounded(actor.ask::<()>("count_in_background", &(peer,)).into_future()).await.unwrap();
        let before = counted().await.unwrap();
        crate::eventually(counted, |counted| *counted.as_ref().unwrap() > before + 3).await.unwrap();
        bounded(actor.restart()).await.unwrap();
        assert_eq!(counted().await.unwrap(), 0);
        // The next life does not count, and nobody asks for it.
        let asks = asked.snapshot().await.unwrap().counted.asks;
        bounded(actor.ask::<u64>("nap", &(20,)).into_future()).await.unwrap();
        assert_eq!((counted().await.unwrap(), asked.snapshot().await.unwrap().counted.asks), (0, asks));
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_may_be_passivated_loses_its_memory_and_nothing_else() {
    let host = host().unwrap();
    for guest in ["echo", "echo-overlapping"] {
        let mut spec = spec(guest).unwrap();
        spec.limits.passivate_after = Some(Duration::from_millis(50));
        let actor = spawn(&host, spec).await.unwrap();
        let note = Message::new("note", Payload::bytes("x"));
        actor.tell_message(note, SendOptions::default()).await.unwrap();
        bounded(actor.wait_for(|status| status.state == State::Passive)).await.unwrap();
        assert_eq!(actor.snapshot().await.unwrap().counted.memory_bytes, 0, "{guest}");
        // It takes what comes, and begins anew.
        assert_eq!(bounded(actor.ask::<u64>("told", &()).into_future()).await.unwrap(), 0, "{guest}");
        assert!(actor.status().await.unwrap().generation.0 >= 1, "{guest}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn an_actor_comes_to_rest_between_messages_and_goes_on_with_its_state() {
    let host = host().unwrap();
    for guest in ["counter", "waiter"] {
        let actor = spawn(&host, spec(guest).unwrap()).await.unwrap();
        let told = |actor: &pulsing_host::ActorRef| match guest {
            "counter" => actor.ask::<u64>("increment", &(1,)).into_future(),
            _waiter => actor.ask::<u64>("nap", &(20,)).into_future(),
        };
        bounded(told(&actor)).await.unwrap();
        for _ in 0..3 {
            assert_eq!(bounded(actor.rest()).await.unwrap().state, State::Running);
        }
        // What is in flight ends first, and what waits comes afterwards.
        let (before, rested, after) =
            bounded(async { futures::join!(told(&actor), actor.rest(), told(&actor)) }).await;
        assert!(before.is_ok() && after.is_ok(), "{guest}: {before:?} {after:?}");
        assert_eq!(rested.unwrap().generation.0, 0);
        if guest == "counter" {
            assert_eq!(bounded(actor.ask::<u64>("get", &()).into_future()).await, Ok(3));
        }
        bounded(actor.stop()).await.unwrap();
        assert_eq!(
            bounded(actor.rest()).await.unwrap().state,
            State::Stopped,
            "there is nothing to wait for"
        );
    }
    host.shutdown().await;
}
