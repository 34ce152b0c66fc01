//! What holds whatever several senders do, in whatever order: random lists of operations on one actor.
//!
//! One driver sends for all senders, so that the order in which they send is known; what it has sent goes on by
//! itself. On a failure the list is made as short as it can be, and printed.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::time::Duration;

use futures::future::{BoxFuture, poll_immediate};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::native::{Fixture, Setup, settle};
use crate::delivery::ActorRef;
use crate::limits::{Limits, Overflow};
use crate::policy::RestartSettings;
use crate::stream::StreamReader;
use crate::wire::{ActorError, CallError, RuntimeErrorKind};

/// One thing that a sender does.
#[derive(Debug, Clone)]
enum Op {
    /// Asks, with a timeout, and drops the ask after `give_up_ms`.
    Ask {
        sender: u64,
        method: &'static str,
        ms: u64,
        timeout_ms: u64,
        give_up_ms: Option<u64>,
    },
    Tell {
        sender: u64,
        is_bad: bool,
    },
    /// Opens a stream, reads up to `read` items with a pause before each, and drops it.
    Stream {
        sender: u64,
        method: &'static str,
        last: u64,
        resume_after: u64,
        read: usize,
        pause_ms: u64,
    },
    /// Lets everybody go on for a while.
    Pause {
        ms: u64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let sender = || 0..4_u64;
    let method = prop_oneof![
        8 => Just("sleep"),
        4 => Just("echo"),
        1 => Just("refuse"),
        1 => Just("crash"),
        1 => Just("fault"),
        1 => Just("panic"),
    ];
    let ask = (sender(), method, 0..40_u64, 1..60_u64, prop::option::of(0..30_u64)).prop_map(
        |(sender, method, ms, timeout_ms, give_up_ms)| Op::Ask { sender, method, ms, timeout_ms, give_up_ms },
    );
    let streams = prop_oneof![Just("count"), Just("count_and_fail"), Just("count_slowly")];
    let stream = (sender(), streams, 0..90_u64, 0..20_u64, 0..100_usize, 0..4_u64).prop_map(
        |(sender, method, last, resume_after, read, pause_ms)| {
            // The slow one has no end.
            let read = if method == "count_slowly" { read.min(8) } else { read };
            Op::Stream { sender, method, last, resume_after, read, pause_ms }
        },
    );
    prop_oneof![
        6 => ask,
        3 => (sender(), any::<bool>()).prop_map(|(sender, is_bad)| Op::Tell { sender, is_bad }),
        3 => stream,
        2 => (0..25_u64).prop_map(|ms| Op::Pause { ms }),
    ]
}

/// What became of one message.
#[derive(Debug)]
enum Fate {
    Asked(Result<Value, CallError>),
    /// The sender dropped it before its answer.
    GivenUp,
    Told(Result<(), CallError>),
    /// The stream's items, and whether they are all that the reader wanted or all that there were.
    Read(Vec<(u64, Value)>, Ending),
}

#[derive(Debug)]
enum Ending {
    Abandoned,
    Ended,
    Failed(CallError),
}

async fn read(mut reader: StreamReader, count: usize, pause: Duration) -> Fate {
    let mut items = Vec::new();
    while items.len() < count {
        tokio::time::sleep(pause).await;
        match reader.next().await {
            Some(Ok(item)) => items.push((item.number, item.payload.to_value().unwrap())),
            Some(Err(error)) => {
                assert!(reader.next().await.is_none(), "nothing comes after an error");
                return Fate::Read(items, Ending::Failed(error));
            }
            None => return Fate::Read(items, Ending::Ended),
        }
    }
    Fate::Read(items, Ending::Abandoned)
}

/// Carries out one operation; its first step sends the message, or stands in line for it.
fn carry_out(actor: ActorRef, id: usize, op: Op) -> BoxFuture<'static, Fate> {
    async move {
        match op {
            Op::Ask { method, ms, timeout_ms, give_up_ms, .. } => {
                let args = json!({"id": id, "number": ms});
                let ask = actor.ask(method, &args).timeout(Duration::from_millis(timeout_ms)).into_future();
                match give_up_ms {
                    None => Fate::Asked(ask.await),
                    Some(ms) => tokio::time::timeout(Duration::from_millis(ms), ask)
                        .await
                        .map_or(Fate::GivenUp, Fate::Asked),
                }
            }
            Op::Tell { is_bad, .. } => {
                let args = json!({"id": id, "bad": is_bad});
                Fate::Told(actor.tell("log", &args).await.map_err(Into::into))
            }
            Op::Stream { method, last, resume_after, read: count, pause_ms, .. } => {
                let args = json!({"id": id, "number": last});
                match actor.stream(method, &args).resume_after(resume_after).await {
                    Ok(reader) => read(reader, count, Duration::from_millis(pause_ms)).await,
                    Err(error) => Fate::Read(Vec::new(), Ending::Failed(error)),
                }
            }
            Op::Pause { .. } => unreachable!("the driver's own"),
        }
    }
    .boxed()
}

