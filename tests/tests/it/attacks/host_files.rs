//! Files of the host that are damaged, exchanged, or no files at all.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pulsing_host::{ActorSpec, CodeOrigin, ComponentSource, Host};
use pulsing_tests::{guest_file, spawn, spec};
use wait_timeout::ChildExt;

use crate::PATIENCE;
use crate::program::{Ended, Left, PROGRAM, RunningHost, run, run_with, text};

/// What a new host with this cache finds of a guest: where its code is from, and what its first call returns.
async fn first_call(cache: &Path, guest: &str, method: &str, args: &str) -> (CodeOrigin, String) {
    let host = Host::builder().cache_dir(cache).build().unwrap();
    let origin = host.check(ComponentSource::File(guest_file(guest).unwrap())).await.unwrap().origin;
    let actor = spawn(&host, ActorSpec { id: "a".parse().unwrap(), ..spec(guest).unwrap() }).await.unwrap();
    let args: serde_json::Value = serde_json::from_str(args).unwrap();
    let answer = actor.ask::<serde_json::Value>(method, &args).await.unwrap();
    host.shutdown().await;
    (origin, answer.to_string())
}

/// The one file of code in a cache, or the second after `first`.
fn kept_file(cache: &Path, first: Option<&Path>) -> PathBuf {
    let files = fs::read_dir(cache.join("pulsing-code")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|file| Some(file.as_path()) != first).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

/// As `dd if=/dev/zero conv=notrunc` does: in place.
fn zero(file: &Path, at: u64, bytes: usize) {
    fs::OpenOptions::new().write(true).open(file).unwrap().write_all_at(&vec![0; bytes], at).unwrap();
}

#[tokio::test]
async fn kept_code_that_is_damaged_is_made_anew() {
    let cache = tempfile::tempdir().unwrap();
    let call = || first_call(cache.path(), "rogue", "count", "[]");
    assert_eq!(call().await, (CodeOrigin::Compiled, "1".to_owned()));
    let file = kept_file(cache.path(), None);
    let whole = fs::read(&file).unwrap();
    let length = u64::try_from(whole.len()).unwrap();
    // Four pages, and 64 bytes in the middle of the code: where something is.
    let full = whole.windows(64).position(|bytes| !bytes.contains(&0)).unwrap();
    for (at, bytes) in
        [(4096, 4 * 4096), (length / 2 / 4096 * 4096, 4 * 4096), (u64::try_from(full).unwrap(), 64)]
    {
        assert_eq!(call().await, (CodeOrigin::Cache, "1".to_owned()));
        zero(&file, at, bytes);
        assert_ne!(fs::read(&file).unwrap(), whole);
        assert_eq!(call().await, (CodeOrigin::Compiled, "1".to_owned()), "{bytes} at {at}");
        assert_eq!(fs::metadata(&file).unwrap().len(), length);
    }
}

#[tokio::test]
async fn kept_code_under_the_name_of_another_component_is_not_run() {
    let cache = tempfile::tempdir().unwrap();
    let rogue = || first_call(cache.path(), "rogue", "count", "[]");
    let counter = || first_call(cache.path(), "counter", "increment", "[41]");
    assert_eq!(rogue().await, (CodeOrigin::Compiled, "1".to_owned()));
    let first = kept_file(cache.path(), None);
    assert_eq!(counter().await, (CodeOrigin::Compiled, "41".to_owned()));
    let second = kept_file(cache.path(), Some(&first));
    let aside = cache.path().join("aside");
    fs::rename(&first, &aside).unwrap();
    fs::rename(&second, &first).unwrap();
    fs::rename(&aside, &second).unwrap();
    assert_eq!(rogue().await, (CodeOrigin::Compiled, "1".to_owned()));
    assert_eq!(counter().await, (CodeOrigin::Compiled, "41".to_owned()));
    assert_eq!(rogue().await.0, CodeOrigin::Cache);
    assert_eq!(counter().await.0, CodeOrigin::Cache);
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_pipe_in_the_place_of_kept_code_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let component = guest_file("rogue").unwrap();
    let check = || {
        let args = ["check", text(&component), "--json"];
        let left = run_with(("PULSING_CACHE_DIR", text(folder.path())), &args, PATIENCE);
        assert_eq!(left.code, Some(0), "{left:?}");
        serde_json::from_str::<serde_json::Value>(&left.stdout).unwrap()["code"].clone()
    };
    assert_eq!(check(), "compiled");
    let file = kept_file(folder.path(), None);
    fs::remove_file(&file).unwrap();
    make_pipe(&file);
    assert_eq!(check(), "compiled");
    assert!(fs::symlink_metadata(&file).unwrap().is_file());
    assert_eq!(check(), "cache");
}

#[test]
fn what_is_no_plain_file_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    make_pipe(&at("pipe"));
    make_pipe(&at("pipe.wasm"));
    fs::create_dir(at("project")).unwrap();
    make_pipe(&at("project/pulsing.toml"));
    symlink("pipe", at("link")).unwrap();
    let actor = guest_file("rogue").unwrap();
    let actor = text(&actor);
    let refused = |code, args: &[&str], says: &str| {
        let left: Left = run(args);
        left.assert_failed(code, &["no plain file", says]);
    };
    for (file, says) in [("pipe", "a pipe"), ("link", "a pipe"), ("project", "a folder")] {
        let file = at(file);
        let file = text(&file);
        refused(2, &["run", actor, "--token-file", file], says);
        refused(2, &["ls", "--token-file", file], says);
        refused(2, &["run", "--config", file], says);
        refused(9, &["check", file], says);
        refused(9, &["compile", file, "--out", text(&at("out.pulsing"))], says);
    }
    refused(2, &["run", actor, "--token-file", "/dev/zero"], "a device");
    refused(2, &["run", "--config", "/dev/zero"], "a device");
    refused(9, &["check", "/dev/zero"], "a device");
    refused(2, &["build", text(&at("project"))], "a pipe");
    // As a shell's `<(…)` gives it: a pipe that is open, and whose writer says nothing.
    let (reader, _silent_writer) = std::io::pipe().unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["run", actor, "--token-file", "/dev/stdin"]).env("PULSING_LOG", "off");
    let mut host = Ended(command.stdin(reader).stderr(Stdio::piped()).spawn().unwrap());
    let code = host.0.wait_timeout(PATIENCE).unwrap().expect("it ends in time").code();
    let mut error = String::new();
    host.0.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("this is a pipe, no plain file"), "{error}");
}

#[test]
fn links_of_an_operator_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // As Kubernetes mounts secrets: a link into a folder that is a link itself.
    fs::create_dir(at("..2026")).unwrap();
    symlink("..2026", at("..data")).unwrap();
    fs::write(at("..2026/token"), "correct-horse-battery\n").unwrap();
    symlink(guest_file("rogue").unwrap().canonicalize().unwrap(), at("..2026/rogue.wasm")).unwrap();
    fs::write(at("..2026/host.toml"), "token_file = 'token'\nactors.rogue = { component = 'rogue.wasm' }\n")
        .unwrap();
    for name in ["token", "rogue.wasm", "host.toml"] {
        symlink(format!("..data/{name}"), at(name)).unwrap();
    }
    let host = RunningHost::start(&["--config", text(&at("host.toml"))], 1);
    let left = host.client(&["ask", "rogue", "count", "--token-file", text(&at("token"))]);
    assert_eq!((left.code, left.stdout.as_str()), (Some(0), "1\n"), "{left:?}");
}
