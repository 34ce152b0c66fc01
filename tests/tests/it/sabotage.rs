//! Guests that break the rules, one fault each: exactly how each ends, and that a neighbour does not notice.

use std::time::Duration;

use bytesize::ByteSize;
use pulsing_host::{
    ActorError, ActorRef, ActorSpec, CallError, Host, Message, Payload, RestartPolicy, RuntimeErrorKind,
    State,
};
use pulsing_tests::{host, spawn, spec};
use serde_json::json;

use crate::{PATIENCE, bounded, eventually};

const BRIEFLY: Duration = Duration::from_millis(100);

/// An actor with one fault, limits that are soon reached, and no second life.
fn sabotaged(fault: &str) -> ActorSpec {
    let mut spec = spec("saboteur").unwrap();
    spec.grants.env = [("FAULT".to_owned(), fault.to_owned())].into();
    spec.restart.policy = RestartPolicy::Never;
    spec.limits.start_timeout = Duration::from_secs(1);
    spec.limits.stop_timeout = BRIEFLY;
    spec.limits.grace = BRIEFLY;
    spec.limits.ask_timeout = BRIEFLY;
    spec.limits.handler_max_cpu = Duration::from_secs(2);
    // Little, where it is what the guest goes for.
    spec.limits.memory_max = match fault {
        "handle:grow" => ByteSize::mib(16),
        "handle:gigabyte" => ByteSize::gib(2),
        _ => ByteSize::mib(256),
    };
    spec
}

/// The same, that has time for what it does.
fn patient(fault: &str) -> ActorSpec {
    let mut spec = sabotaged(fault);
    spec.limits.ask_timeout = PATIENCE;
    spec.limits.stop_timeout = PATIENCE;
    spec.limits.grace = PATIENCE;
    spec.limits.handler_max_cpu = PATIENCE;
    spec
}

async fn ask(actor: &ActorRef, method: &str) -> Result<Payload, CallError> {
    bounded(actor.ask_message(Message::new(method, Payload::none()), Default::default())).await
}

/// Does what reaches the export.
async fn provoke(actor: &ActorRef, export: &str) {
    match export {
        "handle" => drop(ask(actor, "x").await),
        "tell" => actor.tell("x", &()).await.unwrap(),
        "stream-next" | "stream-close" => {
            let stream = actor.stream_message(Message::new("stream", Payload::none()), Default::default());
            let mut stream = bounded(stream).await.unwrap();
            drop(bounded(stream.next_batch(1)).await);
        }
        "stop" => drop(bounded(actor.stop()).await.unwrap()),
        _describe_or_start => {}
    }
}

