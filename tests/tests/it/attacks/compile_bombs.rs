//! Components that cost little to send and much to compile: they are refused with the reason, and cost the host nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use bytesize::ByteSize;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pulsing_host::internals::measure;
use pulsing_host::{
    ActorName, ActorSpec, CompilerEnd, ComponentSource, Host, HostLimits, LoadError, SpawnError,
};
use pulsing_tests::{bombs, guest_file, guest_files, spawn, spec};
use tempfile::TempDir;

use crate::program::{Ended, PROGRAM, RunningHost, run, run_under, text, wait_until};
use crate::{bounded, eventually};

/// More than a host needs, with all that it has loaded, where nothing is compiled in it: much less than a bomb takes.
const HOST_MAX: ByteSize = ByteSize::mib(256);

/// Each bomb, and the words that it is refused with.
fn bombs() -> Vec<(Vec<u8>, &'static str)> {
    const NESTED: &str = "it has 33 levels of components and modules within each other, more than the 32";
    const NESTED_TYPES: &str = "it has 33 levels of component types within each other, more than the 32";
    vec![
        (bombs::nested_components(5_000), NESTED),
        (bombs::nested_components(10_000), NESTED),
        (bombs::nested_components(20_000), NESTED),
        (bombs::nested_component_types(1_500), NESTED_TYPES),
        (bombs::nested_instance_types(1_500), NESTED_TYPES),
        (
            // More than in a process with limits, too.
            bombs::locals(2_000, 17_000),
            "it has 68004000 locals times branches of one core function, more than the ",
        ),
        (bombs::functions(100_000), "it has 100000 core functions, more than the 90000"),
        (bombs::branch_tables(4_000, 1_000), "bytes of one core function, more than the 2097152"),
        (
            bombs::doubling(30),
            "definitions, once all that it instantiates is written out, more than the 100000",
        ),
        (
            bombs::instances(19_000, 900),
            "it has 17100902 definitions, once all that it instantiates is written out, more than the 100000",
        ),
        (bombs::tables(50, 1_000_000), "it has 1000001 elements of tables, more than the 500000"),
        (
            bombs::images(20, 16 << 20),
            "bytes that the first contents of memories span, more than the 268435456",
        ),
    ]
}

/// Far below what a component may have of everything, and dear to compile: some 0.5 GB and 4 s of a processor.
fn dear() -> Vec<u8> {
    bombs::functions(80_000)
}

fn actor(name: &str, component: Vec<u8>) -> ActorSpec {
    ActorSpec::new(ActorName::new(name).unwrap(), ComponentSource::Bytes(component.into()))
}

/// A file with a component, in a folder of its own.
fn file(component: &[u8]) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    // Behind all others, by its name: actors are started in that order.
    let file = folder.path().join("zip-bomb.wasm");
    fs::write(&file, component).unwrap();
    let name = text(&file).to_owned();
    (folder, name)
}

/// A limit of memory that no other test has, nor any that ran before: its compilers are known by it.
fn own_limit(mib: u64) -> ByteSize {
    ByteSize::b((mib << 20) + u64::from(std::process::id()))
}

/// The processes that compile within this limit of memory.
fn compilers(memory_max: ByteSize) -> Vec<Pid> {
    let memory_max = memory_max.as_u64().to_string();
    let id = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let is_one = |id: &i32| {
        let words = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let words: Vec<_> = words.split(|byte| *byte == 0).collect();
        words.contains(&b"compile-component".as_slice()) && words.contains(&memory_max.as_bytes())
    };
    fs::read_dir("/proc").unwrap().filter_map(id).filter(is_one).map(Pid::from_raw).collect()
}

/// Waits until a component is being compiled, and holds the process: it is ended by others, or not at all.
fn hold_compiler(memory_max: ByteSize) -> Held {
    let ready = || compilers(memory_max).into_iter().find(|id| has_its_limits(*id, memory_max));
    wait_until(|| ready().is_some());
    let held = ready().expect("it takes long");
    kill(held, Signal::SIGSTOP).unwrap();
    Held(held)
}

