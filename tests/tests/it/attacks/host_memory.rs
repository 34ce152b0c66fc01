//! Components that make the host keep much for them beside their own memory: they are charged what they take, before there is
//! an instance of them, and refused as memory is.

use std::fs;
use std::path::Path;

use bytesize::ByteSize;
use pulsing_host::{
    ActorName, ActorSpec, ComponentSource, ExitReason, Host, HostLimits, LoadError, MemoryRefused,
    RestartPolicy, SpawnError,
};
use pulsing_tests::{bombs, cache_dir, guest_file, spec};
use serde_json::Value;

use crate::bounded;
use crate::program::{RunningHost, text};

const MIB: u64 = 1 << 20;

/// An echo that makes so many instances of a core module.
fn hoarder(module: &[u8], instances: u32) -> Vec<u8> {
    bombs::hoarding(&fs::read(guest_file("echo").unwrap()).unwrap(), module, instances)
}

fn actor(name: &str, component: Vec<u8>) -> ActorSpec {
    let mut spec = ActorSpec::new(ActorName::new(name).unwrap(), ComponentSource::Bytes(component.into()));
    spec.restart.policy = RestartPolicy::Never;
    spec
}

/// How a life ends that does not become ready.
async fn end_of(host: &Host, spec: ActorSpec) -> ExitReason {
    let actor = host.spawn(spec).await.unwrap();
    let status = bounded(actor.wait_for(|status| status.state.is_final())).await.unwrap();
    status.last_exit.unwrap()
}

