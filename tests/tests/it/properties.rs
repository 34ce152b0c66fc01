//! What holds of real guests whatever several senders do: random lists of operations on a ledger.
//!
//! As the property test of the host's own, with fewer cases and on the real clock. What a life has noted goes with
//! its memory, so answers and items carry where they were noted: the life, and the place in it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt, poll_immediate};
use futures::stream::FuturesUnordered;
use proptest::prelude::*;
use pulsing_host::{ActorError, ActorRef, CallError, Overflow};
use pulsing_tests::{host, spawn};
use serde_json::Value;

use crate::bounded;
use crate::ledgers::{count_becomes, idle, ledger};

#[derive(Debug, Clone)]
enum Op {
    /// Asks, for at most `timeout_ms`, and drops the ask after `give_up_ms`.
    Ask {
        sender: u64,
        method: &'static str,
        timeout_ms: Option<u64>,
        give_up_ms: Option<u64>,
    },
    Tell {
        sender: u64,
    },
    /// Opens a stream, reads up to `read` items, and drops it.
    Stream {
        sender: u64,
        last: u64,
        read: usize,
    },
    Pause {
        ms: u64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let method = prop_oneof![8 => Just("nap"), 4 => Just("note"), 2 => Just("refuse"), 1 => Just("crash")];
    prop_oneof![
        6 => (0..3_u64, method, prop::option::of(1..8_u64), prop::option::of(0..8_u64)).prop_map(
            |(sender, method, timeout_ms, give_up_ms)| Op::Ask { sender, method, timeout_ms, give_up_ms }
        ),
        2 => (0..3_u64).prop_map(|sender| Op::Tell { sender }),
        3 => (0..3_u64, 0..90_u64, 0..100_usize)
            .prop_map(|(sender, last, read)| Op::Stream { sender, last, read }),
        1 => (0..8_u64).prop_map(|ms| Op::Pause { ms }),
    ]
}

/// Where a message was noted: the life, the place in it, the sender and the number.
type Entry = (u64, u64, u64, u64);

fn entry(value: &Value) -> Entry {
    let field = |name: &str| value[name].as_u64().unwrap_or_else(|| panic!("{name} in {value}"));
    (field("generation"), field("index"), field("sender"), field("number"))
}

fn entry_of_answer(answer: Result<Value, CallError>) -> Option<Entry> {
    match answer {
        Ok(value) => Some(entry(&value)),
        Err(CallError::Actor(ActorError::Business { details: Some(details), .. })) => {
            Some(entry(&serde_json::from_str(&details).unwrap()))
        }
        // It was cut off by a crash or its time was up, or it was refused.
        Err(
            CallError::Actor(ActorError::System { .. } | ActorError::Timeout { .. }) | CallError::Runtime(_),
        ) => None,
        Err(other) => panic!("{other:?}"),
    }
}

async fn read(actor: &ActorRef, args: (u64, u64, u64, u64), count: usize) -> Option<Entry> {
    let mut stream = actor.stream("items", &args).await.ok()?;
    let mut noted = None;
    for number in 1..=count {
        match stream.next().await {
            Some(Ok(item)) => {
                let (value, entry_value): (u64, Value) = item.payload.to_value().unwrap();
                assert_eq!((item.number, value), (number as u64, number as u64), "without gaps");
                let entry = entry(&entry_value);
                assert_eq!(*noted.get_or_insert(entry), entry, "all of one handler");
            }
            Some(Err(_crash)) => return noted,
            None => {
                assert_eq!(number as u64, args.2 + 1, "it ends after its last item");
                return noted;
            }
        }
    }
    noted
}

/// Carries out one operation; its first step sends the message, or stands in line for it.
fn carry_out(actor: ActorRef, number: u64, op: Op) -> BoxFuture<'static, Option<Entry>> {
    async move {
        match op {
            Op::Ask { sender, method, timeout_ms, give_up_ms } => {
                let args = if method == "nap" { vec![sender, number, 3] } else { vec![sender, number] };
                let ask = actor.ask::<Value>(method, &args);
                let ask = match timeout_ms {
                    None => ask.into_future(),
                    Some(ms) => ask.timeout(Duration::from_millis(ms)).into_future(),
                };
                match give_up_ms {
                    None => entry_of_answer(ask.await),
                    Some(ms) => {
                        let answer = tokio::time::timeout(Duration::from_millis(ms), ask).await.ok()?;
                        entry_of_answer(answer)
                    }
                }
            }
            Op::Tell { sender } => {
                // Where the mailbox is full it may be refused.
                actor.tell("scribble", &(sender, number)).await.ok();
                None
            }
            Op::Stream { sender, last, read: count } => read(&actor, (sender, number, last, 0), count).await,
            Op::Pause { ms } => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                None
            }
        }
    }
    .boxed()
}

