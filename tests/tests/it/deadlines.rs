//! Timeouts and cancellation, with guests that wait and guests that do not let go.

use std::time::Duration;

use pulsing_host::{ActorError, CallError, ControlError, ExitReason, Overdue};
use pulsing_tests::{host, spawn, spec};
use serde_json::Value;

use crate::{bounded, eventually};

const BRIEFLY: Duration = Duration::from_millis(30);

fn is_timeout(error: &CallError) -> bool {
    matches!(error, CallError::Actor(ActorError::Timeout { .. }))
}

#[tokio::test]
async fn an_ask_of_a_guest_in_a_loop_is_answered_by_its_timeout() {
    let host = host().unwrap();
    for guest in ["rogue", "waiter"] {
        let actor = spawn(&host, spec(guest).unwrap()).await.unwrap();
        let error = bounded(actor.ask::<()>("spin", &()).timeout(BRIEFLY).into_future()).await.unwrap_err();
        assert!(is_timeout(&error), "{error:?}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_in_a_loop_is_ended_after_the_grace_period() {
    let host = host().unwrap();
    for guest in ["rogue", "waiter"] {
        let mut spec = spec(guest).unwrap();
        spec.limits.grace = BRIEFLY;
        let actor = spawn(&host, spec).await.unwrap();
        actor.ask::<()>("spin", &()).timeout(BRIEFLY).await.unwrap_err();
        let status = bounded(actor.wait_for(|status| status.last_exit.is_some())).await.unwrap();
        let overdue = Overdue::Call { method: "spin".to_owned() };
        assert_eq!(status.last_exit, Some(ExitReason::Forced { overdue, limit: BRIEFLY }));
        let method = if guest == "rogue" { "count" } else { "running" };
        bounded(actor.ask::<u64>(method, &()).into_future()).await.unwrap();
        assert_eq!(actor.status().await.unwrap().generation.0, 1);
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_waiting_guest_is_told_to_stop() {
    let host = host().unwrap();
    let overlapping = spawn(&host, spec("waiter").unwrap()).await.unwrap();
    let error = overlapping.ask::<u64>("nap", &(3_600_000,)).timeout(BRIEFLY).await.unwrap_err();
    assert!(is_timeout(&error));
    let dropped = || overlapping.ask::<u64>("dropped", &()).into_future();
    eventually(dropped, |dropped| dropped.as_ref().is_ok_and(|dropped| *dropped == 1)).await.unwrap();
    assert_eq!(overlapping.status().await.unwrap().generation.0, 0, "its destructors ran in the same life");

    let serial = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    let error = serial.ask::<Value>("sleep", &(3_600_000,)).timeout(BRIEFLY).await.unwrap_err();
    assert!(is_timeout(&error));
    assert_eq!(bounded(serial.ask::<u64>("count", &()).into_future()).await.unwrap(), 2);
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_loops_in_start_is_ended() {
    let host = host().unwrap();
    let mut spec = spec("rogue").unwrap();
    spec.config = pulsing_host::Payload::json(r#"{"spin_in_start":true}"#);
    spec.limits.start_timeout = BRIEFLY;
    spec.restart.policy = pulsing_host::RestartPolicy::Never;
    let actor = host.spawn(spec).await.unwrap();
    let error = bounded(actor.ready()).await.unwrap_err();
    assert_eq!(error, ControlError::Ended(ExitReason::Forced { overdue: Overdue::Start, limit: BRIEFLY }));
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_in_a_loop_does_not_hold_up_a_shutdown() {
    let host = host().unwrap();
    let mut spec = spec("rogue").unwrap();
    spec.limits.stop_timeout = BRIEFLY;
    let actor = spawn(&host, spec).await.unwrap();
    let spinning = tokio::spawn(actor.ask::<()>("spin", &()).into_future());
    eventually(|| async { actor.snapshot().await.unwrap().in_flight }, |in_flight| *in_flight == 1).await;
    bounded(host.shutdown()).await;
    assert!(matches!(spinning.await.unwrap(), Err(CallError::Actor(ActorError::System { .. }))));
}
