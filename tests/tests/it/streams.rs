//! Streams out of guests.

use futures::StreamExt;
use pulsing_host::{ActorError, CallError};
use pulsing_tests::{host, spawn, spec};
use serde_json::Value;

use crate::{bounded, eventually};

#[tokio::test]
async fn a_guest_s_stream_is_dropped_when_its_reader_goes_away() {
    let host = host().unwrap();
    let actor = spawn(&host, spec("waiter").unwrap()).await.unwrap();
    for pause_ms in [1_u64, 3_600_000] {
        let mut stream = actor.stream("numbers", &(pause_ms,)).await.unwrap();
        if pause_ms == 1 {
            assert_eq!(bounded(stream.next()).await.unwrap().unwrap().number, 1);
        } else {
            let running = || actor.ask::<u64>("running", &()).into_future();
            eventually(running, |running| running.as_ref().is_ok_and(|running| *running == 1)).await.unwrap();
        }
        drop(stream);
        let running = || actor.ask::<u64>("running", &()).into_future();
        eventually(running, |running| running.as_ref().is_ok_and(|running| *running == 0)).await.unwrap();
    }
    assert_eq!(actor.ask::<u64>("dropped", &()).await.unwrap(), 2, "their destructors ran");
    assert_eq!(actor.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}

#[tokio::test]
async fn a_guests_stream_delivers_all_items_in_order() {
    let host = host().unwrap();
    let actor = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    let stream = actor.stream("numbers", &(1000,)).await.unwrap();
    let items: Vec<_> = bounded(stream.collect::<Vec<_>>()).await;
    let seen: Vec<(u64, u64)> = items
        .into_iter()
        .map(Result::unwrap)
        .map(|item| (item.number, item.payload.to_value().unwrap()))
        .collect();
    assert_eq!(seen, (1..=1000).map(|n| (n, n)).collect::<Vec<_>>());
    host.shutdown().await;
}

#[tokio::test]
async fn what_a_stream_made_before_its_guest_crashed_reaches_its_reader() {
    let host = host().unwrap();
    for guest in ["echo", "waiter"] {
        let actor = spawn(&host, spec(guest).unwrap()).await.unwrap();
        let mut stream = bounded(actor.stream("numbers_then_crash", &(3,)).into_future()).await.unwrap();
        for number in 1..=3 {
            assert_eq!(bounded(stream.next()).await.unwrap().unwrap().number, number, "{guest}");
        }
        let error = bounded(stream.next()).await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Actor(ActorError::System { .. })), "{guest}: {error:?}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_guests_stream_is_taken_up_again() {
    let host = host().unwrap();
    let actor = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    let stream = actor.stream("numbers", &(5,)).resume_after(3).await.unwrap();
    let items: Vec<_> = bounded(stream.collect::<Vec<_>>()).await;
    let seen: Vec<(u64, u64)> = items
        .into_iter()
        .map(Result::unwrap)
        .map(|item| (item.number, item.payload.to_value().unwrap()))
        .collect();
    assert_eq!(seen, [(4, 4), (5, 5)]);
    host.shutdown().await;
}

#[tokio::test]
async fn a_guests_stream_that_fails_delivers_what_came_before() {
    let host = host().unwrap();
    let actor = spawn(&host, spec("waiter").unwrap()).await.unwrap();
    let stream = actor.stream("numbers_then_error", &(40,)).await.unwrap();
    let mut items: Vec<_> = bounded(stream.collect::<Vec<_>>()).await;
    let error = items.pop().unwrap().unwrap_err();
    assert_eq!(
        error,
        ActorError::Business { code: 1, message: "no more numbers".to_owned(), details: None }.into()
    );
    assert_eq!(items.len(), 40);
    assert!(items.into_iter().all(|item| item.is_ok()));
    host.shutdown().await;
}

#[tokio::test]
async fn an_ask_on_a_guests_stream_answers_its_last_item() {
    let host = host().unwrap();
    let actor = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    assert_eq!(bounded(actor.ask::<u64>("numbers", &(100,)).into_future()).await.unwrap(), 100);
    assert_eq!(bounded(actor.ask::<Value>("numbers", &(0,)).into_future()).await.unwrap(), Value::Null);
    host.shutdown().await;
}
