//! Calls that would wait for themselves.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::actor::Spawn;
use crate::delivery::{ActorRef, SendOptions};
use crate::dispatch::{Behavior, Birth, Description, Drawn, Job, LifeContext, Reply, Work};
use crate::exit::ExitReason;
use crate::id::{CallId, StreamId};
use crate::limits::Limits;
use crate::registry::Registry;
use crate::wait_graph::WaitGraph;
use crate::wire::{ActorError, CallError, Lane, Message, Payload, RuntimeError};

/// Passes messages on: the arguments are the names of those who come next.
///
/// | method | does |
/// |---|---|
/// | `ask` | asks the next to do the same, and answers how many followed |
/// | `pause_and_ask` | the same after 10 ms |
/// | `flood` | tells the next to flood, ten times |
/// | `read` | reads the stream of the next |
/// | `items` | streams: each draw first asks the next |
struct Relay {
    lane: Lane,
    registry: Weak<Registry>,
}

impl Behavior for Relay {
    fn lane(&self) -> Lane {
        self.lane
    }

    fn live(&self, birth: Birth, context: LifeContext) -> BoxFuture<'_, ExitReason> {
        async move {
            let next: Vec<String> = birth.config.to_value::<Option<_>>().unwrap().unwrap_or_default();
            if let Err(error) = self.ask(&context, CallId::NONE, "ask", &next).await {
                return ExitReason::start_failed(&actor_error(error));
            }
            context.ready(&birth, Description::default());
            let mut running = FuturesUnordered::new();
            let at_once = if self.lane == Lane::Serial { 1 } else { usize::MAX };
            loop {
                tokio::select! {
                    biased;
                    Some(()) = running.next(), if !running.is_empty() => {}
                    work = context.next(), if running.len() < at_once => running.push(self.carry_out(&context, work)),
                }
            }
        }
        .boxed()
    }
}

impl Relay {
    fn peer(&self, name: &str) -> Result<ActorRef, RuntimeError> {
        self.registry.upgrade().unwrap().get(name)
    }

    async fn carry_out(&self, context: &LifeContext, work: Work) {
        match work {
            Work::Ask(job) => context.handled(job.call, self.handle(context, &job).await),
            Work::Tell(job) => context.told(job.call, self.handle(context, &job).await.map(drop)),
            Work::Draw { call, .. } => {
                let asked = self.ask(context, call, "ask", &["reader".to_owned()]).await.map_err(actor_error);
                let drawn = asked.map(|count| Drawn { items: vec![count], done: true });
                context.drawn(call, drawn);
            }
            Work::Close { call, .. } => context.closed(call),
            Work::Leave => context.rests(),
            Work::Stop => {}
        }
    }

    async fn handle(&self, context: &LifeContext, job: &Job) -> Result<Reply, ActorError> {
        let next: Vec<String> = job.message.args.to_value().unwrap();
        match job.message.method.as_str() {
            "pause_and_ask" => tokio::time::sleep(Duration::from_millis(10)).await,
            "items" => return Ok(Reply::Stream(StreamId(job.call.0))),
            "flood" => {
                return self.flood(context, job.call, &next).await.map_err(|error| actor_error(error.into()));
            }
            "read" => {
                return self.read(context, job.call, &next).await.map_err(actor_error).map(Reply::Value);
            }
            _ask => {}
        }
        self.ask(context, job.call, "ask", &next).await.map(Reply::Value).map_err(actor_error)
    }

    async fn ask(
        &self,
        context: &LifeContext,
        call: CallId,
        method: &str,
        next: &[String],
    ) -> Result<Payload, CallError> {
        let Some((name, rest)) = next.split_first() else { return Ok(Payload::json("0")) };
        let options = SendOptions { origin: context.origin(call), ..SendOptions::default() };
        let message = Message::new(method, Payload::from_value(rest).unwrap());
        let followed: u64 = self.peer(name)?.ask_message(message, options).await?.to_value().unwrap();
        Ok(Payload::json((followed + 1).to_string()))
    }

