//! What a guest cannot do to others, and cannot reach.

use pulsing_host::grants::DirGrant;
use pulsing_tests::{host, spawn, spec};

use crate::{bounded, eventually};

#[tokio::test(flavor = "current_thread")]
async fn a_guest_in_a_loop_does_not_hold_up_its_neighbours() {
    // One thread for all: without preemption nobody else would ever run.
    let host = host().unwrap();
    let rogue = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    let waiter = spawn(&host, spec("waiter").unwrap()).await.unwrap();
    let spinning = tokio::spawn(rogue.ask::<()>("spin", &()).into_future());
    eventually(|| async { rogue.inspect().in_flight }, |in_flight| *in_flight == 1).await;
    for _ in 0..20 {
        bounded(waiter.ask::<u64>("nap", &(1,)).into_future()).await.unwrap();
    }
    assert!(!spinning.is_finished());
    spinning.abort();
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_reaches_nothing_that_was_not_granted() {
    let host = host().unwrap();
    spawn(&host, spec("waiter").unwrap()).await.unwrap();
    let actor = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    let environment: Vec<String> = actor.ask("environment", &()).await.unwrap();
    assert!(environment.is_empty(), "{environment:?}");
    for path in ["/etc/passwd", "Cargo.toml", "../../etc/passwd", "/proc/self/environ"] {
        let error = actor.ask::<String>("read_file", &(path,)).await.unwrap_err();
        assert!(!error.to_string().is_empty(), "{path}");
    }
    let error = actor.ask::<u64>("count_of", &("waiter",)).await.unwrap_err();
    assert!(error.to_string().contains("may not send messages to `waiter`"), "{error}");
    assert!(error.to_string().contains("--ask waiter"), "{error}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_reaches_what_was_granted_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("inside"), "in").unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::os::unix::fs::symlink(outside.path(), dir.path().join("link")).unwrap();
    let host = host().unwrap();
    let mut spec = spec("rogue").unwrap();
    spec.grants.dirs = vec![DirGrant { host: dir.path().into(), guest: "/data".to_owned(), read_only: true }];
    spec.grants.env = [("GREETING".to_owned(), "hello".to_owned())].into();
    let actor = spawn(&host, spec).await.unwrap();
    assert_eq!(actor.ask::<Vec<String>>("environment", &()).await.unwrap(), ["GREETING"]);
    assert_eq!(actor.ask::<String>("read_file", &("/data/inside",)).await.unwrap(), "in");
    for path in ["/data/../etc/passwd", "/data/link", "/etc/passwd"] {
        actor.ask::<String>("read_file", &(path,)).await.unwrap_err();
    }
    host.shutdown().await;
}
