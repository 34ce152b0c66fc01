//! Many asks at once of one actor, and what goes on behind its answers.

use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use pulsing_host::ExitReason;
use pulsing_tests::{host, spawn};
use serde_json::Value;

use crate::ledgers::{count, count_becomes, idle, ledger};
use crate::{bounded, eventually};

#[tokio::test]
async fn a_thousand_asks_start_in_order_and_a_sync_one_overtakes_those_that_wait() {
    let host = host().unwrap();
    let mut spec = ledger("ledger", "a", &[]);
    spec.limits.mailbox_messages = const { std::num::NonZeroUsize::new(64).unwrap() };
    let actor = spawn(&host, spec).await.unwrap();
    let asks = FuturesUnordered::new();
    for number in 0..1000_u64 {
        // The sync one is sent in the middle.
        let (method, args) =
            if number == 500 { ("note", vec![1, number]) } else { ("nap", vec![1, number, 50]) };
        // Sent here, or in line for room in the mailbox.
        let mut ask = actor.ask::<Value>(method, &args).into_future();
        let at_once = futures::future::poll_immediate(&mut ask).await;
        assert!(at_once.is_none() || number == 500, "it waits");
        asks.push(
            async move { (number, if let Some(answer) = at_once { answer } else { ask.await }.unwrap()) },
        );
    }
    let answered: Vec<_> = bounded(asks.collect::<Vec<_>>()).await;
    assert_eq!(answered.len(), 1000);
    for (number, entry) in &answered {
        let told = (entry["generation"].as_u64(), entry["index"].as_u64(), entry["number"].as_u64());
        assert_eq!(told, (Some(0), Some(*number), Some(*number)), "started as sent, in one life");
    }
    // Whoever was sent before it and waits 50 ms is answered after it, where the mailbox was emptied in less.
    let place = answered.iter().position(|(number, _)| *number == 500).unwrap();
    assert!(place < 500, "the sync ask was answered after {place} others");
    let counts: Value = actor.ask("counts", &()).await.unwrap();
    assert_eq!((&counts["finished"], &counts["running"]), (&999.into(), &0.into()));
    host.shutdown().await;
}

#[tokio::test]
async fn a_thousand_waits_that_are_cancelled_at_once_run_their_destructors_in_the_same_life() {
    let host = host().unwrap();
    let actor = spawn(&host, ledger("ledger", "a", &[])).await.unwrap();
    let asks = (0..1000_u64).map(|number| actor.ask::<Value>("nap", &(1, number, 3_600_000)).into_future());
    let sleepers = tokio::spawn(join_all(asks));
    count_becomes(&actor, "running", 1000).await;
    sleepers.abort();
    count_becomes(&actor, "dropped", 1000).await;
    idle(&actor).await;
    let entry: Value = bounded(actor.ask("nap", &(1, 1000, 1)).into_future()).await.unwrap();
    assert_eq!((&entry["generation"], &entry["index"]), (&0.into(), &1000.into()));
    assert_eq!((count(&actor, "running").await, actor.status().await.unwrap().generation.0), (0, 0));
    host.shutdown().await;
}

#[tokio::test]
async fn work_in_the_background_outlives_its_handler_and_ends_with_its_life() {
    let host = host().unwrap();
    let witness = spawn(&host, ledger("ledger", "witness", &[])).await.unwrap();
    let actor = spawn(&host, ledger("ledger", "a", &["witness"])).await.unwrap();
    bounded(actor.ask::<()>("tick", &("witness", 1)).into_future()).await.unwrap();
    idle(&actor).await;
    eventually(|| count(&actor, "ticks"), |ticks| *ticks >= 20).await;

    let status = bounded(actor.stop()).await.unwrap();
    assert_eq!(status.last_exit, Some(ExitReason::Stopped), "it does not hold up a stop");
    let noted =
        async || bounded(witness.ask::<Vec<(u64, u64)>>("notes", &()).into_future()).await.unwrap().len();
    idle(&witness).await;
    let before = noted().await;
    // Time for many ticks, as the witness sees it.
    bounded(witness.ask::<Value>("nap", &(0, 0, 100)).into_future()).await.unwrap();
    assert_eq!(noted().await, before + 1, "nothing but the nap");

    bounded(actor.restart()).await.unwrap();
    bounded(witness.ask::<Value>("nap", &(0, 0, 100)).into_future()).await.unwrap();
    assert_eq!((count(&actor, "ticks").await, noted().await), (0, before + 2));
    host.shutdown().await;
}

#[tokio::test]
async fn work_in_the_background_ends_with_a_crash() {
    let host = host().unwrap();
    let witness = spawn(&host, ledger("ledger", "witness", &[])).await.unwrap();
    let actor = spawn(&host, ledger("ledger", "a", &["witness"])).await.unwrap();
    bounded(actor.ask::<()>("tick", &("witness", 1)).into_future()).await.unwrap();
    eventually(|| count(&actor, "ticks"), |ticks| *ticks >= 5).await;
    bounded(actor.ask::<()>("crash", &(0, 0)).into_future()).await.unwrap_err();
    assert_eq!(count(&actor, "ticks").await, 0);
    bounded(witness.ask::<Value>("nap", &(0, 0, 100)).into_future()).await.unwrap();
    assert_eq!((count(&actor, "ticks").await, actor.status().await.unwrap().generation.0), (0, 1));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asks_that_come_while_others_are_cancelled_are_started_in_their_order() {
    let host = host().unwrap();
    let actor = spawn(&host, ledger("ledger", "a", &[])).await.unwrap();
    let napper = actor.clone();
    let naps = tokio::spawn(async move {
        loop {
            let nap = || napper.ask::<Value>("nap", &(1, 0, 3_600_000)).timeout(Duration::from_millis(1));
            join_all((0..8).map(|_| nap().into_future())).await;
        }
    });
    for round in 0..500 {
        let notes = (0..8_u64).map(|number| actor.ask::<Value>("note", &(0, number)).into_future());
        let answers = bounded(join_all(notes)).await;
        let places: Vec<_> =
            answers.into_iter().map(|entry| entry.unwrap()["index"].as_u64().unwrap()).collect();
        assert!(places.is_sorted(), "{round}: {places:?}");
    }
    naps.abort();
    host.shutdown().await;
}
