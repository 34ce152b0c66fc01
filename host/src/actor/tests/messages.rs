//! Order, tells, overflow, and what never reaches a handler.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytesize::ByteSize;
use futures::StreamExt;
use serde_json::json;

use super::native::{Fixture, Setup, settle};
use crate::delivery::SendOptions;
use crate::grants::Caller;
use crate::limits::{Limits, Overflow};
use crate::policy::RestartSettings;
use crate::wire::{ActorError, CallError, Context, ContextError, Message, Payload, RuntimeErrorKind};

fn kind(error: CallError) -> RuntimeErrorKind {
    match error {
        CallError::Runtime(error) => error.kind,
        CallError::Actor(error) => panic!("{error:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_serial_actor_handles_one_message_from_start_to_end_before_the_next() {
    let fixture = Setup::default().spawn();
    let sleeper = fixture.ask_in_background("sleep", json!(1000));
    settle().await;
    let echo = fixture.ask_in_background("echo", json!(1));
    settle().await;
    assert_eq!(fixture.journal.read(), ["start 0", "sleep 1000"]);
    sleeper.await.unwrap().unwrap();
    assert_eq!(echo.await.unwrap().unwrap(), json!(1));
}

#[tokio::test(start_paused = true)]
async fn an_overlapping_actor_starts_the_next_message_while_earlier_ones_wait() {
    let fixture = Setup::overlapping().spawn();
    let begun = tokio::time::Instant::now();
    let sleepers: Vec<_> = (0..1000).map(|_| fixture.ask_in_background("sleep", json!(50))).collect();
    for sleeper in sleepers {
        sleeper.await.unwrap().unwrap();
    }
    assert_eq!(begun.elapsed(), Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn no_more_handlers_run_at_once_than_max_in_flight() {
    let limits = Limits { max_in_flight: NonZeroUsize::new(2).unwrap(), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::overlapping() }.spawn();
    let begun = tokio::time::Instant::now();
    let sleepers: Vec<_> = (0..6).map(|_| fixture.ask_in_background("sleep", json!(50))).collect();
    settle().await;
    assert_eq!(fixture.actor.snapshot().await.unwrap().in_flight, 2);
    for sleeper in sleepers {
        sleeper.await.unwrap().unwrap();
    }
    assert_eq!(begun.elapsed(), Duration::from_millis(150));
}

#[tokio::test(start_paused = true)]
async fn messages_of_one_sender_are_started_in_the_order_in_which_they_were_sent() {
    for setup in [Setup::default(), Setup::overlapping()] {
        let limits = Limits { mailbox_messages: NonZeroUsize::new(3).unwrap(), ..Limits::default() };
        let fixture = Setup { limits, ..setup }.spawn();
        for n in 0..100 {
            fixture.actor.tell("log", &n).await.unwrap();
        }
        settle().await;
        let expected: Vec<_> = (0..100).map(|n| format!("log {n}")).collect();
        assert_eq!(fixture.journal.of("log"), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_goes_ahead_of_messages_also_when_the_mailbox_is_full() {
    let limits = Limits { mailbox_messages: NonZeroUsize::new(1).unwrap(), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let running = fixture.ask_in_background("stubborn", json!(0));
    settle().await;
    fixture.actor.tell("log", &1).await.unwrap();
    fixture.actor.kill().await.unwrap();
    assert!(matches!(
        running.await.unwrap(),
        Err(CallError::Actor(ActorError::System { recoverable: false, .. }))
    ));
    assert!(fixture.journal.of("log").is_empty());
    assert_eq!(fixture.actor.dead_letters().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn callers_that_are_gone_keep_few_places_of_a_full_mailbox() {
    let limits = Limits { mailbox_messages: NonZeroUsize::new(64).unwrap(), ..Limits::default() };
    // It is busy, or waits for its next life.
    for method in ["stubborn", "crash"] {
        let restart =
            RestartSettings { min_backoff: Some(Duration::from_secs(10)), ..RestartSettings::default() };
        let fixture = Setup { limits: limits.clone(), restart, ..Setup::default() }.spawn();
        fixture.actor.ready().await.unwrap();
        let running = fixture.ask_in_background(method, json!(0));
        settle().await;
        fill_and_leave(&fixture).await;
        running.abort();
    }
}

/// Fills a mailbox of 64 with asks, of which few stay.
async fn fill_and_leave(fixture: &Fixture) {
    let asks: Vec<_> = (0..64).map(|n| fixture.ask_in_background("echo", json!(n))).collect();
    settle().await;
    assert_eq!(fixture.actor.snapshot().await.unwrap().mailbox_depth, 64);
    for ask in &asks[..60] {
        ask.abort();
    }
    settle().await;
    let depth = fixture.actor.snapshot().await.unwrap().mailbox_depth;
    assert!((4..12).contains(&depth), "{depth} wait");
    for n in 0..32 {
        fixture.actor.tell("log", &n).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_tell_returns_when_the_message_is_in_the_mailbox() {
    let limits = Limits { mailbox_messages: NonZeroUsize::new(1).unwrap(), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let running = fixture.ask_in_background("sleep", json!(1000));
    settle().await;
    let begun = tokio::time::Instant::now();
    fixture.actor.tell("log", &1).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    fixture.actor.tell("log", &2).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_millis(1000), "the second waits for room");
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_tell_is_counted_and_kept_in_the_dead_letters() {
    let fixture = Setup::default().spawn();
    fixture.actor.tell("log", "bad").await.unwrap();
    settle().await;
    assert_eq!(fixture.actor.snapshot().await.unwrap().counted.failed_tells, 1);
    let letters = fixture.actor.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].message.method.as_str(), letters[0].reason.as_str()), ("log", "cannot log"));
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_rejects_or_drops_as_its_policy_says() {
    let spawn = |overflow| {
        let limits =
            Limits { mailbox_messages: NonZeroUsize::new(1).unwrap(), overflow, ..Limits::default() };
        Setup { limits, ..Setup::default() }.spawn()
    };
    for (overflow, handled) in
        [(Overflow::Reject, "log 1"), (Overflow::DropNewest, "log 1"), (Overflow::DropOldest, "log 2")]
    {
        let fixture = spawn(overflow);
        let running = fixture.ask_in_background("sleep", json!(10));
        settle().await;
        fixture.actor.tell("log", &1).await.unwrap();
        let second = fixture.actor.tell("log", &2).await;
        match overflow {
            Overflow::Reject => assert_eq!(second.unwrap_err().kind, RuntimeErrorKind::MailboxFull),
            _ => assert_eq!(fixture.actor.dead_letters().await.unwrap().len(), 1),
        }
        running.await.unwrap().unwrap();
        settle().await;
        assert_eq!(fixture.journal.of("log"), [handled]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_fails_fast_does_not_wait_for_room() {
    let limits = Limits { mailbox_messages: NonZeroUsize::new(1).unwrap(), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let running = fixture.ask_in_background("sleep", json!(10));
    settle().await;
    fixture.actor.tell("log", &1).await.unwrap();
    let refused = fixture.actor.ask::<()>("echo", &2).fail_fast().await.unwrap_err();
    assert!(refused.is_retryable());
    assert_eq!(kind(refused), RuntimeErrorKind::MailboxFull);
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_limit_is_refused_before_it_is_queued() {
    let limits = Limits { message_max: ByteSize::b(100), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let refused = fixture.ask("echo", json!("x".repeat(100))).await.unwrap_err();
    assert_eq!(kind(refused), RuntimeErrorKind::MessageTooLarge);
    assert!(fixture.journal.of("echo").is_empty());
    fixture.ask("echo", json!("x")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unknown_method_is_unsupported_and_the_nearest_is_named() {
    let fixture = Setup::default().spawn();
    let error = fixture.ask("ehco", json!(1)).await.unwrap_err();
    assert_eq!(
        error,
        ActorError::Unsupported { operation: "ehco".to_owned(), nearest: Some("echo".to_owned()) }.into()
    );
    assert_eq!(fixture.journal.read(), ["start 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_method_that_answers_nothing_cannot_be_asked() {
    let fixture = Setup::default().spawn();
    let error = fixture.ask("log", json!(1)).await.unwrap_err();
    assert_eq!(error, ActorError::tell_only("log").into());
}

#[tokio::test(start_paused = true)]
async fn a_business_error_reaches_its_caller_and_the_actor_goes_on() {
    let fixture = Setup::default().spawn();
    let error = fixture.ask("refuse", json!(null)).await.unwrap_err();
    assert_eq!(error, ActorError::Business { code: 409, message: "no".to_owned(), details: None }.into());
    assert!(!error.is_retryable());
    assert_eq!(fixture.ask("echo", json!(1)).await.unwrap(), json!(1));
    assert_eq!(fixture.actor.status().await.unwrap().generation.0, 0);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_goes_away_answers_everybody() {
    let fixture = Setup::default().spawn();
    let running = fixture.ask_in_background("stubborn", json!(0));
    settle().await;
    let waiting = fixture.ask_in_background("echo", json!(0));
    settle().await;
    fixture.task.abort();
    assert!(running.await.unwrap().is_err());
    assert_eq!(kind(waiting.await.unwrap().unwrap_err()), RuntimeErrorKind::ActorStopped);
    assert_eq!(kind(fixture.ask("echo", json!(0)).await.unwrap_err()), RuntimeErrorKind::ActorStopped);
}

#[tokio::test(start_paused = true)]
async fn a_handler_sees_who_sent_its_message_and_what_goes_along_also_of_a_tell() {
    let fixture = Setup::default().spawn();
    let front = fixture.actor.on_behalf_of(Caller::Actor("front".parse().unwrap()));
    let options = SendOptions::default();
    let context = Context::new([("traceparent", "00-1")]).unwrap();
    let message = Message { context, ..Message::new("seen", Payload::none()) };
    let seen = front.ask_message(message.clone(), options.clone()).await.unwrap();
    assert_eq!(seen.to_value::<serde_json::Value>().unwrap(), json!(["front", [["traceparent", "00-1"]]]));
    front.tell_message(message, options).await.unwrap();
    assert_eq!(fixture.ask("seen", json!(null)).await.unwrap(), json!([null, []]));
    let from_front = r#"seen by ["front",[["traceparent","00-1"]]]"#;
    assert_eq!(fixture.journal.of("seen by"), [from_front, from_front, "seen by [null,[]]"]);
}

#[tokio::test(start_paused = true)]
async fn of_a_call_that_has_ended_there_is_neither_caller_nor_context() {
    let fixture = Setup::default().spawn();
    let front = fixture.actor.on_behalf_of(Caller::Actor("front".parse().unwrap()));
    let context = Context::new([("traceparent", "00-1")]).unwrap();
    let message = |method, args| Message { context: context.clone(), ..Message::new(method, args) };
    let (nothing, of_front) = (json!([null, []]), json!(["front", [["traceparent", "00-1"]]]));
    front.ask_message(message("echo", Payload::none()), SendOptions::default()).await.unwrap();
    assert_eq!(fixture.ask("seen_before", json!(0)).await.unwrap(), json!([nothing, nothing]));
    // A stream's call ends with the stream.
    let count = message("count", Payload::json("1000"));
    let mut stream = front.stream_message(count, SendOptions::default()).await.unwrap();
    assert!(stream.next().await.is_some());
    assert_eq!(fixture.ask("seen_before", json!(0)).await.unwrap(), json!([of_front, nothing]));
    let count = message("count", Payload::json("1"));
    let short = front.stream_message(count, SendOptions::default()).await.unwrap();
    assert_eq!(short.count().await, 1);
    assert_eq!(fixture.ask("seen_before", json!(0)).await.unwrap(), json!([nothing, nothing]));
}

#[tokio::test(start_paused = true)]
async fn a_context_does_not_count_in_the_size_of_its_message() {
    let limits = Limits { message_max: ByteSize::b(40), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let ask = |args: &str| {
        let ask = fixture.actor.ask::<serde_json::Value>("echo", &args);
        ask.context("a", "x".repeat(4_000)).unwrap().into_future()
    };
    assert!(ask(&"x".repeat(20)).await.is_ok());
    assert_eq!(kind(ask(&"x".repeat(40)).await.unwrap_err()), RuntimeErrorKind::MessageTooLarge);
}

#[tokio::test(start_paused = true)]
async fn a_request_says_at_once_which_entry_no_context_can_have() {
    let fixture = Setup::default().spawn();
    let refused =
        |name: &str, value: String| fixture.actor.tell("log", &()).context(name, value).err().unwrap();
    assert_eq!(refused("Not A Name", String::new()), ContextError::Name("Not A Name".to_owned()));
    assert_eq!(refused("a", "b\n".to_owned()), ContextError::Value("a".to_owned()));
    assert_eq!(refused("a", "x".repeat(4_096)), ContextError::TooLarge { bytes: 4_097 });
}

#[tokio::test(start_paused = true)]
async fn a_context_goes_along_with_what_a_stream_sends_as_long_as_it_is_drawn_on() {
    for setup in [Setup::default(), Setup::overlapping()] {
        let fixture = setup.spawn();
        let open = |value: &str| {
            fixture.actor.stream("seen_in_draws", &3).context("traceparent", value).unwrap().into_future()
        };
        // Two at once: each has its own.
        let streams = [open("00-1").await.unwrap(), open("00-2").await.unwrap()];
        for (stream, value) in streams.into_iter().zip(["00-1", "00-2"]) {
            let items = stream.map(|item| item.unwrap().payload.to_value::<serde_json::Value>().unwrap());
            let seen = json!([["traceparent", value]]);
            assert_eq!(items.collect::<Vec<_>>().await, [seen.clone(), seen.clone(), seen]);
        }
    }
}
