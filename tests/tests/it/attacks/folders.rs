//! Guests that want out of the folders they were granted, and into what the host reads.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use pulsing_host::internals::Engines;
use pulsing_host::{
    ActorRef, ActorSpec, ComponentSource, DirGrant, Host, HostFile, SpawnError, State, Status, compile_ahead,
};
use pulsing_tests::{cache_dir, guest_file, host, spawn, spec};
use tempfile::TempDir;

use crate::program::{run, text};
use crate::{bounded, eventually};

/// A folder with these in it, and one outside of what is granted that holds a secret.
fn tree(folders: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in folders.iter().chain(&["secret"]) {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    fs::write(root.path().join("secret/key"), "SECRET").unwrap();
    root
}

/// An actor with these folders of a tree, each given as the command line gives it.
fn granted(name: &str, root: &TempDir, dirs: &[&str]) -> ActorSpec {
    let mut spec = ActorSpec { id: name.parse().unwrap(), ..spec("rogue").unwrap() };
    (spec.restart.max_restarts, spec.restart.min_backoff) = (1000, Some(Duration::from_millis(1)));
    spec.restart.quarantine_after = 0;
    spec.grants.dirs = dirs
        .iter()
        .map(|dir| {
            let grant: DirGrant = dir.parse().unwrap();
            DirGrant { host: root.path().join(&grant.host), ..grant }
        })
        .collect();
    spec
}

async fn next_life(actor: &ActorRef) {
    let generation = actor.status().await.unwrap().generation.0;
    actor.ask::<()>("panic", &()).await.unwrap_err();
    let runs_or_ended = move |status: &Status| {
        (status.generation.0 > generation && status.state == State::Running) || status.state.is_final()
    };
    bounded(actor.wait_for(runs_or_ended)).await.unwrap();
    assert_eq!(actor.status().await.unwrap().generation.0, generation + 1);
}

async fn list(actor: &ActorRef, path: &str) -> Result<Vec<String>, String> {
    let listed = bounded(actor.ask::<Vec<String>>("list", &(path,)).into_future()).await;
    listed.map_err(|error| error.to_string())
}

async fn refused(host: &Host, spec: ActorSpec) -> SpawnError {
    host.spawn(spec).await.err().expect("it is refused")
}

#[tokio::test]
async fn every_life_has_the_folder_that_was_granted_whatever_its_path_leads_to_by_then() {
    let root = tree(&["data"]);
    let at = |path: &str| root.path().join(path);
    fs::write(at("data/inside"), "in").unwrap();
    let host = host().unwrap();
    for access in ["", ":ro"] {
        let actor = spawn(&host, granted("a", &root, &[&format!("data::/data{access}")])).await.unwrap();
        assert_eq!(list(&actor, "/data").await.unwrap(), ["inside"]);
        fs::rename(at("data"), at("moved")).unwrap();
        symlink("secret", at("data")).unwrap();
        for _ in 0..2 {
            next_life(&actor).await;
            assert_eq!(list(&actor, "/data").await.unwrap(), ["inside"]);
            actor.ask::<String>("read_file", &("/data/key",)).await.unwrap_err();
            let written = actor.ask::<()>("write_file", &("/data/new", "from within")).await;
            assert_eq!(written.is_ok(), access.is_empty());
            assert_eq!(at("moved/new").exists(), access.is_empty());
            let _only_of_the_first = fs::remove_file(at("moved/new"));
        }
        fs::remove_file(at("data")).unwrap();
        fs::rename(at("moved"), at("data")).unwrap();
        bounded(actor.stop()).await.unwrap();
    }
    assert_eq!(fs::read_dir(at("secret")).unwrap().count(), 1);
    host.shutdown().await;
}

#[tokio::test]
async fn links_that_a_guest_makes_lead_nowhere_for_it() {
    let root = tree(&["w", "cache"]);
    let at = |path: &str| root.path().join(path);
    let host = Host::builder().cache_dir(at("cache")).build().unwrap();
    let actor = spawn(&host, granted("a", &root, &["w::/p"])).await.unwrap();
    for target in ["../secret", "../cache/pulsing-code", "..", "sub/../../secret"] {
        actor.ask::<()>("symlink", &(target, "/p/link")).await.unwrap();
        assert!(at("w/link").is_symlink());
        for _ in 0..2 {
            assert!(list(&actor, "/p/link").await.is_err(), "{target}");
            actor.ask::<()>("write_file", &("/p/link/new", "")).await.unwrap_err();
            next_life(&actor).await;
        }
        fs::remove_file(at("w/link")).unwrap();
    }
    actor.ask::<()>("symlink", &("/etc", "/p/link")).await.unwrap_err();
    host.shutdown().await;
}

#[tokio::test]
async fn a_folder_within_one_that_may_be_written_to_is_granted_to_nobody() {
    let root = tree(&["w/sub", "apart"]);
    symlink("../w/sub", root.path().join("apart/link")).unwrap();
    let host = host().unwrap();
    let within = |error: SpawnError, inner: &str, inner_of: &str| {
        let expected = SpawnError::GrantWithinGrant {
            inner: root.path().join(inner),
            inner_of: inner_of.parse().unwrap(),
            outer: root.path().join("w"),
            outer_of: "a".parse().unwrap(),
        };
        assert_eq!(error, expected);
        let line = error.to_string();
        assert!(line.contains(" for reading only, or folders that lie apart"), "{line}");
    };
    // Of one actor, also by a link.
    for inner in ["w/sub", "apart/link"] {
        for access in ["", ":ro"] {
            let spec = granted("a", &root, &["w::/p", &format!("{inner}::/s{access}")]);
            within(refused(&host, spec).await, inner, "a");
        }
    }
    // Of two, in either order; of two the one in the other that may only be read.
    let inner = spawn(&host, granted("b", &root, &["w/sub::/s:ro"])).await.unwrap();
    within(refused(&host, granted("a", &root, &["w::/p"])).await, "w/sub", "b");
    spawn(&host, granted("reader", &root, &["w::/p:ro"])).await.unwrap();
    // One that has stopped may start again.
    bounded(inner.stop()).await.unwrap();
    within(refused(&host, granted("a", &root, &["w::/p"])).await, "w/sub", "b");
    // Once another has its name, the folder around it is free.
    drop(inner);
    spawn(&host, granted("b", &root, &["apart::/s"])).await.unwrap();
    let outer = || host.spawn(granted("a", &root, &["w::/p"]));
    eventually(outer, Result::is_ok).await.unwrap().ready().await.unwrap();
    host.shutdown().await;
}

#[tokio::test]
async fn what_a_guest_left_behind_does_not_lead_the_next_actor_out() {
    let root = tree(&["w/sub"]);
    let host = host().unwrap();
    let actor = spawn(&host, granted("a", &root, &["w::/p"])).await.unwrap();
    actor.ask::<()>("rename", &("/p/sub", "/p/old")).await.unwrap();
    actor.ask::<()>("symlink", &("../secret", "/p/sub")).await.unwrap();
    for _ in 0..2 {
        let error = refused(&host, granted("b", &root, &["w/sub::/s:ro"])).await;
        assert!(error.to_string().contains("where `a` may write, which could put a link"), "{error}");
        // The second time, it has ended.
        bounded(actor.stop()).await.unwrap();
    }
    // A folder is no reason to refuse itself.
    let again = spawn(&host, granted("a", &root, &["w::/p"])).await.unwrap();
    assert_eq!(list(&again, "/p").await.unwrap(), ["old", "sub"]);
    host.shutdown().await;
}

#[tokio::test]
async fn the_code_that_the_host_keeps_is_reached_neither_by_its_path_nor_by_a_link() {
    let root = tree(&["cache", "w", "links"]);
    symlink("../cache/pulsing-code", root.path().join("w/sub")).unwrap();
    symlink("../cache", root.path().join("links/cache")).unwrap();
    let host = Host::builder().cache_dir(root.path().join("links/cache")).build().unwrap();
    for dir in ["cache", "cache/pulsing-code", "w/sub", "links", "links/cache", "."] {
        let error = refused(&host, granted("a", &root, &[dir])).await;
        assert!(matches!(error, SpawnError::CacheGranted { .. }), "{dir}: {error}");
    }
    let error = refused(&host, granted("a", &root, &["w::/p", "w/sub::/s:ro"])).await;
    assert!(matches!(error, SpawnError::GrantWithinGrant { .. }), "{error}");
    spawn(&host, granted("a", &root, &["w::/p"])).await.unwrap();
    host.shutdown().await;
}

#[tokio::test]
async fn no_actor_writes_where_a_component_is_or_the_memory_of_the_host_is_shown() {
    let root = tree(&["code", "data"]);
    let at = |path: &str| root.path().join(path);
    fs::copy(guest_file("rogue").unwrap(), at("code/rogue.wasm")).unwrap();
    let source = ComponentSource::File(at("code/rogue.wasm"));
    let code = compile_ahead(&Engines::new(Some(cache_dir())).unwrap(), &source).unwrap();
    fs::write(at("code/rogue.pulsing"), code).unwrap();
    let host = Host::builder().cache_dir(cache_dir()).trust_compiled(true).build().unwrap();
    for file in ["code/rogue.wasm", "code/rogue.pulsing"] {
        let of_file = |spec| ActorSpec { component: ComponentSource::File(at(file)), ..spec };
        let error = refused(&host, of_file(granted("a", &root, &["code::/c"]))).await;
        let expected =
            SpawnError::HostFileGranted { dir: at("code"), file: at(file), what: HostFile::Component };
        assert_eq!(error, expected);
        // Nor another actor.
        let actor = spawn(&host, of_file(granted("a", &root, &["data::/d", "code::/c:ro"]))).await.unwrap();
        assert_eq!(refused(&host, granted("b", &root, &["code::/c"])).await, expected);
        bounded(actor.stop()).await.unwrap();
    }
    for dir in ["/", "/proc", "/proc/self"] {
        let grant = DirGrant { host: dir.into(), guest: "/all".into(), read_only: true };
        let mut spec = spec("rogue").unwrap();
        spec.grants.dirs = vec![grant];
        let error = refused(&host, spec).await.to_string();
        assert!(error.contains("which shows the memory of this host"), "{error}");
    }
    host.shutdown().await;
}

#[test]
fn no_actor_writes_where_the_command_line_reads_from() {
    let root = tree(&["etc", "links", "out"]);
    let at = |path: &str| root.path().join(path);
    let component = guest_file("rogue").unwrap();
    fs::write(at("etc/token"), "correct-horse-battery").unwrap();
    fs::write(at("etc/start.json"), "{}").unwrap();
    let actor = format!("[actors.other]\ncomponent = {component:?}\n");
    fs::write(at("etc/host.toml"), &actor).unwrap();
    fs::write(at("out/host.toml"), format!("token_file = '../links/token'\n{actor}")).unwrap();
    symlink("../etc/token", at("links/token")).unwrap();
    let refused = |dir: &str, args: &[&str]| {
        let dir = at(dir);
        let mut all = vec!["run", text(&component), "--listen", "127.0.0.1:0", "--dir", text(&dir)];
        all.extend(args);
        let left = run(&all);
        assert_eq!(left.code, Some(2), "{left:?}");
        let line = left.stderr.lines().find(|line| line.starts_with("error: ")).unwrap().to_owned();
        assert!(line.contains("is a file that this host reads"), "{line}");
        assert!(line.contains("see `:ro` of `--dir`"), "{line}");
    };
    let argument = |path: &Path| text(path).to_owned();
    for dir in ["etc", "."] {
        refused(dir, &["--token-file", &argument(&at("etc/token"))]);
        refused(dir, &["--config", &argument(&at("etc/host.toml"))]);
        refused(dir, &["--actor-config", &format!("@{}", argument(&at("etc/start.json")))]);
    }
    // The link, what it leads to, and a file that another file names.
    for dir in ["etc", "links"] {
        refused(dir, &["--token-file", &argument(&at("links/token"))]);
        refused(dir, &["--config", &argument(&at("out/host.toml"))]);
    }
}
