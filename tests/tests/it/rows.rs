//! Tells that a resident guest handles in a row, and counts: whatever ends the row, the host knows how far it was. A guest that breaks the rules ends its own life.

use std::time::Duration;

use pulsing_host::{ActorRef, Host, RestartPolicy};
use pulsing_tests::{host, spawn};

use crate::desertion::{SERIAL, buried, deserter, note, noted};
use crate::{bounded, eventually};

/// So many tells that rows have grown as long as they get.
const WARM: u64 = 200;

/// An actor whose rows are long, since it was told so much that was short.
async fn warm(host: &Host) -> ActorRef {
    let actor = spawn(host, deserter(SERIAL)).await.unwrap();
    note(&actor, 0..WARM).await;
    let noted = noted(&actor).await;
    assert_eq!(noted, (0..WARM).collect::<Vec<_>>());
    actor
}

/// How an actor's first life ended.
async fn end_of_first_life(actor: &ActorRef) -> String {
    let status = bounded(actor.wait_for(|status| status.generation.0 == 1)).await.unwrap();
    status.last_exit.unwrap().report()
}

/// Has a guest commit a fault in the midst of a row. Returns how its life ended.
async fn desert(host: &Host, fault: &str) -> (ActorRef, String) {
    /// On a machine that has much to do, an actor can be at work on a thread of its own before all messages wait.
    const TRIES: u32 = 10;
    for _ in 0..TRIES {
        let actor = warm(host).await;
        let told = actor.snapshot().await.unwrap().counted.tells;
        note(&actor, 0..3).await;
        actor.tell(fault, &()).await.unwrap();
        note(&actor, 4..10).await;
        let report = end_of_first_life(&actor).await;
        println!("{fault}: {report}");
        if report.contains("in a row, with 10 messages shown") {
            let next = noted(&actor).await;
            assert_eq!(next, [4, 5, 6, 7, 8, 9], "{fault}: the next life has what had not begun");
            assert_eq!(
                actor.snapshot().await.unwrap().counted.tells,
                told + 10,
                "{fault}: each is begun once"
            );
            return (actor, report);
        }
        bounded(actor.stop()).await.unwrap();
    }
    panic!("{fault}: never in a row");
}

#[tokio::test]
async fn a_crash_in_the_midst_of_a_row_loses_the_message_that_was_in_hand_and_no_other() {
    let host = host().unwrap();
    for (fault, says) in [
        ("trap", "wasm `unreachable` instruction executed"),
        ("return", "`run` returned, and was not told to"),
        ("next-in-hand", "it wants more work, and has not handed in what came of the last"),
        ("step-in-hand", "it wants more work, and has not handed in what came of the last"),
        ("short", "a packed list is shorter than its trailer"),
        ("counted-too-much", "it went on to 64 more tells of a row, and was given 6"),
        ("another-counter", "it offered another counter in the midst of a row"),
    ] {
        let (actor, report) = desert(&host, fault).await;
        assert!(report.contains(says), "{fault}: {report}");
        assert_eq!(buried(&actor).await, [fault], "nothing else is lost");
        bounded(actor.stop()).await.unwrap();
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_row_that_is_counted_back_or_counted_and_told_ends_the_life() {
    let host = host().unwrap();
    for (fault, says) in [
        ("counted-back", "more tells of a row, and was given"),
        ("counted-and-told", "it handed in an outcome of what it was not given, or of another kind of work"),
    ] {
        let actor = warm(&host).await;
        note(&actor, 0..3).await;
        actor.tell(fault, &()).await.unwrap();
        note(&actor, 4..10).await;
        let report = end_of_first_life(&actor).await;
        assert!(report.contains(says), "{fault}: {report}");
        bounded(actor.stop()).await.unwrap();
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_counter_that_is_no_number_ends_the_life_that_offers_it() {
    let host = host().unwrap();
    let mut spec = deserter(SERIAL);
    spec.grants.env = [("FAULT".to_owned(), "short-counter".to_owned())].into();
    spec.restart.policy = RestartPolicy::Never;
    let actor = host.spawn(spec).await.unwrap();
    let status = bounded(actor.wait_for(|status| status.state.is_final())).await.unwrap();
    let report = status.last_exit.unwrap().report();
    assert!(report.contains("its counter has 3 bytes, and not four"), "{report}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_handler_that_waits_in_the_midst_of_a_row_is_the_one_in_hand() {
    let host = host().unwrap();
    let actor = warm(&host).await;
    note(&actor, 0..3).await;
    actor.tell("dawdle", &()).await.unwrap();
    note(&actor, 4..10).await;
    let seen = eventually(|| async { actor.snapshot().await.unwrap() }, |seen| seen.mailbox_depth == 6).await;
    assert_eq!(seen.in_flight, 1);
    bounded(actor.kill()).await.unwrap();
    assert_eq!(buried(&actor).await, ["dawdle", "note", "note", "note", "note", "note", "note"]);
    host.shutdown().await;
}

#[tokio::test]
async fn a_restart_in_the_midst_of_a_row_comes_after_it_and_no_message_is_lost() {
    let host = host().unwrap();
    let actor = warm(&host).await;
    let told = actor.snapshot().await.unwrap().counted.tells;
    note(&actor, 0..3).await;
    actor.tell("dawdle", &()).await.unwrap();
    note(&actor, 4..80).await;
    eventually(|| async { actor.snapshot().await.unwrap().mailbox_depth }, |depth| *depth == 76).await;
    bounded(actor.restart()).await.unwrap();
    // The row has at most 64 of the eighty.
    let next = noted(&actor).await;
    assert!(next.len() >= 16 && next == (80 - next.len() as u64..80).collect::<Vec<_>>(), "{next:?}");
    assert_eq!(actor.snapshot().await.unwrap().counted.tells, told + 80, "each is begun once");
    assert!(buried(&actor).await.is_empty());
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_computes_on_in_the_midst_of_a_row_is_ended_and_the_rest_is_not_lost() {
    let host = host().unwrap();
    let mut spec = deserter(SERIAL);
    spec.limits.handler_max_cpu = Duration::from_millis(500);
    let actor = spawn(&host, spec).await.unwrap();
    note(&actor, 0..WARM).await;
    noted(&actor).await;
    note(&actor, 0..3).await;
    actor.tell("spin", &()).await.unwrap();
    note(&actor, 4..10).await;
    let report = end_of_first_life(&actor).await;
    assert!(report.contains("computed for 500ms without waiting or ending a handler"), "{report}");
    assert_eq!(noted(&actor).await, [4, 5, 6, 7, 8, 9]);
    assert_eq!(buried(&actor).await, ["spin"]);
    host.shutdown().await;
}
