//! An actor that does what its messages say.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::actor::Spawn;
use crate::delivery::ActorRef;
use crate::dispatch::{Behavior, Birth, Description, Drawn, Job, LifeContext, Reply, Work};
use crate::exit::{ExitReason, OperatorText};
use crate::id::{CallId, StreamId};
use crate::limits::Limits;
use crate::policy::{RestartPolicy, RestartWish};
use crate::registry::Registry;
use crate::wire::{ActorError, Lane, Message, Method, MethodKind, Payload};

/// An actor called `double`, ended with this.
pub(super) struct Double {
    pub(super) actor: ActorRef,
    registry: Arc<Registry>,
    task: JoinHandle<()>,
}

impl Double {
    pub(super) fn spawn() -> Self {
        Self::with(Lane::Overlapping, Limits::default())
    }

    pub(super) fn with(lane: Lane, limits: Limits) -> Self {
        let spawn = Spawn { limits, ..Spawn::plain("double", Native(lane)) };
        let registry = Arc::new(Registry::default());
        let (actor, run, _none_gave_way) = registry.add(spawn, 100).unwrap();
        Self { actor, registry, task: tokio::spawn(run) }
    }

    pub(super) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Native(Lane);

impl Behavior for Native {
    fn lane(&self) -> Lane {
        self.0
    }

    fn live(&self, birth: Birth, context: LifeContext) -> BoxFuture<'_, ExitReason> {
        async move {
            context.ready(&birth, description());
            let running_max = if self.0 == Lane::Serial { 1 } else { usize::MAX };
            let (streams, mut running) = (Streams::default(), FuturesUnordered::new());
            loop {
                tokio::select! {
                    Some(end) = running.next(), if !running.is_empty() => {
                        if let Some(exit) = end {
                            return exit;
                        }
                    }
                    work = context.next(), if running.len() < running_max => running.push(carry_out(&context, &streams, work)),
                }
            }
        }
        .boxed()
    }
}

/// `count` hands over three items, one at a time, then ends; the others never end by themselves.
const METHODS: [(&str, MethodKind); 11] = [
    ("echo", MethodKind::Ask),
    ("key", MethodKind::Ask),
    ("fail", MethodKind::Ask),
    ("wait", MethodKind::Ask),
    ("crash", MethodKind::Ask),
    ("bad_json", MethodKind::Ask),
    ("bytes", MethodKind::Ask),
    ("count", MethodKind::Stream),
    ("break_off", MethodKind::Stream),
    ("log", MethodKind::Tell),
    ("context", MethodKind::Ask),
];

fn description() -> Description {
    let method = |(name, kind): (&str, MethodKind)| Method {
        doc: format!("Does {name}."),
        args_schema: Some(if name == "echo" { "true" } else { "{oops" }.to_owned()),
        answer_schema: (kind == MethodKind::Ask).then(|| r#"{"type": "object"}"#.to_owned()),
        item_schema: (kind == MethodKind::Stream).then(|| r#"{"type": "integer"}"#.to_owned()),
        ..Method::new(name, kind)
    };
    let restart = RestartWish {
        policy: Some(RestartPolicy::Always),
        min_backoff: Some(Duration::from_millis(5)),
        ..RestartWish::default()
    };
    Description { methods: METHODS.map(method).to_vec(), restart: Some(restart) }
}

/// How many items each stream has handed over, but for the first.
type Streams = Mutex<HashMap<CallId, u64>>;

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
        Work::Tell(job) => {
            let error = ActorError::system("cannot log");
            context.told(job.call, if job.message.args.body.is_empty() { Ok(()) } else { Err(error) });
        }
        Work::Draw { call, stream: StreamId(0), .. } => {
            context.drawn(call, Err(ActorError::system("broken off")));
        }
        Work::Draw { call, stream: StreamId(u64::MAX), .. } => {
            context.cancelled(call).await;
            context.drawn(call, Err(ActorError::Cancelled));
        }
        Work::Draw { call, stream: StreamId(from), .. } => {
            let before =
                streams.lock().unwrap().entry(call).and_modify(|items| *items += 1).or_insert(0).to_owned();
            let items = vec![Payload::json((from + before).to_string())];
            context.drawn(call, Ok(Drawn { items, done: before == 2 }));
        }
        Work::Close { call, .. } => context.closed(call),
        Work::Leave => context.rests(),
        Work::Stop => return Some(ExitReason::Stopped),
    }
    None
}

async fn answer(life: &LifeContext, job: &Job) -> Result<Reply, ActorError> {
    let Message { method, args, idempotency_key, resume_after, context } = &*job.message;
    match method.as_str() {
        "context" => value(Payload::from_value(&context.iter().collect::<BTreeMap<_, _>>()).unwrap()),
        "key" => value(Payload::from_value(&json!(idempotency_key)).unwrap()),
        "fail" => Err(error(&args.to_value::<Vec<String>>().unwrap()[0])),
        "wait" => {
            life.cancelled(job.call).await;
            Err(ActorError::Cancelled)
        }
        "bad_json" => value(Payload::json("{oops")),
        "bytes" => value(Payload::bytes(vec![0xff, 0])),
        "count" if args.body.is_empty() => Ok(Reply::Stream(StreamId(resume_after.unwrap_or(0) + 1))),
        "count" => Ok(Reply::Stream(StreamId(u64::MAX))),
        "break_off" => Ok(Reply::Stream(StreamId(0))),
        _echo => value(args.clone()),
    }
}

fn error(class: &str) -> ActorError {
    let message = "why".to_owned();
    match class {
        "business" => ActorError::Business { code: 7, message, details: Some("{\"a\":1}".to_owned()) },
        "timeout" => ActorError::Timeout { operation: "x".to_owned(), duration: Duration::from_millis(5) },
        "unsupported" => ActorError::Unsupported { operation: "x".to_owned(), nearest: None },
        "cancelled" => ActorError::Cancelled,
        _system => ActorError::System { message, recoverable: false, restart: false },
    }
}

#[expect(clippy::unnecessary_wraps, reason = "an answer among answers that fail")]
fn value(payload: Payload) -> Result<Reply, ActorError> {
    Ok(Reply::Value(payload))
}