/// Carries out all operations, and answers what became of each, by its place in the list.
async fn drive(actor: &ActorRef, ops: &[Op]) -> BTreeMap<usize, Fate> {
    let mut fates = BTreeMap::new();
    let mut running = FuturesUnordered::new();
    for (id, op) in ops.iter().enumerate() {
        if let Op::Pause { ms } = op {
            let pause = tokio::time::sleep(Duration::from_millis(*ms));
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    biased;
                    Some((id, fate)) = running.next() => drop(fates.insert(id, fate)),
                    () = &mut pause => break,
                }
            }
            continue;
        }
        let mut work = carry_out(actor.clone(), id, op.clone());
        match poll_immediate(&mut work).await {
            Some(fate) => drop(fates.insert(id, fate)),
            None => running.push(async move { (id, work.await) }),
        }
    }
    while let Some((id, fate)) = running.next().await {
        fates.insert(id, fate);
    }
    fates
}

fn sender(op: &Op) -> Option<u64> {
    match op {
        Op::Ask { sender, .. } | Op::Tell { sender, .. } | Op::Stream { sender, .. } => Some(*sender),
        Op::Pause { .. } => None,
    }
}

/// The messages that handlers were started with, in that order.
fn started(fixture: &Fixture) -> Vec<usize> {
    let id = |note: &String| {
        let args: Value = serde_json::from_str(note.split_once(' ')?.1).ok()?;
        usize::try_from(args.get("id")?.as_u64()?).ok()
    };
    fixture.journal.read().iter().filter_map(id).collect()
}

/// Messages that were buried.
async fn buried(actor: &ActorRef) -> BTreeSet<usize> {
    let id = |args: Value| usize::try_from(args["id"].as_u64().unwrap()).unwrap();
    actor
        .dead_letters()
        .await
        .unwrap()
        .into_iter()
        .map(|letter| id(letter.message.args.to_value().unwrap()))
        .collect()
}

fn check_order(ops: &[Op], started: &[usize]) {
    let mut last = BTreeMap::new();
    for id in started {
        let before = last.insert(sender(&ops[*id]), *id);
        assert!(before < Some(*id), "{id} was started after {before:?}, of the same sender: {started:?}");
    }
}

fn is_full(error: &CallError) -> bool {
    matches!(error, CallError::Runtime(error) if error.kind == RuntimeErrorKind::MailboxFull)
}