/// Carries out all operations, and answers where those were noted of which that is known.
async fn drive(actor: &ActorRef, ops: &[Op]) -> Vec<Entry> {
    let mut running = FuturesUnordered::new();
    let mut noted = Vec::new();
    for (number, op) in (0..).zip(ops) {
        let mut work = carry_out(actor.clone(), number, op.clone());
        if matches!(op, Op::Pause { .. }) {
            work.await;
        } else {
            match poll_immediate(&mut work).await {
                Some(entry) => noted.extend(entry),
                None => running.push(work),
            }
        }
    }
    while let Some(entry) = running.next().await {
        noted.extend(entry);
    }
    noted
}

/// Whether a handler may be cancelled by it, of what it waits for. An overlapping guest may then be started out of
/// order: see the ignored test in `asks`.
fn cancels(op: &Op) -> bool {
    match op {
        Op::Ask { timeout_ms, give_up_ms, .. } => timeout_ms.is_some() || give_up_ms.is_some(),
        Op::Stream { .. } => true,
        Op::Tell { .. } | Op::Pause { .. } => false,
    }
}

/// In the order in which they were noted, no place is taken twice, and each sender's numbers grow if it is `in_order`.
fn check(mut noted: Vec<Entry>, in_order: bool) {
    noted.sort_unstable();
    let mut last_of = BTreeMap::new();
    for pair in noted.windows(2) {
        assert_ne!((pair[0].0, pair[0].1), (pair[1].0, pair[1].1), "one place, two messages: {noted:?}");
    }
    for (_, _, sender, number) in &noted {
        let before = last_of.insert(*sender, *number);
        assert!(!in_order || before < Some(*number), "{number} was noted after {before:?}: {noted:?}");
    }
}

async fn run(guest: &str, capacity: usize, overflow: Overflow, ops: &[Op]) {
    let host = host().unwrap();
    let mut spec = ledger(guest, "a", &[]);
    spec.limits.mailbox_messages = NonZeroUsize::new(capacity).unwrap();
    spec.limits.overflow = overflow;
    spec.restart.max_restarts = 1000;
    spec.restart.min_backoff = Some(Duration::from_millis(1));
    spec.restart.max_backoff = Duration::from_millis(5);
    let actor = spawn(&host, spec).await.unwrap();
    let in_order = guest == "ledger-serial" || !ops.iter().any(cancels);
    check(bounded(drive(&actor, ops)).await, in_order);
    idle(&actor).await;
    count_becomes(&actor, "running", 0).await;
    let notes: Vec<(u64, u64)> = bounded(actor.ask("notes", &()).into_future()).await.unwrap();
    let last_life = (0..).zip(notes).map(|(index, (sender, number))| (0, index, sender, number));
    check(last_life.collect(), in_order);
    host.shutdown().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn order_answers_and_streams_of_real_guests_hold_whatever_senders_do(
        is_overlapping in any::<bool>(),
        capacity in 2..6_usize,
        overflow in prop_oneof![Just(Overflow::Wait), Just(Overflow::Reject), Just(Overflow::DropOldest)],
        ops in prop::collection::vec(op(), 1..50),
    ) {
        let guest = if is_overlapping { "ledger" } else { "ledger-serial" };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(guest, capacity, overflow, &ops));
    }
}

#[test]
#[should_panic(expected = "was noted after")]
fn the_check_of_order_can_fail() {
    check(vec![(0, 0, 1, 5), (0, 1, 1, 4)], true);
}
