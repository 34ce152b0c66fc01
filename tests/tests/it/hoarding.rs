//! A guest that calls the host and never comes for the answers: what it holds on to is not the host's.

use std::time::{Duration, Instant};

use pulsing_host::{ActorRef, Host};
use pulsing_tests::languages::is_left_out;
use pulsing_tests::{host, spawn, spec};
use serde_json::{Value, json};

use crate::bounded;

const GUEST: &str = "polyglot-javascript-hoarder";
/// Far more than a host keeps for one actor.
const HOARDED_MIB: u64 = 480;
const MIB: u64 = 1 << 20;

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
