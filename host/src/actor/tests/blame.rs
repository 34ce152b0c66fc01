//! Which message is blamed for the end of a life.

use std::time::Duration;

use serde_json::{Value, json};

use super::native::{Fixture, Setup, settle};
use crate::wire::CallError;

/// Whether `crash` with these arguments is refused because it ended lives, after it was sent twice.
async fn is_blamed(fixture: &Fixture, args: Value) -> bool {
    for _ in 0..2 {
        fixture.ask("crash", args.clone()).await.unwrap_err();
        fixture.ask("echo", json!(0)).await.unwrap();
    }
    let crashes = fixture.journal.of("crash").len();
    let CallError::Actor(error) = fixture.ask("crash", args).await.unwrap_err() else { panic!() };
    let is_refused = error.to_string().contains("in quarantine");
    let reached = fixture.journal.of("crash").len() > crashes;
    assert_ne!(is_refused, reached, "what is refused does not reach the actor");
    is_refused
}

#[tokio::test(start_paused = true)]
async fn a_message_that_crashes_alone_is_blamed_in_an_overlapping_actor_only_before_its_first_wait() {
    let crashes_at_once = json!({});
    let crashes_after_a_wait = json!({"wait_ms": 10});
    assert!(is_blamed(&Setup::overlapping().spawn(), crashes_at_once.clone()).await);
    assert!(!is_blamed(&Setup::overlapping().spawn(), crashes_after_a_wait.clone()).await);
    for args in [crashes_at_once, crashes_after_a_wait] {
        assert!(is_blamed(&Setup::default().spawn(), args).await, "a serial actor has one in progress");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_handler_exits_is_blamed() {
    assert!(is_blamed(&Setup::default().spawn(), json!({"exit": 3})).await);
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_callers_time_was_too_short_is_not_blamed() {
    let fixture = Setup::default().spawn();
    for life in 1..=3 {
        let brief = fixture.actor.ask::<Value>("stubborn", &0).timeout(Duration::from_millis(10));
        brief.await.unwrap_err();
        fixture.actor.wait_for(|status| status.generation.0 == life).await.unwrap();
    }
    settle().await;
    assert!(fixture.actor.dead_letters().await.unwrap().is_empty());
    assert_eq!(fixture.journal.of("stubborn").len(), 3);
}
