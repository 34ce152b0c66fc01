//! Actors that give up their instance while they have nothing to do.

use std::time::Duration;

use serde_json::{Value, json};

use super::native::{Fixture, Setup, settle};
use crate::exit::ExitReason;
use crate::lifecycle::State;
use crate::limits::Limits;
use crate::wire::Lane;

const AFTER: Duration = Duration::from_secs(6);

async fn running(lane: Lane, may_passivate: bool) -> Fixture {
    let limits = Limits { passivate_after: Some(AFTER), ..Limits::default() };
    let fixture = Setup { lane, limits, may_passivate, ..Setup::default() }.spawn();
    fixture.actor.ready().await.unwrap();
    fixture
}

async fn passive(lane: Lane) -> Fixture {
    let fixture = running(lane, true).await;
    fixture.actor.wait_for(|status| status.state == State::Passive).await.unwrap();
    fixture
}

#[tokio::test(start_paused = true)]
async fn an_idle_actor_that_lets_it_happen_gives_up_its_instance_until_the_next_message() {
    for lane in [Lane::Serial, Lane::Overlapping] {
        let fixture = running(lane, true).await;
        let mut watch = fixture.actor.watch().await.unwrap();
        tokio::time::sleep(AFTER / 2).await;
        assert_eq!(fixture.ask("echo", json!(1)).await.unwrap(), json!(1));
        let asked = tokio::time::Instant::now();
        fixture.actor.wait_for(|status| status.state == State::Passive).await.unwrap();
        let idle = asked.elapsed();
        assert!((AFTER..=AFTER * 2).contains(&idle), "{lane:?}: passive after {idle:?}");
        assert_eq!(fixture.journal.of("stop").len(), 1, "it was stopped in good order");
        let end = watch.next().await.unwrap().unwrap();
        assert_eq!((end.exit, end.restarts), (ExitReason::Passivated, true));
        // It stays so, and is ready for what comes.
        tokio::time::sleep(AFTER * 10).await;
        assert_eq!(fixture.actor.status().await.unwrap().state, State::Passive);
        fixture.actor.ready().await.unwrap();
        for generation in 1..=2 {
            if generation == 1 {
                assert_eq!(fixture.ask("echo", json!(2)).await.unwrap(), json!(2));
            } else {
                fixture.actor.tell("log", &json!(3)).await.unwrap();
            }
            fixture.actor.wait_for(|status| status.state == State::Running).await.unwrap();
            assert_eq!(fixture.actor.status().await.unwrap().generation.0, generation, "{lane:?}");
            fixture.actor.wait_for(|status| status.state == State::Passive).await.unwrap();
        }
        assert_eq!(fixture.journal.of("log"), ["log 3"]);
        assert_eq!(fixture.actor.status().await.unwrap().restarts, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_does_not_let_it_happen_or_is_not_to_keeps_its_instance() {
    let unwilling = running(Lane::Serial, false).await;
    let unasked = Setup { may_passivate: true, ..Setup::default() }.spawn();
    tokio::time::sleep(AFTER * 10).await;
    for fixture in [unwilling, unasked] {
        assert_eq!(fixture.actor.status().await.unwrap().state, State::Running);
        assert_eq!(fixture.actor.status().await.unwrap().generation.0, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_keeps_an_actor_from_being_passivated() {
    let fixture = running(Lane::Overlapping, true).await;
    let asked = fixture.ask_in_background("sleep", json!(20_000));
    tokio::time::sleep(Duration::from_secs(19)).await;
    assert_eq!(fixture.actor.status().await.unwrap().state, State::Running);
    asked.await.unwrap().unwrap();
    let mut reader = fixture.actor.stream("count_slowly", &json!(AFTER.as_millis())).await.unwrap();
    for _ in 0..5 {
        reader.next_batch(1).await.unwrap();
        assert_eq!(fixture.actor.status().await.unwrap().state, State::Running);
    }
    drop(reader);
    fixture.actor.wait_for(|status| status.state == State::Passive).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_passive_actor_is_stopped_killed_and_restarted_like_any_other() {
    let stopped = passive(Lane::Serial).await;
    assert_eq!(stopped.actor.stop().await.unwrap().state, State::Stopped);
    stopped.ask("echo", json!(1)).await.unwrap_err();
    stopped.actor.restart().await.unwrap();
    assert_eq!(stopped.ask("echo", json!(1)).await.unwrap(), json!(1));
    let killed = passive(Lane::Serial).await;
    assert_eq!(killed.actor.kill().await.unwrap().state, State::Stopped);
    let restarted = passive(Lane::Serial).await;
    restarted.actor.restart().await.unwrap();
    assert_eq!(restarted.actor.status().await.unwrap().state, State::Running);
    assert_eq!(restarted.actor.status().await.unwrap().generation.0, 1);
}

/// The message comes while `stop` runs: the next life has it.
#[tokio::test(start_paused = true)]
async fn a_message_that_comes_while_an_actor_is_passivated_is_handled_by_the_next_life() {
    let fixture = running(Lane::Serial, true).await;
    let mut status = fixture.actor.status().await.unwrap();
    for _ in 0..200 {
        tokio::time::sleep(AFTER / 100).await;
        status = fixture.actor.status().await.unwrap();
        if status.state == State::Passive {
            break;
        }
    }
    assert_eq!(status.state, State::Passive);
    let asks: Vec<_> = (0..3).map(|n| fixture.ask_in_background("echo", json!(n))).collect();
    settle().await;
    for (n, ask) in asks.into_iter().enumerate() {
        assert_eq!(ask.await.unwrap().unwrap(), Value::from(n));
    }
    assert_eq!(fixture.actor.status().await.unwrap().generation.0, 1);
}
