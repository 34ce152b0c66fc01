//! A behavior that is plain Rust, and does what its messages say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::actor::Spawn;
use crate::delivery::ActorRef;
use crate::dispatch::{Behavior, Birth, Description, Drawn, Job, LifeContext, Reply, Work};
use crate::exit::{ExitReason, OperatorText};
use crate::id::{CallId, StreamId};
use crate::limits::Limits;
use crate::policy::RestartSettings;
use crate::wire::{ActorError, CallError, Lane, Message, Method, MethodKind, Payload};

/// What happened in the lives of an actor, in order.
#[derive(Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub(super) fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub(super) fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// How many hold it: the fixture, and the actor while there is one.
    pub(super) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Those that begin with `what`.
    pub(super) fn of(&self, what: &str) -> Vec<String> {
        self.read().into_iter().filter(|note| note.starts_with(what)).collect()
    }
}

/// What is set up for a test.
pub(super) struct Setup {
    pub(super) lane: Lane,
    pub(super) limits: Limits,
    pub(super) restart: RestartSettings,
    /// How many lives fail to start, the first ones.
    pub(super) failing_starts: u64,
    /// Whether those fail by a business error.
    pub(super) refuses_start: bool,
    /// Whether it lets itself be passivated.
    pub(super) may_passivate: bool,
    /// How long its `start` takes. It lets itself be passivated at the end of that.
    pub(super) start_takes: Duration,
    /// How long its `stop` takes.
    pub(super) stop_takes: Duration,
    /// Whether its `stop` ends with a crash.
    pub(super) stop_crashes: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            lane: Lane::Serial,
            limits: Limits::default(),
            restart: RestartSettings::default(),
            failing_starts: 0,
            refuses_start: false,
            may_passivate: false,
            start_takes: Duration::ZERO,
            stop_takes: Duration::ZERO,
            stop_crashes: false,
        }
    }
}

impl Setup {
    pub(super) fn overlapping() -> Self {
        Self { lane: Lane::Overlapping, ..Self::default() }
    }

    pub(super) fn spawn(self) -> Fixture {
        let journal = Journal::default();
        let Self { lane, failing_starts, refuses_start, may_passivate, .. } = self;
        let Self { start_takes, stop_takes, stop_crashes, .. } = self;
        let journal_of_lives = journal.clone();
        let behavior = Native {
            lane,
            journal: journal_of_lives,
            failing_starts,
            refuses_start,
            may_passivate,
            start_takes,
            stop_takes,
            stop_crashes,
        };
        let plain = Spawn::plain("native", behavior);
        let (actor, run) = Spawn { limits: self.limits, restart: self.restart, ..plain }.split();
        Fixture { actor, journal, task: tokio::spawn(run) }
    }
}

pub(super) struct Fixture {
    pub(super) actor: ActorRef,
    pub(super) journal: Journal,
    pub(super) task: JoinHandle<()>,
}

impl Fixture {
    pub(super) async fn ask(&self, method: &str, args: Value) -> Result<Value, CallError> {
        self.actor.ask(method, &args).await
    }

    pub(super) fn ask_in_background(
        &self,
        method: &'static str,
        args: Value,
    ) -> JoinHandle<Result<Value, CallError>> {
        let actor = self.actor.clone();
        tokio::spawn(async move { actor.ask(method, &args).await })
    }
}

/// Lets everything run that can, without moving the clock.
pub(super) async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

struct Native {
    lane: Lane,
    journal: Journal,
    failing_starts: u64,
    refuses_start: bool,
    may_passivate: bool,
    start_takes: Duration,
    stop_takes: Duration,
    stop_crashes: bool,
}

/// One life: how far each open stream has got, and how.
struct NativeLife<'a> {
    journal: &'a Journal,
    context: LifeContext,
    stop_takes: Duration,
    stop_crashes: bool,
    streams: Mutex<HashMap<StreamId, Counting>>,
}

#[derive(Clone, Copy)]
struct Counting {
    next: u64,
    last: u64,
    plan: Plan,
}

/// How a stream goes.
#[derive(Clone, Copy, PartialEq)]
enum Plan {
    Plain,
    FailsAtEnd,
    Waits(Duration),
    /// Hands over more than it was asked for.
    TooMany,
    /// Hands over nothing, and is not done.
    Nothing,
    /// Hands over one item a draw: what goes along with what it sends.
    Seen,
}

impl Behavior for Native {
    fn lane(&self) -> Lane {
        self.lane
    }