/// A process that is held, and does not outlive the test.
struct Held(Pid);

impl Drop for Held {
    fn drop(&mut self) {
        // It has ended, if all is well.
        let _has_ended = kill(self.0, Signal::SIGKILL);
    }
}

/// A host that compiles with the program, within this limit of memory, and keeps its code in a folder of its own.
fn host(folder: &Path, compiler: &Path, memory_max: ByteSize) -> Host {
    let limits = HostLimits { compile_memory_max: Some(memory_max), ..HostLimits::default() };
    Host::builder().cache_dir(folder).compiler(compiler).limits(limits).build().unwrap()
}

fn uncompiled(end: CompilerEnd) -> SpawnError {
    SpawnError::Load(LoadError::Uncompiled { name: "the component".to_owned(), end })
}

#[test]
fn a_bomb_is_refused_with_the_bound_that_it_is_beyond_and_without_its_memory() {
    let little = format!("ulimit -d {}; exec \"$@\"", HOST_MAX.as_u64() >> 10);
    let little = ["sh", "-c", &little, "sh"];
    for (component, says) in bombs() {
        let (_folder, file) = file(&component);
        run_under(&little, &["check", &file]).assert_failed(9, &[&file, "costs too much to compile", says]);
        let left = run_under(&little, &["run", "--listen", "127.0.0.1:0", "--log-level", "off", &file]);
        assert_eq!(left.code, Some(9), "{left:?}");
        assert!(left.stderr.starts_with(&format!("error: {file}: costs too much")), "{left:?}");
        assert!(left.stderr.contains(says), "{left:?}");
    }
}

#[tokio::test]
async fn a_host_without_a_compiler_of_its_own_has_the_same_bounds() {
    let host = pulsing_tests::host().unwrap();
    let echo = spawn(&host, spec("echo").unwrap()).await.unwrap();
    for (component, says) in bombs() {
        let refused = host.spawn(actor("bomb", component)).await.err().unwrap();
        assert!(matches!(&refused, SpawnError::Load(LoadError::TooCostly { .. })), "{refused:?}");
        assert!(refused.to_string().contains(says), "{refused}");
        assert_eq!(bounded(echo.ask::<u64>("told", &()).into_future()).await.unwrap(), 0);
    }
    host.shutdown().await;
}

#[test]
fn what_real_guests_have_is_a_quarter_of_what_they_may_have_at_most() {
    let guests = guest_files().unwrap();
    assert!(guests.len() > 10, "they are built: {guests:?}");
    for guest in guests {
        println!("{}", guest.display());
        for measure in measure(text(&guest), &fs::read(&guest).unwrap()).unwrap() {
            println!("  {} {}, of {}", measure.found, measure.what, measure.max);
            assert!(measure.found * 4 <= measure.max, "{}: {measure:?}", guest.display());
        }
    }
}

#[test]
fn a_component_that_takes_too_much_of_the_compiler_is_refused_with_the_limit() {
    let (folder, file) = file(&dear());
    let cache = text(folder.path());
    let out = format!("{cache}/out.pulsing");
    for verb in [&["check", "--cache-dir", cache][..], &["compile", "--log-level", "off", "--out", &out]] {
        let memory = run(&[verb, &["--compile-memory-max", "128MiB", &file]].concat());
        memory.assert_failed(
            9,
            &["cannot be compiled: it took more than 128.0 MiB of memory; --compile-memory-max sets that"],
        );
        let time = run(&[verb, &["--compile-time-max", "1s", &file]].concat());
        time.assert_failed(
            9,
            &["cannot be compiled: it took ", " than 1s", "; --compile-time-max sets that"],
        );
    }
    assert!(!Path::new(&out).exists());
}

