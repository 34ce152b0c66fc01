//! A native actor that does what its messages say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use pulsing_host::internals::Spawn;
use pulsing_host::internals::{Behavior, Birth, Drawn, Job, LifeContext, Reply, Work};
use pulsing_host::internals::{CallId, StreamId};
use pulsing_host::{
    ActorError, ActorName, ActorRef, Description, ExitReason, Lane, Limits, Method, MethodKind, OperatorText,
    Payload, Registry, RestartSettings,
};

/// How many items the longest stream has.
const STREAM_ITEMS: u64 = 40;

/// Spawns an actor that is called `double`, on the runtime that this runs on, and gives it its name.
pub(crate) fn spawn(registry: &Registry, limits: Limits, restart: RestartSettings) -> ActorRef {
    let spawn = Spawn {
        id: ActorName::new("double").expect("a plain word is a name").into(),
        behavior: Arc::new(Native),
        config: Payload::none(),
        limits,
        restart,
        counters: Arc::default(),
        callers: Default::default(),
        pool: None,
        graph: Arc::default(),
    };
    let added = registry.add(spawn, 1);
    let (actor, run, _none_gave_way) = added.expect("a first actor has its name to itself");
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

    fn live(&self, birth: Birth, context: LifeContext) -> BoxFuture<'_, ExitReason> {
        async move {
            context.ready(&birth, description());
            let streams = Streams::default();
            let mut running = FuturesUnordered::new();
            loop {
                tokio::select! {
                    Some(end) = running.next(), if !running.is_empty() => {
                        if let Some(exit) = end {
                            return exit;
                        }
                    }
                    work = context.next() => running.push(carry_out(&context, &streams, work)),
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
        doc: format!("Does {name}."),
        args_schema: Some("true".to_owned()),
        ..Method::new(name, kind)
    };
    Description { methods: METHODS.map(method).to_vec(), restart: None }
}

async fn carry_out(context: &LifeContext, streams: &Streams, work: Work) -> Option<ExitReason> {
    match work {
        Work::Ask(job) if job.message.method == "crash" => {
            let (words, backtrace) = (OperatorText::new("it wrote last: oh"), OperatorText::new("a\nb"));
            return Some(ExitReason::Trapped { trap: "boom", refused: None, words, backtrace });
        }
        Work::Ask(job) => {
            let answer = answer(context, &job).await;
            context.handled(job.call, answer);
        }
        Work::Tell(job) => context.told(job.call, Ok(())),
        Work::Draw { call, stream, max_items } => {
            context.drawn(call, Ok(streams.draw(call, stream, max_items)))
        }
        Work::Close { call, .. } => context.closed(call),
        Work::Leave => context.rests(),
        Work::Stop => return Some(ExitReason::Stopped),
    }
    None
}

async fn answer(context: &LifeContext, job: &Job) -> Result<Reply, ActorError> {
    let message = &job.message;
    match message.method.as_str() {
        "wait" => {
            context.cancelled(job.call).await;
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
