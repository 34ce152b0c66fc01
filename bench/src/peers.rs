//! Messages from one actor to another, as one actor sends them: what each costs.
//!
//! Both actors live on one worker. What is sent to the first, so that it begins, is one message in a hundred and more.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use pulsing_host::{ActorRef, Payload};

use crate::Bench;
use crate::asked::{Asked, Sandboxed, Told};
use crate::contest::Contest;
use crate::messages::{BODY, Options};
use crate::native::KameoEcho;
use crate::places::Placement;
use crate::rows::{Goal, Row, median};

/// How many messages an actor sends in one handler: many beside the one that it is asked with, and too few for the time
/// of computing after which an actor is put with those of lower priority.
const BATCH: u32 = 200;

/// How long one actor's ask of another is to take at most, whatever a native one takes: what one owes the other is two
/// changes of guests.
const ASK_NS: f64 = 2_500.0;

/// An actor that sends messages to another of its kind.
pub(crate) trait Relays: Asked + Told {
    fn relay_asks(&self, count: u32, to: &Self) -> impl Future<Output = Result<()>> + Send;

    fn relay_tells(&self, count: u32, to: &Self) -> impl Future<Output = Result<()>> + Send;
}

impl Relays for Sandboxed {
    async fn relay_asks(&self, count: u32, to: &Self) -> Result<()> {
        Ok(self.actor.ask::<()>("ask_peer", &(to.actor.id().as_str(), count)).await?)
    }

    async fn relay_tells(&self, count: u32, to: &Self) -> Result<()> {
        Ok(self.actor.ask::<()>("tell_peer", &(to.actor.id().as_str(), count)).await?)
    }
}

/// Runs all of it. Answers the rows.
pub(crate) fn run(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    let time = options.time();
    let places = &bench.places;
    let native =
        places.at_home(async { Ok((KameoEcho::start(BODY).await, KameoEcho::start(BODY).await)) })?;
    let serial = pair(bench, "echo", "serial")?;
    let overlapping = pair(bench, "echo-overlapping", "overlapping")?;
    let told = Sandboxed { method: "note", ..serial.1.clone() };
    let mut contest = Contest::default();
    contest.enter("kameo asks", || places.run(Placement::Same, asks(native.clone(), time)));
    contest.enter("kameo tells", || places.run(Placement::Same, tells(native.clone(), time)));
    contest.enter("asks", || places.run(Placement::Same, asks(serial.clone(), time)));
    contest.enter("tells", || places.run(Placement::Same, tells(serial.clone(), time)));
    contest.enter("host tells", || places.run(Placement::Same, host_tells(told.clone(), time)));
    contest.enter("overlapping asks", || places.run(Placement::Same, asks(overlapping.clone(), time)));
    contest.enter("overlapping tells", || places.run(Placement::Same, tells(overlapping.clone(), time)));
    let series = contest.run(options.rounds)?;
    let row = |work: &str, who, baseline, goal| series.row(work, "ns", who, baseline, goal);
    Ok(vec![
        row("guest asks guest, serial", "asks", "kameo asks", None)?.aims_at(Goal::AtMost(ASK_NS)),
        row("guest asks guest, overlapping", "overlapping asks", "kameo asks", None)?,
        row("guest tells guest, serial", "tells", "kameo tells", None)?,
        row("guest tells guest, serial", "tells", "host tells", Some(Goal::AtMost(3.0)))?,
        row("guest tells guest, overlapping", "overlapping tells", "kameo tells", None)?,
    ])
}

/// Two actors, the first of which may send messages to the second.
pub(crate) fn pair(bench: &Bench, guest: &str, name: &str) -> Result<(Sandboxed, Sandboxed)> {
    let second = bench.start(bench.spec(guest, &format!("{name}-second"))?)?;
    let mut spec = bench.spec(guest, &format!("{name}-first"))?;
    spec.grants.ask = vec![second.id().clone()];
    let first = bench.start(spec)?;
    let echo = |actor: ActorRef| Sandboxed { actor, method: "echo", args: Payload::bytes(BODY) };
    Ok((echo(first), echo(second)))
}

/// How long an ask takes, in nanoseconds: the median of batches.
pub(crate) async fn asks<A: Relays>((first, second): (A, A), time: Duration) -> Result<f64> {
    let (begun, mut batches) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let batch = Instant::now();
        first.relay_asks(BATCH, &second).await?;
        batches.push(each(batch.elapsed()));
    }
    Ok(median(batches.into_iter()))
}

/// How long a tell takes until it is handled, in nanoseconds: the median of batches.
pub(crate) async fn tells<A: Relays>((first, second): (A, A), time: Duration) -> Result<f64> {
    told_in_batches(&second, time, || first.relay_tells(BATCH, &second)).await
}

/// The same where no actor sends them, but this program.
async fn host_tells(told: impl Told, time: Duration) -> Result<f64> {
    let batch = || async {
        for _ in 0..BATCH {
            told.tell().await?;
        }
        Ok(())
    };
    told_in_batches(&told, time, batch).await
}

async fn told_in_batches<F>(second: &impl Told, time: Duration, send: impl Fn() -> F) -> Result<f64>
where
    F: Future<Output = Result<()>>,
{
    let (begun, mut batches) = (Instant::now(), Vec::new());
    let mut told = second.told().await?;
    while begun.elapsed() < time {
        let batch = Instant::now();
        send().await?;
        let after = second.told().await?;
        batches.push(each(batch.elapsed()));
        ensure!(after - told == u64::from(BATCH), "{} of {BATCH} arrived", after - told);
        told = after;
    }
    Ok(median(batches.into_iter()))
}

fn each(batch: Duration) -> f64 {
    batch.as_secs_f64() * 1e9 / f64::from(BATCH)
}