#[test]
fn a_host_serves_and_stays_small_while_a_component_takes_all_that_the_compiler_may_have() {
    let memory_max = own_limit(301);
    let (folder, file) = file(&dear());
    let echo = guest_file("echo").unwrap();
    let (cache, limit) = (text(folder.path()), memory_max.as_u64().to_string());
    // From now on, it is not compiled any more: there is one compiler, and it comes before the other by its name.
    assert_eq!(run(&["check", "--cache-dir", cache, text(&echo)]).code, Some(0));
    let args = ["--cache-dir", cache, "--compile-memory-max", &limit, text(&echo), &file];
    let host = RunningHost::start(&args, 0);
    let held = hold_compiler(memory_max);
    wait_until(|| host.client(&["ask", "echo", "told"]).stdout == "0\n");
    kill(held.0, Signal::SIGCONT).unwrap();
    let mut peak = 0;
    // Until it is refused, and the host perhaps with it.
    wait_until(|| {
        peak = peak_bytes(host.id()).unwrap_or(peak);
        compilers(memory_max).is_empty()
    });
    assert!((1..HOST_MAX.as_u64()).contains(&peak), "{peak} bytes");
}

/// The most memory that a process has had, while it has any.
fn peak_bytes(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))?;
    Some(kib.trim().parse::<u64>().unwrap() << 10)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiler_that_is_ended_refuses_its_component_and_nothing_else() {
    let memory_max = own_limit(1_001);
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), Path::new(PROGRAM), memory_max);
    let echo = spawn(&host, spec("echo").unwrap()).await.unwrap();
    let end = async {
        let held = tokio::task::spawn_blocking(move || hold_compiler(memory_max)).await.unwrap();
        assert_eq!(bounded(echo.ask::<u64>("told", &()).into_future()).await.unwrap(), 0);
        kill(held.0, Signal::SIGKILL).unwrap();
    };
    let (refused, ()) = tokio::join!(bounded(host.spawn(actor("bomb", dear()))), end);
    let refused = refused.err().unwrap();
    assert!(
        refused.to_string().ends_with("by signal 9; the system may have had no memory left"),
        "{refused}"
    );
    assert_eq!(refused, uncompiled(CompilerEnd::Signal(9)));
    // Of the other lane, and not loaded before.
    let next = spawn(&host, spec("echo-overlapping").unwrap()).await.unwrap();
    assert_eq!(bounded(next.ask::<u64>("told", &()).into_future()).await.unwrap(), 0);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_nobody_waits_for_any_more_ends_its_compiler() {
    let memory_max = own_limit(1_002);
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), Path::new(PROGRAM), memory_max);
    let _held = tokio::select! {
        loaded = host.spawn(actor("bomb", dear())) => panic!("{:?}", loaded.map(drop)),
        held = tokio::task::spawn_blocking(move || hold_compiler(memory_max)) => held.unwrap(),
    };
    eventually(async || compilers(memory_max), Vec::is_empty).await;
    // There is one compilation at a time: this one has the place of the other.
    spawn(&host, spec("echo").unwrap()).await.unwrap();
    host.shutdown().await;
}

#[test]
fn a_compiler_ends_with_its_host_however_that_ends() {
    for (signal, memory_max, code) in [("TERM", own_limit(1_003), Some(0)), ("KILL", own_limit(1_004), None)]
    {
        let (folder, file) = file(&dear());
        let limit = memory_max.as_u64().to_string();
        let args = ["--cache-dir", text(folder.path()), "--compile-memory-max", &limit, &file];
        let mut host = RunningHost::start(&args, 0);
        let _held = hold_compiler(memory_max);
        host.signal(signal);
        assert_eq!(host.wait(), code, "{signal}");
        wait_until(|| compilers(memory_max).is_empty());
    }
}

