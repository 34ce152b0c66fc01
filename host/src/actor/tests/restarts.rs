//! What ends a life, and what follows.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::native::{Setup, settle};
use crate::delivery::ControlError;
use crate::exit::{ExitReason, OperatorText, Overdue};
use crate::id::Generation;
use crate::lifecycle::LifeEnd;
use crate::lifecycle::State;
use crate::limits::Limits;
use crate::policy::{RestartPolicy, RestartSettings};
use crate::wire::{ActorError, CallError, Lane, RuntimeErrorKind};

fn policy(policy: RestartPolicy) -> Setup {
    let restart = RestartSettings { policy, ..RestartSettings::default() };
    Setup { restart, ..Setup::default() }
}

fn recoverable(error: CallError) -> bool {
    match error {
        CallError::Actor(ActorError::System { recoverable, .. }) => recoverable,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_crashed_actor_starts_again_and_keeps_its_mailbox() {
    for lane in [Lane::Serial, Lane::Overlapping] {
        let fixture = Setup { lane, ..Setup::default() }.spawn();
        let crash = fixture.ask_in_background("crash", json!(null));
        tokio::task::yield_now().await;
        for n in 0..3 {
            fixture.actor.tell("log", &n).await.unwrap();
        }
        assert!(recoverable(crash.await.unwrap().unwrap_err()));
        assert_eq!(fixture.ask("echo", json!(1)).await.unwrap(), json!(1));
        assert_eq!(
            fixture.journal.read(),
            ["start 0", "crash null", "start 1", "log 0", "log 1", "log 2", "echo 1"],
            "nothing is lost, and nothing is handled twice"
        );
        let status = fixture.actor.status().await.unwrap();
        assert_eq!((status.generation.0, status.restarts), (1, 1));
        assert!(matches!(status.last_exit, Some(ExitReason::Trapped { .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_answered_system_when_their_life_ends() {
    let fixture = Setup::overlapping().spawn();
    let sleeper = fixture.ask_in_background("sleep", json!(5000));
    let mut stream = fixture.actor.stream("count_slowly", &5000).await.unwrap();
    settle().await;
    fixture.ask("crash", json!(null)).await.unwrap_err();
    assert!(recoverable(sleeper.await.unwrap().unwrap_err()));
    assert!(recoverable(stream.next_batch(1).await.unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn in_flight_calls_are_recoverable_exactly_when_another_life_follows() {
    let restarted = policy(RestartPolicy::OnFailure).spawn();
    assert!(recoverable(restarted.ask("crash", json!(null)).await.unwrap_err()));
    let left = policy(RestartPolicy::Never).spawn();
    assert!(!recoverable(left.ask("crash", json!(null)).await.unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn a_failed_actor_refuses_messages_and_says_why() {
    let fixture = policy(RestartPolicy::Never).spawn();
    fixture.ask("crash", json!(null)).await.unwrap_err();
    let status = fixture.actor.wait_for(|status| status.state.is_final()).await.unwrap();
    assert_eq!(status.state, State::Failed);
    let Err(CallError::Runtime(error)) = fixture.ask("echo", json!(1)).await else { panic!() };
    assert_eq!(error.kind, RuntimeErrorKind::ActorStopped);
    let why = "`native` has failed: it crashed: boom; the log of its host says more";
    assert_eq!(error.message, why, "what the guest wrote is no caller's");
}

#[tokio::test(start_paused = true)]
async fn more_failures_than_the_budget_end_the_actor() {
    for (min_backoff, restarts) in [(Some(Duration::from_millis(100)), 5), (None, 6)] {
        let restart = RestartSettings { min_backoff, ..RestartSettings::default() };
        let fixture = Setup { restart, ..Setup::default() }.spawn();
        for crash in 0..=restarts {
            let error = fixture.ask("crash", json!(crash)).await.unwrap_err();
            assert_eq!(recoverable(error), crash < restarts, "crash {crash}");
        }
        let status = fixture.actor.wait_for(|status| status.state.is_final()).await.unwrap();
        assert_eq!((status.state, status.restarts), (State::Failed, restarts));
    }
}

#[tokio::test(start_paused = true)]
async fn messages_wait_during_the_backoff_and_callers_may_ask_not_to() {
    let min_backoff = Some(Duration::from_millis(100));
    let restart = RestartSettings { min_backoff, ..RestartSettings::default() };
    let fixture = Setup { restart, ..Setup::default() }.spawn();
    fixture.ask("crash", json!(null)).await.unwrap_err();
    fixture.actor.wait_for(|status| status.state == State::Restarting).await.unwrap();
    let begun = Instant::now();
    let refused = fixture.actor.ask::<Value>("echo", &1).fail_fast().await.unwrap_err();
    let CallError::Runtime(refused) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.kind, RuntimeErrorKind::ActorRestarting);
    assert!(refused.retry_after.is_some());
    assert_eq!(begun.elapsed(), Duration::ZERO);
    fixture.ask("echo", json!(1)).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(100), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_is_a_failure() {
    let fixture = Setup { failing_starts: 2, ..Setup::default() }.spawn();
    assert_eq!(fixture.ask("echo", json!(1)).await.unwrap(), json!(1));
    assert_eq!(fixture.journal.of("start"), ["start 0", "start 1", "start 2"]);
    let failing = Setup { failing_starts: 9, ..Setup::default() }.spawn();
    let exit = failing.actor.ready().await.unwrap_err();
    assert_eq!(exit, ControlError::Ended(ExitReason::start_failed(&ActorError::system("not yet"))));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_refused_by_a_business_error_is_final_whatever_the_policy() {
    for policy in [RestartPolicy::Never, RestartPolicy::OnFailure, RestartPolicy::Always] {
        let restart = RestartSettings { policy, ..RestartSettings::default() };
        let fixture = Setup { failing_starts: 1, refuses_start: true, restart, ..Setup::default() }.spawn();
        let exit = fixture.actor.ready().await.unwrap_err();
        assert_eq!(
            exit.to_string(),
            "it failed to start, with a business error; the log of its host says more"
        );
        let ControlError::Ended(exit) = exit else { panic!("{exit:?}") };
        assert_eq!(exit.report(), "failed to start: no key (code 400)");
        let status = fixture.actor.status().await.unwrap();
        assert_eq!((status.state, status.restarts), (State::Failed, 0), "{policy:?}");
        assert_eq!(fixture.journal.of("start"), ["start 0"], "{policy:?}");
        // Somebody who has mended it may say so.
        assert_eq!(fixture.actor.restart().await.unwrap().generation.0, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_system_error_that_asks_for_it_restarts_the_actor() {
    let fixture = Setup::default().spawn();
    let error = fixture.ask("fault", json!(null)).await.unwrap_err();
    assert!(matches!(error, CallError::Actor(ActorError::System { recoverable: false, .. })));
    fixture.ask("echo", json!(1)).await.unwrap();
    let status = fixture.actor.status().await.unwrap();
    assert_eq!(status.generation.0, 1);
    assert_eq!(status.last_exit, Some(ExitReason::Faulted { words: OperatorText::new("bad") }));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_hosts_own_code_ends_that_life_alone() {
    let fixture = Setup::default().spawn();
    assert!(recoverable(fixture.ask("panic", json!(null)).await.unwrap_err()));
    fixture.ask("echo", json!(1)).await.unwrap();
    let exit = fixture.actor.status().await.unwrap().last_exit;
    assert_eq!(exit, Some(ExitReason::HostFault { words: OperatorText::new("a bug") }));
}

#[tokio::test(start_paused = true)]
async fn a_stop_handles_what_waits_and_then_calls_stop() {
    let fixture = Setup::default().spawn();
    let sleeper = fixture.ask_in_background("sleep", json!(100));
    settle().await;
    fixture.actor.tell("log", &1).await.unwrap();
    let stopping = tokio::spawn({
        let actor = fixture.actor.clone();
        async move { actor.stop().await.unwrap() }
    });
    settle().await;
    let Err(CallError::Runtime(error)) = fixture.ask("echo", json!(1)).await else { panic!() };
    assert_eq!(error.kind, RuntimeErrorKind::ActorStopped);
    assert!(sleeper.await.unwrap().is_ok());
    let status = stopping.await.unwrap();
    assert_eq!((status.state, status.last_exit), (State::Stopped, Some(ExitReason::Stopped)));
    assert_eq!(fixture.journal.read(), ["start 0", "sleep 100", "log 1", "stop"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_streams_with_a_reason() {
    let fixture = Setup::default().spawn();
    let mut stream = fixture.actor.stream("count", &100).await.unwrap();
    settle().await;
    fixture.actor.stop().await.unwrap();
    assert_eq!(stream.next_batch(100).await.unwrap().items.len(), 17);
    let CallError::Runtime(error) = stream.next_batch(1).await.unwrap_err() else { panic!() };
    assert_eq!(error.kind, RuntimeErrorKind::ActorStopped);
    assert_eq!(fixture.journal.read().last().unwrap(), "stop");
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_takes_too_long_is_ended_by_force() {
    let fixture = Setup::default().spawn();
    let running = fixture.ask_in_background("stubborn", json!(0));
    settle().await;
    let begun = Instant::now();
    // The caller's own timeout is as long as the stop's: whichever comes first ends it.
    running.abort();
    let limits = Limits { grace: Duration::from_secs(3600), ..Limits::default() };
    drop(fixture);
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let _running = fixture.ask_in_background("stubborn", json!(0));
    settle().await;
    let status = fixture.actor.stop().await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    let exit = ExitReason::Forced { overdue: Overdue::Stop, limit: Duration::from_secs(30) };
    assert_eq!(status.last_exit, Some(exit));
}

#[tokio::test(start_paused = true)]
async fn a_stop_cancels_the_backoff() {
    let restart =
        RestartSettings { min_backoff: Some(Duration::from_secs(20)), ..RestartSettings::default() };
    let fixture = Setup { restart, ..Setup::default() }.spawn();
    fixture.ask("crash", json!(null)).await.unwrap_err();
    fixture.actor.wait_for(|status| status.state == State::Restarting).await.unwrap();
    let (begun, mut watch) = (Instant::now(), fixture.actor.watch().await.unwrap());
    assert_eq!(fixture.actor.stop().await.unwrap().state, State::Stopped);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let end = watch.next().await.unwrap().unwrap();
    let never_began = LifeEnd { generation: Generation(1), exit: ExitReason::Stopped, restarts: false };
    assert_eq!(end, never_began, "the end of the first life was told before");
    assert_eq!(fixture.actor.restart().await.unwrap().generation, Generation(2));
}

#[tokio::test(start_paused = true)]
async fn a_stop_takes_back_a_restart_that_was_asked_for_before() {
    for kill in [false, true] {
        let limits = Limits { stop_timeout: Duration::from_secs(60), ..Limits::default() };
        let fixture = Setup { limits, ..Setup::default() }.spawn();
        let sleeper = fixture.ask_in_background("sleep", json!(1000));
        settle().await;
        let stops = [fixture.actor.clone(), fixture.actor.clone()]
            .map(|actor| tokio::spawn(async move { actor.stop().await.unwrap() }));
        settle().await;
        let revived = fixture.actor.clone();
        let restart = tokio::spawn(async move { revived.restart().await });
        settle().await;
        let status =
            if kill { fixture.actor.kill().await.unwrap() } else { fixture.actor.stop().await.unwrap() };
        assert!(status.state.is_final(), "{status:?}");
        restart.await.unwrap().unwrap_err();
        drop(sleeper.await);
        futures::future::join_all(stops).await;
        settle().await;
        assert_eq!(fixture.actor.status().await.unwrap().generation, Generation(0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_by_hand_lets_what_runs_end_and_keeps_the_mailbox() {
    let fixture = Setup::default().spawn();
    let sleeper = fixture.ask_in_background("sleep", json!(100));
    settle().await;
    fixture.actor.tell("log", &1).await.unwrap();
    let status = fixture.actor.restart().await.unwrap();
    assert_eq!(status.generation.0, 1);
    sleeper.await.unwrap().unwrap();
    settle().await;
    assert_eq!(fixture.journal.read(), ["start 0", "sleep 100", "stop", "start 1", "log 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_by_hand_revives_an_actor_that_failed_or_stopped() {
    let failed = policy(RestartPolicy::Never).spawn();
    failed.ask("crash", json!(null)).await.unwrap_err();
    failed.actor.wait_for(|status| status.state.is_final()).await.unwrap();
    assert_eq!(failed.actor.restart().await.unwrap().state, State::Running);
    assert_eq!(failed.ask("echo", json!(1)).await.unwrap(), json!(1));

    let stopped = Setup::default().spawn();
    stopped.actor.ready().await.unwrap();
    stopped.actor.stop().await.unwrap();
    assert_eq!(stopped.actor.restart().await.unwrap().state, State::Running);
    assert_eq!(stopped.ask("echo", json!(1)).await.unwrap(), json!(1));
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_restarts_always_does_so_after_a_failure_too() {
    let fixture = policy(RestartPolicy::Always).spawn();
    fixture.ask("crash", json!(null)).await.unwrap_err();
    fixture.ask("echo", json!(1)).await.unwrap();
    assert_eq!(fixture.actor.status().await.unwrap().generation.0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_returns_also_when_a_restart_was_asked_for_just_before_or_after() {
    for restart_first in [true, false] {
        let fixture = Setup::default().spawn();
        fixture.actor.ready().await.unwrap();
        let restart = |actor: crate::delivery::ActorRef| async move { actor.restart().await };
        let stop = |actor: crate::delivery::ActorRef| async move { actor.stop().await.unwrap() };
        let (first, second) = (fixture.actor.clone(), fixture.actor.clone());
        let both = async {
            if restart_first {
                drop(futures::future::join(restart(first), stop(second)).await);
            } else {
                drop(futures::future::join(stop(first), restart(second)).await);
            }
        };
        tokio::time::timeout(Duration::from_secs(60), both).await.expect("both return");
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_an_actor_at_rest_that_is_taken_back_at_once_returns() {
    for kill in [true, false] {
        let fixture = Setup::default().spawn();
        fixture.actor.ready().await.unwrap();
        fixture.actor.stop().await.unwrap();
        settle().await;
        let end = async {
            if kill { fixture.actor.kill().await.unwrap() } else { fixture.actor.stop().await.unwrap() }
        };
        let both = futures::future::join(fixture.actor.restart(), end);
        let (restart, end) = tokio::time::timeout(Duration::from_secs(60), both).await.expect("both return");
        assert_eq!((restart, end.state), (Err(ControlError::Ended(ExitReason::Stopped)), State::Stopped));
        assert_eq!(fixture.actor.restart().await.unwrap().generation, Generation(1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_whose_host_goes_away_before_it_ran_refuses_messages() {
    let fixture = Setup::default().spawn();
    fixture.task.abort();
    settle().await;
    assert!(fixture.actor.ready().await.is_err());
    assert!(fixture.ask("echo", json!(1)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_life_that_asked_for_its_restart_handles_no_more_messages() {
    let fixture = Setup::default().spawn();
    let fault = fixture.ask_in_background("fault", json!(null));
    tokio::task::yield_now().await;
    fixture.actor.tell("log", &1).await.unwrap();
    fault.await.unwrap().unwrap_err();
    fixture.ask("echo", json!(1)).await.unwrap();
    assert_eq!(fixture.journal.read(), ["start 0", "fault null", "start 1", "log 1", "echo 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_by_hand_follows_however_the_life_ends() {
    let limits = Limits { grace: Duration::from_secs(3600), ..Limits::default() };
    let fixture = Setup { limits, ..policy(RestartPolicy::Never) }.spawn();
    let stubborn = fixture.ask_in_background("stubborn", json!(0));
    settle().await;
    let status = fixture.actor.restart().await.unwrap();
    let exit = ExitReason::Forced { overdue: Overdue::Stop, limit: Duration::from_secs(30) };
    assert_eq!((status.state, status.last_exit), (State::Running, Some(exit)));
    assert!(stubborn.await.unwrap().unwrap_err().is_retryable());
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_is_asked_for_during_a_stop_is_not_lost_where_the_stop_overruns() {
    let limits = Limits { grace: Duration::from_secs(3600), ..Limits::default() };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let _stubborn = fixture.ask_in_background("stubborn", json!(0));
    settle().await;
    let stopping = tokio::spawn({
        let actor = fixture.actor.clone();
        async move { actor.stop().await.unwrap() }
    });
    settle().await;
    // Which of the two ends it sees first is open.
    drop(fixture.actor.restart().await);
    stopping.await.unwrap();
    let status = fixture.actor.wait_for(|status| status.generation.0 == 1 && status.state == State::Running);
    tokio::time::timeout(Duration::from_secs(60), status).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_an_actor_whose_host_is_gone_returns() {
    let fixture = Setup::default().spawn();
    fixture.actor.ready().await.unwrap();
    fixture.actor.stop().await.unwrap();
    fixture.task.abort();
    settle().await;
    let restart = tokio::time::timeout(Duration::from_secs(60), fixture.actor.restart());
    assert_eq!(restart.await.unwrap().unwrap_err(), ControlError::Ended(ExitReason::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_watcher_is_told_of_every_end_once() {
    let fixture = Setup::default().spawn();
    fixture.actor.ready().await.unwrap();
    let mut watch = fixture.actor.watch().await.unwrap();
    for crash in 0..2 {
        fixture.ask("crash", json!(crash)).await.unwrap_err();
    }
    fixture.ask("echo", json!(0)).await.unwrap();
    fixture.actor.restart().await.unwrap();
    fixture.actor.stop().await.unwrap();
    fixture.actor.restart().await.unwrap();
    fixture.task.abort();
    let mut ends = Vec::new();
    while let Some(end) = watch.next().await {
        let end = end.unwrap();
        ends.push((end.generation.0, end.exit.as_str(), end.restarts));
    }
    let expected = [
        (0, "trapped", true),
        (1, "trapped", true),
        (2, "restart-requested", true),
        (3, "stopped", false),
        (4, "killed", false),
    ];
    assert_eq!(ends, expected);
}
