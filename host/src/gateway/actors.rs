//! Looking at actors, and stopping them; `restarting` has the other command.
//!
//! What is shown here is what clients read: each struct is the JSON of its route, and the command line reads it
//! back. Bounded by descriptions and `ARGS_SHOWN_MAX_BYTES` of each dead letter, and counted as `answers` says; the list
//! of all actors goes out in pieces.

mod restarting;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(super) use self::restarting::restart;
use super::answers::{self, Piece};
use super::json;
use super::problem::Refusal;
use super::request::{self, Named};
use super::serve::room::{Keeper, Kept, NoRoom, STREAM_WAIT_MAX};
use crate::delivery::{ActorRef, ActorSnapshot};
use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::mailbox::DeadLetter;
use crate::policy::{RestartPolicy, RestartWish};
use crate::registry::Registry;
use crate::wire::{ActorError, Encoding, Method};

/// How many bytes of a dead letter's arguments are shown, all or none.
const ARGS_SHOWN_MAX_BYTES: usize = 16 << 10;

/// How long an actor is waited for whose state is to be shown among others.
const SNAPSHOT_BOUND: Duration = Duration::from_secs(5);

/// An actor at one moment.
#[derive(Debug, Serialize, Deserialize)]
pub struct ActorView {
    /// Its name.
    pub name: String,
    /// Where it is in its life, in one word.
    pub state: String,
    /// Which life it is in, or was in last; 0 is the first.
    pub generation: u64,
    /// `serial` or `overlapping`.
    pub lane: String,
    /// What it can be asked; empty before its first start.
    pub methods: Vec<MethodView>,
    /// How it wants to be restarted, as its component says; `null` where it does not say.
    #[serde(default)]
    pub restart_wanted: Option<RestartView>,
    /// How many messages wait.
    pub mailbox_depth: usize,
    /// How many handlers run.
    pub in_flight: usize,
    /// How many streams are open.
    pub streams: usize,
    /// How many lives were followed by another.
    pub restarts: u64,
    /// How the life before this one ended, or the last one, where none runs.
    pub last_exit: Option<ExitView>,
    /// Linear memory and tables of the life that runs.
    pub memory_bytes: u64,
    /// What the host keeps for the life that runs beside them.
    #[serde(default)]
    pub overhead_bytes: u64,
    /// What all lives have written to granted folders.
    #[serde(default)]
    pub disk_written_bytes: u64,
    /// Time on a thread, of all lives.
    pub cpu_seconds: f64,
    /// How often the guest was preempted at the end of a slice of time.
    pub slices: u64,
    /// Whether it runs on threads of lower priority, because it uses up its slices.
    pub batch: bool,
}

/// A method of an actor. The texts are the guest's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MethodView {
    /// What callers name it.
    pub name: String,
    /// `ask`, `stream` or `tell`.
    pub kind: String,
    /// For people.
    pub doc: String,
    /// JSON Schema of the arguments.
    pub args_schema: Option<Box<RawValue>>,
    /// JSON Schema of what an ask returns.
    #[serde(default)]
    pub answer_schema: Option<Box<RawValue>>,
    /// JSON Schema of each item of a stream.
    #[serde(default)]
    pub item_schema: Option<Box<RawValue>>,
}

/// How an actor wants to be restarted. Members are `null` where it does not say.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestartView {
    /// After which ends of a life.
    pub policy: Option<RestartPolicy>,
    /// How many restarts there may be within the window.
    pub max_restarts: Option<u32>,
    /// The delay before the first restart.
    pub min_backoff_ms: Option<u64>,
    /// The longest delay.
    pub max_backoff_ms: Option<u64>,
}

/// How a life ended: to the operator, with what the guest wrote.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExitView {
    /// In one word.
    pub reason: String,
    /// For people.
    pub message: String,
    /// The guest's frames, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<String>,
}

/// A message that came to nothing.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeadLetterView {
    /// When it was given up (RFC 3339).
    pub at: String,
    /// Its method.
    pub method: String,
    /// Why, for people.
    pub reason: String,
    /// Its arguments; `null` where they are bytes, no JSON after all, or large.
    pub args: Option<Box<RawValue>>,
    /// How many bytes its arguments have.
    pub args_bytes: usize,
    /// What its sender named it.
    pub idempotency_key: Option<String>,
}

impl From<ActorSnapshot> for ActorView {
    fn from(seen: ActorSnapshot) -> Self {
        Self {
            name: seen.id.into(),
            state: seen.status.state.as_str().to_owned(),
            generation: seen.status.generation.0,
            lane: seen.lane.as_str().to_owned(),
            methods: seen.description.methods.iter().map(MethodView::from).collect(),
            restart_wanted: seen.description.restart.as_ref().map(RestartView::from),
            mailbox_depth: seen.mailbox_depth,
            in_flight: seen.in_flight,
            streams: seen.streams,
            restarts: seen.status.restarts,
            last_exit: seen.status.last_exit.as_ref().map(ExitView::from),
            memory_bytes: seen.counted.memory_bytes,
            overhead_bytes: seen.counted.overhead_bytes,
            disk_written_bytes: seen.counted.disk_written_bytes,
            cpu_seconds: seen.counted.cpu.as_secs_f64(),
            slices: seen.counted.slices,
            batch: seen.counted.in_batch,
        }
    }
}

