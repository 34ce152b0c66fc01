//! What the examples promise and their READMEs cannot show.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use bytesize::ByteSize;
use futures::StreamExt;
use pulsing_host::{ActorError, ActorRef, CallError, DirGrant, Host};
use pulsing_tests::{host, spawn, spec};
use serde_json::{Value, json};

use crate::{bounded, eventually};

async fn ask(actor: &ActorRef, method: &str, args: Value) -> Value {
    bounded(actor.ask::<Value>(method, &args).into_future()).await.unwrap()
}

const TELLS: u64 = 10_000;

#[tokio::test]
async fn a_log_sink_takes_thousands_of_tells_and_keeps_the_latest() {
    let host = host().unwrap();
    let sink = spawn(&host, spec("log-sink").unwrap()).await.unwrap();
    for n in 0..TELLS {
        let entry = json!({"level": "info", "message": format!("entry {n}")});
        bounded(sink.tell("log", &json!({"entry": entry})).into_future()).await.unwrap();
    }
    assert_eq!(ask(&sink, "counts", json!({})).await, json!({"info": TELLS}));
    let kept = ask(&sink, "latest", json!({"limit": TELLS})).await;
    assert_eq!(kept.as_array().unwrap().len(), 1000);
    assert_eq!(kept[0]["message"], format!("entry {}", TELLS - 1));
    host.shutdown().await;
}

#[tokio::test]
async fn a_metrics_sink_counts_thousands_of_tells_and_refuses_names_without_end() {
    let host = host().unwrap();
    let sink = spawn(&host, spec("metrics-sink").unwrap()).await.unwrap();
    for n in 0..TELLS {
        let observed = json!({"name": "load_ms", "value": n});
        bounded(sink.tell("observe", &observed).into_future()).await.unwrap();
    }
    let last = TELLS - 1;
    assert_eq!(
        ask(&sink, "summary", json!(["load_ms"])).await,
        json!({"count": TELLS, "sum": (last * TELLS / 2) as f64, "min": 0.0, "max": last as f64})
    );
    for n in 0..1000 {
        bounded(sink.tell("event", &json!([format!("event {n}")])).into_future()).await.unwrap();
    }
    assert_eq!(ask(&sink, "names", json!([])).await.as_array().unwrap().len(), 1000);
    let letters = sink.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].reason.contains("no room for a series `event 999`"), "{:?}", letters[0].reason);
    host.shutdown().await;
}

