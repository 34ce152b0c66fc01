//! Frames, ends and silence, on a paused clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::to_bytes;
use futures::StreamExt;

use super::*;
use crate::budget::Budget;
use crate::id::CallId;
use crate::stream::{Producer, StreamWriter, channel};
use crate::wire::Payload;

/// Counts how often it was told that its reader is gone.
#[derive(Default)]
struct Told(AtomicUsize);

impl Producer for Told {
    fn wanted(&self, _: CallId) {}
    fn abandoned(&self, _: CallId) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn stream(resume_after: u64) -> (StreamWriter, Response, Arc<Told>) {
    let told = Arc::new(Told::default());
    let (writer, reader) = channel(32, CallId(1), resume_after, Arc::clone(&told) as Arc<dyn Producer>);
    (writer, response(reader, std::future::pending(), Keeper::alone()), told)
}

async fn text(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), 100_000).await.unwrap().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn items_are_events_with_their_numbers_and_the_end_is_one_too() {
    let (writer, response, _) = stream(41);
    writer.push([Payload::json("{\n\"a\":1}"), Payload::bytes(vec![0xff, 0]), Payload::none()]);
    writer.end(Ok(()));
    assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    assert_eq!(
        text(response).await,
        "id: 42\ndata: { \"a\":1}\n\n\
         id: 43\nevent: bytes\ndata: /wA=\n\n\
         id: 44\ndata: null\n\n\
         event: done\ndata: {}\n\n"
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_in_mid_stream_is_the_last_event() {
    let (writer, response, _) = stream(0);
    writer.push([Payload::json("1")]);
    writer.end(Err(ActorError::Cancelled.into()));
    let text = text(response).await;
    let (items, error) = text.split_once("event: error\ndata: ").unwrap();
    assert_eq!(items, "id: 1\ndata: 1\n\n");
    let problem: Problem = serde_json::from_str(error.strip_suffix("\n\n").unwrap()).unwrap();
    assert_eq!(problem.into_refusal(), Refusal::from(ActorError::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_no_json_ends_the_stream_after_those_before_it() {
    let (writer, response, told) = stream(0);
    writer.push([Payload::json("1"), Payload::json("\"\n\nevent: done"), Payload::json("3")]);
    let text = text(response).await;
    assert!(text.starts_with("id: 1\ndata: 1\n\nevent: error\ndata: {"), "{text}");
    assert!(text.contains("item 2 of the stream is no JSON"), "{text}");
    assert_eq!(told.0.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_comments() {
    let (writer, response, _) = stream(0);
    let mut chunks = response.into_body().into_data_stream();
    assert_eq!(chunks.next().await.unwrap().unwrap(), ":\n\n");
    assert_eq!(chunks.next().await.unwrap().unwrap(), ":\n\n");
    writer.push([Payload::json("1")]);
    assert_eq!(chunks.next().await.unwrap().unwrap(), "id: 1\ndata: 1\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_dropped_lets_its_producer_know() {
    let (_writer, response, told) = stream(0);
    drop(response);
    assert_eq!(told.0.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_written_yet_is_short_and_counts() {
    const ITEM_BYTES: usize = 100_000;
    let (writer, response, _) = stream(0);
    let budget = Budget::new(10 << 20);
    let items: Vec<_> = (0..10).map(|_| Payload::bytes(vec![0; ITEM_BYTES])).collect();
    let held = budget.take(items.iter().map(Payload::kept_bytes).sum()).unwrap();
    writer.push_held(items, held);
    writer.end(Ok(()));
    let mut chunks = response.into_body().into_data_stream();
    let mut unwritten = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.unwrap();
        assert!(chunk.len() < CHUNK_MAX_BYTES * 3 / 2, "{}", chunk.len());
        unwritten.push(chunk);
        assert!(budget.used() > 10 * ITEM_BYTES);
    }
    assert_eq!(unwritten.len(), 5);
    unwritten.pop();
    assert!(budget.used() < 9 * ITEM_BYTES);
    drop(unwritten);
    assert_eq!(budget.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_item_over_the_length_of_a_chunk_goes_out_alone() {
    let (writer, response, _) = stream(0);
    let large = || Payload::bytes(vec![0; CHUNK_MAX_BYTES + 1]);
    writer.push([Payload::json("1"), large(), large(), Payload::json("2")]);
    writer.end(Ok(()));
    let chunks: Vec<_> = response.into_body().into_data_stream().collect().await;
    assert_eq!(chunks.len(), 4);
}

#[test]
fn what_is_written_of_an_item_is_no_more_than_was_counted() {
    let bytes = |length| Payload::bytes(vec![0xff; length]);
    let breaks = format!("[{}]", "\n\r".repeat(1000));
    for payload in [Payload::none(), Payload::json(breaks), bytes(0), bytes(1), bytes(2), bytes(3000)] {
        for number in [1, u64::MAX] {
            let (item, mut chunk) = (Item { number, payload: payload.clone() }, Vec::new());
            write_item(&mut chunk, &item).unwrap();
            let (written, counted) = (chunk.len(), written_max_bytes(&item));
            assert!(written <= counted && counted < written + 50, "{written} of {counted}: {item:?}");
        }
    }
}
