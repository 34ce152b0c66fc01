//! Guests that hand much to one call of the host, within which nobody can preempt them.

use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;
use pulsing_host::{ActorRef, ActorSpec, DirGrant, Host, State};
use pulsing_tests::{host, spawn, spec};
use serde_json::{Value, json};

use crate::bounded;

/// The functions of wasi:http that take a text.
const OF_HTTP: [&str; 10] = [
    "from-list",
    "set",
    "append",
    "delete",
    "has",
    "get",
    "set-scheme",
    "set-method",
    "set-authority",
    "set-path-with-query",
];

/// An actor with a folder of its own, that is soon there again.
fn glutton(folder: &Path) -> ActorSpec {
    let mut spec = spec("glutton").unwrap();
    spec.limits.memory_max = ByteSize::mib(512);
    (spec.restart.max_restarts, spec.restart.min_backoff) = (1000, Some(Duration::from_millis(1)));
    spec.restart.quarantine_after = 0;
    spec.grants.dirs = vec![DirGrant { host: folder.into(), guest: "/data".to_owned(), read_only: false }];
    spec
}

async fn ask(actor: &ActorRef, method: &str, args: Value) -> Result<Value, String> {
    bounded(actor.ask::<Value>(method, &args).into_future()).await.map_err(|error| error.to_string())
}