    async fn flood(
        &self,
        context: &LifeContext,
        call: CallId,
        next: &[String],
    ) -> Result<Reply, RuntimeError> {
        for _ in 0..10 {
            let options = SendOptions { origin: context.origin(call), ..SendOptions::default() };
            let message = Message::new("ask", Payload::json("[]"));
            self.peer(&next[0])?.tell_message(message, options).await?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(Reply::Value(Payload::json("0")))
    }

    async fn read(&self, context: &LifeContext, call: CallId, next: &[String]) -> Result<Payload, CallError> {
        let peer = self.peer(&next[0])?;
        let options = SendOptions { origin: context.origin(call), ..SendOptions::default() };
        let mut reader = peer.stream_message(Message::new("items", Payload::json("[]")), options).await?;
        let _wait = peer.begin_wait(&context.origin(call))?;
        let batch = reader.next_batch(1).await?;
        Ok(batch.items.into_iter().next().unwrap().payload)
    }
}

/// As a guest that passes an error on: with the kind in its text.
fn actor_error(error: CallError) -> ActorError {
    match error {
        CallError::Actor(error) => error,
        CallError::Runtime(error) => ActorError::System {
            message: format!("{}: {}", error.kind, error.message),
            recoverable: false,
            restart: false,
        },
    }
}

/// Actors by name, and their tasks.
#[derive(Default)]
struct Actors {
    registry: Arc<Registry>,
    graph: Arc<WaitGraph>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Actors {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Actors {
    fn of(lanes: &[(&str, Lane)]) -> Self {
        let mut actors = Self::default();
        for (name, lane) in lanes {
            actors.add(name, *lane, Limits::default(), Payload::none());
        }
        actors
    }

    fn add(&mut self, name: &str, lane: Lane, limits: Limits, config: Payload) -> ActorRef {
        let plain = Spawn::plain(name, Relay { lane, registry: Arc::downgrade(&self.registry) });
        let spawn = Spawn { config, limits, graph: Arc::clone(&self.graph), ..plain };
        let (actor, run, _none_gave_way) = self.registry.add(spawn, 100).unwrap();
        self.tasks.push(tokio::spawn(run));
        actor
    }

    async fn ask(&self, name: &str, method: &str, next: &[&str]) -> Result<u64, CallError> {
        self.registry.get(name).unwrap().ask(method, next).await
    }
}

/// What is said of a call that would wait for itself.
fn deadlock(way: &str) -> Result<u64, CallError> {
    let message = format!("deadlock: the call would wait for itself: {way}");
    Err(ActorError::System { message, recoverable: false, restart: false }.into())
}

#[tokio::test(start_paused = true)]
async fn an_ask_that_would_wait_for_itself_fails_at_once_and_names_the_cycle() {
    let (serial, overlapping) = (Lane::Serial, Lane::Overlapping);
    let actors = Actors::of(&[("a", serial), ("b", serial), ("c", serial), ("o", overlapping)]);
    let begun = Instant::now();
    assert_eq!(actors.ask("a", "ask", &["a"]).await, deadlock("`a` → `a`"));
    assert_eq!(actors.ask("a", "ask", &["b", "a"]).await, deadlock("`a` → `b` → `a`"));
    assert_eq!(actors.ask("c", "ask", &["a", "b", "a"]).await, deadlock("`a` → `b` → `a`"));
    assert_eq!(actors.ask("a", "ask", &["o", "b", "o", "a"]).await, deadlock("`a` → `o` → `b` → `o` → `a`"));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    // Nothing is left of it.
    assert_eq!(actors.ask("a", "ask", &["b", "c", "o"]).await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn an_overlapping_actor_is_asked_again_by_those_it_asks() {
    let actors = Actors::of(&[("o", Lane::Overlapping), ("a", Lane::Serial)]);
    assert_eq!(actors.ask("o", "ask", &["a", "o"]).await, Ok(2));
    assert_eq!(actors.ask("o", "ask", &["o", "o", "a", "o"]).await, Ok(4));
}

#[tokio::test(start_paused = true)]
async fn an_overlapping_actor_full_of_calls_that_wait_for_it_is_not_asked() {
    let mut actors = Actors::of(&[("a", Lane::Serial)]);
    let limits = Limits { max_in_flight: 2.try_into().unwrap(), ..Limits::default() };
    actors.add("o", Lane::Overlapping, limits, Payload::none());
    assert_eq!(actors.ask("o", "ask", &["o", "a"]).await, Ok(2));
    assert_eq!(actors.ask("o", "ask", &["o", "a", "o"]).await, deadlock("`o` → `a` → `o`"));
}

#[tokio::test(start_paused = true)]
async fn calls_that_stand_one_upon_the_other_are_bounded() {
    let mut actors = Actors::default();
    let limits = Limits { max_in_flight: 5_000.try_into().unwrap(), ..Limits::default() };
    actors.add("o", Lane::Overlapping, limits, Payload::none());
    assert_eq!(actors.ask("o", "ask", &["o"; 1_024]).await, Ok(1_024));
    let error = actors.ask("o", "ask", &["o"; 1_025]).await.unwrap_err();
    assert!(error.to_string().starts_with("deadlock: the ask would stand upon 1024 others"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn two_actors_that_ask_each_other_at_the_same_time_do_not_wait_for_ever() {
    let actors = Actors::of(&[("a", Lane::Serial), ("b", Lane::Serial)]);
    let begun = Instant::now();
    let both =
        futures::join!(actors.ask("a", "pause_and_ask", &["b"]), actors.ask("b", "pause_and_ask", &["a"]));
    assert!(matches!(&both, (Err(_), _) | (_, Err(_))), "{both:?}");
    for outcome in [&both.0, &both.1] {
        assert!(
            outcome.is_ok()
                || *outcome == deadlock("`a` → `b` → `a`")
                || *outcome == deadlock("`b` → `a` → `b`")
        );
    }
    assert_eq!(begun.elapsed(), Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn two_actors_that_tell_each_other_with_full_mailboxes_do_not_wait_for_ever() {
    let mut actors = Actors::default();
    for name in ["a", "b"] {
        let limits = Limits { mailbox_messages: 2.try_into().unwrap(), ..Limits::default() };
        actors.add(name, Lane::Serial, limits, Payload::none());
    }
    let begun = Instant::now();
    let both = futures::join!(actors.ask("a", "flood", &["b"]), actors.ask("b", "flood", &["a"]));
    assert!(matches!(&both, (Err(_), _) | (_, Err(_))), "{both:?}");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let alone = actors.ask("a", "flood", &["a"]).await;
    assert_eq!(alone, deadlock("`a` → `a`"));
}

#[tokio::test(start_paused = true)]
async fn a_reader_whose_producer_asks_it_back_does_not_wait_for_ever() {
    for producer in [Lane::Serial, Lane::Overlapping] {
        let actors = Actors::of(&[("reader", Lane::Serial), ("producer", producer)]);
        let begun = Instant::now();
        let error = actors.ask("reader", "read", &["producer"]).await.unwrap_err();
        assert!(error.to_string().starts_with("deadlock: "), "{error}");
        assert_eq!(begun.elapsed(), Duration::ZERO);
        // A reader that does other things meanwhile is asked.
        let actors = Actors::of(&[("reader", Lane::Overlapping), ("producer", producer)]);
        assert_eq!(actors.ask("reader", "read", &["producer"]).await, Ok(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_asks_its_own_actor_back_fails_at_once() {
    let mut actors = Actors::of(&[("b", Lane::Serial)]);
    let config = Payload::json(r#"["b", "a"]"#);
    let limits = Limits::default();
    let actor = actors.add("a", Lane::Serial, limits, config);
    let status = actor.wait_for(|status| status.last_exit.is_some()).await.unwrap();
    let exit = status.last_exit.unwrap().report();
    assert!(exit.contains("would wait for itself: `a` → `b` → `a`"), "{exit}");
}