    fn live(&self, birth: Birth, context: LifeContext) -> BoxFuture<'_, ExitReason> {
        async move {
            self.journal.note(format!("start {}", birth.generation));
            if birth.generation.0 < self.failing_starts {
                return ExitReason::start_failed(&if self.refuses_start {
                    ActorError::Business { code: 400, message: "no key".to_owned(), details: None }
                } else {
                    ActorError::system("not yet")
                });
            }
            if !self.start_takes.is_zero() {
                tokio::time::sleep(self.start_takes).await;
            }
            if self.may_passivate {
                context.may_passivate();
            }
            context.ready(&birth, description());
            let Self { journal, stop_takes, stop_crashes, .. } = self;
            let (stop_takes, stop_crashes) = (*stop_takes, *stop_crashes);
            let life = NativeLife { journal, context, stop_takes, stop_crashes, streams: Mutex::default() };
            match self.lane {
                Lane::Serial => life.serially().await,
                Lane::Overlapping => life.overlapping().await,
            }
        }
        .boxed()
    }
}

const METHODS: [(&str, MethodKind); 20] = [
    ("seen", MethodKind::Ask),
    ("seen_before", MethodKind::Ask),
    ("echo", MethodKind::Ask),
    ("sleep", MethodKind::Ask),
    ("stubborn", MethodKind::Ask),
    ("crash", MethodKind::Ask),
    ("panic", MethodKind::Ask),
    ("fault", MethodKind::Ask),
    ("refuse", MethodKind::Ask),
    ("open_streams", MethodKind::Ask),
    ("refused", MethodKind::Ask),
    ("refused_and_done", MethodKind::Ask),
    ("fail_after", MethodKind::Ask),
    ("count", MethodKind::Stream),
    ("count_and_fail", MethodKind::Stream),
    ("count_late", MethodKind::Stream),
    ("count_slowly", MethodKind::Stream),
    ("count_wrongly", MethodKind::Stream),
    ("seen_in_draws", MethodKind::Stream),
    ("log", MethodKind::Tell),
];

fn description() -> Description {
    let method = |(name, kind): (&str, MethodKind)| Method::new(name, kind);
    Description { methods: METHODS.map(method).to_vec(), restart: None }
}

