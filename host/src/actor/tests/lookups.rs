//! Messages over a look-up that takes a while, to an actor of this process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::native::settle;
use crate::actor::{LocalPort, Spawn};
use crate::call::CallContext;
use crate::delivery::slow::{Found, slow_directory};
use crate::delivery::{ActorRef, Call, Peers, Port, SendOptions, Told};
use crate::description::Description;
use crate::dispatch::{Behavior, Birth, LifeContext, Reply, Work};
use crate::exit::ExitReason;
use crate::grants::Caller;
use crate::id::{ActorId, CallId};
use crate::limits::Limits;
use crate::wait_graph::{CallPath, Origin, WaitGraph, Waiter};
use crate::wire::{CallError, Lane, Message, Payload, RuntimeErrorKind};

/// Notes the methods of its messages, and answers what is left of the caller's time, in milliseconds.
struct Noting(Arc<Mutex<Vec<String>>>);

impl Behavior for Noting {
    fn lane(&self) -> Lane {
        Lane::Serial
    }

    fn live(&self, birth: Birth, context: LifeContext) -> BoxFuture<'_, ExitReason> {
        async move {
            context.ready(&birth, Description::default());
            loop {
                match context.next().await {
                    Work::Ask(job) => {
                        self.0.lock().unwrap().push(job.message.method.to_string());
                        let left = job.remaining.map_or(0, |left| left.as_millis());
                        context.handled(job.call, Ok(Reply::Value(Payload::json(left.to_string()))));
                    }
                    Work::Tell(job) => {
                        self.0.lock().unwrap().push(job.message.method.to_string());
                        context.told(job.call, Ok(()));
                    }
                    Work::Leave => context.rests(),
                    Work::Stop => return ExitReason::Stopped,
                    Work::Draw { .. } | Work::Close { .. } => unreachable!("it has no streams"),
                }
            }
        }
        .boxed()
    }
}

fn spawn(limits: Limits) -> (Arc<LocalPort>, Arc<Mutex<Vec<String>>>, JoinHandle<()>) {
    let noted = Arc::<Mutex<Vec<String>>>::default();
    let plain = Spawn::plain("there", Noting(Arc::clone(&noted)));
    let (port, run) = Spawn { limits, ..plain }.into_port(&Arc::default());
    (port, noted, tokio::spawn(run))
}

fn looked_for() -> (ActorRef, oneshot::Sender<Found>) {
    let (directory, tell) = slow_directory();
    let there: ActorId = "there".parse().unwrap();
    let peers = Peers::new("asker".parse().unwrap(), [there], Arc::downgrade(&directory));
    (peers.find("there").unwrap(), tell)
}

fn keyed(method: &str) -> Message {
    Message { idempotency_key: Some("k".to_owned()), ..Message::new(method, Payload::none()) }
}

#[tokio::test(start_paused = true)]
async fn an_ask_with_a_key_takes_its_place_in_line_when_it_is_sent() {
    let (port, noted, task) = spawn(Limits { reply_cache: 10, ..Limits::default() });
    settle().await;
    let context = CallContext::default;
    let asked = port.call(&Caller::Program, Arc::new(keyed("first")), context());
    let told = port.tell(&Caller::Program, Message::new("second", Payload::none()), context());
    assert!(matches!(told, Told::Ended(Ok(()))));
    settle().await;
    if let Call::Pending(outcome) = asked {
        drop(outcome.await);
    }
    assert_eq!(*noted.lock().unwrap(), ["first", "second"]);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_what_is_left_of_its_callers_time_also_after_a_look_up() {
    let (port, _noted, task) = spawn(Limits::default());
    settle().await;
    let (actor, found) = looked_for();
    let options = SendOptions { timeout: Some(Duration::from_secs(30)), ..SendOptions::default() };
    let mut ask =
        async move { actor.ask_message(Message::new("left", Payload::none()), options).await }.boxed();
    assert!((&mut ask).now_or_never().is_none());
    tokio::time::advance(Duration::from_secs(20)).await;
    assert!(found.send(Ok(port as Arc<dyn Port>)).is_ok());
    assert_eq!(ask.await, Ok(Payload::json("10000")));
    task.abort();
}

struct Waits(Arc<WaitGraph>);

impl Waiter for Waits {
    fn graph(&self) -> &Arc<WaitGraph> {
        &self.0
    }

    fn refuse_deadlocked(&self) {}
}

fn serial(name: &str, graph: &Arc<WaitGraph>) -> Origin {
    let waiter = Arc::new(Waits(Arc::clone(graph)));
    Origin::new(name.parse().unwrap(), Lane::Serial, CallId(1), CallPath::default(), waiter)
}

#[tokio::test(start_paused = true)]
async fn a_tell_to_who_waits_for_the_teller_is_taken_also_during_a_look_up() {
    let (port, noted, task) = spawn(Limits::default());
    settle().await;
    let graph = Arc::<WaitGraph>::default();
    // `there` asked `asker`, whose handler tells it how far it has got.
    let _wait = serial("there", &graph).begin_wait(&"asker".parse().unwrap()).unwrap();
    let (actor, found) = looked_for();
    let options = SendOptions { origin: serial("asker", &graph), ..SendOptions::default() };
    let mut tell =
        async move { actor.tell_message(Message::new("progress", Payload::none()), options).await }.boxed();
    assert_eq!((&mut tell).now_or_never(), None, "it waits for the look-up, and for nobody");
    assert!(found.send(Ok(port as Arc<dyn Port>)).is_ok());
    tell.await.unwrap();
    settle().await;
    assert_eq!(*noted.lock().unwrap(), ["progress"]);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn messages_that_were_given_up_take_no_place_in_the_line_of_a_look_up() {
    /// As in `delivery::lookup`.
    const LINE_MAX: usize = 1024;
    let (actor, _found) = looked_for();
    let ask = || {
        let (actor, message) = (actor.clone(), Message::new("x", Payload::none()));
        async move { actor.ask_message(message, SendOptions::default()).await }.boxed()
    };
    for _ in 0..LINE_MAX {
        assert!(ask().now_or_never().is_none());
    }
    match ask().now_or_never() {
        None => {}
        Some(Err(CallError::Runtime(error))) => assert_ne!(error.kind, RuntimeErrorKind::MailboxFull),
        Some(other) => panic!("{other:?}"),
    }
}
