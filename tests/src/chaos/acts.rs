//! What is done to actors with faults, and between actors: whatever comes of it, it comes in time.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use pulsing_host::{ActorRef, CallError, Message, Payload, SendOptions};
use serde_json::{Value, json};

use super::REACHED;
use super::clients;
use super::fault::{Fault, Reach};
use super::plan::{Act, Order, Provocation};
use super::send;
use super::watching::Watching;
use super::world::{HOP, PATIENCE, TICKER, WITNESS, World};

/// How long a reader waits for the next item of a stream that may have none.
const ITEM_PATIENCE: Duration = Duration::from_millis(300);

/// Carries out one step. What it sends to healthy actors it sends in its first poll.
pub(super) fn carry_out(world: Arc<World>, act: Act) -> BoxFuture<'static, ()> {
    match act {
        Act::Send(whom, messages) => {
            // Each is sent before the next one: they are polled in their order.
            let sent = messages
                .into_iter()
                .map(move |(number, message)| send::to_healthy(Arc::clone(&world), number, whom, message));
            join_all(sent).map(drop).boxed()
        }
        Act::Order(whom, orders) => async move { stir(&world, world.healthy(whom), &orders).await }.boxed(),
        Act::Provoke { fault, how } => with_faulty(world, fault, how.anew, move |world, fault, actor| {
            async move {
                join_all((0..how.times).map(|_| provoke(&world, &fault, &actor, how))).await;
            }
            .boxed()
        }),
        Act::Disturb(fault, orders) => with_faulty(world, fault, false, move |world, _, actor| {
            async move { obey_all(&world, &actor, &orders).await }.boxed()
        }),
        Act::Watch(fault, ends) => with_faulty(world, fault, false, move |world, _, actor| {
            async move {
                let (watching, tally) = (Watching::begin(&actor).await, Arc::clone(&world.tally));
                world.watch(async move { watching.for_some(ends, &tally).await });
            }
            .boxed()
        }),
        Act::Tick(every_ms) => async move { tick(&world, every_ms).await }.boxed(),
        Act::Through(fault) => async move { ask_through(&world, fault).await }.boxed(),
        Act::Misuse(misuse, hold_ms) => async move { clients::misuse(&world, misuse, hold_ms).await }.boxed(),
        Act::Count => async move { clients::count(&world).await }.boxed(),
    }
}

/// Does something with the actor of a fault.
fn with_faulty(
    world: Arc<World>,
    fault: usize,
    anew: bool,
    act: impl FnOnce(Arc<World>, Fault, ActorRef) -> BoxFuture<'static, ()> + Send + 'static,
) -> BoxFuture<'static, ()> {
    async move {
        let Some(fault) = world.faults.get(fault).cloned() else { return };
        match world.faulty(&fault, anew).await {
            Ok(actor) => act(Arc::clone(&world), fault, actor).await,
            Err(error) => world.tally.find(format!("{error:#}")),
        }
    }
    .boxed()
}

/// Waits for `work`, which is sure to come.
pub(super) async fn bounded<T>(
    world: &World,
    what: impl FnOnce() -> String,
    work: impl Future<Output = T>,
) -> Option<T> {
    let done = tokio::time::timeout(PATIENCE, work).await.ok();
    if done.is_none() {
        world.tally.find(format!("{} did not come within {} s", what(), PATIENCE.as_secs()));
    }
    done
}

/// Gives orders to a healthy actor, which lives afterwards.
async fn stir(world: &World, actor: &ActorRef, orders: &[Order]) {
    obey_all(world, actor, orders).await;
    if actor.status().await.expect(REACHED).state.is_final() {
        obey(world, actor, Order::Restart).await;
    }
}

/// Gives orders, all at once.
async fn obey_all(world: &World, actor: &ActorRef, orders: &[Order]) {
    join_all(orders.iter().map(|order| obey(world, actor, *order))).await;
}

/// Gives an order, and waits until it is carried out, or another was that forbids it.
async fn obey(world: &World, actor: &ActorRef, order: Order) {
    world.tally.counts().orders += 1;
    let what = || format!("{}: the end of the order {order:?}", actor.id());
    match order {
        Order::Restart => drop(bounded(world, what, actor.restart()).await),
        Order::Stop => drop(bounded(world, what, actor.stop()).await),
        Order::Kill => drop(bounded(world, what, actor.kill()).await),
    }
}

