//! How much a healthy actor notices of neighbours that loop, grow and crash, and how exactly loops are ended.
//!
//! The healthy actor is asked by a thread outside the host, once a millisecond, so that every ask wakes whoever
//! sleeps, as one over a network would. Rounds alone and rounds beside the neighbours take turns. What comes over HTTP,
//! beside single attacks, is in [`attacks`].

mod attacks;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytesize::ByteSize;
use clap::Args;
use hdrhistogram::Histogram;
use pulsing_host::{
    ActorRef, ActorSpec, EPOCH_TICK, ExitReason, Message, Payload, RestartPolicy, RestartSettings,
    SendOptions,
};
use tokio::task::JoinSet;

use super::Bench;
use super::rows::{Goal, Row};

/// Between two asks of the healthy actor.
const PAUSE: Duration = Duration::from_millis(1);
/// How long a loop may run in the measurement of forced ends.
const LOOP_MAX: Duration = Duration::from_millis(100);
/// Nothing here takes that long unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct Options {
    /// How many rounds of each kind.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long a round lasts, in seconds.
    #[arg(long, default_value_t = 3)]
    round_secs: u64,
    /// How many loops are ended by force, of each kind.
    #[arg(long, default_value_t = 20)]
    ends: usize,
    /// How many neighbours never end their handler.
    #[arg(long, default_value_t = 8)]
    spinning: usize,
    /// How many neighbours allocate until they are refused, again and again.
    #[arg(long, default_value_t = 2)]
    hungry: usize,
    /// How long a neighbour that failed waits before its next life, in milliseconds.
    #[arg(long, default_value_t = 100)]
    backoff_ms: u64,
    /// How many guests attack at once, of each kind of attack.
    #[arg(long, default_value_t = 2)]
    attackers: usize,
    /// How many neighbours crash, again and again.
    #[arg(long, default_value_t = 2)]
    crashing: usize,
}

/// Runs all of it. Answers the rows.
pub(crate) async fn run(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    let healthy = start(bench, bench.spec("counter", "healthy")?).await?;
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    // One to warm up: compiled code is loaded, threads are there.
    round(&healthy, Duration::from_secs(1)).await?;
    for _ in 0..options.rounds {
        let alone = round(&healthy, Duration::from_secs(options.round_secs)).await?;
        let neighbours = Neighbours::start(bench, options).await?;
        let beside = round(&healthy, Duration::from_secs(options.round_secs)).await?;
        neighbours.end().await;
        p50.push((micros(&beside, 0.5), micros(&alone, 0.5)));
        p99.push((micros(&beside, 0.99), micros(&alone, 0.99)));
    }
    let mut rows = vec![
        Row::beside("ask beside neighbours, p50", "us", "alone", &p50, None),
        Row::beside("ask beside neighbours, p99", "us", "alone", &p99, Some(Goal::AtMost(1.5))),
    ];
    rows.extend(attacks::rows(bench, options).await?);
    rows.extend(overshoot(bench, options).await?);
    Ok(rows)
}

async fn start(bench: &Bench, spec: ActorSpec) -> Result<ActorRef> {
    let actor = bench.host.spawn(spec).await?;
    actor.ready().await.map_err(|exit| anyhow::anyhow!("{} {exit}", actor.id()))?;
    Ok(actor)
}

/// Asks for so long, from a thread of its own. Returns how long asks took, in nanoseconds.
async fn round(actor: &ActorRef, time: Duration) -> Result<Histogram<u64>> {
    let actor = actor.clone();
    let asking = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let mut took = Histogram::<u64>::new(3)?;
        let end = Instant::now() + time;
        while Instant::now() < end {
            thread::park_timeout(PAUSE);
            let begun = Instant::now();
            runtime.block_on(actor.ask::<u64>("increment", &(1,)).into_future())?;
            took.record(u64::try_from(begun.elapsed().as_nanos())?)?;
        }
        Ok(took)
    };
    tokio::task::spawn_blocking(asking).await.context("the asking thread ended")?
}

#[expect(clippy::cast_precision_loss, reason = "times of asks are far below 2^53 ns")]
fn micros(took: &Histogram<u64>, quantile: f64) -> f64 {
    took.value_at_quantile(quantile) as f64 / 1000.0
}

/// Actors that loop, grow and crash as fast as they can.
struct Neighbours {
    actors: Vec<ActorRef>,
    provoking: JoinSet<()>,
}

