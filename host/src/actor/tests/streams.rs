//! Streams, from the producer to the reader.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use serde_json::json;

use super::native::{Setup, settle};
use crate::grants::Caller;
use crate::limits::Limits;
use crate::stream::StreamReader;
use crate::wire::{ActorError, CallError};

async fn numbers(reader: &mut StreamReader, count: usize) -> Vec<(u64, u64)> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let Some(item) = reader.next().await else { break };
        let item = item.unwrap();
        seen.push((item.number, item.payload.to_value().unwrap()));
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn items_reach_the_reader_in_order_numbered_from_one_without_gaps() {
    for setup in [Setup::default(), Setup::overlapping()] {
        let fixture = setup.spawn();
        let mut reader = fixture.actor.stream("count", &1000).await.unwrap();
        let expected: Vec<_> = (1..=1000).map(|n| (n, n)).collect();
        assert_eq!(numbers(&mut reader, 2000).await, expected);
        assert!(reader.next().await.is_none());
        assert_eq!(fixture.actor.snapshot().await.unwrap().streams, 0);
        assert!(fixture.journal.of("close").is_empty(), "a stream that is done is not closed");
    }
}

#[tokio::test(start_paused = true)]
async fn the_guest_is_asked_for_more_only_while_the_buffer_has_room() {
    let limits = Limits { stream_buffer: NonZeroU32::new(8).unwrap(), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let mut reader = fixture.actor.stream("count", &u64::MAX.saturating_sub(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Until less than half of the buffer is free.
    assert_eq!(fixture.journal.of("draw"), ["draw 1"; 5]);
    settle().await;
    assert_eq!(fixture.journal.of("draw").len(), 5);
    numbers(&mut reader, 1).await;
    settle().await;
    assert_eq!(fixture.journal.of("draw").len(), 6);
}

#[tokio::test(start_paused = true)]
async fn draws_begin_with_one_item_and_grow_while_the_reader_takes_all_that_comes() {
    let limits = Limits { stream_buffer: NonZeroU32::new(8).unwrap(), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let mut reader = fixture.actor.stream("count", &u64::MAX.saturating_sub(1)).await.unwrap();
    for _ in 0..6 {
        settle().await;
        while let Some(item) = reader.next().now_or_never() {
            item.unwrap().unwrap();
        }
    }
    let draws = fixture.journal.of("draw");
    assert_eq!(draws.first().unwrap(), "draw 1");
    assert!(draws.iter().any(|draw| draw == "draw 8"), "{draws:?}");
    let sizes: Vec<u32> =
        draws.iter().map(|draw| draw.strip_prefix("draw ").unwrap().parse().unwrap()).collect();
    assert!(sizes.windows(2).all(|pair| pair[1] <= 2 * pair[0]), "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn between_two_draws_the_actor_handles_other_messages() {
    let fixture = Setup::default().spawn();
    let mut reader = fixture.actor.stream("count_slowly", &100).await.unwrap();
    settle().await;
    let echo = fixture.ask_in_background("echo", json!(1));
    numbers(&mut reader, 2).await;
    assert_eq!(echo.await.unwrap().unwrap(), json!(1));
    let journal = fixture.journal.read();
    let echo = journal.iter().position(|note| note == "echo 1").unwrap();
    assert!(journal[echo - 1].starts_with("draw "), "{journal:?}");
    assert!(journal.len() > echo + 1, "and the stream went on: {journal:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_goes_away_is_told_to_the_producer_at_once_also_while_it_waits() {
    for setup in [Setup::default(), Setup::overlapping()] {
        let fixture = setup.spawn();
        let reader = fixture.actor.stream("count_slowly", &5000).await.unwrap();
        settle().await;
        drop(reader);
        settle().await;
        assert_eq!(fixture.journal.of("cancelled"), ["cancelled draw"]);
        assert_eq!(fixture.actor.snapshot().await.unwrap().streams, 0);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(fixture.actor.status().await.unwrap().generation.0, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_lost_its_reader_is_closed() {
    let fixture = Setup::default().spawn();
    let mut reader = fixture.actor.stream("count", &100).await.unwrap();
    numbers(&mut reader, 1).await;
    drop(reader);
    settle().await;
    assert_eq!(fixture.journal.of("close").len(), 1);
    assert_eq!(fixture.actor.snapshot().await.unwrap().streams, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_takes_a_stream_up_again_after_the_last_number_it_has() {
    let fixture = Setup::default().spawn();
    let mut reader = fixture.actor.stream("count", &5).resume_after(3).await.unwrap();
    assert_eq!(numbers(&mut reader, 9).await, [(4, 4), (5, 5)]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_taken_up_again_after_the_largest_number_at_most() {
    let fixture = Setup::default().spawn();
    let first = 1_u64 << 53;
    let mut reader = fixture.actor.stream("count", &first).resume_after(u64::MAX).await.unwrap();
    assert_eq!(numbers(&mut reader, 2).await, [(first, first)]);
}

#[tokio::test(start_paused = true)]
async fn an_error_in_mid_stream_comes_after_the_items_before_it() {
    let fixture = Setup::default().spawn();
    let mut reader = fixture.actor.stream("count_and_fail", &3).await.unwrap();
    assert_eq!(numbers(&mut reader, 3).await, [(1, 1), (2, 2), (3, 3)]);
    let error = reader.next().await.unwrap().unwrap_err();
    assert_eq!(error, ActorError::system("out of numbers").into());
    assert!(reader.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_ask_on_a_stream_drains_it_and_answers_the_last_item() {
    let fixture = Setup::default().spawn();
    assert_eq!(fixture.ask("count", json!(500)).await.unwrap(), json!(500));
    assert_eq!(fixture.ask("count", json!(0)).await.unwrap(), json!(null));
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_a_method_that_answers_one_value_has_one_item() {
    let fixture = Setup::default().spawn();
    let mut reader = fixture.actor.stream("echo", &7).await.unwrap();
    assert_eq!(numbers(&mut reader, 9).await, [(1, 7)]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_breaks_the_rules_ends_the_stream_and_not_the_actor() {
    for (args, complaint) in [(0, "no item"), (1, "items where")] {
        let fixture = Setup::default().spawn();
        let mut reader = fixture.actor.stream("count_wrongly", &args).await.unwrap();
        let error = reader.next().await.unwrap().unwrap_err();
        assert!(error.to_string().contains(complaint), "{error}");
        assert!(matches!(error, CallError::Actor(ActorError::System { recoverable: false, .. })));
        settle().await;
        assert_eq!(fixture.journal.of("close").len(), 1);
        assert_eq!(fixture.ask("echo", json!(1)).await.unwrap(), json!(1));
        assert_eq!(fixture.actor.status().await.unwrap().generation.0, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_on_which_nobody_draws_is_ended() {
    let fixture = Setup::default().spawn();
    let mut reader = fixture.actor.stream("count", &100).await.unwrap();
    settle().await;
    tokio::time::sleep(Duration::from_secs(6 * 60)).await;
    assert_eq!(fixture.actor.snapshot().await.unwrap().streams, 0);
    assert_eq!(fixture.journal.of("close").len(), 1);
    let last = numbers(&mut reader, 17).await;
    assert_eq!(last.len(), 17, "what was in the buffer is delivered");
    let error = reader.next().await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Actor(ActorError::Timeout { .. })), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_reader_waits_is_not_idle() {
    let fixture = Setup::overlapping().spawn();
    let mut reader = fixture.actor.stream("count_slowly", &(60 * 60 * 1000)).await.unwrap();
    assert_eq!(numbers(&mut reader, 2).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_actor_keeps_no_more_streams_open_than_its_limit() {
    let limits = Limits { open_streams: NonZeroUsize::new(2).unwrap(), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let first = fixture.actor.stream("count", &100).await.unwrap();
    let _second = fixture.actor.stream("count", &100).await.unwrap();
    assert!(fixture.actor.stream("count", &100).await.is_err());
    settle().await;
    assert_eq!(fixture.actor.snapshot().await.unwrap().streams, 2);
    assert_eq!(fixture.journal.of("close").len(), 1, "the guest is told of the one too many");
    drop(first);
    settle().await;
    fixture.actor.stream("count", &100).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_the_sender_that_has_most_gives_way_to_one_that_has_fewer() {
    let limits = Limits { open_streams: NonZeroUsize::new(2).unwrap(), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let mut unread = fixture.actor.stream("count", &100_000).await.unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    let mut read = fixture.actor.stream("count", &100_000).await.unwrap();
    assert_eq!(numbers(&mut read, 1).await.len(), 1);
    let other = fixture.actor.on_behalf_of(Caller::Actor("other".parse().unwrap()));
    let mut of_other = other.stream("count", &100_000).await.unwrap();
    let error = loop {
        match unread.next_batch(64).await {
            Ok(batch) => assert!(!batch.done),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("2 streams open, and ended one for a sender with fewer"), "{error}");
    assert!(error.is_retryable());
    assert_eq!((numbers(&mut read, 9).await.len(), numbers(&mut of_other, 9).await.len()), (9, 9));
    assert!(other.stream("count", &100).await.is_err(), "each has one");
    settle().await;
    assert_eq!(fixture.actor.snapshot().await.unwrap().streams, 2);
    assert_eq!(fixture.journal.of("close").len(), 2, "the guest is told of both");
}

#[tokio::test(start_paused = true)]
async fn no_stream_gives_way_to_one_whose_caller_is_gone() {
    let limits = Limits { open_streams: NonZeroUsize::new(2).unwrap(), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::overlapping() }.spawn();
    let mut ours = Vec::new();
    for _ in 0..2 {
        ours.push(fixture.actor.stream("count", &100_000).await.unwrap());
    }
    let other = fixture.actor.on_behalf_of(Caller::Actor("other".parse().unwrap()));
    let late = other.stream("count_late", &500).into_future();
    assert!(tokio::time::timeout(Duration::from_millis(100), late).await.is_err(), "its caller goes away");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fixture.journal.of("close").len(), 1, "it was opened all the same");
    for stream in &mut ours {
        assert_eq!(numbers(stream, 100).await.len(), 100);
    }
    assert!(other.stream("count_late", &500).await.is_ok(), "who waits for it gets a place");
}

#[tokio::test(start_paused = true)]
async fn each_client_with_a_token_is_a_sender_of_streams_of_its_own() {
    let limits = Limits { open_streams: NonZeroUsize::new(2).unwrap(), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let [loud, quiet] = ["loud", "quiet"].map(|name| fixture.actor.on_behalf_of(Caller::Client(name.into())));
    let mut of_loud = Vec::new();
    for _ in 0..2 {
        of_loud.push(loud.stream("count", &100_000).await.unwrap());
    }
    assert!(loud.stream("count", &100_000).await.is_err(), "it gives way to nobody of its own");
    let mut of_quiet = quiet.stream("count", &100_000).await.unwrap();
    assert_eq!(numbers(&mut of_quiet, 100).await.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_holds_up_no_other_reader() {
    let fixture = Setup::default().spawn();
    let mut slow = fixture.actor.stream("count", &100_000).await.unwrap();
    let mut fast = fixture.actor.stream("count", &100_000).await.unwrap();
    numbers(&mut slow, 1).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(numbers(&mut fast, 100_000).await.len(), 100_000);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(numbers(&mut slow, 1).await, [(2, 2)]);
}
