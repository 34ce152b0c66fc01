//! When an idle actor is passivated, what that counts for, and what comes while it happens.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::native::{Fixture, Setup, settle};
use crate::lifecycle::State;
use crate::limits::Limits;
use crate::policy::RestartSettings;
use crate::wire::Lane;

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
