//! Callers and readers that poll an idle life themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};

use super::native::{Fixture, Setup, settle};
use crate::policy::{RestartPolicy, RestartSettings};

/// A visit that takes longer than others would notice gives them a turn before it says so. The first one may, on a machine
/// that has the code to load yet.
const TRIES: u32 = 20;

async fn idle(setup: Setup) -> Fixture {
    let fixture = setup.spawn();
    fixture.actor.ready().await.unwrap();
    settle().await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn an_ask_of_an_idle_serial_actor_is_answered_where_it_is_asked() {
    let mut answers = Vec::new();
    for _ in 0..TRIES {
        let serial = idle(Setup::default()).await;
        answers.extend(serial.actor.ask::<Value>("echo", &json!(1)).into_future().now_or_never());
    }
    assert!(!answers.is_empty() && answers.iter().all(|answer| *answer == Ok(json!(1))), "{answers:?}");
    let overlapping = idle(Setup::overlapping()).await;
    let mut ask = overlapping.actor.ask::<Value>("echo", &json!(1)).into_future();
    assert!((&mut ask).now_or_never().is_none(), "its own task does it");
    assert_eq!(ask.await.unwrap(), json!(1));
}

#[tokio::test(start_paused = true)]
async fn what_a_visit_leaves_undone_goes_on_without_the_visitor() {
    let fixture = idle(Setup::default()).await;
    let mut ask = fixture.actor.ask::<Value>("sleep", &json!(1000)).into_future();
    assert!((&mut ask).now_or_never().is_none());
    assert_eq!(fixture.journal.of("sleep"), ["sleep 1000"], "it began at once");
    let echo = fixture.ask_in_background("echo", json!(2));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(echo.await.unwrap().unwrap(), json!(2), "nobody polled the first ask meanwhile");
    assert_eq!(ask.await.unwrap(), json!(30_000));
}

#[tokio::test(start_paused = true)]
async fn a_visitor_that_goes_away_cancels_its_call() {
    let fixture = idle(Setup::default()).await;
    let ask = fixture.actor.ask::<Value>("sleep", &json!(1000)).into_future();
    assert!(ask.now_or_never().is_none());
    settle().await;
    assert_eq!(fixture.journal.of("cancelled"), ["cancelled sleep"]);
    assert_eq!(fixture.ask("echo", json!(1)).await.unwrap(), json!(1));
}

#[tokio::test(start_paused = true)]
async fn a_life_that_ends_while_it_is_visited_is_followed_by_the_next() {
    for how in ["crash", "panic", "fault"] {
        let restart = RestartSettings { min_backoff: Some(Duration::ZERO), ..RestartSettings::default() };
        let fixture = idle(Setup { restart, ..Setup::default() }).await;
        fixture.ask(how, json!(0)).await.unwrap_err();
        assert_eq!(fixture.ask("echo", json!(1)).await.unwrap(), json!(1), "{how}");
        assert_eq!(fixture.actor.status().await.unwrap().generation.0, 1, "{how}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_or_reads_in_a_loop_lets_others_have_their_turn() {
    const ASKS: u64 = 20_000;
    let fixture = idle(Setup::default()).await;
    let asked = Arc::new(AtomicU64::new(0));
    let (actor, counter) = (fixture.actor.clone(), Arc::clone(&asked));
    let asking = tokio::spawn(async move {
        while counter.fetch_add(1, Ordering::Relaxed) < ASKS {
            actor.ask::<Value>("echo", &json!(1)).await.unwrap();
        }
    });
    tokio::task::yield_now().await;
    let begun = asked.load(Ordering::Relaxed);
    assert!((1..ASKS).contains(&begun), "{begun} asks in one turn");
    asking.await.unwrap();
    let read = Arc::clone(&asked);
    let mut reader = fixture.actor.stream("count", &json!(ASKS)).await.unwrap();
    read.store(0, Ordering::Relaxed);
    let reading = tokio::spawn(async move {
        while reader.next().await.is_some() {
            read.fetch_add(1, Ordering::Relaxed);
        }
    });
    tokio::task::yield_now().await;
    let begun = asked.load(Ordering::Relaxed);
    assert!((1..ASKS).contains(&begun), "{begun} items in one turn");
    reading.await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), ASKS);
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_in_a_loop_lets_others_have_their_turn() {
    let fixture = idle(Setup::default()).await;
    for (method, streams) in [("refuse", false), ("no-such-method", false), ("count", true)] {
        let (actor, tries) = (fixture.actor.clone(), Arc::new(AtomicU64::new(0)));
        let counter = Arc::clone(&tries);
        let trying = tokio::spawn(async move {
            loop {
                counter.fetch_add(1, Ordering::Relaxed);
                if streams {
                    drop(actor.stream(method, &json!(3)).await);
                } else {
                    actor.ask::<Value>(method, &json!(1)).await.unwrap_err();
                }
            }
        });
        while tries.load(Ordering::Relaxed) < 10 {
            tokio::task::yield_now().await;
        }
        trying.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn what_ends_a_life_goes_ahead_of_a_visit() {
    let fixture = idle(Setup::default()).await;
    let mut restart = Box::pin(fixture.actor.restart());
    assert!((&mut restart).now_or_never().is_none());
    let ask = fixture.actor.ask::<Value>("echo", &json!(1)).into_future();
    let (restarted, answer) = futures::join!(restart, ask);
    restarted.unwrap();
    assert_eq!(answer.unwrap(), json!(1));
    assert_eq!(fixture.journal.of("echo").len(), 1);
    let kill = fixture.actor.kill();
    let ask = fixture.actor.ask::<Value>("echo", &json!(2)).into_future();
    let (_, answer) = futures::join!(kill, ask);
    answer.unwrap_err();
    assert_eq!(fixture.journal.of("echo").len(), 1, "the message came after the kill");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_gone_is_told_of_before_the_next_message() {
    for _ in 0..TRIES {
        let fixture = idle(Setup::default()).await;
        let reader = fixture.actor.stream("count", &json!(100)).await.unwrap();
        drop(reader);
        let answer = fixture.actor.ask::<Value>("echo", &json!(1)).into_future().now_or_never();
        let Some(answer) = answer else { continue };
        assert_eq!(answer.unwrap(), json!(1));
        let journal = fixture.journal.read();
        let place = |what: &str| journal.iter().position(|line| line.starts_with(what));
        assert!(place("close").unwrap() < place("echo").unwrap(), "{journal:?}");
        return;
    }
    panic!("it was left to others each time");
}

#[tokio::test(start_paused = true)]
async fn who_has_little_time_or_is_not_the_first_does_not_visit() {
    let fixture = idle(Setup::default()).await;
    let mut hurried =
        fixture.actor.ask::<Value>("echo", &json!(1)).timeout(Duration::from_millis(5)).into_future();
    assert!((&mut hurried).now_or_never().is_none());
    assert_eq!(hurried.await.unwrap(), json!(1));
    settle().await;
    let tell = fixture.actor.tell("log", &json!(1)).into_future().now_or_never();
    tell.unwrap().unwrap();
    let mut second = fixture.actor.ask::<Value>("echo", &json!(2)).into_future();
    assert!((&mut second).now_or_never().is_none(), "another message waits");
    assert_eq!(second.await.unwrap(), json!(2));
}

#[tokio::test(start_paused = true)]
async fn a_reader_draws_on_an_idle_actor_by_itself() {
    for _ in 0..TRIES {
        let fixture = idle(Setup::default()).await;
        let opened = fixture.actor.stream("count", &json!(40)).into_future().now_or_never();
        let Some(opened) = opened else { continue };
        let mut reader = opened.unwrap();
        let Some(first) = reader.next().now_or_never() else { continue };
        assert_eq!(first.unwrap().unwrap().payload.to_value::<u64>().unwrap(), 1);
        let rest: Vec<u64> =
            reader.map(|item| item.unwrap().payload.to_value::<u64>().unwrap()).collect().await;
        assert_eq!(rest, (2..=40).collect::<Vec<_>>());
        return;
    }
    panic!("it was left to others each time");
}

/// Visits, crashes, restarts and kills on several threads at once: no ask is lost, and nothing hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn visits_and_ends_of_lives_on_many_threads_leave_nobody_without_an_answer() {
    const ASKS: u64 = 2_000;
    let restart = RestartSettings {
        policy: RestartPolicy::Always,
        max_restarts: u32::MAX,
        min_backoff: Some(Duration::ZERO),
        max_backoff: Duration::ZERO,
        quarantine_after: 0,
        ..RestartSettings::default()
    };
    let fixture = idle(Setup { restart, ..Setup::default() }).await;
    let asking = (0..4_u64).map(|who| {
        let actor = fixture.actor.clone();
        tokio::spawn(async move {
            let mut answered = 0;
            for n in 0..ASKS {
                let crashes = n % 50 == who;
                let method = if crashes { "crash" } else { "echo" };
                match actor.ask::<Value>(method, &json!(n)).await {
                    Ok(answer) => {
                        assert_eq!(answer, json!(n));
                        answered += 1;
                    }
                    // It was in flight when another one crashed, or is the one that did.
                    Err(error) => assert!(!crashes || error.to_string().contains("cut off"), "{error}"),
                }
            }
            answered
        })
    });
    let restarting = async {
        for _ in 0..50 {
            fixture.actor.restart().await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let all = futures::future::join(futures::future::join_all(asking), restarting);
    let (answered, ()) =
        tokio::time::timeout(Duration::from_secs(60), all).await.expect("somebody waits for ever");
    for answered in answered {
        assert!(answered.unwrap() > 0);
    }
    fixture.actor.stop().await.unwrap();
    fixture.task.abort();
    drop(fixture.task.await);
    drop(fixture.actor);
    assert_eq!(fixture.journal.holders(), 1, "no life is left");
}
