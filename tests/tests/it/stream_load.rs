//! Streams of one actor under load: far ahead, many at once, and ended from either side.

use std::num::NonZeroUsize;

use futures::future::join_all;
use pulsing_host::{ActorError, CallError, RuntimeErrorKind};
use pulsing_tests::{host, spawn};
use serde_json::json;

use crate::bounded;
use crate::ledgers::{BOTH, count, count_becomes, drain, idle, items, ledger, read};

#[tokio::test]
async fn a_guest_makes_no_more_than_the_buffer_ahead_of_its_reader() {
    for guest in BOTH {
        let host = host().unwrap();
        let actor = spawn(&host, ledger(guest, "a", &[])).await.unwrap();
        let mut stream = actor.stream("count", &(u32::MAX, 0, None::<String>)).await.unwrap();
        for taken in [1_u64, 100] {
            let so_far = if taken == 1 { 1 } else { 99 };
            read(&mut stream, so_far).await;
            // A count is asked for between draws: the buffer is full as soon as no draw comes in between.
            for _ in 0..50 {
                let made = count(&actor, "made").await;
                assert!((taken..=taken + 32).contains(&made), "{guest}: {made} made, {taken} taken");
            }
        }
        host.shutdown().await;
    }
}

#[tokio::test]
async fn streams_of_one_actor_flow_side_by_side_and_messages_between_their_draws() {
    for guest in BOTH {
        let host = host().unwrap();
        let actor = spawn(&host, ledger(guest, "a", &[])).await.unwrap();
        let (flowing, flows) = tokio::sync::watch::channel(0_usize);
        let streams = (0..8).map(|_| async {
            let mut stream = actor.stream("count", &(2000, 0, None::<String>)).await.unwrap();
            let mut seen = read(&mut stream, 100).await;
            // Goes on once there was a note in the midst of all eight.
            flowing.send_modify(|flowing| *flowing += 1);
            let note = actor.ask::<serde_json::Value>("note", &(0, 0)).into_future();
            assert_eq!(bounded(note).await.unwrap()["generation"], 0);
            bounded(flows.clone().wait_for(|flowing| *flowing == 8)).await.unwrap();
            assert_eq!(count(&actor, "finished").await, 0, "{guest}: none has come to its end");
            seen.extend(read(&mut stream, 3000).await);
            seen
        });
        for stream in bounded(join_all(streams)).await {
            assert_eq!(stream, items(1, 2000), "{guest}");
        }
        idle(&actor).await;
        host.shutdown().await;
    }
}

#[tokio::test]
async fn a_thousand_streams_that_are_read_some_and_abandoned_are_all_closed() {
    for guest in BOTH {
        let host = host().unwrap();
        let actor = spawn(&host, ledger(guest, "a", &[])).await.unwrap();
        let opened = (0..1000).map(|_| actor.stream("count", &(u32::MAX, 0, None::<String>)).into_future());
        let mut streams: Vec<_> = bounded(join_all(opened)).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(actor.snapshot().await.unwrap().streams, 1000, "{guest}");
        for (read_some, stream) in streams.iter_mut().enumerate() {
            let some = read_some % 7;
            assert_eq!(read(stream, some).await.len(), some);
        }
        drop(streams);
        idle(&actor).await;
        count_becomes(&actor, "running", 0).await;
        let dropped = count(&actor, "dropped").await;
        // One that was never drawn on has not begun, in the overlapping guest.
        assert!((850..=1000).contains(&dropped), "{guest}: {dropped}");
        assert_eq!(actor.status().await.unwrap().generation.0, 0);
        let mut stream = actor.stream("count", &(3, 0, None::<String>)).await.unwrap();
        assert_eq!(read(&mut stream, 9).await, items(1, 3), "{guest}: and it goes on");
        host.shutdown().await;
    }
}

#[tokio::test]
async fn a_stop_tells_the_readers_of_open_streams_why_they_end() {
    for guest in BOTH {
        let host = host().unwrap();
        let actor = spawn(&host, ledger(guest, "a", &[])).await.unwrap();
        let mut streams = Vec::new();
        for _ in 0..3 {
            let mut stream = actor.stream("count", &(u32::MAX, 0, None::<String>)).await.unwrap();
            assert_eq!(read(&mut stream, 5).await, items(1, 5));
            streams.push(stream);
        }
        let status = bounded(actor.stop()).await.unwrap();
        assert_eq!(status.last_exit, Some(pulsing_host::ExitReason::Stopped), "{guest}");
        for stream in streams {
            let (rest, error) = drain(stream).await;
            assert!(rest <= 32, "{guest}: what was in the buffer: {rest}");
            let Some(CallError::Runtime(error)) = error else { panic!("{guest}: {error:?}") };
            assert_eq!(
                (error.kind, error.message.as_str()),
                (RuntimeErrorKind::ActorStopped, "`a` is stopping")
            );
        }
        host.shutdown().await;
    }
}

#[tokio::test]
async fn an_ended_stream_stays_ended_and_a_resume_past_the_end_finds_nothing() {
    for guest in BOTH {
        let host = host().unwrap();
        let actor = spawn(&host, ledger(guest, "a", &[])).await.unwrap();
        let mut stream = actor.stream("count", &(3, 0, None::<String>)).await.unwrap();
        assert_eq!(read(&mut stream, 9).await, items(1, 3));
        for _ in 0..3 {
            let batch = bounded(stream.next_batch(5)).await.unwrap();
            assert!(batch.done && batch.items.is_empty(), "{guest}: {batch:?}");
        }
        for past in [3, 4, 1000] {
            let past = actor.stream("count", &(3, 0, None::<String>)).resume_after(past).await.unwrap();
            assert_eq!(drain(past).await, (0, None), "{guest}");
        }
        idle(&actor).await;
        host.shutdown().await;
    }
}

#[tokio::test]
async fn an_error_ready_together_with_items_comes_after_them_and_alone() {
    for guest in BOTH {
        let host = host().unwrap();
        let actor = spawn(&host, ledger(guest, "a", &[])).await.unwrap();
        // Within a draw, at its end, and just beyond it.
        for last in [0, 5, 32, 33, 64] {
            let stream = actor.stream("count", &(last, 0, Some("system"))).await.unwrap();
            let failed = Some(CallError::Actor(ActorError::system("disk gone")));
            assert_eq!(drain(stream).await, (last, failed), "{guest}");
        }
        idle(&actor).await;
        assert_eq!(actor.status().await.unwrap().generation.0, 0);
        host.shutdown().await;
    }
}

#[tokio::test]
async fn a_stream_beyond_the_limit_is_refused_and_closed_in_the_guest() {
    for guest in BOTH {
        let host = host().unwrap();
        let mut spec = ledger(guest, "a", &[]);
        spec.limits.open_streams = const { NonZeroUsize::new(2).unwrap() };
        let actor = spawn(&host, spec).await.unwrap();
        let mut kept = Vec::new();
        for _ in 0..2 {
            let mut stream = actor.stream("count", &(u32::MAX, 0, None::<String>)).await.unwrap();
            read(&mut stream, 1).await;
            kept.push(stream);
        }
        let refused = actor.stream("count", &json!([9, 0, null])).await;
        assert!(
            matches!(refused, Err(CallError::Actor(ActorError::System { recoverable: true, .. }))),
            "{guest}"
        );
        drop(kept);
        idle(&actor).await;
        count_becomes(&actor, "running", 0).await;
        host.shutdown().await;
    }
}
