//! One round: a host from its start to its end, with what a plan does to it in between.
//!
//! Bounds: of steps under way at once, [`OPEN_MAX`]; of anything that is waited for, [`PATIENCE`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::{join_all, poll_immediate};
use pulsing_host::ActorRef;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::REACHED;
use super::acts::{bounded, carry_out};
use super::clients;
use super::model::Kind;
use super::plan::{Healthy, Step};
use super::tally::Tally;
use super::world::{HOP, PATIENCE, WEB, WITNESS, World};

/// How many steps are under way at once, at most; then the next one waits for one of them.
const OPEN_MAX: usize = 256;
/// How often something is looked at that is waited for.
const EVERY: Duration = Duration::from_millis(10);

/// Runs a host through some steps of a plan, which begins at `from`.
///
/// # Errors
///
/// Where the host or a healthy actor cannot be started. What is wrong afterwards is in the tally.
pub(super) async fn run(tally: &Arc<Tally>, from: Duration, steps: impl Iterator<Item = Step>) -> Result<()> {
    let world = Arc::new(World::begin(Arc::clone(tally)).await?);
    let open = carry_out_all(&world, from, steps).await;
    finish(&world, open).await;
    settle(&world).await;
    check_healthy(&world).await;
    stop_all(&world).await;
    let world = Arc::into_inner(world).context("a step of the plan is still under way")?;
    let (host, gateway, watching) = world.into_parts();
    if tokio::time::timeout(PATIENCE, gateway.end()).await.is_err() {
        tally.find("the gateway did not end");
    }
    if tokio::time::timeout(PATIENCE, host.shutdown()).await.is_err() {
        tally.find("the host did not shut down");
    }
    join(tally, watching, "a watch did not end with its host").await;
    Ok(())
}

/// Begins one step after the other, each at its time, and sends what it sends before the next one begins.
async fn carry_out_all(world: &Arc<World>, from: Duration, steps: impl Iterator<Item = Step>) -> JoinSet<()> {
    let begun = Instant::now();
    let mut open = JoinSet::new();
    for step in steps {
        tokio::time::sleep_until(begun + step.at.saturating_sub(from)).await;
        world.tally.counts().steps += 1;
        let mut work = carry_out(Arc::clone(world), step.act);
        if poll_immediate(&mut work).await.is_none() {
            open.spawn(work);
        }
        while open.len() >= OPEN_MAX {
            note_panic(&world.tally, open.join_next().await);
        }
        while let Some(ended) = open.try_join_next() {
            note_panic(&world.tally, Some(ended));
        }
    }
    open
}

fn note_panic(tally: &Tally, ended: Option<Result<(), tokio::task::JoinError>>) {
    if let Some(Err(error)) = ended {
        tally.find(format!("a task failed: {error}"));
    }
}

/// Waits for what is under way: each part of it has a bound of its own.
async fn finish(world: &World, open: JoinSet<()>) {
    join(&world.tally, open, "a step of the plan did not end").await;
}

/// Waits until all tasks have ended; those that do not are ended.
async fn join(tally: &Tally, mut tasks: JoinSet<()>, otherwise: &str) {
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            note_panic(tally, Some(ended));
        }
    };
    // A step is several waits.
    if tokio::time::timeout(PATIENCE * 4, all).await.is_err() {
        tally.find(otherwise);
    }
    tasks.shutdown().await;
}

/// Waits until all actors have come to rest, and the healthy ones live.
async fn settle(world: &World) {
    for whom in Healthy::ALL.into_iter().filter(|whom| whom.is_stirred()) {
        let actor = world.healthy(whom);
        if actor.status().await.expect(REACHED).state.is_final() {
            drop(bounded(world, || format!("{}: another life", actor.id()), actor.restart()).await);
        }
    }
    for whom in Healthy::ALL {
        let actor = world.healthy(whom);
        let is_idle = async || {
            let rest = actor.snapshot().await.expect(REACHED);
            (rest.in_flight, rest.streams, rest.mailbox_depth) == (0, 0, 0)
        };
        eventually(world, || format!("{}: its rest", actor.id()), is_idle).await;
    }
}

