//! Which work ends a row of refusals of memory.

use serde_json::json;

use super::native::{Fixture, Setup, settle};
use crate::dispatch::IN_A_ROW_MAX;
use crate::wire::Lane;

/// Has a life refused memory so often. Returns whether it ends for that.
async fn refused(fixture: &Fixture, times: u32) -> bool {
    let error = fixture.ask("refused", json!(times)).await.unwrap_err();
    error.to_string().parse().unwrap()
}

/// A life that ends with its next refusal.
async fn nearly_refused_too_often(lane: Lane) -> Fixture {
    let fixture = Setup { lane, ..Setup::default() }.spawn();
    assert!(!refused(&fixture, IN_A_ROW_MAX - 1).await);
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_handler_and_a_draw_that_are_refused_nothing_end_a_row_of_refusals() {
    for lane in [Lane::Serial, Lane::Overlapping] {
        let full = nearly_refused_too_often(lane).await;
        assert!(refused(&full, 1).await, "nothing came between");
        let handler = nearly_refused_too_often(lane).await;
        handler.ask("fail_after", json!(1)).await.unwrap_err();
        assert!(!refused(&handler, 1).await, "however it ends");
        let stream = Setup { lane, ..Setup::default() }.spawn();
        let mut reader = stream.actor.stream("count", &json!(100)).await.unwrap();
        settle().await;
        assert!(!refused(&stream, IN_A_ROW_MAX - 1).await);
        // So many that others are drawn.
        let mut read = 0;
        while read < 40 {
            read += reader.next_batch(8).await.unwrap().items.len();
        }
        settle().await;
        assert!(!refused(&stream, 1).await, "{lane:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_returns_what_it_was_asked_for_ends_a_row_of_refusals() {
    for lane in [Lane::Serial, Lane::Overlapping] {
        let fixture = Setup { lane, ..Setup::default() }.spawn();
        for _ in 0..3 {
            let ends = fixture.ask("refused_and_done", json!(IN_A_ROW_MAX - 1)).await.unwrap();
            assert_eq!(ends, json!(false), "{lane:?}");
        }
        assert!(!refused(&fixture, IN_A_ROW_MAX - 1).await);
        fixture.ask("refuse", json!(null)).await.unwrap_err();
        assert!(!refused(&fixture, IN_A_ROW_MAX - 1).await, "nor is what is the caller's fault");
        assert!(refused(&fixture, 1).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_failed_while_others_were_refused_memory_ends_no_row() {
    let fixture = Setup::overlapping().spawn();
    let asleep = fixture.ask_in_background("fail_after", json!(1000));
    settle().await;
    assert!(!refused(&fixture, IN_A_ROW_MAX - 1).await);
    asleep.await.unwrap().unwrap_err();
    assert!(refused(&fixture, 1).await);
}

#[tokio::test(start_paused = true)]
async fn the_next_life_begins_another_row() {
    let fixture = nearly_refused_too_often(Lane::Serial).await;
    fixture.actor.restart().await.unwrap();
    assert!(!refused(&fixture, IN_A_ROW_MAX - 1).await);
}