fn check_fate(id: usize, op: &Op, fate: &Fate, is_started: bool, is_buried: bool) {
    match (op, fate) {
        (Op::Ask { ms, .. }, Fate::Asked(Ok(answer))) => {
            assert!(is_started, "{id} was answered {answer} and never handled");
            if let Some(echoed) = answer.as_object() {
                assert_eq!((&echoed["id"], &echoed["number"]), (&json!(id), &json!(ms)));
            }
        }
        (_, Fate::Asked(Err(error)) | Fate::Told(Err(error)) | Fate::Read(_, Ending::Failed(error)))
            if is_full(error) =>
        {
            assert!(!is_started, "{id} was refused and handled");
        }
        (Op::Ask { .. }, Fate::Asked(Err(_)) | Fate::GivenUp) => {}
        (Op::Tell { .. }, Fate::Told(Ok(()))) => {
            assert!(is_started || is_buried, "the tell {id} is neither handled nor a dead letter");
        }
        (Op::Stream { method, last, resume_after, read, .. }, Fate::Read(items, ending)) => {
            let numbers: Vec<_> = items.iter().map(|(number, _)| *number).collect();
            let expected: Vec<_> = (resume_after + 1..).take(items.len()).collect();
            assert_eq!(numbers, expected, "{id}: without gaps");
            assert!(items.iter().all(|(number, value)| *value == json!(number)), "{id}: {items:?}");
            let total = usize::try_from(last.saturating_sub(*resume_after)).unwrap();
            match ending {
                Ending::Abandoned => assert_eq!(items.len(), *read),
                Ending::Ended => assert_eq!((*method, items.len()), ("count", total)),
                Ending::Failed(CallError::Actor(ActorError::System { message, .. }))
                    if message == "out of numbers" =>
                {
                    assert_eq!((*method, items.len()), ("count_and_fail", total));
                }
                Ending::Failed(_) => {}
            }
        }
        (op, fate) => panic!("{op:?} came to {fate:?}"),
    }
}

/// Carries out `ops` on an actor of its own, and checks what is promised.
async fn check(setup: Setup, ops: &[Op]) {
    let mut fixture = setup.spawn();
    let bound = Duration::from_secs(3600);
    let fates = tokio::time::timeout(bound, drive(&fixture.actor, ops)).await.expect("everybody is answered");
    // The last restart, and the time that those have who were told to stop.
    tokio::time::sleep(Duration::from_secs(60)).await;
    settle().await;
    let (started, buried) = (started(&fixture), buried(&fixture.actor).await);
    check_order(ops, &started);
    let handled: BTreeSet<_> = started.iter().copied().collect();
    for (id, op) in ops.iter().enumerate().filter(|(_, op)| sender(op).is_some()) {
        check_fate(id, op, &fates[&id], handled.contains(&id), buried.contains(&id));
    }
    let rest = fixture.actor.snapshot().await.unwrap();
    assert_eq!((rest.in_flight, rest.streams, rest.mailbox_depth), (0, 0, 0), "nothing is left");
    assert_eq!(rest.counted.dead_letters, u64::try_from(buried.len()).unwrap(), "every one is counted, once");
    let counted = rest.counted.asks + rest.counted.tells;
    assert_eq!(counted, u64::try_from(started.len()).unwrap(), "every start is counted");
    assert_eq!(fixture.ask("open_streams", json!(null)).await.unwrap(), json!(0), "no stream is left open");
    fixture.task.abort();
    assert!((&mut fixture.task).await.unwrap_err().is_cancelled());
    assert_eq!(fixture.journal.holders(), 1, "nothing of the actor is left");
}

fn setup(is_overlapping: bool, capacity: usize, overflow: Overflow) -> Setup {
    let limits = Limits {
        mailbox_messages: NonZeroUsize::new(capacity).unwrap(),
        overflow,
        max_in_flight: const { NonZeroUsize::new(5).unwrap() },
        dead_letters: 1000,
        ..Limits::default()
    };
    let restart = RestartSettings {
        max_restarts: 1000,
        min_backoff: Some(Duration::from_millis(3)),
        max_backoff: Duration::from_millis(20),
        ..RestartSettings::default()
    };
    let base = if is_overlapping { Setup::overlapping() } else { Setup::default() };
    Setup { limits, restart, ..base }
}

fn paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn order_answers_and_streams_hold_whatever_senders_do(
        is_overlapping in any::<bool>(),
        capacity in 1..6_usize,
        overflow in prop_oneof![
            Just(Overflow::Wait), Just(Overflow::Reject), Just(Overflow::DropOldest), Just(Overflow::DropNewest),
        ],
        ops in prop::collection::vec(op(), 1..60),
    ) {
        paused(check(setup(is_overlapping, capacity, overflow), &ops));
    }
}