#[tokio::test]
async fn a_long_task_hears_of_it_when_its_reader_goes_away_while_it_waits() {
    let host = host().unwrap();
    let tasks = spawn(&host, spec("long-task").unwrap()).await.unwrap();
    let hour_ms = 3_600_000;
    let stream = tasks.stream("run", &json!({"task_id": "a", "step_ms": hour_ms})).await.unwrap();
    eventually(|| ask(&tasks, "tasks", json!([])), |tasks| tasks["running"] == 1).await;
    drop(stream);
    let ended = eventually(|| ask(&tasks, "tasks", json!([])), |tasks| tasks["running"] == 0).await;
    assert_eq!(ended, json!({"running": 0, "finished": 0, "cancelled": 1}));
    assert_eq!(tasks.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}

#[tokio::test]
async fn a_long_task_that_is_taken_up_again_does_no_step_twice() {
    let host = host().unwrap();
    let tasks = spawn(&host, spec("long-task").unwrap()).await.unwrap();
    // Steps of an hour: had it begun anew, the first would not be over.
    let task = json!({"task_id": "a", "steps": 3, "step_ms": 3_600_000});
    let stream = tasks.stream("run", &task).resume_after(3).await.unwrap();
    assert_eq!(bounded(stream.count()).await, 0);
    assert_eq!(ask(&tasks, "tasks", json!([])).await["finished"], 1);
    host.shutdown().await;
}

/// A worker that fails twice, and a client that may ask it.
async fn worker_and_client(host: &Host) -> (ActorRef, ActorRef) {
    let worker = spawn(host, spec("flaky").unwrap()).await.unwrap();
    let mut client = spec("retry-client").unwrap();
    client.grants.ask = vec![worker.id().clone()];
    (worker, spawn(host, client).await.unwrap())
}

#[tokio::test]
async fn a_retry_client_gets_over_two_failures_and_the_work_is_done_once() {
    let host = host().unwrap();
    let (worker, client) = worker_and_client(&host).await;
    let receipt = ask(&client, "process_with_retry", json!(["flaky", "tea"])).await;
    assert_eq!(receipt, json!({"data": "tea", "number": 1}));
    assert_eq!(worker.snapshot().await.unwrap().counted.asks, 3, "tries");
    assert_eq!(ask(&worker, "processed", json!([])).await, 1);
    host.shutdown().await;
}

#[tokio::test]
async fn a_retry_client_gives_up_after_its_tries_and_does_not_repeat_what_will_not_change() {
    let host = host().unwrap();
    let (worker, client) = worker_and_client(&host).await;
    let given_up = client.ask::<Value>("process_with_retry", &json!(["flaky", "tea", 1]));
    let error = bounded(given_up.into_future()).await.unwrap_err();
    assert!(matches!(error, CallError::Actor(ActorError::Timeout { .. })), "{error:?}");
    assert_eq!(worker.snapshot().await.unwrap().counted.asks, 2, "tries");
    let refused = client.ask::<Value>("process_with_retry", &json!(["flaky", ""]));
    let error = bounded(refused.into_future()).await.unwrap_err();
    assert!(matches!(error, CallError::Actor(ActorError::Business { code: 400, .. })), "{error:?}");
    assert_eq!(worker.snapshot().await.unwrap().counted.asks, 3, "tries");
    host.shutdown().await;
}

const FILE_BYTES: u64 = 32 << 20;
const LINE_BYTES: usize = 4096;

fn write_lines(path: &Path) -> u64 {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let lines = FILE_BYTES / u64::try_from(LINE_BYTES).unwrap();
    for line in 0..lines {
        writeln!(file, "{line:x>width$}", width = LINE_BYTES - 1).unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
    lines
}

#[tokio::test]
async fn a_file_larger_than_an_actors_memory_is_streamed_in_little_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let lines = write_lines(&folder.path().join("large.txt"));
    let host = host().unwrap();
    let mut spec = spec("large-file").unwrap();
    spec.limits.memory_max = ByteSize::mib(8);
    spec.grants.dirs = vec![DirGrant { host: folder.path().into(), guest: "/data".into(), read_only: true }];
    let reader = spawn(&host, spec).await.unwrap();
    let mut stream = reader.stream("process_large_file", &("/data/large.txt",)).await.unwrap();
    let mut seen = 0;
    let mut memory_at_first = 0;
    while let Some(item) = bounded(stream.next()).await {
        let line: Value = item.unwrap().payload.to_value().unwrap();
        seen += 1;
        assert_eq!(line["line"], seen);
        assert_eq!(line["data"].as_str().unwrap().len(), LINE_BYTES - 1);
        if seen == 1000 {
            memory_at_first = reader.snapshot().await.unwrap().counted.memory_bytes;
        }
    }
    assert_eq!(seen, lines);
    let memory = reader.snapshot().await.unwrap().counted.memory_bytes;
    assert!(memory < FILE_BYTES / 4, "{memory} bytes");
    // Draws grow to 32 lines once the reader keeps up, which may be later: a few copies of those, and not of the file.
    let grown = memory.saturating_sub(memory_at_first);
    assert!(grown <= FILE_BYTES / 32, "from {memory_at_first} bytes after a thousand lines to {memory}");
    assert_eq!(reader.status().await.unwrap().generation.0, 0);
    host.shutdown().await;
}
