//! Messages that end lives.

use std::time::Duration;

use serde_json::{Value, json};

use super::native::{Fixture, Setup, settle};
use crate::delivery::ActorRef;
use crate::grants::Caller;
use crate::id::ActorId;
use crate::policy::RestartSettings;
use crate::wire::{ActorError, CallError};

/// Why a message is not handled, where that is because it ended lives.
async fn kept_out(fixture: &Fixture, method: &str, args: Value) -> Option<String> {
    match fixture.ask(method, args).await {
        Err(CallError::Actor(ActorError::System { message, recoverable: false, .. })) => Some(message),
        _otherwise => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_ends_two_lives_is_kept_out_and_the_actor_goes_on() {
    let fixture = Setup::default().spawn();
    for _ in 0..2 {
        assert!(fixture.ask("crash", json!(1)).await.unwrap_err().is_retryable());
    }
    fixture.ask("echo", json!(0)).await.unwrap();
    let letters = fixture.actor.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(
        letters[0].reason.ends_with("it ended 2 lives, the last: crashed: boom; it wrote last: oh"),
        "{}",
        letters[0].reason
    );
    for _ in 0..10 {
        let why = kept_out(&fixture, "crash", json!(1)).await.unwrap();
        let end = "in quarantine: it ended 2 lives, the last: crashed: boom; the log of its host says more";
        assert!(why.ends_with(end), "{why}");
    }
    assert_eq!(fixture.actor.status().await.unwrap().generation.0, 2);
    // Another message of the method is another message.
    assert!(fixture.ask("crash", json!(2)).await.unwrap_err().is_retryable());
    // After a while it may try again.
    tokio::time::advance(RestartSettings::default().window).await;
    assert_eq!(kept_out(&fixture, "crash", json!(1)).await, None);
    assert_eq!(fixture.journal.of("crash 1").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_poison_of_one_sender_closes_no_method_to_another() {
    let fixture = Setup::default().spawn();
    let [hostile, honest, third] =
        ["hostile", "honest", "third"].map(|name| fixture.actor.on_behalf_of(Caller::Client(name.into())));
    let crash = async |sender: &ActorRef, key: Option<&str>, args: u64| {
        let request = sender.ask::<Value>("crash", &args);
        let request = if let Some(key) = key { request.idempotency_key(key) } else { request };
        request.await.unwrap_err().to_string().contains("in quarantine")
    };
    // By a key, which a client may guess: its arguments are not another's.
    for kept_out in [false, false, true] {
        assert_eq!(crash(&hostile, Some("order-1"), 1).await, kept_out);
    }
    assert!(!crash(&honest, Some("order-1"), 2).await, "it is another message");
    // By its arguments: whoever sends it as well ends a life as well, and then it is known as what it is.
    tokio::time::advance(RestartSettings::default().window).await;
    for kept_out in [false, false, true] {
        assert_eq!(crash(&hostile, None, 1).await, kept_out);
    }
    for kept_out in [false, true] {
        assert_eq!(crash(&honest, None, 1).await, kept_out);
    }
    assert!(crash(&third, None, 1).await, "it is kept out of all");
    assert_eq!(fixture.actor.status().await.unwrap().generation.0, 6);
}

#[tokio::test(start_paused = true)]
async fn a_life_that_asks_for_its_restart_was_ended_by_its_message() {
    let fixture = Setup::overlapping().spawn();
    for _ in 0..2 {
        assert!(fixture.ask("fault", json!(1)).await.is_err());
        fixture.ask("echo", json!(0)).await.unwrap();
    }
    let why = kept_out(&fixture, "fault", json!(1)).await.unwrap();
    assert!(why.ends_with("the last: asked to be restarted; the log of its host says more"), "{why}");
    let letters = fixture.actor.dead_letters().await.unwrap();
    assert!(letters[0].reason.ends_with("the last: asked to be restarted: bad"), "{}", letters[0].reason);
}

#[tokio::test(start_paused = true)]
async fn of_several_messages_in_flight_none_is_to_blame() {
    let fixture = Setup::overlapping().spawn();
    for _ in 0..3 {
        let sleeper = fixture.ask_in_background("sleep", json!(3_600_000));
        settle().await;
        assert!(fixture.ask("crash", json!(1)).await.unwrap_err().is_retryable());
        assert!(sleeper.await.unwrap().unwrap_err().is_retryable());
    }
    assert!(fixture.actor.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_told_again_and_let_in_again() {
    let fixture = Setup::default().spawn();
    fixture.actor.tell("log", "bad").await.unwrap();
    for _ in 0..2 {
        fixture.actor.tell("crash", &1).await.unwrap();
    }
    fixture.ask("echo", json!(0)).await.unwrap();
    assert_eq!(fixture.actor.dead_letters().await.unwrap().len(), 3);
    assert_eq!(fixture.actor.requeue_dead_letters().await, Ok(3));
    fixture.ask("echo", json!(0)).await.unwrap();
    assert_eq!((fixture.journal.of("log").len(), fixture.journal.of("crash").len()), (2, 4));
    // They failed again.
    assert_eq!(fixture.actor.dead_letters().await.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_restart_by_hand_lets_every_message_in_again() {
    let fixture = Setup::default().spawn();
    for _ in 0..2 {
        fixture.ask("crash", json!(1)).await.unwrap_err();
    }
    fixture.ask("echo", json!(0)).await.unwrap();
    assert!(kept_out(&fixture, "crash", json!(1)).await.is_some());
    fixture.actor.restart().await.unwrap();
    assert_eq!(kept_out(&fixture, "crash", json!(1)).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_requeue_into_an_actor_that_has_ended_keeps_its_letters() {
    let fixture = Setup::default().spawn();
    fixture.actor.tell("log", "bad").await.unwrap();
    fixture.ask("echo", json!(0)).await.unwrap();
    fixture.actor.stop().await.unwrap();
    let requeued = tokio::time::timeout(Duration::from_secs(60), fixture.actor.requeue_dead_letters());
    assert!(requeued.await.unwrap().is_err());
    assert_eq!(fixture.actor.dead_letters().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_told_again_comes_from_the_actor_that_sent_it() {
    let fixture = Setup::default().spawn();
    let peer: ActorId = "peer".parse().unwrap();
    let by_peer = fixture.actor.on_behalf_of(Caller::Actor(peer.clone()));
    by_peer.tell("log", "bad").await.unwrap();
    fixture.actor.tell("log", "bad").await.unwrap();
    let senders = async || {
        let letters = fixture.actor.dead_letters().await.unwrap();
        letters.into_iter().map(|letter| letter.caller).collect::<Vec<_>>()
    };
    fixture.ask("echo", json!(0)).await.unwrap();
    assert_eq!(senders().await, [Some(peer.clone()), None]);
    assert_eq!(fixture.actor.requeue_dead_letters().await, Ok(2));
    fixture.ask("echo", json!(0)).await.unwrap();
    // They failed again, each as what it was.
    assert_eq!(senders().await, [Some(peer), None]);
    assert_eq!(fixture.journal.of("log").len(), 4);
}
