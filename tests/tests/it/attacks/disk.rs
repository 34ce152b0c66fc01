//! Guests that take the host's descriptors, and its disk.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;
use pulsing_host::{ActorRef, ActorSpec, DirGrant, Host, HostLimits, State};
use pulsing_tests::{cache_dir, host, spawn, spec};
use serde_json::{Value, json};

use crate::bounded;

fn glutton(name: &str, folder: &Path) -> ActorSpec {
    let mut spec = ActorSpec { id: name.parse().unwrap(), ..spec("glutton").unwrap() };
    (spec.restart.max_restarts, spec.restart.min_backoff) = (1000, Some(Duration::from_millis(1)));
    spec.restart.quarantine_after = 0;
    spec.limits.open_files = NonZeroUsize::new(10).unwrap();
    spec.limits.disk_max = ByteSize::kib(128);
    spec.grants.dirs = vec![DirGrant { host: folder.into(), guest: "/data".to_owned(), read_only: false }];
    spec
}

async fn ask(actor: &ActorRef, method: &str, args: Value) -> Result<Value, String> {
    bounded(actor.ask::<Value>(method, &args).into_future()).await.map_err(|error| error.to_string())
}

async fn refused(actor: &ActorRef, method: &str, args: Value) {
    let error = ask(actor, method, args.clone()).await.unwrap_err();
    assert!(error.contains("quota"), "{method} {args}: {error}");
}

async fn open_all(actor: &ActorRef) -> u64 {
    let opened = ask(actor, "open_all", json!(["file"])).await.unwrap();
    assert!(opened[1].as_str().unwrap().contains("quota"), "{opened}");
    opened[0].as_u64().unwrap()
}

async fn next_life(actor: &ActorRef, life: u64) {
    ask(actor, "dice", json!([1 << 30, true])).await.unwrap_err();
    bounded(actor.wait_for(move |status| status.generation.0 == life && status.state == State::Running))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_actor_has_no_more_files_open_than_its_limit_whatever_holds_them() {
    let (host, folder) = (host().unwrap(), tempfile::tempdir().unwrap());
    let actor = spawn(&host, glutton("glutton", folder.path())).await.unwrap();
    for _ in 0..2 {
        assert_eq!(open_all(&actor).await, 10);
        refused(&actor, "set_size", json!(["file", 0])).await;
        ask(&actor, "close_all", json!([])).await.unwrap();
    }
    // A stream needs its file, also once the file itself is closed.
    assert_eq!(open_all(&actor).await, 10);
    assert_eq!(ask(&actor, "keep_streams", json!([])).await, Ok(json!(10)));
    assert_eq!(open_all(&actor).await, 0);
    // They end with the life.
    next_life(&actor, 1).await;
    assert_eq!(open_all(&actor).await, 10);
    host.shutdown().await;
}

#[tokio::test]
async fn all_actors_together_leave_the_host_descriptors() {
    let folder = tempfile::tempdir().unwrap();
    let limits = HostLimits { open_files: NonZeroUsize::new(15), ..HostLimits::default() };
    let host = Host::builder().cache_dir(cache_dir()).limits(limits).build().unwrap();
    let mut actors = Vec::new();
    for name in ["a", "b", "c"] {
        actors.push(spawn(&host, glutton(name, folder.path())).await.unwrap());
    }
    let mut opened = Vec::new();
    for actor in &actors {
        opened.push(open_all(actor).await);
    }
    assert_eq!(opened, [10, 5, 0]);
    bounded(actors[0].stop()).await.unwrap();
    assert_eq!(open_all(&actors[2]).await, 10);
    host.shutdown().await;
}

#[tokio::test]
async fn an_actor_writes_no_more_than_its_limit_over_all_its_lives() {
    let (host, folder) = (host().unwrap(), tempfile::tempdir().unwrap());
    let actor = spawn(&host, glutton("glutton", folder.path())).await.unwrap();
    let file = folder.path().join("file");
    // The file itself, and four pieces.
    ask(&actor, "append", json!(["file", 4])).await.unwrap();
    let written = || async { actor.snapshot().await.unwrap().counted.disk_written_bytes };
    assert_eq!(written().await, 32 << 10);
    refused(&actor, "set_size", json!(["file", 1_u64 << 40])).await;
    refused(&actor, "write_at", json!(["file", 1_u64 << 40, 1])).await;
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 16 << 10);
    assert_eq!(ask(&actor, "write_at", json!(["file", 0, 8 << 10])).await, Ok(json!(8 << 10)));
    ask(&actor, "set_size", json!(["file", 24 << 10])).await.unwrap();
    assert_eq!(written().await, 48 << 10);
    // Neither another life nor deleting gives anything back.
    next_life(&actor, 1).await;
    std::fs::remove_file(&file).unwrap();
    ask(&actor, "append", json!(["file", 4])).await.unwrap();
    assert_eq!(written().await, 80 << 10);
    refused(&actor, "append", json!(["file", 13])).await;
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 64 << 10, "what was left was written");
    refused(&actor, "make_folders", json!([1])).await;
    assert_eq!(ask(&actor, "write_at", json!(["file", 1_u64 << 40, 0])).await, Ok(json!(0)));
    assert_eq!(written().await, 128 << 10);
    host.shutdown().await;
}

#[tokio::test]
async fn whoever_makes_files_without_end_meets_its_limit_too() {
    let (host, folder) = (host().unwrap(), tempfile::tempdir().unwrap());
    let actor = spawn(&host, glutton("glutton", folder.path())).await.unwrap();
    refused(&actor, "make_folders", json!([1000])).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 8);
    refused(&actor, "set_size", json!(["new", 0])).await;
    assert!(!folder.path().join("new").exists());
    // What is there already is not what is short.
    std::fs::write(folder.path().join("there"), "").unwrap();
    for (method, path) in [("new_folder", "0"), ("new_file", "there")] {
        let error = ask(&actor, method, json!([path])).await.unwrap_err();
        assert!(error.contains("exist"), "{method}: {error}");
    }
    refused(&actor, "new_file", json!(["new"])).await;
    host.shutdown().await;
}
