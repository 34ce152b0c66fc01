//! What a host says of files that are no actors, and how it keeps compiled code.

use std::sync::Arc;

use pulsing_host::internals::{Engines, load};
use pulsing_host::{
    ActorName, ActorSpec, CodeOrigin, ComponentSource, DirGrant, Host, Need, SpawnError, compile_ahead,
};
use pulsing_tests::{guest_file, host, spec};

use crate::bounded;

/// What spawning these bytes says.
async fn refusal(bytes: &[u8]) -> String {
    let host = host().unwrap();
    let source = ComponentSource::Bytes(Arc::from(bytes));
    let spawned = host.spawn(ActorSpec::new(ActorName::new("x").unwrap(), source)).await;
    let line = spawned.err().expect("it is refused").to_string();
    assert!(!line.contains('\n'), "one line: {line}");
    host.shutdown().await;
    line
}

#[tokio::test]
async fn a_truncated_component_is_refused_wherever_it_is_cut() {
    let whole = std::fs::read(guest_file("rogue").unwrap()).unwrap();
    for length in [1, 4, 7, 8, 9, 100, 1000, whole.len() / 2, whole.len() - 1] {
        let line = refusal(&whole[..length]).await;
        assert!(
            line.contains("cut short") || line.contains("no actor") || line.contains("no WebAssembly"),
            "{length}: {line}"
        );
    }
}

#[tokio::test]
async fn damaged_components_are_refused_or_run_and_never_harm_the_host() {
    let whole = std::fs::read(guest_file("rogue").unwrap()).unwrap();
    // Spread over the file; the seed is the position, so a failure can be repeated.
    for position in (8..whole.len()).step_by(whole.len() / 8) {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x55;
        let host = host().unwrap();
        let source = ComponentSource::Bytes(damaged.into());
        if let Ok(actor) = host.spawn(ActorSpec::new(ActorName::new("x").unwrap(), source)).await {
            actor.kill().await.unwrap();
        }
        host.shutdown().await;
    }
}

#[tokio::test]
async fn a_component_of_another_world_is_told_what_it_lacks() {
    let line = refusal(b"\0asm\x0d\0\x01\0").await;
    assert!(line.contains("it lacks the export `pulsing:actor/actor@0.2.0`"), "{line}");
}

#[tokio::test]
async fn two_actors_cannot_have_one_name() {
    let host = host().unwrap();
    host.spawn(spec("rogue").unwrap()).await.unwrap();
    let error = host.spawn(spec("rogue").unwrap()).await.err().unwrap();
    assert_eq!(error, SpawnError::NameTaken { name: "rogue".parse().unwrap() });
    host.actor("rogue").unwrap().stop().await.unwrap();
    host.spawn(spec("rogue").unwrap()).await.unwrap();
    host.shutdown().await;
}

#[tokio::test]
async fn a_component_is_compiled_once_and_then_taken_from_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let source = ComponentSource::File(guest_file("rogue").unwrap());
    let origin = || {
        let engines = Engines::new(Some(dir.path().join("cache"))).unwrap();
        load(&engines, &source).unwrap().origin
    };
    assert_eq!(origin(), CodeOrigin::Compiled);
    assert_eq!(origin(), CodeOrigin::Cache);
}

#[tokio::test]
async fn a_component_describes_itself_without_being_spawned() {
    let host = host().unwrap();
    let report = host.check(ComponentSource::File(guest_file("waiter").unwrap())).await.unwrap();
    assert_eq!(report.lane.as_str(), "overlapping");
    let need =
        |name: &str| report.imports.iter().find(|import| import.name.starts_with(name)).map(|it| it.need);
    assert_eq!(need("pulsing:actor/waits@"), Some(Need::Ask), "{:?}", report.imports);
    assert_eq!(need("wasi:cli/environment@"), Some(Need::Env), "{:?}", report.imports);
    assert_eq!(need("wasi:io/poll@"), Some(Need::Nothing), "{:?}", report.imports);
    assert!(report.description.methods.iter().any(|method| method.name == "nap"));
    let report = host.check(ComponentSource::File(guest_file("rogue").unwrap())).await.unwrap();
    let need =
        |name: &str| report.imports.iter().find(|import| import.name.starts_with(name)).map(|it| it.need);
    assert_eq!(need("wasi:filesystem/types@"), Some(Need::Dir), "{:?}", report.imports);
    assert_eq!(need("pulsing:actor/system@"), Some(Need::Ask), "{:?}", report.imports);
    assert!(host.registry().list().is_empty());
    host.shutdown().await;
}