/// That a call ends the life of whoever makes it, and no neighbour waits for it.
async fn ends_its_life(host: &Host, neighbour: &ActorRef, method: &str, args: Value) {
    let folder = tempfile::tempdir().unwrap();
    let actor = spawn(host, glutton(folder.path())).await.unwrap();
    let error = ask(&actor, method, args.clone()).await.unwrap_err();
    assert!(error.contains("crashed"), "{method} {args}: {error}");
    assert!(ask(neighbour, "increment", json!([])).await.is_ok());
    bounded(actor.wait_for(|status| status.generation.0 == 1 && status.state == State::Running))
        .await
        .unwrap();
    assert_eq!(
        std::fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum::<u64>(),
        0
    );
    bounded(actor.stop()).await.unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn a_write_of_more_than_is_permitted_ends_its_life_and_holds_up_nobody() {
    let host = host().unwrap();
    let neighbour = spawn(&host, spec("counter").unwrap()).await.unwrap();
    for bytes in [110 << 20, (32 << 10) + 1] {
        ends_its_life(&host, &neighbour, "shout", json!([bytes, true])).await;
        ends_its_life(&host, &neighbour, "shout", json!([bytes, false])).await;
    }
    for bytes in [64 << 20, (64 << 10) + 1] {
        ends_its_life(&host, &neighbour, "pour", json!(["file", bytes])).await;
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "current_thread")]
async fn more_random_bytes_or_pollables_than_one_call_takes_end_its_life() {
    let host = host().unwrap();
    let neighbour = spawn(&host, spec("counter").unwrap()).await.unwrap();
    for bytes in [64 << 20, (1 << 20) + 1] {
        ends_its_life(&host, &neighbour, "dice", json!([bytes, true])).await;
        ends_its_life(&host, &neighbour, "dice", json!([bytes, false])).await;
    }
    for times in [2049, 4 << 20] {
        ends_its_life(&host, &neighbour, "stare", json!([times])).await;
    }
    host.shutdown().await;
}

#[tokio::test]
async fn what_a_call_takes_at_most_is_done_and_files_are_written_in_pieces() {
    let (host, folder) = (host().unwrap(), tempfile::tempdir().unwrap());
    let actor = spawn(&host, glutton(folder.path())).await.unwrap();
    for (method, args, answer) in [
        ("shout", json!([32 << 10, true]), json!(null)),
        ("shout", json!([32 << 10, false]), json!(null)),
        ("dice", json!([0, true]), json!(0)),
        ("dice", json!([(64 << 10) + 1, true]), json!((64 << 10) + 1)),
        ("dice", json!([1 << 20, true]), json!(1 << 20)),
        ("dice", json!([1 << 20, false]), json!(1 << 20)),
        ("stare", json!([2048]), json!(2048)),
        ("pour", json!(["poured", 64 << 10]), json!(null)),
        ("write_at", json!(["pieces", 0, 64 << 10]), json!(64 << 10)),
        ("write_at", json!(["pieces", 64 << 10, 48 << 20]), json!(64 << 10)),
        ("sockets", json!([]), json!(0)),
    ] {
        assert_eq!(ask(&actor, method, args.clone()).await, Ok(answer), "{method} {args}");
    }
    assert_eq!(std::fs::metadata(folder.path().join("pieces")).unwrap().len(), 128 << 10);
    assert_eq!(actor.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}

#[tokio::test]
async fn a_path_has_a_length() {
    let (host, folder) = (host().unwrap(), tempfile::tempdir().unwrap());
    let actor = spawn(&host, glutton(folder.path())).await.unwrap();
    assert_eq!(ask(&actor, "stat_long", json!([4094])).await, Ok(json!(null)));
    for bytes in [4098, 1 << 20] {
        let error = ask(&actor, "stat_long", json!([bytes])).await.unwrap_err();
        assert!(error.contains("name-too-long"), "{bytes}: {error}");
    }
    assert_eq!(actor.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}

#[tokio::test(flavor = "current_thread")]
async fn texts_and_messages_far_beyond_their_bounds_end_the_life_of_who_hands_them_over() {
    let host = host().unwrap();
    let neighbour = spawn(&host, spec("counter").unwrap()).await.unwrap();
    for bytes in [(1 << 20) + 2, 16 << 20] {
        ends_its_life(&host, &neighbour, "stat_long", json!([bytes])).await;
        ends_its_life(&host, &neighbour, "watch", json!([bytes])).await;
    }
    for function in OF_HTTP {
        ends_its_life(&host, &neighbour, "header", json!([function, (1 << 20) + 1])).await;
    }
    for bytes in [16 << 20, 48 << 20] {
        ends_its_life(&host, &neighbour, "post", json!([bytes])).await;
    }
    host.shutdown().await;
}

#[tokio::test]
async fn what_is_refused_with_less_of_a_copy_is_an_error_time_and_again() {
    let (host, folder) = (host().unwrap(), tempfile::tempdir().unwrap());
    let actor = spawn(&host, glutton(folder.path())).await.unwrap();
    for _ in 0..3 {
        let error = ask(&actor, "post", json!([15 << 20])).await.unwrap_err();
        assert!(error.contains("nobody"), "{error}");
        let error = ask(&actor, "resolve", json!([48 << 20])).await.unwrap_err();
        assert!(error.contains("permanent-resolver-failure"), "{error}");
        for function in OF_HTTP {
            let done = ask(&actor, "header", json!([function, 1 << 20])).await;
            assert_eq!(done.is_ok(), ["has", "get"].contains(&function), "{function}: {done:?}");
        }
    }
    assert_eq!(actor.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}

#[tokio::test]
async fn what_streams_of_files_have_read_counts_under_kept_max() {
    let (host, folder) = (host().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("file"), vec![b'x'; 64 << 10]).unwrap();
    let mut spec = glutton(folder.path());
    (spec.limits.kept_max, spec.limits.message_max) = (ByteSize::mib(1), ByteSize::kib(64));
    let actor = spawn(&host, spec).await.unwrap();
    for _ in 0..3 {
        let kept = ask(&actor, "keep_pieces", json!(["file", 16])).await;
        assert_eq!(kept, Ok(json!([16, ""])));
        let kept = ask(&actor, "keep_pieces", json!(["file", 17])).await.unwrap();
        assert_eq!(kept[0], 16);
        assert!(kept[1].as_str().unwrap().contains("insufficient-memory"), "{kept}");
        // Who waits for what it reads keeps nothing.
        assert_eq!(ask(&actor, "append", json!(["other", 3])).await, Ok(json!(null)));
        ask(&actor, "drop_pieces", json!([])).await.unwrap();
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_listing_counts_under_kept_max() {
    let (host, folder) = (host().unwrap(), tempfile::tempdir().unwrap());
    let mut spec = glutton(folder.path());
    (spec.limits.kept_max, spec.limits.message_max) = (ByteSize::kib(8), ByteSize::kib(1));
    let actor = spawn(&host, spec).await.unwrap();
    ask(&actor, "make_folders", json!([10])).await.unwrap();
    // Again and again: what a listing held is there for the next.
    for _ in 0..100 {
        assert_eq!(ask(&actor, "names", json!([])).await, Ok(json!(10)));
    }
    for n in 0..200 {
        std::fs::write(folder.path().join(format!("file-{n}")), "").unwrap();
    }
    let error = ask(&actor, "names", json!([])).await.unwrap_err();
    assert!(error.contains("insufficient-memory"), "{error}");
    host.shutdown().await;
}
