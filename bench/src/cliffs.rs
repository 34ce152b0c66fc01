//! How costs grow: with the number of actors, of handlers that wait, of bytes, of streams, of crashes at once.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use pulsing_host::{ActorRef, Payload};

use crate::Bench;
use crate::asked::{Asked, Sandboxed, ask_p50};
use crate::lives::crashing;
use crate::messages::BODY;
use crate::native::{KameoEcho, TokioEcho};
use crate::places::Placement;
use crate::plot::{Line, Plot};
use crate::rows::{Row, median};
use crate::streams::items_per_sec;

#[derive(Args)]
pub(crate) struct Options {
    /// How often each point is measured; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each is measured in a round, in milliseconds.
    #[arg(long, default_value_t = 100)]
    round_millis: u64,
    /// The most actors. The kernel's default of 65,530 maps for a process has room for 9,300.
    #[arg(long, default_value_t = 9_000)]
    actors: usize,
    /// The most handlers that wait.
    #[arg(long, default_value_t = 10_000)]
    handlers: usize,
    /// The most streams of one actor.
    #[arg(long, default_value_t = 1_000)]
    streams: usize,
    /// How many items all streams have together.
    #[arg(long, default_value_t = 50_000)]
    items: u32,
    /// The most actors that crash at once.
    #[arg(long, default_value_t = 1_000)]
    crashes: usize,
}

/// Runs all of it, and draws it into `folder`. Answers the rows.
pub(crate) fn run(bench: &Bench, options: &Options, folder: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for plot in [
        sizes(bench, options)?,
        handlers(bench, options)?,
        streams(bench, options)?,
        storms(bench, options)?,
        actors(bench, options)?,
    ] {
        plot.draw(folder)?;
        for line in &plot.lines {
            rows.extend(line.points.iter().map(|(x, y)| {
                Row::alone(&format!("{}: {}, {} {x}", plot.title, line.name, plot.x), plot.y, &[*y])
            }));
        }
    }
    Ok(rows)
}

impl Options {
    fn time(&self) -> Duration {
        Duration::from_millis(self.round_millis)
    }

    /// The median of so many rounds.
    fn middle(&self, measure: impl Fn() -> Result<f64>) -> Result<f64> {
        // One to warm up.
        measure()?;
        let values: Result<Vec<_>> = (0..self.rounds).map(|_| measure()).collect();
        Ok(median(values?.into_iter()))
    }

    fn ask_p50(&self, bench: &Bench, asked: &impl Asked) -> Result<f64> {
        self.middle(|| bench.places.run(Placement::Same, ask_p50(asked.clone(), self.time())))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
fn x(count: usize) -> f64 {
    count as f64
}

/// 1, 10, 100, and `most`.
fn decades(most: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1_usize), |count| count.checked_mul(10))
        .take_while(move |count| *count < most)
        .chain([most])
}

fn echo(actor: &ActorRef, body: Bytes) -> Sandboxed {
    Sandboxed { actor: actor.clone(), method: "echo", args: Payload::bytes(body) }
}

/// An ask with bodies of different sizes.
fn sizes(bench: &Bench, options: &Options) -> Result<Plot> {
    const SIZES: [usize; 10] =
        [16, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, (4 << 20) - 1024];
    let serial = bench.start(bench.spec("echo", "sizes")?)?;
    let overlapping = bench.start(bench.spec("echo-overlapping", "sizes-overlapping")?)?;
    let line = |name: &str, measure: &dyn Fn(Bytes) -> Result<f64>| -> Result<Line> {
        let point = |size: &usize| Ok((x(*size), measure(Bytes::from(vec![7; *size]))?));
        Ok(Line { name: name.to_owned(), points: SIZES.iter().map(point).collect::<Result<_>>()? })
    };
    Ok(Plot {
        name: "message-size",
        title: "Ask against the size of its message and answer".to_owned(),
        x: "bytes",
        y: "ns",
        lines: vec![
            line("serial", &|body| options.ask_p50(bench, &echo(&serial, body)))?,
            line("overlapping", &|body| options.ask_p50(bench, &echo(&overlapping, body)))?,
            line("tokio", &|body| {
                let echo = bench.places.at_home(async { Ok(TokioEcho::start(body)) })?;
                options.ask_p50(bench, &echo)
            })?,
        ],
    })
}

/// An ask of an actor in which handlers wait.
fn handlers(bench: &Bench, options: &Options) -> Result<Plot> {
    /// Longer than any measurement.
    const FOR_EVER: Duration = Duration::from_secs(3600);
    let mut points = Vec::new();
    for count in decades(options.handlers) {
        let mut spec = bench.spec("echo-overlapping", &format!("parked-{count}"))?;
        spec.limits.max_in_flight = NonZeroUsize::new(count + 1).context("one or more")?;
        spec.limits.ask_timeout = FOR_EVER;
        let actor = bench.start(spec)?;
        let parked = actor.clone();
        let naps = bench.places.at_home(async move {
            let mut naps = tokio::task::JoinSet::new();
            for _ in 0..count {
                let nap = parked.ask::<()>("nap", &(FOR_EVER.as_millis(),)).into_future();
                naps.spawn(nap);
            }
            while parked.snapshot().await?.in_flight < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(naps)
        })?;
        points.push((x(count), options.ask_p50(bench, &echo(&actor, BODY))?));
        drop(naps);
        bench.places.at_home(async move { Ok(actor.kill().await?) })?;
    }
    let lines = vec![Line { name: "overlapping".to_owned(), points }];
    Ok(Plot {
        name: "parked-handlers",
        title: "Ask against handlers that wait in the same actor".to_owned(),
        x: "handlers",
        y: "ns",
        lines,
    })
}

