//! Streams: how many items there are in a second, and how long the first one takes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use futures::StreamExt;
use pulsing_host::{ActorRef, Payload};
use tokio::sync::mpsc;

use crate::Bench;
use crate::asked::{Asked, Sandboxed, ask_p50};
use crate::contest::Contest;
use crate::messages::BODY;
use crate::places::Placement;
use crate::rows::{Goal, Row};

#[derive(Args)]
pub(crate) struct Options {
    /// How many rounds.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// How long each is measured in a round, in milliseconds, where that is what is given.
    #[arg(long, default_value_t = 200)]
    round_millis: u64,
    /// How many items a stream has.
    #[arg(long, default_value_t = 100_000)]
    items: u32,
}

/// As many items as a stream's buffer holds by default.
const BUFFER: usize = 32;

/// Runs all of it. Answers the rows.
pub(crate) fn run(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    let serial = bench.start(bench.spec("echo", "streaming")?)?;
    let overlapping = bench.start(bench.spec("echo-overlapping", "streaming-overlapping")?)?;
    let (places, count) = (&bench.places, options.items);
    let time = Duration::from_millis(options.round_millis);
    let mut rows = Vec::new();
    for placement in Placement::ALL {
        let mut contest = Contest::default();
        contest.enter("tokio channel of 32", || {
            let (items, channel) = mpsc::channel(BUFFER);
            places.at_home(async move {
                tokio::spawn(async move {
                    for _ in 0..count {
                        // Whoever reads, reads to the end.
                        drop(items.send(BODY).await);
                    }
                });
                Ok(())
            })?;
            places.run(placement, channel_items_per_sec(channel, count))
        });
        for (name, first, ask, actor) in [
            ("items", "first item", "ask", &serial),
            ("overlapping items", "overlapping first item", "overlapping ask", &overlapping),
        ] {
            contest.enter(name, move || places.run(placement, items_per_sec(actor.clone(), count)));
            let opened = FirstItem { actor: actor.clone() };
            contest.enter(first, move || places.run(placement, ask_p50(opened.clone(), time)));
            let asked = Sandboxed { actor: actor.clone(), method: "echo", args: Payload::bytes(BODY) };
            contest.enter(ask, move || places.run(placement, ask_p50(asked.clone(), time)));
        }
        let series = contest.run(options.rounds)?;
        let at = placement.as_str();
        let row = |work: &str, unit, who, baseline, goal| {
            series.row(&format!("{work}, {at}"), unit, who, baseline, goal)
        };
        let channel = "tokio channel of 32";
        rows.extend([
            row("stream of 16-byte items, serial", "/s", "items", channel, Some(Goal::AtLeast(0.5)))?,
            row("stream of 16-byte items, overlapping", "/s", "overlapping items", channel, None)?,
            row("first item of a stream, serial", "ns", "first item", "ask", Some(Goal::AtMost(4.0)))?,
            row(
                "first item of a stream, overlapping",
                "ns",
                "overlapping first item",
                "overlapping ask",
                Some(Goal::AtMost(4.0)),
            )?,
        ]);
    }
    Ok(rows)
}

async fn channel_items_per_sec(mut channel: mpsc::Receiver<bytes::Bytes>, count: u32) -> Result<f64> {
    let begun = Instant::now();
    let mut items = 0_u32;
    while channel.recv().await.is_some() {
        items += 1;
    }
    ensure!(items == count, "{items} of {count} items came");
    Ok(f64::from(items) / begun.elapsed().as_secs_f64())
}

pub(crate) async fn items_per_sec(actor: ActorRef, count: u32) -> Result<f64> {
    let begun = Instant::now();
    let mut reader = actor.stream("items", &(count,)).await?;
    let mut items = 0_u32;
    while let Some(item) = reader.next().await {
        item?;
        items += 1;
    }
    ensure!(items == count, "{items} of {count} items came");
    Ok(f64::from(items) / begun.elapsed().as_secs_f64())
}

/// Opens a stream of one item and waits for that.
#[derive(Clone)]
struct FirstItem {
    actor: ActorRef,
}

impl Asked for FirstItem {
    async fn ask(&self) -> Result<()> {
        let mut reader = self.actor.stream("items", &(1,)).await?;
        reader.next().await.context("no item")??;
        Ok(())
    }
}
