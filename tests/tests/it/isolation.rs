//! What a guest cannot do to others, and cannot reach.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytesize::ByteSize;
use pulsing_host::{ActorRef, ActorSpec, Callers, DirGrant, Host, HostLimits, SpawnError, State};
use pulsing_tests::{cache_dir, host, spawn, spec};

use crate::{bounded, eventually};

#[tokio::test(flavor = "current_thread")]
async fn a_guest_in_a_loop_does_not_hold_up_its_neighbours() {
    // One thread for all: without preemption nobody else would ever run.
    let host = host().unwrap();
    let rogue = spawn(&host, spec("rogue").unwrap()).await.unwrap();
    let waiter = spawn(&host, spec("waiter").unwrap()).await.unwrap();
    let spinning = tokio::spawn(rogue.ask::<()>("spin", &()).into_future());
    eventually(|| async { rogue.snapshot().await.unwrap().in_flight }, |in_flight| *in_flight == 1).await;
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
    assert!(error.to_string().contains("needs the grant `ask` for `waiter`"), "{error}");
    let error = actor.ask::<u64>("count_of", &("\u{1b}".repeat(100_000),)).await.unwrap_err().to_string();
    assert!(error.len() < 2000 && !error.contains('\u{1b}'), "{error}");
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

#[tokio::test]
async fn all_actors_together_have_a_ceiling_of_memory() {
    let limits = HostLimits { memory_max: Some(ByteSize::mib(24)), ..HostLimits::default() };
    let host = Host::builder().cache_dir(cache_dir()).limits(limits).build().unwrap();
    let waiter = spawn(&host, spec("waiter").unwrap()).await.unwrap();
    let mut spec = spec("rogue").unwrap();
    spec.restart.min_backoff = Some(Duration::from_millis(1));
    spec.restart.quarantine_after = 0;
    let rogue = spawn(&host, spec).await.unwrap();
    // What a life had is there for the next one.
    for life in 1..=3 {
        let error = bounded(rogue.ask::<()>("grow", &()).into_future()).await.unwrap_err().to_string();
        assert!(error.contains("over the host's limit of 25165824 bytes"), "{error}");
        bounded(rogue.wait_for(|status| status.generation.0 == life && status.state == State::Running))
            .await
            .unwrap();
        bounded(waiter.ask::<u64>("nap", &(1,)).into_future()).await.unwrap();
    }
    assert_eq!(waiter.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}

#[tokio::test]
async fn there_are_only_so_many_actors_and_one_that_ended_gives_way() {
    let limits = HostLimits { actors: NonZeroUsize::new(2), ..HostLimits::default() };
    let host = Host::builder().cache_dir(cache_dir()).limits(limits).build().unwrap();
    let named = |name: &str| ActorSpec { id: name.parse().unwrap(), ..spec("rogue").unwrap() };
    spawn(&host, named("a")).await.unwrap();
    let ended = spawn(&host, named("b")).await.unwrap();
    let error = host.spawn(named("c")).await.err().unwrap();
    assert_eq!(error, SpawnError::TooMany { max: 2 });
    bounded(ended.stop()).await.unwrap();
    spawn(&host, named("c")).await.unwrap();
    assert!(host.actor("b").is_err() && host.actor("a").is_ok() && host.actor("c").is_ok());
    assert!(bounded(ended.restart()).await.is_err(), "nothing becomes of it any more");
    host.shutdown().await;
}

#[tokio::test]
async fn an_actor_can_be_told_whom_to_take_messages_from() {
    let host = host().unwrap();
    let named = |name: &str, ask: &[&str], from: &[&str]| {
        let mut spec = ActorSpec { id: name.parse().unwrap(), ..spec("rogue").unwrap() };
        spec.grants.ask = ask.iter().map(|name| name.parse().unwrap()).collect();
        spec.grants.from = Callers(from.iter().map(|from| from.parse().unwrap()).collect());
        spec
    };
    let guarded = spawn(&host, named("guarded", &[], &["friend"])).await.unwrap();
    let friend = spawn(&host, named("friend", &["guarded"], &[])).await.unwrap();
    let stranger = spawn(&host, named("stranger", &["guarded"], &[])).await.unwrap();
    let ask = |actor: &ActorRef| bounded(actor.ask::<u64>("count_of", &("guarded",)).into_future());
    ask(&friend).await.unwrap();
    let error = ask(&stranger).await.unwrap_err().to_string();
    assert!(error.contains("`guarded` takes no messages from stranger"), "{error}");
    assert!(error.contains("needs the grant `from` for stranger"), "{error}");
    // Whoever embeds the host needs no leave.
    bounded(guarded.ask::<u64>("count", &()).into_future()).await.unwrap();
    host.shutdown().await;
}
