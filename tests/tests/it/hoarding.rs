//! A guest that calls the host and never comes for the answers: what it holds on to is not the host's.

use std::time::{Duration, Instant};

use bytesize::ByteSize;
use pulsing_host::{ActorError, ActorRef, CallError, ExitReason, Host, MemoryRefused, State, Status};
use pulsing_tests::languages::is_left_out;
use pulsing_tests::{host, spawn, spec};
use serde_json::{Value, json};

use crate::bounded;

const GUEST: &str = "polyglot-javascript-hoarder";
/// Far more than a host keeps for one actor.
const HOARDED_MIB: u64 = 480;
const MIB: u64 = 1 << 20;
/// How often in a row a life is refused memory before it ends.
const REFUSALS_MAX: u32 = 32;

/// The hoarder, and the one that it calls. None where there are no tools for its language.
async fn hoarder() -> Option<(Host, ActorRef, ActorRef)> {
    if is_left_out("javascript") {
        println!("left out: there are no tools for JavaScript");
        return None;
    }
    let host = host().unwrap();
    let peer = spawn(&host, spec("polyglot-rust").unwrap()).await.unwrap();
    let mut hoarder = spec(GUEST).unwrap();
    hoarder.grants.ask = vec!["polyglot-rust".parse().unwrap()];
    let hoarder = spawn(&host, hoarder).await.unwrap();
    Some((host, hoarder, peer))
}

/// What of this process is in memory.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_guest_never_comes_for_is_kept_within_its_budget() {
    let Some((host, hoarder, _peer)) = hoarder().await else { return };
    let (bytes, count) = (4 * MIB - 100, HOARDED_MIB / 4);
    for (method, args) in [
        ("tells", json!(["nobody", count, bytes])),
        ("asks", json!(["polyglot-rust", count, bytes])),
        ("writes", json!([count, bytes])),
    ] {
        let before = resident_mib();
        bounded(hoarder.ask::<Value>(method, &args).into_future()).await.unwrap();
        let grown = resident_mib().saturating_sub(before);
        // Other tests of this process have actors, too.
        assert!(grown < HOARDED_MIB * 2 / 3, "{method} {args}: {grown} MiB more");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_stream_that_is_closed_is_closed_also_where_a_draw_on_it_was_never_waited_for() {
    let Some((host, hoarder, peer)) = hoarder().await else { return };
    let count = 3 * peer.limits().open_streams.get();
    let drawn = hoarder.ask::<Value>("draws", &json!(["polyglot-rust", "forever", count]));
    assert_eq!(bounded(drawn.timeout(crate::PATIENCE).into_future()).await.unwrap(), json!(count));
    crate::eventually(|| async { peer.snapshot().await.unwrap().streams }, |streams| *streams == 0).await;
    host.shutdown().await;
}

#[tokio::test]
async fn the_console_of_an_actor_in_quickjs_is_the_log() {
    let Some((host, hoarder, _peer)) = hoarder().await else { return };
    bounded(hoarder.ask::<Value>("falls", &json!(["last words"])).into_future()).await.unwrap_err();
    // A trap is reported with what the guest wrote last.
    let status = bounded(hoarder.wait_for(|status| status.last_exit.is_some())).await.unwrap();
    let report = status.last_exit.unwrap().report();
    assert!(report.contains("last words {\"at\":1}"), "{report}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_wait_begins_when_somebody_waits() {
    let Some((host, hoarder, _peer)) = hoarder().await else { return };
    let begun = Instant::now();
    assert_eq!(
        bounded(hoarder.ask::<Value>("naps", &json!([200])).into_future()).await.unwrap(),
        json!(false)
    );
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
    host.shutdown().await;
}

/// Has an actor ask for memory that it is not given until its life ends. Returns how often it caught that, and the error
/// of the one that it did not survive.
async fn refused_until_it_ends(actor: &ActorRef, method: &str, args: &Value) -> (u32, CallError) {
    let mut caught = 0;
    loop {
        let error = bounded(actor.ask::<Value>(method, args).into_future()).await.unwrap_err();
        if error.to_string().contains("out of memory; it was refused memory over its limit of") {
            return (caught, error);
        }
        assert_eq!(actor.status().await.unwrap().generation.0, 0, "{error}");
        caught += 1;
        assert!(caught <= REFUSALS_MAX, "it goes on for ever");
    }
}

/// Checks that the end of the first life is told as that of any other that memory has run out for.
async fn assert_ran_out(actor: &ActorRef, error: &CallError) {
    assert!(matches!(error, CallError::Actor(ActorError::System { recoverable: true, .. })), "{error}");
    let next_life = |status: &Status| status.generation.0 == 1 && status.state == State::Running;
    let exit = bounded(actor.wait_for(next_life)).await.unwrap().last_exit.unwrap();
    let ExitReason::Trapped { refused, .. } = exit else { panic!("{exit}") };
    assert_eq!(refused, Some(MemoryRefused::Own(actor.limits().memory_max.as_u64().try_into().unwrap())));
}

#[tokio::test]
async fn a_client_that_asks_for_more_than_any_life_could_have_ends_none() {
    let Some((host, hoarder, _peer)) = hoarder().await else { return };
    let too_much = json!([1, 1_u64 << 30]);
    for _ in 0..2 * REFUSALS_MAX {
        bounded(hoarder.ask::<Value>("writes", &too_much).into_future()).await.unwrap_err();
    }
    bounded(hoarder.ask::<Value>("naps", &json!([0])).into_future()).await.unwrap();
    assert_eq!(hoarder.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}

/// The actor in Python that holds on to memory, full, and its host. None where there are no tools for Python.
async fn full_in_python() -> Option<(Host, ActorRef)> {
    if is_left_out("python") {
        println!("left out: there are no tools for Python");
        return None;
    }
    let host = host().unwrap();
    let mut spec = spec("polyglot-python-hoarder").unwrap();
    spec.limits.memory_max = ByteSize::mib(64);
    let actor = spawn(&host, spec).await.unwrap();
    while bounded(actor.ask::<u64>("hold", &(4,)).into_future()).await.is_ok() {}
    Some((host, actor))
}

#[tokio::test]
async fn an_actor_in_python_that_makes_room_and_tries_again_lives_on() {
    let Some((host, actor)) = full_in_python().await else { return };
    for _ in 0..2 * REFUSALS_MAX {
        bounded(actor.ask::<u64>("cache", &(4,)).into_future()).await.unwrap();
    }
    assert_eq!(actor.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}

#[tokio::test]
async fn a_life_in_python_that_is_full_and_catches_what_it_is_refused_ends_all_the_same() {
    let Some((host, actor)) = full_in_python().await else { return };
    let (caught, error) = refused_until_it_ends(&actor, "hold", &json!([4])).await;
    assert!(caught > 0, "{error}");
    assert_ran_out(&actor, &error).await;
    // What it was alone with is blamed, as for any other crash, and it has its memory again.
    let blamed = actor.ask::<u64>("hold", &(3,));
    assert_eq!(bounded(blamed.into_future()).await.unwrap(), 1);
    host.shutdown().await;
}