#[test]
fn a_compiler_has_limits_and_nothing_of_its_host() {
    let memory_max = own_limit(1_005);
    let (folder, file) = file(&dear());
    let mut check = Command::new("sh");
    // A descriptor that the host does not know of, as of a shell that started it.
    check.args(["-c", "exec 7</dev/null; exec \"$@\"", "sh", PROGRAM, "check", "--compile-time-max", "500s"]);
    check.args([
        "--compile-memory-max",
        &memory_max.as_u64().to_string(),
        "--cache-dir",
        text(folder.path()),
        &file,
    ]);
    check.env("SECRET", "of the host").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let check = Ended(check.spawn().unwrap());
    let held = hold_compiler(memory_max);
    let id = held.0;
    assert_eq!(fs::read(format!("/proc/{id}/environ")).unwrap(), b"");
    let open = fs::read_dir(format!("/proc/{id}/fd")).unwrap();
    let mut open: Vec<_> = open.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    open.sort();
    assert_eq!(open, ["0", "1", "2"]);
    assert_eq!(fs::read_to_string(format!("/proc/{id}/oom_score_adj")).unwrap().trim(), "1000");
    let limits = fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max cpu time"), ["500", "501"]);
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    assert_eq!(limit("Max file size"), ["0", "0"]);
    drop(check);
    wait_until(|| compilers(memory_max).is_empty());
}

/// Whether a process has gone so far that it reads its component: its niceness is what it sets last.
fn has_its_limits(id: Pid, memory_max: ByteSize) -> bool {
    const NICENESS: usize = 19;
    let read = |file: &str| fs::read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default();
    let limits = read("limits");
    let data = limits.lines().find_map(|line| line.strip_prefix("Max data size")).unwrap_or_default();
    // The second field is the name, which has blanks perhaps.
    let stat = read("stat");
    let niceness = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(NICENESS - 3));
    data.contains(&memory_max.as_u64().to_string()) && niceness.is_some_and(|niceness| niceness != "0")
}

#[tokio::test]
async fn a_program_that_is_no_compiler_of_this_host_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    for (program, says) in [
        ("/bin/true", "cannot be compiled: the compiler failed: exit status: 0"),
        ("/bin/false", "cannot be compiled: the compiler failed: exit status: 1"),
        (
            "/nowhere/pulsing-host",
            "cannot be compiled: the compiler failed: /nowhere/pulsing-host: No such file",
        ),
    ] {
        let host = host(folder.path(), Path::new(program), own_limit(1_006));
        let refused = bounded(host.spawn(spec("echo").unwrap())).await.err().unwrap();
        assert!(refused.to_string().contains(says), "{refused}");
        host.shutdown().await;
    }
}

#[tokio::test]
async fn a_compiler_that_complains_at_length_is_not_kept_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("complains");
    fs::write(&program, "#!/bin/sh\nyes 'too long' | head -c 1000000 >&2\nexit 3\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let host = host(folder.path(), &program, own_limit(1_008));
    let refused = bounded(host.spawn(spec("echo").unwrap())).await.err().unwrap();
    let says = "cannot be compiled: the compiler failed: exit status: 3: too long";
    assert!(refused.to_string().contains(says), "{refused}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_component_is_refused_for_what_it_is_whatever_words_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), Path::new(PROGRAM), own_limit(1_009));
    for words in ["Cannot allocate memory", "memory allocation of ", "has overflowed its stack"] {
        let refused = bounded(host.spawn(actor("words", bombs::importing(words)))).await.err().unwrap();
        assert!(matches!(&refused, SpawnError::Load(LoadError::Malformed { .. })), "{refused:?}");
        assert!(refused.to_string().contains(words), "{refused}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_damaged_component_is_refused_by_the_compiler_in_the_words_of_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), Path::new(PROGRAM), own_limit(1_007));
    // A core module whose function lacks its end, within an actor.
    let mut damaged = bombs::functions(1);
    let end = damaged.pop().unwrap();
    damaged.push(end - 1);
    let refused = bounded(host.spawn(actor("damaged", damaged))).await.err().unwrap();
    assert!(matches!(&refused, SpawnError::Load(LoadError::Malformed { .. })), "{refused:?}");
    assert!(!refused.to_string().contains('\n'), "{refused}");
    host.shutdown().await;
    assert_eq!(compilers(own_limit(1_007)), []);
}
