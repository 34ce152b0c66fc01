//! Messages from actor to actor.

use std::time::Duration;

use futures::StreamExt;

use pulsing_host::{ActorError, ActorRef, CallError, Host};
use pulsing_tests::{host, spawn, spec};

use crate::{bounded, eventually};

/// Two actors of one guest: the first may ask the second.
async fn pair(host: &Host, guest: &str) -> (ActorRef, ActorRef) {
    let name = |name: &str| name.parse().unwrap();
    let mut asking = spec(guest).unwrap();
    asking.id = name("asking");
    asking.grants.ask = vec![name("asked")];
    let mut asked = spec(guest).unwrap();
    asked.id = name("asked");
    (spawn(host, asking).await.unwrap(), spawn(host, asked).await.unwrap())
}

#[tokio::test]
async fn a_serial_guest_asks_another_actor() {
    let host = host().unwrap();
    let (asking, asked) = pair(&host, "rogue").await;
    assert_eq!(bounded(asking.ask::<u64>("count_of", &("asked",)).into_future()).await.unwrap(), 1);
    assert_eq!(asked.ask::<u64>("count", &()).await.unwrap(), 2);
    host.shutdown().await;
}

#[tokio::test]
async fn an_overlapping_guest_asks_several_at_once() {
    let host = host().unwrap();
    let (asking, _asked) = pair(&host, "waiter").await;
    let most = bounded(asking.ask::<u64>("naps_of", &("asked", 20)).into_future()).await.unwrap();
    assert_eq!(most, 2);
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_reads_a_stream_of_another_actor_and_gives_it_up() {
    let host = host().unwrap();
    let (asking, asked) = pair(&host, "waiter").await;
    assert_eq!(bounded(asking.ask::<u64>("sum_of", &("asked", 4)).into_future()).await.unwrap(), 10);
    eventually(|| async { asked.snapshot().await.unwrap().streams }, |streams| *streams == 0).await;
    host.shutdown().await;
}

#[tokio::test]
async fn what_is_left_of_the_time_goes_along_to_nested_asks() {
    let host = host().unwrap();
    let (asking, asked) = pair(&host, "waiter").await;
    let timeout = Duration::from_millis(50);
    let error = asking.ask::<u64>("naps_of", &("asked", 3_600_000)).timeout(timeout).await.unwrap_err();
    assert!(matches!(error, CallError::Actor(ActorError::Timeout { .. })), "{error:?}");
    let running = || asked.ask::<u64>("running", &()).into_future();
    eventually(running, |running| running.as_ref().is_ok_and(|running| *running == 0)).await.unwrap();
    assert_eq!(asked.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}

#[tokio::test]
async fn streams_of_other_actors_that_have_ended_are_let_go() {
    let host = host().unwrap();
    let name = |name: &str| name.parse().unwrap();
    let mut asking = spec("waiter").unwrap();
    asking.id = name("asking");
    asking.grants.ask = vec![name("asked")];
    asking.limits.open_streams = const { std::num::NonZeroUsize::new(2).unwrap() };
    let asking = spawn(&host, asking).await.unwrap();
    let mut asked = spec("waiter").unwrap();
    asked.id = name("asked");
    spawn(&host, asked).await.unwrap();
    for _ in 0..5 {
        let sum = asking.ask::<u64>("sum_until_error_of", &("asked", 3)).into_future();
        assert_eq!(bounded(sum).await.unwrap(), 6);
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_is_told_of_every_end_of_another_actor() {
    let host = host().unwrap();
    let name = |name: &str| name.parse().unwrap();
    let mut watching = spec("waiter").unwrap();
    watching.grants.ask = vec![name("rogue")];
    let watching = spawn(&host, watching).await.unwrap();
    let watched = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    let mut ends = watching.stream("ends_of", &("rogue",)).await.unwrap();
    let next = async |ends: &mut pulsing_host::StreamReader| -> Option<String> {
        let item = bounded(ends.next()).await?;
        Some(item.unwrap().payload.to_value().unwrap())
    };
    assert_eq!(next(&mut ends).await.unwrap(), "watching");
    bounded(watched.ask::<()>("panic", &()).into_future()).await.unwrap_err();
    assert_eq!(next(&mut ends).await.unwrap(), "0 trapped true");
    bounded(watched.ask::<u64>("count", &()).into_future()).await.unwrap();
    bounded(watched.restart()).await.unwrap();
    assert_eq!(next(&mut ends).await.unwrap(), "1 restart-requested true");
    bounded(watched.stop()).await.unwrap();
    assert_eq!(next(&mut ends).await.unwrap(), "2 stopped false");
    host.shutdown().await;
}

#[tokio::test]
async fn a_serial_guest_waits_for_the_end_of_another_actor() {
    let host = host().unwrap();
    let (asking, asked) = pair(&host, "rogue").await;
    let end = tokio::spawn(asking.ask::<String>("end_of", &("asked",)).into_future());
    eventually(|| async { asking.snapshot().await.unwrap().in_flight }, |in_flight| *in_flight == 1).await;
    // It watches from some moment on: crashes go on until it has seen one.
    let seen = async {
        while !end.is_finished() {
            bounded(asked.ask::<()>("panic", &()).into_future()).await.unwrap_err();
            asked.restart().await.unwrap();
        }
        end.await.unwrap().unwrap()
    };
    let seen = bounded(seen).await;
    assert!(seen.ends_with("trapped true") || seen.ends_with("restart-requested true"), "{seen}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_has_no_more_bytes_on_their_way_than_its_limit() {
    let host = host().unwrap();
    let name = |name: &str| name.parse().unwrap();
    let mut asking = spec("waiter").unwrap();
    asking.id = name("asking");
    asking.grants.ask = vec![name("asked")];
    asking.limits.kept_max = bytesize::ByteSize::mib(1);
    asking.limits.message_max = bytesize::ByteSize::kib(512);
    let asking = spawn(&host, asking).await.unwrap();
    let mut asked = spec("waiter").unwrap();
    asked.id = name("asked");
    let asked = spawn(&host, asked).await.unwrap();
    let refused = bounded(asking.ask::<usize>("flood", &("asked", 20, 100_000)).into_future()).await.unwrap();
    assert_eq!(refused, 10);
    // Nothing is left of it.
    let refused = bounded(asking.ask::<usize>("flood", &("asked", 10, 100_000)).into_future()).await.unwrap();
    assert_eq!(refused, 0);
    assert_eq!(asked.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}
