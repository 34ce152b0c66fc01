//! What ends a guest's life, and that it comes back.

use std::time::Duration;

use bytesize::ByteSize;
use pulsing_host::{
    ActorError, ActorRef, ActorSpec, CallError, ControlError, ExitReason, Host, Overdue, RestartPolicy,
};
use pulsing_tests::{host, spawn, spec};
use serde_json::{Value, json};

use crate::bounded;

/// Crashes an actor by a method, and answers how its first life ended.
async fn crash(host: &Host, spec: ActorSpec, method: &str, args: Value) -> (ActorRef, ExitReason) {
    let actor = spawn(host, spec).await.unwrap();
    assert_eq!(actor.ask::<u64>("count", &()).await.unwrap(), 1);
    let error = bounded(actor.ask::<Value>(method, &args).into_future()).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Actor(ActorError::System { recoverable: true, .. })),
        "{method}: {error:?}"
    );
    let count = bounded(actor.ask::<u64>("count", &()).into_future()).await.unwrap();
    assert_eq!(count, 1, "{method}: the next life has a memory of its own");
    let status = actor.status().await.unwrap();
    assert_eq!(status.generation.0, 1);
    (actor, status.last_exit.unwrap())
}

fn trap(exit: ExitReason) -> String {
    assert!(matches!(exit, ExitReason::Trapped { .. }), "{exit:?}");
    exit.to_string()
}