/// Brings a fault about.
async fn provoke(world: &World, fault: &Fault, actor: &ActorRef, how: Provocation) {
    *world.tally.counts().faults.entry(fault.kind).or_default() += 1;
    let what = |what: &str| format!("{}: {what}", actor.id());
    if actor.status().await.expect(REACHED).state.is_final() {
        drop(bounded(world, || what("another life"), actor.restart()).await);
    }
    match fault.reach {
        Reach::Ask(method, args) => ask(world, actor, Message::new(method, Payload::json(args)), how).await,
        Reach::Tell(method) => {
            let told = actor.tell_message(Message::new(method, Payload::none()), SendOptions::default());
            let told = bounded(world, || what("room for a tell"), told).await;
            world.tally.counts().tells += u64::from(matches!(told, Some(Ok(()))));
        }
        Reach::Stream(method, args) => {
            read(world, actor, Message::new(method, Payload::json(args)), how).await;
        }
        Reach::Stop => drop(bounded(world, || what("its stop"), actor.stop()).await),
        Reach::Life => drop(bounded(world, || what("its restart"), actor.restart()).await),
    }
}

fn options(how: Provocation) -> SendOptions {
    SendOptions { timeout: Some(Duration::from_millis(how.timeout_ms)), ..SendOptions::default() }
}

/// Runs `work` until its caller gives up, if it does.
pub(super) async fn unless_given_up<T>(give_up_ms: Option<u64>, work: impl Future<Output = T>) -> Option<T> {
    match give_up_ms {
        None => Some(work.await),
        Some(ms) => tokio::time::timeout(Duration::from_millis(ms), work).await.ok(),
    }
}

/// Asks, and sees that there is an answer, unless the caller goes away.
async fn ask(world: &World, actor: &ActorRef, message: Message, how: Provocation) {
    world.tally.counts().asks += 1;
    let ask = unless_given_up(how.give_up_ms, actor.ask_message(message, options(how)));
    match bounded(world, || format!("{}: the answer to an ask", actor.id()), ask).await {
        Some(Some(answer)) => world.tally.answered(&answer),
        Some(None) => world.tally.counts().given_up += 1,
        // That is found already, and the ask is without an answer.
        None => {}
    }
}

/// Opens a stream, reads some of it for as long as something comes, and drops it.
async fn read(world: &World, actor: &ActorRef, message: Message, how: Provocation) {
    let opened = unless_given_up(how.give_up_ms, actor.stream_message(message, options(how)));
    let opened = bounded(world, || format!("{}: the beginning of a stream", actor.id()), opened).await;
    let Some(Some(Ok(mut stream))) = opened else { return };
    world.tally.counts().streams += 1;
    let mut read = 0;
    while read < how.items {
        match tokio::time::timeout(ITEM_PATIENCE, stream.next_batch(7)).await {
            Ok(Ok(batch)) if !batch.done => {
                let first = batch.items.first().map(|item| item.number);
                if first != Some(read + 1) {
                    world.tally.find(format!("{}: item {first:?} came after {read}", actor.id()));
                }
                read += u64::try_from(batch.items.len()).unwrap_or(u64::MAX);
            }
            _ended_or_idle => return,
        }
    }
}

/// Lets an actor do something over and over in the background; what it did before ends with its life.
async fn tick(world: &World, every_ms: u64) {
    let Ok(ticker) = world.host.actor(TICKER) else { return };
    obey(world, &ticker, Order::Restart).await;
    let ticks = ticker.ask::<()>("tick", &(WITNESS, every_ms)).into_future();
    ask_healthy(world, TICKER, ticks).await;
}

/// Asks an actor with a fault through a healthy one, which answers whatever comes of it.
async fn ask_through(world: &World, fault: usize) {
    let (Some(fault), Ok(hop)) = (world.faults.get(fault), world.host.actor(HOP)) else { return };
    let method = if let Reach::Ask(method, _) = fault.reach { method } else { "x" };
    let seen = hop.ask::<Value>("see", &json!([[fault.actor()], method, null])).into_future();
    ask_healthy(world, HOP, seen).await;
}

/// Asks an actor that always answers, if it lives: one that is being restarted may be cut off.
async fn ask_healthy<T>(world: &World, name: &str, ask: impl Future<Output = Result<T, CallError>>) {
    world.tally.counts().asks += 1;
    let Some(answer) = bounded(world, || format!("{name}: the answer to an ask"), ask).await else { return };
    world.tally.answered(&answer);
    if let (HOP, Err(error)) = (name, &answer) {
        world.tally.find(format!("{name} answered {error:?}"));
    }
}