fn refused(exit: &ExitReason) -> Option<MemoryRefused> {
    match exit {
        ExitReason::Trapped { refused, .. } => *refused,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn budgets_refuse_a_component_of_many_instances_as_they_refuse_memory() {
    let host = pulsing_tests::host().unwrap();
    // 287 MB, whatever the ceiling of its memory.
    let error = host.spawn(actor("large", hoarder(&bombs::globals(19_900), 900))).await.err().unwrap();
    assert!(matches!(&error, SpawnError::Load(LoadError::TooCostly { .. })), "{error:?}");
    let says = "bytes of the host for its instances, beside memories and tables, more than the 16777216";
    assert!(error.to_string().contains(says), "{error}");
    // 16 MB, with the memory of an echo more than it may have; and half of that, before there is any.
    let component = hoarder(&bombs::globals(1_050), 900);
    for (name, max) in [("whole", ByteSize::mib(16)), ("half", ByteSize::mib(8))] {
        let mut spec = actor(name, component.clone());
        spec.limits.memory_max = max;
        let max_bytes = spec.limits.memory_max_bytes();
        let exit = end_of(&host, spec).await;
        assert_eq!(refused(&exit), Some(MemoryRefused::Own(max_bytes)), "{name}: {exit:?}");
    }
    // With more than that, it is an echo.
    let mut spec = actor("more", component);
    spec.limits.memory_max = ByteSize::mib(32);
    let more = pulsing_tests::spawn(&host, spec).await.unwrap();
    assert_eq!(bounded(more.ask::<u64>("told", &()).into_future()).await.unwrap(), 0);
    host.shutdown().await;
}

#[tokio::test]
async fn budgets_refuse_a_component_whose_instances_take_long_to_fill() {
    let host = pulsing_tests::host().unwrap();
    // 450,000,000 elements, of a component of 0.5 MB.
    let error =
        host.spawn(actor("long", hoarder(&bombs::filled_tables(5_000, 100), 900))).await.err().unwrap();
    assert!(matches!(&error, SpawnError::Load(LoadError::TooCostly { .. })), "{error:?}");
    let says = "bytes that are written when it is instantiated, more than the 268435456";
    assert!(error.to_string().contains(says), "{error}");
    let short = actor("short", hoarder(&bombs::filled_tables(1_000, 1), 900));
    let short = pulsing_tests::spawn(&host, short).await.unwrap();
    assert_eq!(bounded(short.ask::<u64>("told", &()).into_future()).await.unwrap(), 0);
    host.shutdown().await;
}

#[tokio::test]
async fn budgets_of_a_host_hold_what_all_its_lives_make_it_keep() {
    let limits = HostLimits { memory_max: Some(ByteSize::mib(40)), ..HostLimits::default() };
    let host = Host::builder().cache_dir(cache_dir()).limits(limits).build().unwrap();
    let component = hoarder(&bombs::globals(1_000), 900);
    for name in ["one", "two"] {
        pulsing_tests::spawn(&host, actor(name, component.clone())).await.unwrap();
    }
    let exit = end_of(&host, actor("three", component.clone())).await;
    assert_eq!(refused(&exit), Some(MemoryRefused::Host(40 << 20)), "{exit:?}");
    // What one kept is there for the next.
    bounded(host.actor("one").unwrap().stop()).await.unwrap();
    pulsing_tests::spawn(&host, actor("four", component)).await.unwrap();
    for name in ["two", "four"] {
        bounded(host.actor(name).unwrap().stop()).await.unwrap();
    }
    assert_eq!(host.memory_bytes(), 0);
    host.shutdown().await;
}

#[tokio::test]
async fn budgets_charge_a_small_actor_little_for_what_the_host_keeps() {
    let host = pulsing_tests::host().unwrap();
    let echo = pulsing_tests::spawn(&host, spec("echo").unwrap()).await.unwrap();
    let counted = echo.snapshot().await.unwrap().counted;
    assert!((1..256 << 10).contains(&counted.overhead_bytes), "{counted:?}");
    assert_eq!(host.memory_bytes() as u64, counted.memory_bytes + counted.overhead_bytes);
    bounded(echo.stop()).await.unwrap();
    let counted = echo.snapshot().await.unwrap().counted;
    assert_eq!((counted.memory_bytes, counted.overhead_bytes, host.memory_bytes()), (0, 0, 0));
    host.shutdown().await;
}

/// Pages of memory that a process has, in bytes.
fn resident_bytes(process: u32) -> u64 {
    let pages = fs::read_to_string(format!("/proc/{process}/statm")).unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// What a host that runs so many actors of a component has, and what it charges the first of them.
fn measured(component: &Path, actors: u32) -> (u64, u64) {
    let config = component.with_extension(format!("{actors}.toml"));
    let lines = (0..actors).map(|number| format!("[actors.a{number}]\ncomponent = {component:?}\n"));
    fs::write(&config, lines.collect::<String>()).unwrap();
    let host = RunningHost::start(&["--config", text(&config)], actors.try_into().unwrap());
    let seen: Value = serde_json::from_str(&host.client(&["inspect", "a0"]).stdout).unwrap();
    let charged = ["memory_bytes", "overhead_bytes"].map(|field| seen[field].as_u64().unwrap());
    let resident = resident_bytes(host.id());
    host.stop();
    (resident, charged.into_iter().sum())
}

#[test]
fn budgets_hold_what_instances_take_of_the_host() {
    const MORE: u32 = 8;
    let folder = tempfile::tempdir().unwrap();
    for (name, component) in [
        ("echo", fs::read(guest_file("echo").unwrap()).unwrap()),
        ("empty", hoarder(&bombs::globals(0), 900)),
        ("globals", hoarder(&bombs::globals(1_000), 900)),
        ("elements", hoarder(&bombs::passive_elements(1_000), 500)),
        ("functions", hoarder(&bombs::exported_functions(1_000), 300)),
        ("tables", hoarder(&bombs::small_tables(99), 10)),
    ] {
        let file = folder.path().join(name).with_extension("wasm");
        fs::write(&file, component).unwrap();
        let ((few, charged), (many, _)) = (measured(&file, 1), measured(&file, 1 + MORE));
        let grown = many.saturating_sub(few) / u64::from(MORE);
        println!("{name}: {grown} bytes for each, charged {charged}");
        assert!(grown <= charged * 3 / 2 + 4 * MIB, "{name}: {grown} bytes for each, charged {charged}");
    }
}