#[tokio::test]
async fn a_guest_that_panics_starts_again_with_a_new_memory() {
    let host = host().unwrap();
    let (_, exit) = crash(&host, spec("rogue").unwrap(), "panic", json!([])).await;
    let told = exit.to_string();
    assert_eq!(
        told,
        "crashed: wasm trap: wasm `unreachable` instruction executed; the log of its host says more"
    );
    assert!(exit.report().contains("told to panic"), "{}", exit.report());
    let backtrace = exit.backtrace().unwrap();
    assert!(backtrace.contains("rogue"), "the frames have names: {backtrace}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_trap_is_told_with_file_and_line_where_the_component_has_them() {
    let host = host().unwrap();
    for (guest, has_lines) in [("saboteur", false), ("saboteur-with-lines", true)] {
        let mut spec = spec(guest).unwrap();
        spec.grants.env = [("FAULT".to_owned(), "handle:trap".to_owned())].into();
        spec.restart.policy = RestartPolicy::Never;
        let actor = spawn(&host, spec).await.unwrap();
        bounded(actor.ask::<()>("x", &()).into_future()).await.unwrap_err();
        let status = bounded(actor.wait_for(|status| status.state.is_final())).await.unwrap();
        let exit = status.last_exit.unwrap();
        let backtrace = exit.backtrace().unwrap();
        assert!(backtrace.contains("sabotage"), "{guest}: {backtrace}");
        assert_eq!(backtrace.contains("saboteur/src/lib.rs:"), has_lines, "{guest}: {backtrace}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_over_its_memory_limit_ends_its_life() {
    let host = host().unwrap();
    let mut spec = spec("rogue").unwrap();
    spec.limits.memory_max = ByteSize::mib(8);
    let (actor, exit) = crash(&host, spec, "grow", json!([])).await;
    let message = trap(exit);
    assert!(message.contains("refused memory over its limit of 8388608 bytes"), "{message}");
    assert!(actor.snapshot().await.unwrap().counted.memory_bytes < 8 << 20);
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_whose_stack_overflows_ends_its_life() {
    let host = host().unwrap();
    let (_, exit) = crash(&host, spec("rogue").unwrap(), "recurse", json!([])).await;
    let message = trap(exit);
    assert!(message.contains("out of bounds") || message.contains("stack"), "{message}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_exits_ends_its_life() {
    let host = host().unwrap();
    let (_, exit) = crash(&host, spec("rogue").unwrap(), "exit", json!([3])).await;
    // wasi 0.2 tells success from failure, and no more.
    assert_eq!(exit, ExitReason::Exited { code: 1 });
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_fails_to_start_says_why() {
    let host = host().unwrap();
    let mut spec = spec("rogue").unwrap();
    spec.config = pulsing_host::Payload::json(r#"{"fail_in_start":true}"#);
    spec.restart.policy = RestartPolicy::Never;
    let actor = host.spawn(spec).await.unwrap();
    let error = bounded(actor.ready()).await.unwrap_err();
    assert_eq!(error, ControlError::Ended(ExitReason::start_failed(&ActorError::system("told to fail"))));
    host.shutdown().await;
}

#[tokio::test]
async fn a_panic_of_one_overlapping_handler_ends_all_handlers_of_its_life() {
    let host = host().unwrap();
    let actor = spawn(&host, spec("waiter").unwrap()).await.unwrap();
    let nap = tokio::spawn(actor.ask::<u64>("nap", &(3_600_000,)).into_future());
    bounded(actor.ask::<()>("panic", &(5,)).into_future()).await.unwrap_err();
    let error = bounded(nap).await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Actor(ActorError::System { recoverable: true, .. })), "{error:?}");
    assert_eq!(bounded(actor.ask::<u64>("running", &()).into_future()).await.unwrap(), 0);
    host.shutdown().await;
}

#[tokio::test]
async fn a_guests_errors_keep_their_class_and_fields() {
    let host = host().unwrap();
    let actor = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    let fail = async |class: &str| {
        let failed = bounded(actor.ask::<()>("fail", &(class,)).into_future()).await;
        match failed.unwrap_err() {
            CallError::Actor(error) => error,
            CallError::Runtime(error) => panic!("{error:?}"),
        }
    };
    assert_eq!(
        fail("business").await,
        ActorError::Business {
            code: 409,
            message: "already there".to_owned(),
            details: Some("[1,2]".to_owned())
        }
    );
    assert_eq!(fail("system").await, ActorError::system("disk gone"));
    assert_eq!(
        fail("timeout").await,
        ActorError::Timeout {
            operation: "reading".to_owned(),
            duration: std::time::Duration::from_millis(1500)
        }
    );
    assert_eq!(
        fail("unsupported").await,
        ActorError::Unsupported { operation: "teleport".to_owned(), nearest: None }
    );
    assert_eq!(fail("cancelled").await, ActorError::Cancelled);
    assert_eq!(actor.status().await.unwrap().generation.0, 0);
    assert!(matches!(fail("restart").await, ActorError::System { restart: true, .. }));
    bounded(actor.ask::<u64>("count", &()).into_future()).await.unwrap();
    assert_eq!(actor.status().await.unwrap().generation.0, 1);
    host.shutdown().await;
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused_and_the_actor_goes_on() {
    let host = host().unwrap();
    let actor = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    let CallError::Runtime(error) = actor.ask::<String>("answer", &(5 << 20,)).await.unwrap_err() else {
        panic!()
    };
    assert_eq!(error.kind, pulsing_host::RuntimeErrorKind::MessageTooLarge);
    assert_eq!(actor.ask::<String>("answer", &(1 << 20,)).await.unwrap().len(), 1 << 20);
    host.shutdown().await;
}

#[tokio::test]
async fn a_tell_that_loops_is_ended_at_its_limit() {
    let host = host().unwrap();
    for (guest, then) in [("rogue", "count"), ("waiter", "running")] {
        let mut spec = spec(guest).unwrap();
        spec.limits.handler_max_cpu = Duration::from_millis(50);
        let limit = spec.limits.handler_max_cpu;
        let actor = spawn(&host, spec).await.unwrap();
        actor.tell("spin", &()).await.unwrap();
        let status = bounded(actor.wait_for(|status| status.last_exit.is_some())).await.unwrap();
        bounded(actor.ask::<u64>(then, &()).into_future()).await.unwrap();
        assert_eq!(status.last_exit, Some(ExitReason::Forced { overdue: Overdue::Break, limit }), "{guest}");
        assert_eq!(actor.dead_letters().await.unwrap().len(), 1, "{guest}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn who_is_answered_at_once_has_not_waited() {
    let host = host().unwrap();
    let mut spec = spec("waiter").unwrap();
    let limit = Duration::from_millis(200);
    spec.limits.handler_max_cpu = limit;
    let actor = spawn(&host, spec).await.unwrap();
    actor.tell("nag", &()).await.unwrap();
    let status = bounded(actor.wait_for(|status| status.last_exit.is_some())).await.unwrap();
    assert_eq!(status.last_exit, Some(ExitReason::Forced { overdue: Overdue::Break, limit }));
    host.shutdown().await;
}

#[tokio::test]
async fn many_short_handlers_do_not_add_up_to_a_long_one() {
    let host = host().unwrap();
    let mut spec = spec("rogue").unwrap();
    spec.limits.handler_max_cpu = Duration::from_millis(500);
    let actor = spawn(&host, spec).await.unwrap();
    let before = actor.snapshot().await.unwrap().counted.cpu;
    while actor.snapshot().await.unwrap().counted.cpu < before + Duration::from_millis(700) {
        bounded(actor.ask::<u64>("compute", &(2_000_000_u64,)).into_future()).await.unwrap();
    }
    assert_eq!(actor.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}