/// Waits until it holds.
async fn eventually(world: &World, what: impl FnOnce() -> String, holds: impl AsyncFn() -> bool) {
    let waits = async {
        while !holds().await {
            tokio::time::sleep(EVERY).await;
        }
    };
    bounded(world, what, waits).await;
}

/// Compares the healthy actors with what the model says of them.
async fn check_healthy(world: &World) {
    for whom in Healthy::ALL {
        if whom == Healthy::Counter {
            check_counter(world).await;
        } else {
            check_ledger(world, whom).await;
        }
        let actor = world.healthy(whom);
        let told = actor.snapshot().await.expect(REACHED).counted.tells;
        let lives = actor.status().await.expect(REACHED).generation.0;
        if !whom.is_stirred() && lives != 0 {
            world.tally.find(format!("{} is in life {lives}, after {told} tells", actor.id()));
        }
    }
    clients::check(world).await;
    for name in [HOP, WITNESS, WEB] {
        let life = match world.host.actor(name) {
            Ok(actor) => actor.status().await.map(|status| status.generation.0),
            Err(error) => Err(error),
        };
        if life != Ok(0) {
            world.tally.find(format!("{name} is not in its first life: {life:?}"));
        }
    }
}

async fn check_counter(world: &World) {
    let actor = world.healthy(Healthy::Counter);
    let Some(value) = last_ask::<i64>(world, actor, "get").await else { return };
    let expected = world.counter().value();
    if value != expected {
        world.tally.find(format!("the counter is at {value}, and should be at {expected}"));
    }
}

async fn check_ledger(world: &World, whom: Healthy) {
    let actor = world.healthy(whom);
    let Some(notes) = last_ask::<Vec<(u64, u64)>>(world, actor, "notes").await else { return };
    let notes: Vec<u64> = notes.into_iter().map(|(_sender, number)| number).collect();
    let generation = actor.status().await.expect(REACHED).generation.0;
    let kind = Kind { is_overlapping: whom.is_overlapping(), is_stirred: whom.is_stirred() };
    for wrong in world.with_ledger(whom, |ledger| ledger.check(&notes, generation, kind)) {
        world.tally.find(format!("{}: {wrong}", actor.id()));
    }
}

/// Asks an actor that has come to rest, and must answer.
async fn last_ask<T: serde::de::DeserializeOwned + 'static>(
    world: &World,
    actor: &ActorRef,
    method: &str,
) -> Option<T> {
    world.tally.counts().asks += 1;
    let what = || format!("{}: `{method}`", actor.id());
    let answer = bounded(world, what, actor.ask::<T>(method, &()).into_future()).await?;
    world.tally.answered(&answer);
    answer.inspect_err(|error| world.tally.find(format!("{}: `{method}`: {error}", actor.id()))).ok()
}

/// Stops all actors, and sees that nothing of their lives is left.
async fn stop_all(world: &World) {
    let actors = world.host.registry().list();
    let stops = actors.iter().map(|actor| async move {
        let status = bounded(world, || format!("{}: its last stop", actor.id()), actor.stop()).await;
        if status.is_some_and(|status| !status.expect(REACHED).state.is_final()) {
            world.tally.find(format!("{} lives on after its stop", actor.id()));
        }
    });
    join_all(stops).await;
    let memory = || world.host.memory_bytes();
    eventually(world, || "the end of all memory of lives".to_owned(), async || memory() == 0).await;
    for actor in &actors {
        let kept = async || actor.snapshot().await.expect(REACHED).kept_bytes;
        let before = kept().await;
        let what = || format!("{}: the end of the {before} bytes kept for it", actor.id());
        eventually(world, what, async || kept().await == 0).await;
    }
}