/// Asks an actor of this code for its first number, on a host that trusts compiled code or not.
async fn run_compiled(code: &[u8], trusts_compiled: bool) -> Result<i64, String> {
    let host = Host::builder().trust_compiled(trusts_compiled).build().unwrap();
    let source = ComponentSource::Bytes(Arc::from(code));
    let spawned = host.spawn(ActorSpec::new(ActorName::new("x").unwrap(), source)).await;
    let answer = match spawned {
        Ok(actor) => Ok(bounded(actor.ask::<i64>("increment", &()).into_future()).await.unwrap()),
        Err(error) => Err(error.to_string()),
    };
    host.shutdown().await;
    answer
}

#[tokio::test]
async fn code_that_was_compiled_ahead_runs_where_it_is_trusted_and_fits_and_nowhere_else() {
    for guest in ["polyglot-rust", "polyglot-rust-serial"] {
        let source = ComponentSource::File(guest_file(guest).unwrap());
        let code = compile_ahead(&Engines::new(None).unwrap(), &source).unwrap();
        assert_eq!(run_compiled(&code, true).await, Ok(1));
        let refused = run_compiled(&code, false).await.unwrap_err();
        assert!(refused.contains("this host does not trust any"), "{refused}");
        // A host of another version, on another machine, or with another engine.
        for (field, other) in [("\"version\":\"", "\"version\":\"9"), ("-linux", "-minix")] {
            let refused = run_compiled(&replaced(&code, field, other), true).await.unwrap_err();
            assert!(refused.contains("was compiled for another host (pulsing-host"), "{refused}");
            assert!(refused.contains("compile it again with `pulsing-host compile`"), "{refused}");
        }
        let serial = guest.ends_with("serial");
        let world = if serial { r#""world":"resident""# } else { r#""world":"resident-overlapping""# };
        let refused =
            run_compiled(&replaced(&code, world, r#""world":"overlapping""#), true).await.unwrap_err();
        assert!(refused.contains("another engine"), "{refused}");
        // A file that is damaged or cut short.
        for length in [17, 100, code.len() / 2, code.len() - 1] {
            let refused = run_compiled(&code[..length], true).await.unwrap_err();
            assert!(refused.contains("is damaged or cut short"), "{length}: {refused}");
        }
        let mut damaged = code.clone();
        *damaged.last_mut().unwrap() ^= 1;
        let refused = run_compiled(&damaged, true).await.unwrap_err();
        assert!(refused.contains("is damaged or cut short"), "{refused}");
    }
}

/// The file with one field of its head changed, and the head's length with it.
fn replaced(code: &[u8], field: &str, other: &str) -> Vec<u8> {
    let (magic, rest) = code.split_at(16);
    let length = usize::try_from(u32::from_le_bytes(rest[..4].try_into().unwrap())).unwrap();
    let head = std::str::from_utf8(&rest[4..4 + length]).unwrap();
    assert!(head.contains(field), "{head}");
    let head = head.replacen(field, other, 1);
    let length_now = u32::try_from(head.len()).unwrap().to_le_bytes();
    [magic, &length_now, head.as_bytes(), &rest[4 + length..]].concat()
}

#[tokio::test]
async fn compiled_code_under_the_name_of_a_component_is_refused_also_where_compiled_code_is_trusted() {
    let source = ComponentSource::File(guest_file("polyglot-rust-serial").unwrap());
    let code = compile_ahead(&Engines::new(None).unwrap(), &source).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let host = Host::builder().trust_compiled(true).build().unwrap();
    for (name, is_taken) in [("stranger.wasm", false), ("stranger", false), ("own.pulsing", true)] {
        let file = folder.path().join(name);
        std::fs::write(&file, &code).unwrap();
        let spawned =
            host.spawn(ActorSpec::new(ActorName::new("x").unwrap(), ComponentSource::File(file))).await;
        match spawned {
            Ok(actor) => {
                assert!(is_taken, "{name}");
                actor.kill().await.unwrap();
            }
            Err(error) => {
                assert!(!is_taken, "{name}: {error}");
                assert!(error.to_string().contains("under the name of something else"), "{error}");
            }
        }
    }
    host.shutdown().await;
}

#[tokio::test]
async fn nobody_is_granted_to_write_where_compiled_code_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let host = Host::builder().cache_dir(&cache).build().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let inside = cache.join("pulsing-code");
    for (dir, read_only, is_refused) in [
        (folder.path(), false, true),
        (inside.as_path(), false, true),
        (folder.path(), true, false),
        (elsewhere.path(), false, false),
    ] {
        let mut spec = spec("rogue").unwrap();
        spec.grants.dirs = vec![DirGrant { host: dir.to_owned(), guest: "/data".to_owned(), read_only }];
        match host.spawn(spec).await {
            Ok(actor) => {
                assert!(!is_refused, "{}", dir.display());
                actor.kill().await.unwrap();
            }
            Err(error) => {
                assert!(is_refused, "{}: {error}", dir.display());
                assert!(matches!(error, SpawnError::CacheGranted { .. }), "{error}");
            }
        }
    }
    host.shutdown().await;
}
