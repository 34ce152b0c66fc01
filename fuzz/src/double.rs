//! A native actor that does what its messages say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use pulsing_host::actor::Spawn;
use pulsing_host::actor::behavior::{Behavior, Birth, Description, Drawn, Job, Lane, Reply, Work};
use pulsing_host::actor::desk::Desk;
use pulsing_host::actor::reference::ActorRef;
use pulsing_host::error::ActorError;
use pulsing_host::exit::ExitReason;
use pulsing_host::id::{ActorName, CallId, StreamId};
use pulsing_host::limits::Limits;
use pulsing_host::message::{Method, MethodKind, Payload};
use pulsing_host::policy::RestartSettings;

/// How many items the longest stream has.
const STREAM_ITEMS: u64 = 40;

/// Spawns an actor that is called `double`, on the runtime that this runs on.
pub(crate) fn spawn(limits: Limits, restart: RestartSettings) -> ActorRef {
    let (actor, run) = Spawn {
        name: ActorName::new("double").expect("a plain word is a name"),
        behavior: Arc::new(Native),
        config: Payload::none(),
        limits,
        restart,
        counters: Arc::default(),
        callers: Default::default(),
        batch: None,
    }
    .split();
    tokio::spawn(run);
    actor
}

struct Native;

/// All others echo their arguments.
const METHODS: [(&str, MethodKind); 6] = [
    ("echo", MethodKind::Ask),
    ("wait", MethodKind::Ask),
    ("crash", MethodKind::Ask),
    ("refuse", MethodKind::Ask),
    ("count", MethodKind::Stream),
    ("log", MethodKind::Tell),
];

impl Behavior for Native {
    fn lane(&self) -> Lane {
        Lane::Overlapping
    }

    fn live(&self, birth: Birth, desk: Desk) -> BoxFuture<'_, ExitReason> {
        async move {
            desk.ready(&birth, description());
            let streams = Streams::default();
            let mut running = FuturesUnordered::new();
            loop {
                tokio::select! {
                    Some(end) = running.next(), if !running.is_empty() => {
                        if let Some(exit) = end {
                            return exit;
                        }
                    }
                    work = desk.next() => running.push(carry_out(&desk, &streams, work)),
                }
            }
        }
        .boxed()
    }
}

/// How many items each stream has handed over, with those that its reader had before.
#[derive(Default)]
struct Streams(Mutex<BTreeMap<CallId, u64>>);

impl Streams {
    fn draw(&self, call: CallId, StreamId(begin): StreamId, max_items: u32) -> Drawn {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = streams.entry(call).or_insert(begin);
        let end = last.saturating_add(u64::from(max_items)).min(STREAM_ITEMS);
        let items = (*last..end).map(|n| Payload::json(n.to_string())).collect();
        *last = end;
        Drawn { items, done: end == STREAM_ITEMS }
    }
}

fn description() -> Description {
    let method = |(name, kind): (&str, MethodKind)| Method {
        name: name.to_owned(),
        kind,
        doc: format!("Does {name}."),
        args_schema: Some("true".to_owned()),
    };
    Description { methods: METHODS.map(method).to_vec() }
}

async fn carry_out(desk: &Desk, streams: &Streams, work: Work) -> Option<ExitReason> {
    match work {
        Work::Ask(job) if job.message.method == "crash" => {
            return Some(ExitReason::Trapped { message: "boom".to_owned(), backtrace: "a\nb".to_owned() });
        }
        Work::Ask(job) => {
            let answer = answer(desk, &job).await;
            desk.handled(job.call, answer);
        }
        Work::Tell(job) => desk.told(job.call, Ok(())),
        Work::Draw { call, stream, max_items } => desk.drawn(call, Ok(streams.draw(call, stream, max_items))),
        Work::Close { call, .. } => desk.closed(call),
        Work::Stop => return Some(ExitReason::Stopped),
    }
    None
}

async fn answer(desk: &Desk, job: &Job) -> Result<Reply, ActorError> {
    let message = &job.message;
    match message.method.as_str() {
        "wait" => {
            desk.cancelled(job.call).await;
            Err(ActorError::Cancelled)
        }
        "refuse" => {
            let details = std::str::from_utf8(&message.args.body).ok().map(str::to_owned);
            Err(ActorError::Business { code: 7, message: "no".to_owned(), details })
        }
        "count" => Ok(Reply::Stream(StreamId(message.resume_after.unwrap_or(0)))),
        _echo => Ok(Reply::Value(message.args.clone())),
    }
}
