//! Calls that are sent twice: the reply cache, and retries.

use std::time::Duration;

use serde_json::{Value, json};

use super::native::{Fixture, Setup, settle};
use crate::delivery::Retry;
use crate::limits::Limits;
use crate::wire::{ActorError, CallError};

fn cached() -> Fixture {
    let limits = Limits { reply_cache: 10, ..Limits::default() };
    Setup { limits, ..Setup::overlapping() }.spawn()
}

async fn ask(fixture: &Fixture, method: &str, args: Value, key: &str) -> Result<Value, CallError> {
    fixture.actor.ask(method, &args).idempotency_key(key).await
}

#[tokio::test(start_paused = true)]
async fn a_second_ask_with_a_key_that_was_answered_does_not_reach_the_actor() {
    let fixture = cached();
    for _ in 0..3 {
        assert_eq!(ask(&fixture, "echo", json!(5), "k").await, Ok(json!(5)));
        assert!(matches!(ask(&fixture, "refuse", json!(5), "k").await, Err(CallError::Actor(_))));
    }
    assert_eq!(ask(&fixture, "echo", json!(5), "other").await, Ok(json!(5)));
    assert_eq!(fixture.actor.ask::<Value>("echo", &5).await, Ok(json!(5)));
    assert_eq!((fixture.journal.of("echo").len(), fixture.journal.of("refuse").len()), (3, 1));
    // The answer outlives the life that gave it.
    fixture.actor.restart().await.unwrap();
    assert_eq!(ask(&fixture, "echo", json!(5), "k").await, Ok(json!(5)));
    assert_eq!(fixture.journal.of("echo").len(), 3);
    tokio::time::advance(Limits::default().reply_cache_age).await;
    assert_eq!(ask(&fixture, "echo", json!(5), "k").await, Ok(json!(5)));
    assert_eq!(fixture.journal.of("echo").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn without_a_reply_cache_every_ask_reaches_the_actor() {
    let fixture = Setup::overlapping().spawn();
    for _ in 0..2 {
        assert_eq!(ask(&fixture, "echo", json!(5), "k").await, Ok(json!(5)));
    }
    assert_eq!(fixture.journal.of("echo").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_with_other_arguments_is_refused() {
    let fixture = cached();
    assert_eq!(ask(&fixture, "echo", json!(5), "k").await, Ok(json!(5)));
    let refused = ask(&fixture, "echo", json!(6), "k").await;
    assert!(matches!(refused, Err(CallError::Actor(ActorError::Business { code: 422, .. }))), "{refused:?}");
    assert_eq!(fixture.journal.of("echo").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_ask_waits_for_the_first_try_and_takes_its_place_where_that_comes_to_nothing() {
    let fixture = cached();
    let (first, second) =
        futures::join!(ask(&fixture, "sleep", json!(50), "k"), ask(&fixture, "sleep", json!(50), "k"));
    assert!(first.is_ok() && first == second, "{first:?} {second:?}");
    assert_eq!(fixture.journal.of("sleep").len(), 1);

    // The first caller's time is up: its try is cancelled, and the second caller's runs.
    let brief = fixture.actor.ask::<Value>("sleep", &60).idempotency_key("k2");
    let (first, second) = futures::join!(
        brief.timeout(Duration::from_millis(10)).into_future(),
        ask(&fixture, "sleep", json!(60), "k2")
    );
    assert!(matches!(first, Err(CallError::Actor(ActorError::Timeout { .. }))), "{first:?}");
    assert!(second.is_ok(), "{second:?}");
    assert_eq!(fixture.journal.of("sleep").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_also_where_its_caller_went_away_before_it_looked() {
    let fixture = cached();
    let mut first = Box::pin(fixture.actor.ask::<Value>("sleep", &50).idempotency_key("k").into_future());
    assert!(futures::poll!(&mut first).is_pending());
    settle().await;
    tokio::time::advance(Duration::from_millis(50)).await;
    settle().await;
    drop(first);
    ask(&fixture, "sleep", json!(50), "k").await.unwrap();
    assert_eq!(fixture.journal.of("sleep").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_for_the_first_try_has_its_own_time() {
    let fixture = cached();
    let first = fixture.ask_in_background("stubborn", json!(null));
    settle().await;
    first.abort();
    let patient = fixture.actor.ask::<Value>("sleep", &3_600_000).idempotency_key("k");
    let patient = tokio::spawn(patient.timeout(Duration::from_secs(30)).into_future());
    settle().await;
    let begun = tokio::time::Instant::now();
    let brief = fixture.actor.ask::<Value>("sleep", &3_600_000).idempotency_key("k");
    let brief = brief.timeout(Duration::from_millis(20)).await;
    assert!(matches!(brief, Err(CallError::Actor(ActorError::Timeout { .. }))), "{brief:?}");
    assert_eq!(begun.elapsed(), Duration::from_millis(20));
    patient.abort();
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_another_try_may_better_is_not_kept() {
    let fixture = cached();
    for _ in 0..2 {
        let error = ask(&fixture, "crash", json!(null), "k").await.unwrap_err();
        assert!(error.is_retryable(), "{error:?}");
        assert_eq!(ask(&fixture, "count", json!(3), "s").await, Ok(json!(3)));
    }
    assert_eq!((fixture.journal.of("crash").len(), fixture.journal.of("count").len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_retry_keeps_its_key_and_stops_at_what_will_not_change() {
    let fixture = cached();
    // None of the three tries is done in time.
    let retried = fixture.actor.ask::<Value>("sleep", &50).timeout(Duration::from_millis(10));
    let error = retried.retry(Retry::default()).await.unwrap_err();
    assert!(matches!(error, CallError::Actor(ActorError::Timeout { .. })), "{error:?}");
    assert_eq!(fixture.journal.of("sleep").len(), 3);
    assert!(fixture.actor.ask::<Value>("refuse", &1).retry(Retry::default()).await.is_err());
    assert_eq!(fixture.journal.of("refuse").len(), 1);
    // With the key that it was given, answered before, no try reaches the actor.
    assert_eq!(ask(&fixture, "echo", json!(7), "mine").await, Ok(json!(7)));
    let again = fixture.actor.ask::<Value>("echo", &7).idempotency_key("mine").retry(Retry::default());
    assert_eq!(again.await, Ok(json!(7)));
    assert_eq!(fixture.journal.of("echo").len(), 1);
}
