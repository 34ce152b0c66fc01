//! Timeouts, cancellation, and the end by force.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::native::{Setup, settle};
use crate::exit::{ExitReason, Overdue};
use crate::limits::Limits;
use crate::wire::{ActorError, CallError};

fn is_timeout(error: &CallError) -> bool {
    matches!(error, CallError::Actor(ActorError::Timeout { .. }))
}

#[tokio::test(start_paused = true)]
async fn an_ask_is_answered_by_its_timeout_whatever_the_actor_does() {
    let fixture = Setup::default().spawn();
    let begun = Instant::now();
    let error =
        fixture.actor.ask::<Value>("stubborn", &0).timeout(Duration::from_millis(70)).await.unwrap_err();
    assert!(is_timeout(&error) && error.is_retryable(), "{error:?}");
    assert_eq!(begun.elapsed(), Duration::from_millis(70));
}

#[tokio::test(start_paused = true)]
async fn an_ask_without_a_timeout_has_that_of_the_actor() {
    let limits = Limits { ask_timeout: Duration::from_secs(7), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let begun = Instant::now();
    assert!(is_timeout(&fixture.ask("stubborn", json!(0)).await.unwrap_err()));
    assert_eq!(begun.elapsed(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_caller_timed_out_is_told_to_stop_and_the_others_go_on() {
    for setup in [Setup::default(), Setup::overlapping()] {
        let fixture = setup.spawn();
        let timeout = Duration::from_millis(70);
        let error = fixture.actor.ask::<Value>("sleep", &5000).timeout(timeout).await.unwrap_err();
        assert!(is_timeout(&error));
        assert_eq!(fixture.ask("echo", json!(1)).await.unwrap(), json!(1));
        assert_eq!(fixture.journal.of("cancelled"), ["cancelled sleep"]);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(fixture.actor.status().await.unwrap().generation.0, 0, "it stopped in time");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_stop_within_the_grace_period_ends_its_life() {
    for setup in [Setup::default(), Setup::overlapping()] {
        let fixture = setup.spawn();
        let timeout = Duration::from_millis(70);
        let begun = Instant::now();
        fixture.actor.ask::<Value>("stubborn", &0).timeout(timeout).await.unwrap_err();
        let status = fixture.actor.wait_for(|status| status.last_exit.is_some()).await.unwrap();
        assert_eq!(begun.elapsed(), Duration::from_millis(1070));
        let overdue = Overdue::Call { method: "stubborn".to_owned() };
        assert_eq!(status.last_exit, Some(ExitReason::Forced { overdue, limit: Duration::from_secs(1) }));
        assert_eq!(fixture.ask("echo", json!(1)).await.unwrap(), json!(1));
        assert_eq!(fixture.actor.status().await.unwrap().generation.0, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_cancels_its_call() {
    let fixture = Setup::default().spawn();
    let caller = fixture.ask_in_background("sleep", json!(5000));
    settle().await;
    caller.abort();
    settle().await;
    assert_eq!(fixture.journal.of("cancelled"), ["cancelled sleep"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_caller_is_gone_is_not_started() {
    let fixture = Setup::default().spawn();
    let running = fixture.ask_in_background("sleep", json!(100));
    settle().await;
    let error = fixture.actor.ask::<Value>("echo", &1).timeout(Duration::from_millis(50)).await.unwrap_err();
    assert!(is_timeout(&error));
    running.await.unwrap().unwrap();
    settle().await;
    assert!(fixture.journal.of("echo").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_what_is_left_of_its_callers_time() {
    let fixture = Setup::default().spawn();
    let running = fixture.ask_in_background("sleep", json!(100));
    settle().await;
    let left: u64 = fixture.actor.ask("sleep", &0).timeout(Duration::from_millis(300)).await.unwrap();
    assert_eq!(left, 200);
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_long_handler_is_not_ended_for_a_stream_whose_reader_went_away() {
    let fixture = Setup::default().spawn();
    let reader = fixture.actor.stream("count", &100).await.unwrap();
    settle().await;
    let running = fixture.ask_in_background("sleep", json!(5000));
    settle().await;
    drop(reader);
    running.await.unwrap().unwrap();
    settle().await;
    assert_eq!(fixture.journal.of("close").len(), 1);
    assert_eq!(fixture.actor.status().await.unwrap().generation.0, 0);
}