impl From<&Method> for MethodView {
    fn from(method: &Method) -> Self {
        Self {
            name: method.name.clone(),
            kind: method.kind.as_str().to_owned(),
            doc: method.doc.clone(),
            args_schema: method.args_schema.as_deref().and_then(json::shown),
            answer_schema: method.answer_schema.as_deref().and_then(json::shown),
            item_schema: method.item_schema.as_deref().and_then(json::shown),
        }
    }
}

impl From<&RestartWish> for RestartView {
    fn from(wish: &RestartWish) -> Self {
        let millis = |delay: Duration| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        Self {
            policy: wish.policy,
            max_restarts: wish.max_restarts,
            min_backoff_ms: wish.min_backoff.map(millis),
            max_backoff_ms: wish.max_backoff.map(millis),
        }
    }
}

impl From<&ExitReason> for ExitView {
    fn from(exit: &ExitReason) -> Self {
        let backtrace = exit.backtrace().unwrap_or_default().lines().map(str::to_owned).collect();
        Self { reason: exit.as_str().to_owned(), message: exit.report(), backtrace }
    }
}

impl ExitView {
    /// Without what the guest wrote: for whoever may command the actor, and not read it.
    fn in_host_words(exit: &ExitReason) -> Self {
        Self { reason: exit.as_str().to_owned(), message: exit.to_string(), backtrace: Vec::new() }
    }
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        let args = &letter.message.args;
        let shown = args.encoding == Encoding::Json && args.body.len() <= ARGS_SHOWN_MAX_BYTES;
        Self {
            at: humantime::format_rfc3339_millis(letter.at).to_string(),
            method: letter.message.method.to_string(),
            reason: letter.reason,
            args: shown.then(|| std::str::from_utf8(&args.body).ok().and_then(json::shown)).flatten(),
            args_bytes: args.body.len(),
            idempotency_key: letter.message.idempotency_key.clone(),
        }
    }
}

impl ActorView {
    /// As whoever commanded it sees it.
    fn in_host_words(seen: ActorSnapshot) -> Self {
        let last_exit = seen.status.last_exit.as_ref().map(ExitView::in_host_words);
        Self { last_exit, ..seen.into() }
    }
}

/// How many bytes of guests' texts are shown of an actor.
fn text_bytes(seen: &ActorSnapshot) -> usize {
    let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let method = |method: &Method| {
        let schemas = of(&method.args_schema) + of(&method.answer_schema) + of(&method.item_schema);
        method.name.len() + method.doc.len() + schemas
    };
    seen.description.methods.iter().map(method).sum()
}

/// All actors of a host at one moment each, by name. One that cannot be reached is left out.
pub(super) async fn snapshots(registry: &Registry) -> Vec<ActorSnapshot> {
    snapshots_of(&registry.list()).await
}

async fn snapshots_of(actors: &[ActorRef]) -> Vec<ActorSnapshot> {
    let snapshots = actors.iter().map(|actor| tokio::time::timeout(SNAPSHOT_BOUND, actor.snapshot()));
    futures::future::join_all(snapshots).await.into_iter().flatten().flatten().collect()
}