/// Streams of one actor that are read at once.
fn streams(bench: &Bench, options: &Options) -> Result<Plot> {
    let mut lines = Vec::new();
    for (name, guest) in [("serial", "echo"), ("overlapping", "echo-overlapping")] {
        let actor = bench.start(bench.spec(guest, &format!("streams-{name}"))?)?;
        let mut points = Vec::new();
        for count in decades(options.streams) {
            let each = options.items / u32::try_from(count)?;
            let rate = options.middle(|| {
                let actor = actor.clone();
                bench.places.run(Placement::Same, async move {
                    let begun = Instant::now();
                    let streams = (0..count).map(|_| tokio::spawn(items_per_sec(actor.clone(), each)));
                    for stream in futures::future::join_all(streams).await {
                        stream.context("a reader panicked")??;
                    }
                    Ok(x(count) * f64::from(each) / begun.elapsed().as_secs_f64())
                })
            })?;
            points.push((x(count), rate));
        }
        lines.push(Line { name: name.to_owned(), points });
    }
    Ok(Plot {
        name: "streams",
        title: "Items of all streams together against the number of streams".to_owned(),
        x: "streams",
        y: "items/s",
        lines,
    })
}

/// Actors that crash at the same moment.
fn storms(bench: &Bench, options: &Options) -> Result<Plot> {
    let most = options.crashes;
    let actors: Result<Vec<_>> =
        (0..most).map(|n| bench.start(crashing(bench.spec("echo", &format!("storm-{n}"))?))).collect();
    let actors = actors?;
    let mut points = Vec::new();
    for count in decades(most) {
        let each = options.middle(|| {
            let actors: Vec<_> = actors.iter().take(count).cloned().collect();
            bench.places.run(Placement::Same, async move {
                let begun = Instant::now();
                let crashes = actors.iter().map(|actor| async move {
                    // That is what it is for.
                    drop(actor.ask::<()>("crash", &()).await);
                    echo(actor, BODY).ask().await
                });
                futures::future::try_join_all(crashes).await?;
                Ok(begun.elapsed().as_secs_f64() * 1e6 / x(count))
            })
        })?;
        points.push((x(count), each));
    }
    // The next measurement wants their room.
    bench.places.at_home(async move {
        let ends = actors.iter().map(ActorRef::kill);
        futures::future::join_all(ends).await;
        Ok(())
    })?;
    Ok(Plot {
        name: "restart-storm",
        title: "Crash to next answer, for each of so many that crash at once".to_owned(),
        x: "actors",
        y: "us",
        lines: vec![Line { name: "serial".to_owned(), points }],
    })
}

/// Asks actors in turn.
#[derive(Clone)]
struct InTurn<A> {
    actors: std::sync::Arc<[A]>,
    next: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl<A: Asked> InTurn<A> {
    fn new(actors: &[A]) -> Self {
        Self { actors: actors.into(), next: std::sync::Arc::default() }
    }
}

impl<A: Asked> Asked for InTurn<A> {
    async fn ask(&self) -> Result<()> {
        let next = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % self.actors.len();
        self.actors.get(next).context("no actor")?.ask().await
    }
}

/// Asks of more and more actors: always the same one, and one after the other.
fn actors(bench: &Bench, options: &Options) -> Result<Plot> {
    let (mut sandboxed, mut kameo) = (Vec::new(), Vec::new());
    let (mut one, mut each, mut native) = (Vec::new(), Vec::new(), Vec::new());
    for count in decades(options.actors) {
        while sandboxed.len() < count {
            let actor = bench.start(bench.spec("echo", &format!("many-{}", sandboxed.len()))?)?;
            sandboxed.push(echo(&actor, BODY));
            kameo.push(bench.places.at_home(async { Ok(KameoEcho::start(BODY).await) })?);
        }
        let first = sandboxed.first().context("no actor")?;
        one.push((x(count), options.ask_p50(bench, first)?));
        each.push((x(count), options.ask_p50(bench, &InTurn::new(&sandboxed))?));
        native.push((x(count), options.ask_p50(bench, &InTurn::new(&kameo))?));
    }
    let line = |name: &str, points| Line { name: name.to_owned(), points };
    Ok(Plot {
        name: "actors",
        title: "Ask against the number of actors".to_owned(),
        x: "actors",
        y: "ns",
        lines: vec![line("always the same", one), line("in turn", each), line("kameo, in turn", native)],
    })
}
