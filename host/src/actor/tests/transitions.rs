//! Transitions between the states of an actor that no other test goes through.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::native::{Fixture, Setup, settle};
use crate::exit::ExitReason;
use crate::id::Generation;
use crate::lifecycle::State;
use crate::limits::Limits;
use crate::policy::{QUICK_BACKOFF, RestartPolicy, RestartSettings, USUAL_MIN_BACKOFF};

fn with(restart: RestartSettings) -> Fixture {
    Setup { restart, ..Setup::default() }.spawn()
}

/// Starts fail: how many, and by which policy.
fn failing(failing_starts: u64, policy: RestartPolicy) -> Fixture {
    let restart = RestartSettings { policy, ..RestartSettings::default() };
    Setup { failing_starts, restart, ..Setup::default() }.spawn()
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_is_killed_while_it_starts_has_stopped() {
    let fixture = Setup::default().spawn();
    assert_eq!(fixture.actor.status().await.unwrap().state, State::Starting);
    let status = fixture.actor.kill().await.unwrap();
    assert_eq!((status.state, status.last_exit), (State::Stopped, Some(ExitReason::Killed)));
    assert_eq!(status.generation, Generation(0));
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_is_stopped_while_it_starts_has_stopped() {
    let fixture = Setup::default().spawn();
    assert_eq!(fixture.actor.status().await.unwrap().state, State::Starting);
    let status = fixture.actor.stop().await.unwrap();
    assert_eq!((status.state, status.last_exit), (State::Stopped, Some(ExitReason::Stopped)));
    assert_eq!(fixture.journal.read(), ["start 0", "stop"]);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_leads_to_a_restart_or_to_failed() {
    let restarted = failing(1, RestartPolicy::OnFailure);
    restarted.actor.wait_for(|status| status.state == State::Restarting).await.unwrap();
    restarted.actor.wait_for(|status| status.state == State::Running).await.unwrap();
    assert_eq!(restarted.actor.status().await.unwrap().generation, Generation(1));
    let failed = failing(1, RestartPolicy::Never);
    let status = failed.actor.wait_for(|status| status.state.is_final()).await.unwrap();
    assert_eq!((status.state, status.generation), (State::Failed, Generation(0)));
}

#[tokio::test(start_paused = true)]
async fn a_life_that_fails_while_it_is_stopped_leaves_the_actor_failed() {
    for policy in [RestartPolicy::OnFailure, RestartPolicy::Always] {
        let fixture = with(RestartSettings { policy, ..RestartSettings::default() });
        let sleeper = fixture.ask_in_background("sleep", json!(10));
        settle().await;
        let crash = fixture.ask_in_background("crash", json!(null));
        settle().await;
        let status = fixture.actor.stop().await.unwrap();
        assert_eq!((status.state, status.restarts), (State::Failed, 0), "{policy:?}");
        sleeper.await.unwrap().unwrap();
        crash.await.unwrap().unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_by_hand_ends_the_backoff() {
    let fixture =
        with(RestartSettings { min_backoff: Some(Duration::from_secs(20)), ..RestartSettings::default() });
    fixture.ask("crash", json!(null)).await.unwrap_err();
    fixture.actor.wait_for(|status| status.state == State::Restarting).await.unwrap();
    let begun = Instant::now();
    let status = fixture.actor.restart().await.unwrap();
    assert_eq!((status.state, status.generation), (State::Running, Generation(1)));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_is_asked_for_during_a_stop_begins_a_life_after_it() {
    let fixture = Setup::default().spawn();
    let sleeper = fixture.ask_in_background("sleep", json!(10));
    settle().await;
    let actor = fixture.actor.clone();
    let stopping = tokio::spawn(async move { actor.stop().await.unwrap() });
    fixture.actor.wait_for(|status| status.state == State::Stopping).await.unwrap();
    let status = fixture.actor.restart().await.unwrap();
    assert_eq!((status.state, status.generation), (State::Running, Generation(1)));
    assert_eq!(fixture.journal.read(), ["start 0", "sleep 10", "stop", "start 1"]);
    sleeper.await.unwrap().unwrap();
    stopping.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_restart_by_hand_resets_the_budget_and_the_delay() {
    for (min_backoff, first) in [(None, QUICK_BACKOFF), (Some(USUAL_MIN_BACKOFF), USUAL_MIN_BACKOFF)] {
        let restart = RestartSettings { min_backoff, ..RestartSettings::default() };
        let restarts = restart.max_restarts + u32::from(min_backoff.is_none());
        let fixture = with(restart);
        for crash in 0..restarts {
            fixture.ask("crash", json!(crash)).await.unwrap_err();
        }
        fixture.actor.restart().await.unwrap();
        fixture.ask("crash", json!(restarts)).await.unwrap_err();
        let status = fixture.actor.wait_for(|status| status.backoff.is_some()).await.unwrap();
        let backoff = status.backoff.unwrap();
        assert_eq!(status.state, State::Restarting, "the budget would be used up");
        assert!((first..=first * 6 / 5).contains(&backoff), "{backoff:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_is_killed_while_it_stops_has_stopped() {
    let fixture = Setup::default().spawn();
    let stubborn = fixture.ask_in_background("stubborn", json!(0));
    settle().await;
    let actor = fixture.actor.clone();
    let stopping = tokio::spawn(async move { actor.stop().await.unwrap() });
    fixture.actor.wait_for(|status| status.state == State::Stopping).await.unwrap();
    let begun = Instant::now();
    let status = fixture.actor.kill().await.unwrap();
    assert_eq!((status.state, status.last_exit), (State::Stopped, Some(ExitReason::Killed)));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    stubborn.await.unwrap().unwrap_err();
    assert_eq!(stopping.await.unwrap().state, State::Stopped);
}

#[tokio::test(start_paused = true)]
async fn an_actor_whose_host_goes_away_has_stopped_in_whatever_state_it_was() {
    let limits = Limits { passivate_after: Some(Duration::from_secs(1)), ..Limits::default() };
    for state in [State::Starting, State::Running, State::Restarting, State::Passive, State::Stopping] {
        let may_passivate = state == State::Passive;
        let fixture = Setup { limits: limits.clone(), may_passivate, ..Setup::default() }.spawn();
        let actor = fixture.actor.clone();
        match state {
            State::Restarting => drop(fixture.ask("crash", json!(null)).await),
            State::Stopping => {
                drop(fixture.ask_in_background("stubborn", json!(0)));
                settle().await;
                drop(tokio::spawn(async move { actor.stop().await.unwrap() }));
            }
            State::Starting | State::Running | State::Passive | State::Stopped | State::Failed => {}
        }
        fixture.actor.wait_for(|status| status.state == state).await.unwrap();
        fixture.task.abort();
        let status = fixture.actor.wait_for(|status| status.state.is_final()).await.unwrap();
        assert_eq!((status.state, status.last_exit), (State::Stopped, Some(ExitReason::Killed)), "{state:?}");
    }
}
