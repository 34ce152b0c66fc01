//! Which work ends a row of refusals of memory.

use serde_json::json;

use super::native::{Fixture, Setup, settle};
use crate::dispatch::IN_A_ROW_MAX;
use crate::wire::Lane;

/// A life that ends with its next refusal.
async fn nearly_refused_too_often(lane: Lane) -> Fixture {
    let fixture = Setup { lane, ..Setup::default() }.spawn();
    assert_eq!(fixture.ask("refused", json!(IN_A_ROW_MAX - 1)).await.unwrap(), json!(false));
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_handler_and_a_draw_that_are_refused_nothing_end_a_row_of_refusals() {
    for lane in [Lane::Serial, Lane::Overlapping] {
        let full = nearly_refused_too_often(lane).await;
        assert_eq!(full.ask("refused", json!(1)).await.unwrap(), json!(true), "nothing came between");
        let handler = nearly_refused_too_often(lane).await;
        handler.ask("refuse", json!(null)).await.unwrap_err();
        assert_eq!(handler.ask("refused", json!(1)).await.unwrap(), json!(false), "however it ends");
        let stream = Setup { lane, ..Setup::default() }.spawn();
        let mut reader = stream.actor.stream("count", &json!(100)).await.unwrap();
        settle().await;
        stream.ask("refused", json!(IN_A_ROW_MAX - 1)).await.unwrap();
        // So many that others are drawn.
        let mut read = 0;
        while read < 40 {
            read += reader.next_batch(8).await.unwrap().items.len();
        }
        settle().await;
        assert_eq!(stream.ask("refused", json!(1)).await.unwrap(), json!(false), "{lane:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_ran_while_others_were_refused_memory_ends_no_row() {
    let fixture = Setup::overlapping().spawn();
    let asleep = fixture.ask_in_background("sleep", json!(1000));
    settle().await;
    fixture.ask("refused", json!(IN_A_ROW_MAX - 1)).await.unwrap();
    asleep.await.unwrap().unwrap();
    assert_eq!(fixture.ask("refused", json!(1)).await.unwrap(), json!(true));
}

#[tokio::test(start_paused = true)]
async fn the_next_life_begins_another_row() {
    let fixture = nearly_refused_too_often(Lane::Serial).await;
    fixture.actor.restart().await.unwrap();
    assert_eq!(fixture.ask("refused", json!(IN_A_ROW_MAX - 1)).await.unwrap(), json!(false));
}