/// All actors, by name.
pub(super) async fn list(State(registry): State<Arc<Registry>>, keeper: Keeper) -> Result<Response, Refusal> {
    let mut listing = Listing { registry, keeper, after: None, is_at_end: false };
    let first = listing.next().await?.map_err(Refusal::no_room)?;
    if listing.is_at_end {
        return Ok(answers::whole("application/json", first));
    }
    let rest = futures::stream::unfold(Some(listing), |listing| async {
        let mut listing = listing.filter(|listing| !listing.is_at_end)?;
        match tokio::time::timeout(STREAM_WAIT_MAX, listing.next_with_room()).await {
            Ok(Ok(piece)) => Some((Ok(piece), Some(listing))),
            // Its client sees that the list broke off: it has no end.
            Ok(Err(_)) | Err(_) => Some((Err(std::io::Error::other("there is no room for the rest")), None)),
        }
    });
    let first = futures::stream::iter([Ok(first)]);
    let body = Body::from_stream(futures::StreamExt::chain(first, rest));
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// A list of actors under way. Keeps nothing but where it is.
struct Listing {
    registry: Arc<Registry>,
    keeper: Keeper,
    after: Option<ActorId>,
    is_at_end: bool,
}

/// The next actors of a list, as far as a piece has room for them.
struct Rows {
    text: Vec<u8>,
    kept: Option<Kept>,
    count: usize,
}

impl Listing {
    /// How many actors are looked at for a piece.
    const ACTORS_MAX: usize = 64;
    /// From how many bytes on a piece is whole.
    const PIECE_BYTES: usize = 64 << 10;
    /// How often it is looked for room.
    const LOOK_EVERY: Duration = Duration::from_millis(50);

    async fn next_with_room(&mut self) -> Result<Bytes, Refusal> {
        loop {
            match self.next().await? {
                Ok(piece) => return Ok(piece),
                Err(_no_room) => tokio::time::sleep(Self::LOOK_EVERY).await,
            }
        }
    }

    /// The next piece: of one actor at least, unless there is none.
    async fn next(&mut self) -> Result<Result<Bytes, NoRoom>, Refusal> {
        let actors = self.registry.after(self.after.as_ref(), Self::ACTORS_MAX);
        let seen = snapshots_of(&actors).await;
        let (ids, text_bytes) = (ids(&seen), seen.iter().map(text_bytes).sum::<usize>());
        let (with, is_first) = (self.keeper.clone(), self.after.is_none());
        let rows = move || Rows::new(seen, is_first, &with);
        let rows = answers::brief_or_aside(&self.keeper, text_bytes, rows).await?;
        let mut rows = match rows {
            Ok(rows) => rows,
            Err(no_room) => return Ok(Err(no_room)),
        };
        let all_shown = rows.count == ids.len();
        self.is_at_end = all_shown && actors.len() < Self::ACTORS_MAX;
        if self.is_at_end {
            rows.text.push(b']');
        }
        self.after = match all_shown {
            // Those that could not be reached, too.
            true => actors.last().map(|actor| actor.id().clone()).or(self.after.take()),
            false => rows.count.checked_sub(1).and_then(|last| ids.get(last).cloned()).or(self.after.take()),
        };
        Ok(Ok(Piece { data: rows.text, _kept: rows.kept }.into_bytes()))
    }
}

fn ids(seen: &[ActorSnapshot]) -> Vec<ActorId> {
    seen.iter().map(|seen| seen.id.clone()).collect()
}

impl Rows {
    /// # Errors
    ///
    /// Where there is no room for the first.
    fn new(seen: Vec<ActorSnapshot>, is_first: bool, keeper: &Keeper) -> Result<Self, NoRoom> {
        let mut rows = Self { text: Vec::new(), kept: None, count: 0 };
        if is_first {
            rows.text.push(b'[');
        }
        for seen in seen {
            match rows.add(&ActorView::from(seen), is_first, keeper) {
                Ok(()) if rows.text.len() < Listing::PIECE_BYTES => {}
                Ok(()) => break,
                Err(no_room) if rows.count == 0 => return Err(no_room),
                Err(_later) => break,
            }
        }
        Ok(rows)
    }

    fn add(&mut self, view: &ActorView, is_first: bool, keeper: &Keeper) -> Result<(), NoRoom> {
        const BRACKETS_BYTES: usize = 2;
        let bytes = answers::length(|out| answers::write_json(out, view)) + BRACKETS_BYTES;
        keeper.keep_up_to(self.text.len() + bytes, &mut self.kept)?;
        if self.count > 0 || !is_first {
            self.text.push(b',');
        }
        self.text.reserve_exact(bytes);
        answers::write_json(&mut self.text, view);
        self.count += 1;
        Ok(())
    }
}

/// One actor.
pub(super) async fn inspect(keeper: Keeper, Named(actor): Named) -> Result<Response, Refusal> {
    let seen = actor.snapshot().await?;
    let bytes = text_bytes(&seen);
    answers::json(&keeper, bytes, move || ActorView::from(seen), Refusal::no_room).await
}

/// The messages that came to nothing, oldest first.
pub(super) async fn dead_letters(keeper: Keeper, Named(actor): Named) -> Result<Response, Refusal> {
    // What is looked at is kept from then on, whether it gives way to other letters or not: by few at once.
    let turn = answers::turn_aside(&keeper).await?;
    let letters = actor.dead_letters().await?;
    let made = answers::aside(turn, move || {
        let views: Vec<_> = letters.into_iter().map(DeadLetterView::from).collect();
        answers::json_bytes(&keeper, &views)
    });
    Ok(answers::whole("application/json", made.await?.map_err(Refusal::no_room)?))
}

/// How many dead letters were told to their actor again.
#[derive(Debug, Serialize)]
pub(super) struct Requeued {
    requeued: usize,
}

/// Tells an actor its dead letters again.
pub(super) async fn requeue(Named(actor): Named) -> Result<Json<Requeued>, Refusal> {
    Ok(Json(Requeued { requeued: actor.requeue_dead_letters().await? }))
}

/// Stops an actor in good order, and answers when it has stopped.
pub(super) async fn stop(
    keeper: Keeper,
    Named(actor): Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    // A stop ends by itself after `stop_timeout`; what is over that is for the end by force.
    let limit = request::timeout(&headers)?
        .unwrap_or(actor.limits().stop_timeout.saturating_add(actor.limits().grace));
    tokio::time::timeout(limit, actor.stop()).await.map_err(|_| late("stop", &actor, limit))??;
    let seen = actor.snapshot().await?;
    let (bytes, view) = (text_bytes(&seen), move || ActorView::in_host_words(seen));
    answers::json(&keeper, bytes, view, Refusal::no_room_for_answer).await
}

/// What was ordered goes on; only its sender no longer waits.
fn late(what: &str, actor: &ActorRef, duration: Duration) -> Refusal {
    ActorError::Timeout { operation: format!("{what} {}", actor.id()), duration }.into()
}