/// How an actor with this fault ends its life, after its fault was provoked.
async fn end_of(host: &Host, fault: &str) -> String {
    let actor = host.spawn(sabotaged(fault)).await.unwrap();
    let (export, _) = fault.split_once(':').unwrap();
    if !matches!(export, "describe" | "start") {
        bounded(actor.ready()).await.unwrap();
        provoke(&actor, export).await;
    }
    let status = bounded(actor.wait_for(|status| status.state.is_final())).await.unwrap();
    let exit = status.last_exit.unwrap().report();
    exit.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_guest_that_traps_or_loops_ends_its_own_life_whatever_export_it_does_it_in() {
    let host = host().unwrap();
    let neighbour = spawn(&host, spec("counter").unwrap()).await.unwrap();
    let trap = "crashed: wasm trap: wasm `unreachable` instruction executed";
    let start = "start did not return within 1s";
    let stop = "stop did not return within 100ms";
    let on_and_on = "computed for 2s without waiting or ending a handler";
    for (fault, exit) in [
        ("describe:trap", trap),
        ("start:trap", trap),
        ("handle:trap", trap),
        ("tell:trap", trap),
        ("stream-next:trap", trap),
        ("stream-close:trap", trap),
        ("stop:trap", trap),
        ("describe:loop", start),
        ("start:loop", start),
        ("handle:loop", "`x` did not return within 100ms after it was told to stop"),
        ("tell:loop", on_and_on),
        ("stream-next:loop", on_and_on),
        ("stream-close:loop", "`stream` did not return within 100ms after it was told to stop"),
        ("stop:loop", stop),
        ("describe:sleep", start),
        (
            "describe:no-json",
            "failed to start: the description is not JSON: expected value at line 1 column 1",
        ),
        (
            "describe:wrong-type",
            "failed to start: the description's `methods[0].kind` is `streams`, not `ask`",
        ),
        ("describe:large", "failed to start: the description has 1048577 bytes, more than 1048576"),
        ("start:sleep", start),
        ("stop:sleep", stop),
        ("handle:recurse", "crashed: wasm trap: "),
        ("handle:grow", "crashed: "),
        ("handle:gigabyte", "crashed: the engine could not go on with it; too much data is being copied"),
    ] {
        let ended = end_of(&host, fault).await;
        assert!(ended.starts_with(exit), "{fault}: {ended}");
        assert!(
            bounded(neighbour.ask::<u64>("increment", &json!([])).into_future()).await.is_ok(),
            "{fault}"
        );
    }
    assert_eq!(neighbour.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_sleeps_for_ever_in_a_tell_holds_up_itself_alone_and_is_stopped_in_time() {
    let host = host().unwrap();
    let actor = spawn(&host, sabotaged("tell:sleep")).await.unwrap();
    actor.tell("x", &()).await.unwrap();
    let error = ask(&actor, "y").await.unwrap_err();
    assert!(matches!(error, CallError::Actor(ActorError::Timeout { .. })), "{error:?}");
    let status = bounded(actor.stop()).await.unwrap();
    assert_eq!((status.state, status.generation.0), (State::Failed, 0));
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_sleeps_for_ever_in_a_draw_holds_up_itself_alone_and_is_stopped_in_time() {
    let host = host().unwrap();
    let neighbour = spawn(&host, spec("counter").unwrap()).await.unwrap();
    let actor = spawn(&host, sabotaged("stream-next:sleep")).await.unwrap();
    let stream = actor.stream_message(Message::new("stream", Payload::none()), Default::default());
    let mut stream = bounded(stream).await.unwrap();
    let error = ask(&actor, "y").await.unwrap_err();
    assert!(matches!(error, CallError::Actor(ActorError::Timeout { .. })), "{error:?}");
    bounded(neighbour.ask::<u64>("increment", &json!([])).into_future()).await.unwrap();
    let status = bounded(actor.stop()).await.unwrap();
    assert_eq!((status.state, status.generation.0), (State::Stopped, 0), "{:?}", status.last_exit);
    assert!(bounded(stream.next_batch(1)).await.is_err(), "the reader is told");
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_hands_over_nonsense_is_told_so_and_goes_on() {
    let host = host().unwrap();
    for (fault, says) in [
        ("handle:huge", "answered 67108864 bytes"),
        ("handle:long-error", "an error with 67108864 bytes of text"),
    ] {
        let actor = spawn(&host, patient(fault)).await.unwrap();
        let error = ask(&actor, "x").await.unwrap_err();
        assert!(error.to_string().contains(says), "{fault}: {error}");
        assert_eq!(actor.status().await.unwrap().state, State::Running, "{fault}");
        bounded(actor.stop()).await.unwrap();
    }
    let faults =
        ["handle:ask-nobody", "handle:bad-handles", "handle:flood", "handle:sleep", "stream-close:sleep"];
    for fault in faults {
        let sleeps = fault == "handle:sleep";
        let spec = if sleeps { sabotaged(fault) } else { patient(fault) };
        let actor = spawn(&host, spec).await.unwrap();
        if fault == "stream-close:sleep" {
            // The call is over already: whoever waits in it does not wait.
            provoke(&actor, "stream-close").await;
        }
        assert_eq!(ask(&actor, "x").await.is_ok(), !sleeps, "{fault}");
        assert_eq!(actor.status().await.unwrap().state, State::Running, "{fault}");
        bounded(actor.stop()).await.unwrap();
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_batch_of_nonsense_ends_its_stream_and_not_the_actor() {
    let host = host().unwrap();
    for (fault, says) in [
        ("stream-next:too-many", "items where 1 were asked for"),
        ("stream-next:too-many-and-done", "items where 1 were asked for"),
        ("stream-next:none", "no item, and did not say that it was done"),
        ("stream-next:huge-item", "answered 5242880 bytes"),
        ("stream-next:huge-batch", "streams wait for their readers"),
    ] {
        let actor = spawn(&host, patient(fault)).await.unwrap();
        let stream = actor.stream_message(Message::new("stream", Payload::none()), Default::default());
        let mut stream = bounded(stream).await.unwrap();
        // Whatever comes, comes before anybody reads.
        eventually(|| async { actor.snapshot().await.unwrap().streams }, |streams| *streams == 0).await;
        let error = bounded(async {
            loop {
                match stream.next_batch(1000).await {
                    Ok(batch) => assert!(!batch.done, "{fault}"),
                    Err(error) => break error,
                }
            }
        });
        let error = error.await;
        assert!(error.to_string().contains(says), "{fault}: {error}");
        assert!(bounded(stream.next_batch(1000)).await.unwrap().done, "{fault}");
        eventually(|| async { actor.snapshot().await.unwrap().streams }, |streams| *streams == 0).await;
        assert!(ask(&actor, "x").await.is_ok(), "{fault}");
        bounded(actor.stop()).await.unwrap();
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_number_of_a_stream_that_is_open_is_not_given_out_again() {
    let host = host().unwrap();
    let actor = spawn(&host, patient("none")).await.unwrap();
    let open = || actor.stream_message(Message::new("stream", Payload::none()), Default::default());
    let first = bounded(open()).await.unwrap();
    let error = bounded(open()).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("which is open already"), "{error}");
    drop(first);
    eventually(|| async { actor.snapshot().await.unwrap().streams }, |streams| *streams == 0).await;
    drop(bounded(open()).await.unwrap());
    bounded(actor.stop()).await.unwrap();
    let error = ask(&actor, "x").await.unwrap_err();
    assert!(
        matches!(&error, CallError::Runtime(error) if error.kind == RuntimeErrorKind::ActorStopped),
        "{error:?}"
    );
    host.shutdown().await;
}