impl Neighbours {
    async fn start(bench: &Bench, options: &Options) -> Result<Self> {
        let mut neighbours = Self { actors: Vec::new(), provoking: JoinSet::new() };
        for n in 0..options.spinning {
            let spinning = neighbours.add_rogue(bench, options, &format!("spinning-{n}")).await?;
            spinning.tell("spin", &()).await?;
        }
        for n in 0..options.hungry {
            let hungry = neighbours.add_rogue(bench, options, &format!("hungry-{n}")).await?;
            neighbours.provoke(hungry, "grow", Payload::none());
        }
        for n in 0..options.crashing {
            let crashing = neighbours.add_rogue(bench, options, &format!("crashing-{n}")).await?;
            neighbours.provoke(crashing, "panic", Payload::none());
        }
        Ok(neighbours)
    }

    async fn add_rogue(&mut self, bench: &Bench, options: &Options, name: &str) -> Result<ActorRef> {
        let mut spec = bench.spec("rogue", name)?;
        spec.limits.memory_max = ByteSize::mib(64);
        self.add(bench, options, spec).await
    }

    async fn add(&mut self, bench: &Bench, options: &Options, mut spec: ActorSpec) -> Result<ActorRef> {
        spec.limits.handler_max_cpu = PATIENCE;
        spec.restart = RestartSettings {
            policy: RestartPolicy::Always,
            max_restarts: u32::MAX,
            min_backoff: Some(Duration::from_millis(options.backoff_ms)),
            max_backoff: Duration::from_millis(options.backoff_ms),
            quarantine_after: 0,
            ..RestartSettings::default()
        };
        let actor = start(bench, spec).await?;
        self.actors.push(actor.clone());
        Ok(actor)
    }

    /// Sends it what ends its life, again and again.
    fn provoke(&mut self, actor: ActorRef, method: &'static str, args: Payload) {
        self.provoking.spawn(async move {
            // An error is what is wanted; only one that comes at once would be without an end.
            let message = || Message::new(method, args.clone());
            while actor.ask_message(message(), SendOptions::default()).await.is_err()
                && actor.status().await.is_ok_and(|status| !status.state.is_final())
            {}
        });
    }

    async fn end(mut self) {
        for actor in &self.actors {
            // It may have ended by itself.
            drop(actor.kill().await);
        }
        self.provoking.shutdown().await;
    }
}

/// How much longer than they may loops run: those over their time of computing, and those whose caller gave up.
async fn overshoot(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for beside in [false, true] {
        let neighbours = if beside { Some(Neighbours::start(bench, options).await?) } else { None };
        let (mut computing, mut given_up) = (Vec::new(), Vec::new());
        for _ in 0..options.ends {
            computing.push(computing_too_long(bench).await?);
            given_up.push(caller_gave_up(bench).await?);
        }
        if let Some(neighbours) = neighbours {
            neighbours.end().await;
        }
        let place = if beside { "beside neighbours" } else { "alone" };
        rows.push(
            Row::alone(&format!("end of a handler over its time, {place}"), "ticks", &computing).at_most(2.0),
        );
        rows.push(
            Row::alone(&format!("end of an ask without a caller, {place}"), "ticks", &given_up).at_most(2.0),
        );
    }
    Ok(rows)
}

/// Processor time that a loop had beyond its limit, in ticks.
async fn computing_too_long(bench: &Bench) -> Result<f64> {
    let mut spec = bench.spec("rogue", "loop")?;
    spec.limits.handler_max_cpu = LOOP_MAX;
    spec.restart.policy = RestartPolicy::Never;
    let actor = start(bench, spec).await?;
    let before = actor.snapshot().await?.counted.cpu;
    actor.tell("spin", &()).await?;
    ended(&actor).await?;
    Ok(ticks((actor.snapshot().await?.counted.cpu - before).saturating_sub(LOOP_MAX)))
}

/// Time by the wall for which a loop went on once it should have stopped, in ticks.
async fn caller_gave_up(bench: &Bench) -> Result<f64> {
    let mut spec = bench.spec("rogue", "loop")?;
    spec.limits.grace = LOOP_MAX;
    spec.restart.policy = RestartPolicy::Never;
    let actor = start(bench, spec).await?;
    let begun = Instant::now();
    let answer = actor.ask::<()>("spin", &()).timeout(LOOP_MAX).await;
    anyhow::ensure!(answer.is_err(), "a loop without an end has answered");
    ended(&actor).await?;
    Ok(ticks(begun.elapsed().saturating_sub(LOOP_MAX * 2)))
}

async fn ended(actor: &ActorRef) -> Result<()> {
    let end = actor.wait_for(|status| status.state.is_final());
    let status = tokio::time::timeout(PATIENCE, end).await.context("a loop was not ended")??;
    let forced = matches!(status.last_exit, Some(ExitReason::Forced { .. }));
    anyhow::ensure!(forced, "a loop ended otherwise: {:?}", status.last_exit);
    Ok(())
}

fn ticks(time: Duration) -> f64 {
    time.as_secs_f64() / EPOCH_TICK.as_secs_f64()
}
