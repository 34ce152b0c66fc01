//! When an idle actor is passivated, what that counts for, and what comes while it happens.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::native::{Fixture, Setup, settle};
use crate::actor::{Kind, Rooms};
use crate::call::WhenFull;
use crate::exit::ExitReason;
use crate::grants::Caller;
use crate::lifecycle::{Event, State};
use crate::limits::Limits;
use crate::policy::RestartSettings;
use crate::wire::{CallError, Lane, Message, Payload, RuntimeErrorKind};

const AFTER: Duration = Duration::from_secs(6);

async fn running(setup: Setup) -> Fixture {
    let limits = Limits { passivate_after: Some(AFTER), ..Limits::default() };
    let fixture = Setup { limits, may_passivate: true, ..setup }.spawn();
    fixture.actor.ready().await.unwrap();
    fixture
}

#[tokio::test(start_paused = true)]
async fn an_idle_actor_is_passivated_after_its_time_and_at_most_half_of_it_more() {
    for eighths in 0..8 {
        let fixture = running(Setup::default()).await;
        tokio::time::sleep(AFTER * eighths / 8).await;
        fixture.ask("echo", json!(1)).await.unwrap();
        let idle_since = Instant::now();
        fixture.actor.wait_for(|status| status.state == State::Passive).await.unwrap();
        let idle = idle_since.elapsed();
        assert!((AFTER..=AFTER * 3 / 2).contains(&idle), "passive after {idle:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_actor_was_busy_with_when_it_was_looked_at_is_no_idle_time() {
    for eighths in 1..8 {
        let fixture = running(Setup::default()).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        fixture.ask("sleep", json!((AFTER * eighths / 8).as_millis())).await.unwrap();
        let idle_since = Instant::now();
        fixture.actor.wait_for(|status| status.state == State::Passive).await.unwrap();
        let idle = idle_since.elapsed();
        assert!((AFTER..=AFTER * 3 / 2).contains(&idle), "passive after {idle:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn passivation_counts_neither_for_the_budget_nor_for_the_backoff() {
    let (min_backoff, window) = (Duration::from_millis(100), Duration::from_secs(24 * 3600));
    let restart = RestartSettings { min_backoff: Some(min_backoff), window, ..RestartSettings::default() };
    let max_restarts = restart.max_restarts;
    let fixture = running(Setup { restart, ..Setup::default() }).await;
    for _ in 0..=max_restarts {
        fixture.actor.wait_for(|status| status.state == State::Passive).await.unwrap();
        fixture.ask("echo", json!(1)).await.unwrap();
    }
    fixture.ask("crash", json!(null)).await.unwrap_err();
    let status = fixture.actor.wait_for(|status| status.state == State::Restarting).await.unwrap();
    assert_eq!(status.restarts, 1);
    let backoff = status.backoff.unwrap();
    assert!((min_backoff..=min_backoff * 6 / 5).contains(&backoff), "{backoff:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_while_stop_runs_for_a_passivation_is_for_the_next_life() {
    for lane in [Lane::Serial, Lane::Overlapping] {
        let fixture = running(Setup { lane, stop_takes: Duration::from_secs(1), ..Setup::default() }).await;
        while fixture.journal.of("stop").is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(fixture.actor.status().await.unwrap().state, State::Running, "its stop has not returned");
        let asks: Vec<_> = (0..3).map(|n| fixture.ask_in_background("echo", json!(n))).collect();
        settle().await;
        for (n, ask) in asks.into_iter().enumerate() {
            assert_eq!(ask.await.unwrap().unwrap(), Value::from(n));
        }
        let journal = ["start 0", "stop", "start 1", "echo 0", "echo 1", "echo 2"];
        assert_eq!(fixture.journal.read(), journal, "{lane:?}");
    }
}

/// An actor whose `stop` runs, for a passivation.
async fn being_passivated(setup: Setup) -> Fixture {
    let fixture = running(Setup { stop_takes: Duration::from_secs(1), ..setup }).await;
    while fixture.journal.of("stop").is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(fixture.actor.status().await.unwrap().state, State::Running, "its stop has not returned");
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_stop_or_a_kill_during_a_passivation_refuses_what_came_in_between() {
    for (lane, kill) in [(Lane::Serial, false), (Lane::Overlapping, false), (Lane::Serial, true)] {
        let fixture = being_passivated(Setup { lane, ..Setup::default() }).await;
        let ask = fixture.ask_in_background("echo", json!(1));
        fixture.actor.tell("log", &2).await.unwrap();
        settle().await;
        let actor = &fixture.actor;
        let status = if kill { actor.kill().await.unwrap() } else { actor.stop().await.unwrap() };
        let exit = if kill { ExitReason::Killed } else { ExitReason::Stopped };
        assert_eq!((status.state, status.generation.0, status.last_exit), (State::Stopped, 0, Some(exit)));
        let CallError::Runtime(error) = ask.await.unwrap().unwrap_err() else { panic!("{lane:?}") };
        assert_eq!(error.kind, RuntimeErrorKind::ActorStopped);
        let letters = actor.dead_letters().await.unwrap().len();
        assert_eq!((letters, fixture.journal.read()), (1, vec!["start 0".to_owned(), "stop".to_owned()]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_a_passive_actor_refuses_a_message_that_came_just_before() {
    let fixture = running(Setup::default()).await;
    fixture.actor.wait_for(|status| status.state == State::Passive).await.unwrap();
    let (told, stopped) = futures::join!(fixture.actor.tell("log", &1).into_future(), fixture.actor.stop());
    told.unwrap();
    assert_eq!(stopped.unwrap().state, State::Stopped);
    assert_eq!(fixture.actor.dead_letters().await.unwrap().len(), 1);
    assert_eq!(fixture.journal.read(), ["start 0", "stop"]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_during_a_passivation_begins_the_next_life_at_once_which_has_what_came() {
    let fixture = being_passivated(Setup::default()).await;
    let ask = fixture.ask_in_background("echo", json!(1));
    settle().await;
    let status = fixture.actor.restart().await.unwrap();
    assert_eq!((status.state, status.last_exit), (State::Running, Some(ExitReason::RestartRequested)));
    assert_eq!(ask.await.unwrap().unwrap(), json!(1));
    assert_eq!(fixture.journal.read(), ["start 0", "stop", "start 1", "echo 1"]);
    // Its time begins anew.
    let idle_since = Instant::now();
    fixture.actor.wait_for(|status| status.state == State::Passive).await.unwrap();
    assert!(idle_since.elapsed() >= AFTER);
}

#[tokio::test(start_paused = true)]
async fn a_stop_and_then_a_restart_during_a_passivation_refuse_what_came_and_begin_another_life() {
    let fixture = being_passivated(Setup::default()).await;
    let ask = fixture.ask_in_background("echo", json!(1));
    settle().await;
    let stop = tokio::spawn({
        let actor = fixture.actor.clone();
        async move { actor.stop().await }
    });
    fixture.actor.wait_for(|status| status.state == State::Stopping).await.unwrap();
    assert_eq!(fixture.actor.restart().await.unwrap().state, State::Running);
    ask.await.unwrap().unwrap_err();
    stop.await.unwrap().unwrap();
    assert_eq!(fixture.journal.read(), ["start 0", "stop", "start 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_crashes_in_a_passivation_is_a_failure_and_blames_no_message_that_came() {
    let restart = RestartSettings { quarantine_after: 1, ..RestartSettings::default() };
    let fixture = being_passivated(Setup { restart, stop_crashes: true, ..Setup::default() }).await;
    let ask = fixture.ask_in_background("echo", json!(1));
    assert_eq!(ask.await.unwrap().unwrap(), json!(1), "the next life has it");
    let status = fixture.actor.status().await.unwrap();
    assert!(matches!(status.last_exit, Some(ExitReason::Trapped { .. })), "{status:?}");
    assert_eq!((status.state, status.restarts), (State::Running, 1));
}

#[tokio::test(start_paused = true)]
async fn a_life_that_starts_is_not_idle_however_long_that_takes() {
    let fixture = running(Setup { start_takes: AFTER + AFTER / 3, ..Setup::default() }).await;
    let started = Instant::now();
    fixture.actor.wait_for(|status| status.state == State::Passive).await.unwrap();
    let idle = started.elapsed();
    assert!((AFTER..=AFTER * 3 / 2).contains(&idle), "passive {idle:?} after its start");
}

#[test]
fn a_message_that_came_since_an_actor_was_found_idle_keeps_its_life() {
    let kind = Kind { lane: Lane::Serial, may_run_inline: true };
    let (limits, restart) = (Limits::default().into(), RestartSettings::default());
    let id = "a".parse().unwrap();
    let Rooms { mailbox, lifecycle, dispatch, .. } =
        Rooms::new(id, kind, limits, &restart, &Default::default(), Default::default(), &Default::default());
    lifecycle.apply(Event::Ready);
    assert!(dispatch.is_idle());
    let message = Message::new("m", Payload::none());
    let held = mailbox.keep(&message, &Caller::Program).unwrap();
    let envelope = mailbox.tell(message, held, Caller::Program);
    assert!(mailbox.try_send(envelope, WhenFull::Reject).is_ok());
    assert!(!dispatch.drain_if_idle(), "it waits");
    drop(mailbox.pop());
    assert!(dispatch.drain_if_idle());
    assert!(!dispatch.is_idle() && !dispatch.drain_if_idle(), "it is about to end");
}