impl NativeLife<'_> {
    async fn serially(&self) -> ExitReason {
        loop {
            let work = self.context.next().await;
            if let Some(exit) = self.carry_out(work).await {
                return exit;
            }
        }
    }

    async fn overlapping(&self) -> ExitReason {
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                Some(end) = running.next(), if !running.is_empty() => {
                    if let Some(exit) = end {
                        return exit;
                    }
                }
                work = self.context.next() => running.push(self.carry_out(work)),
            }
        }
    }

    async fn carry_out(&self, work: Work) -> Option<ExitReason> {
        match work {
            Work::Ask(job) => match self.handle(&job).await {
                Ok(result) => self.context.handled(job.call, result),
                Err(exit) => return Some(exit),
            },
            Work::Tell(job) => {
                let result = self.handle(&job).await;
                match result {
                    Ok(result) => self.context.told(job.call, result.map(drop)),
                    Err(exit) => return Some(exit),
                }
            }
            Work::Draw { call, stream, max_items } => {
                let result = self.draw(call, stream, u64::from(max_items)).await;
                self.context.drawn(call, result);
            }
            Work::Close { call, stream } => {
                self.journal.note(format!("close {}", stream.0));
                self.streams.lock().unwrap().remove(&stream);
                self.context.closed(call);
            }
            Work::Leave => self.context.rests(),
            Work::Stop => {
                self.journal.note("stop");
                if !self.stop_takes.is_zero() {
                    tokio::time::sleep(self.stop_takes).await;
                }
                return Some(if self.stop_crashes { crash() } else { ExitReason::Stopped });
            }
        }
        None
    }

    /// Answers, or ends the life.
    async fn handle(&self, job: &Job) -> Result<Result<Reply, ActorError>, ExitReason> {
        let Message { method, args, .. } = &*job.message;
        let args: Value = args.to_value().unwrap();
        self.journal.note(format!("{method} {args}"));
        let number = args.as_u64().or_else(|| args["number"].as_u64()).unwrap_or(0);
        let pause = Duration::from_millis(number);
        Ok(match method.as_str() {
            "crash" => {
                if let Some(wait_ms) = args["wait_ms"].as_u64() {
                    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                }
                if let Some(code) = args["exit"].as_i64() {
                    return Err(ExitReason::Exited { code: code.try_into().unwrap() });
                }
                return Err(crash());
            }
            "panic" => panic!("a bug"),
            "seen" => {
                let seen = self.seen(job.call);
                self.journal.note(format!("seen by {seen}"));
                value(seen)
            }
            // Of the call before this one, and of none.
            "seen_before" => value(json!([self.seen(CallId(job.call.0 - 1)), self.seen(CallId::NONE)])),
            "sleep" => tokio::select! {
                () = tokio::time::sleep(pause) => value(json!(job.remaining.map(|left| left.as_millis()))),
                () = self.context.cancelled(job.call) => {
                    self.journal.note(format!("cancelled {method}"));
                    Err(ActorError::Cancelled)
                }
            },
            "fail_after" => {
                tokio::time::sleep(pause).await;
                Err(ActorError::system("late"))
            }
            "stubborn" => std::future::pending().await,
            "fault" => {
                Err(ActorError::System { message: "bad".to_owned(), recoverable: false, restart: true })
            }
            // As often as it is told. Whether its life would end for that, said so that it is no success.
            "refused" => {
                let ends = (0..number).any(|_| self.context.memory_refused());
                Err(ActorError::system(ends.to_string()))
            }
            "refused_and_done" => value(json!((0..number).any(|_| self.context.memory_refused()))),
            "open_streams" => value(json!(self.streams.lock().unwrap().len())),
            "refuse" => Err(ActorError::Business { code: 409, message: "no".to_owned(), details: None }),
            "count" => self.open(job, number, Plan::Plain),
            "count_and_fail" => self.open(job, number, Plan::FailsAtEnd),
            // Also where its caller has gone away meanwhile.
            "count_late" => {
                tokio::time::sleep(pause).await;
                self.open(job, u64::MAX, Plan::Plain)
            }
            "count_slowly" => self.open(job, u64::MAX, Plan::Waits(pause)),
            "count_wrongly" if number == 0 => self.open(job, u64::MAX, Plan::Nothing),
            "count_wrongly" => self.open(job, u64::MAX, Plan::TooMany),
            "seen_in_draws" => self.open(job, number, Plan::Seen),
            "log" if args == json!("bad") || args["bad"] == json!(true) => {
                Err(ActorError::system("cannot log"))
            }
            _echo => value(args),
        })
    }

    fn seen(&self, call: CallId) -> Value {
        let context = self.context.call_context(call);
        json!([self.context.caller(call), context.iter().collect::<Vec<_>>()])
    }

    fn open(&self, job: &Job, last: u64, plan: Plan) -> Result<Reply, ActorError> {
        let id = StreamId(job.call.0);
        let next = job.message.resume_after.unwrap_or(0) + 1;
        self.streams.lock().unwrap().insert(id, Counting { next, last, plan });
        Ok(Reply::Stream(id))
    }

    async fn draw(&self, call: CallId, id: StreamId, max: u64) -> Result<Drawn, ActorError> {
        let Some(counting) = self.streams.lock().unwrap().get(&id).copied() else {
            return Err(ActorError::system("no such stream"));
        };
        self.journal.note(format!("draw {max}"));
        let Counting { next, last, plan } = counting;
        let count = match plan {
            Plan::Plain | Plan::FailsAtEnd => max.min((last + 1).saturating_sub(next)),
            Plan::TooMany => max + 1,
            Plan::Nothing => 0,
            Plan::Seen => 1,
            Plan::Waits(pause) => {
                tokio::select! {
                    () = tokio::time::sleep(pause) => 1,
                    () = self.context.cancelled(call) => {
                        self.journal.note("cancelled draw");
                        self.streams.lock().unwrap().remove(&id);
                        return Err(ActorError::Cancelled);
                    }
                }
            }
        };
        if count == 0 && plan == Plan::FailsAtEnd {
            self.streams.lock().unwrap().remove(&id);
            return Err(ActorError::system("out of numbers"));
        }
        let done = matches!(plan, Plan::Plain | Plan::Seen) && next + count > last;
        if done {
            self.streams.lock().unwrap().remove(&id);
        } else if let Some(counting) = self.streams.lock().unwrap().get_mut(&id) {
            counting.next = next + count;
        }
        let item = |n: u64| match plan {
            Plan::Seen => json!(self.context.call_context(call).iter().collect::<Vec<_>>()).to_string(),
            Plan::Plain | Plan::FailsAtEnd | Plan::Waits(_) | Plan::TooMany | Plan::Nothing => n.to_string(),
        };
        let items = (next..next + count).map(|n| Payload::json(item(n))).collect();
        Ok(Drawn { items, done })
    }
}

fn value(value: Value) -> Result<Reply, ActorError> {
    Ok(Reply::Value(Payload::json(value.to_string())))
}

fn crash() -> ExitReason {
    let words = OperatorText::new("it wrote last: oh");
    ExitReason::Trapped { trap: "boom", refused: None, words, backtrace: OperatorText::default() }
}
