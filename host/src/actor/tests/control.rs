//! Stop, kill, restart and cancel: what goes ahead of messages, and what is final.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::native::{Fixture, Setup, settle};
use crate::id::Generation;
use crate::lifecycle::State;
use crate::limits::{Limits, Overflow};
use crate::policy::{RestartPolicy, RestartSettings};
use crate::wire::{CallError, RuntimeErrorKind};

/// A serial actor that sleeps for a second, with one message in a mailbox that has room for one.
async fn with_a_full_mailbox() -> (Fixture, JoinHandle<Result<Value, CallError>>) {
    let limits = Limits { mailbox_messages: NonZeroUsize::MIN, ..Limits::default() };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let sleeper = fixture.ask_in_background("sleep", json!(1000));
    settle().await;
    fixture.actor.tell("log", &1).await.unwrap();
    (fixture, sleeper)
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_heard_while_the_mailbox_is_full() {
    let (fixture, sleeper) = with_a_full_mailbox().await;
    let (begun, actor) = (Instant::now(), fixture.actor.clone());
    let stopping = tokio::spawn(async move { actor.stop().await.unwrap() });
    settle().await;
    let CallError::Runtime(error) = fixture.ask("echo", json!(1)).await.unwrap_err() else { panic!() };
    assert_eq!((error.kind, begun.elapsed()), (RuntimeErrorKind::ActorStopped, Duration::ZERO));
    assert_eq!(stopping.await.unwrap().state, State::Stopped);
    assert_eq!(fixture.journal.read(), ["start 0", "sleep 1000", "log 1", "stop"]);
    sleeper.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_ahead_of_messages_also_when_the_mailbox_is_full() {
    let (fixture, sleeper) = with_a_full_mailbox().await;
    assert_eq!(fixture.actor.restart().await.unwrap().generation, Generation(1));
    settle().await;
    assert_eq!(fixture.journal.read(), ["start 0", "sleep 1000", "stop", "start 1", "log 1"]);
    sleeper.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cancel_goes_ahead_of_messages_also_when_the_mailbox_is_full() {
    let (fixture, sleeper) = with_a_full_mailbox().await;
    let begun = Instant::now();
    sleeper.abort();
    settle().await;
    assert_eq!(fixture.journal.read(), ["start 0", "sleep 1000", "cancelled sleep", "log 1"]);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_ask_that_is_dropped_from_a_full_mailbox_fails_with_mailbox_full() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
        let limits = Limits { mailbox_messages: NonZeroUsize::MIN, overflow, ..Limits::default() };
        let fixture = Setup { limits, ..Setup::default() }.spawn();
        let sleeper = fixture.ask_in_background("sleep", json!(10));
        settle().await;
        let (older, newer) = futures::join!(fixture.ask("echo", json!(1)), fixture.ask("echo", json!(2)));
        let (dropped, kept) = if overflow == Overflow::DropOldest { (older, newer) } else { (newer, older) };
        let Err(CallError::Runtime(error)) = dropped else { panic!("{overflow:?}: {dropped:?}") };
        assert_eq!(error.kind, RuntimeErrorKind::MailboxFull, "{overflow:?}");
        assert!(kept.is_ok(), "{overflow:?}: {kept:?}");
        sleeper.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_and_a_kill_are_final_whatever_the_policy() {
    for policy in [RestartPolicy::Never, RestartPolicy::OnFailure, RestartPolicy::Always] {
        for kill in [false, true] {
            let restart = RestartSettings { policy, ..RestartSettings::default() };
            let fixture = Setup { restart, ..Setup::default() }.spawn();
            fixture.actor.ready().await.unwrap();
            let status =
                if kill { fixture.actor.kill().await.unwrap() } else { fixture.actor.stop().await.unwrap() };
            assert_eq!(status.state, State::Stopped, "{policy:?}");
            tokio::time::sleep(Duration::from_secs(3600)).await;
            let status = fixture.actor.status().await.unwrap();
            assert_eq!((status.state, status.generation), (State::Stopped, Generation(0)), "{policy:?}");
        }
    }
}
