//! Actors that take all the time they get, and those beside them.

use std::time::Duration;

use futures::future::join_all;
use pulsing_host::{ExitReason, Overdue, State};
use pulsing_tests::{guest_file, host, spawn, spec};
use serde_json::{Value, json};

use crate::program::{RunningHost, text};
use crate::{PATIENCE, bounded, eventually};

#[tokio::test]
async fn who_uses_up_slices_moves_to_threads_of_lower_priority_until_it_behaves() {
    let host = host().unwrap();
    for (guest, quiet) in [("rogue", "environment"), ("waiter", "running")] {
        let mut spec = spec(guest).unwrap();
        spec.limits.handler_max_cpu = PATIENCE;
        spec.limits.grace = Duration::from_millis(50);
        let actor = spawn(&host, spec).await.unwrap();
        let ask = |method: &'static str| {
            actor.ask_message(
                pulsing_host::Message::new(method, pulsing_host::Payload::none()),
                Default::default(),
            )
        };
        bounded(ask(quiet)).await.unwrap();
        eventually(|| async { actor.snapshot().await.unwrap().counted }, |counted| !counted.in_batch).await;
        let spinning = tokio::spawn(actor.ask::<()>("spin", &()).into_future());
        let moved =
            eventually(|| async { actor.snapshot().await.unwrap().counted }, |counted| counted.in_batch)
                .await;
        assert!(moved.slices >= 2, "{guest}: {moved:?}");
        // Its caller goes away: it is ended where it is, and the next life begins there.
        spinning.abort();
        bounded(actor.wait_for(|status| status.generation.0 == 1 && status.state == State::Running))
            .await
            .unwrap();
        let exit = actor.status().await.unwrap().last_exit;
        assert!(
            matches!(&exit, Some(ExitReason::Forced { overdue: Overdue::Call { .. }, .. })),
            "{guest}: {exit:?}"
        );
        bounded(ask(quiet)).await.unwrap();
        // Also where nobody asks it anything.
        eventually(|| async { actor.snapshot().await.unwrap().counted }, |counted| !counted.in_batch).await;
        bounded(ask(quiet)).await.unwrap();
        assert_eq!(actor.status().await.unwrap().generation.0, 1, "{guest}: moving ends no life");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_busy_actor_keeps_its_state_while_it_is_moved() {
    let host = host().unwrap();
    let rogue = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    let mut counted = 0;
    bounded(async {
        for busy in [true, false, true, false] {
            while rogue.snapshot().await.unwrap().counted.in_batch != busy {
                if busy {
                    rogue.ask::<u64>("compute", &(60_000_000_u64,)).await.unwrap();
                }
                counted += 1;
                assert_eq!(rogue.ask::<u64>("count", &()).await.unwrap(), counted);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    })
    .await;
    assert_eq!(rogue.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}

#[tokio::test]
async fn a_busy_actor_is_stopped_and_killed_where_it_is() {
    let host = host().unwrap();
    for kill in [true, false] {
        let mut spec = spec("rogue").unwrap();
        spec.limits.stop_timeout = Duration::from_millis(100);
        let rogue = spawn(&host, spec).await.unwrap();
        rogue.tell("spin", &()).await.unwrap();
        eventually(|| async { rogue.snapshot().await.unwrap().counted }, |counted| counted.in_batch).await;
        let status =
            bounded(async { if kill { rogue.kill().await.unwrap() } else { rogue.stop().await.unwrap() } })
                .await;
        let forced = ExitReason::Forced { overdue: Overdue::Stop, limit: Duration::from_millis(100) };
        let (state, exit) = if kill { (State::Stopped, ExitReason::Killed) } else { (State::Failed, forced) };
        assert_eq!((status.state, status.last_exit), (state, Some(exit)));
        assert!(!rogue.snapshot().await.unwrap().counted.in_batch);
        // The life is gone, not only forgotten.
        let cpu = rogue.snapshot().await.unwrap().counted.cpu;
        let waiter = spawn(&host, self::spec("waiter").unwrap()).await.unwrap();
        bounded(waiter.ask::<u64>("nap", &(30,)).into_future()).await.unwrap();
        bounded(waiter.stop()).await.unwrap();
        assert_eq!(rogue.snapshot().await.unwrap().counted.cpu, cpu);
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "current_thread")]
async fn many_short_messages_do_not_hold_up_the_neighbours() {
    // One thread for all: who takes one message after the other without giving it up is alone on it.
    let host = host().unwrap();
    let rogue = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    let waiter = spawn(&host, spec("waiter").unwrap()).await.unwrap();
    let asks: Vec<_> = (0..200)
        .map(|_| tokio::spawn(rogue.ask::<u64>("compute", &(3_000_000_u64,)).into_future()))
        .collect();
    eventually(|| async { rogue.snapshot().await.unwrap().counted.asks }, |asks| *asks > 0).await;
    bounded(waiter.ask::<u64>("nap", &(1,)).into_future()).await.unwrap();
    let answered = asks.iter().filter(|ask| ask.is_finished()).count();
    assert!(answered < asks.len() / 2, "{answered} of {}", asks.len());
    for answer in bounded(join_all(asks)).await {
        answer.unwrap().unwrap();
    }
    host.shutdown().await;
}

/// The caller's first poll runs the handler itself, for a slice; the rest of it is its actor's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_goes_on_when_the_runtime_of_the_caller_that_began_it_has_ended() {
    const STEPS: u64 = 60_000_000;
    let host = host().unwrap();
    let rogue = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    eventually(|| async { rogue.snapshot().await.unwrap().counted }, |counted| !counted.in_batch).await;
    let actor = rogue.clone();
    let asking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut ask = Box::pin(actor.ask::<u64>("compute", &(STEPS,)).into_future());
            assert!(futures::poll!(&mut ask).is_pending());
            Some(ask)
        })
    });
    // Kept: dropped, it would be cancelled.
    let _ask = asking.join().unwrap();
    eventually(|| async { rogue.snapshot().await.unwrap().in_flight }, |in_flight| *in_flight == 0).await;
    host.shutdown().await;
}

/// About a sixth of the time, the actor computes: some of the stops come amid a handler, which lasts for longer than a
/// slice then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_stopped_again_and_again_does_not_take_it_for_work_of_its_actors() {
    const STEPS: u64 = 3_000_000;
    let host = RunningHost::start(&[text(&guest_file("rogue").unwrap())], 1);
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let actor = format!("{}/v1/actors/rogue", host.url);
    let inspect = || async { client.get(&actor).send().await.unwrap().json::<Value>().await.unwrap() };
    // The start of a life may have been long.
    let before = eventually(inspect, |inspection| inspection["batch"] == false).await;
    let asking = {
        let (client, url) = (client.clone(), format!("{actor}/ask/compute"));
        tokio::spawn(async move {
            loop {
                let response = client.post(&url).json(&json!([STEPS])).send().await.unwrap();
                assert_eq!(response.status(), 200);
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        })
    };
    for stop in 0..40 {
        host.signal("STOP");
        tokio::time::sleep(Duration::from_millis(20)).await;
        host.signal("CONT");
        let now = inspect().await;
        assert_eq!((&now["batch"], &now["slices"]), (&json!(false), &before["slices"]), "stop {stop}: {now}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    host.stop();
}
