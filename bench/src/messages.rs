//! Asks and tells: what one costs, and how many there are in a second, beside native actors and bare calls.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use pulsing_host::{ActorName, ActorRef, ActorSpec, ComponentSource, Payload};

use crate::Bench;
use crate::asked::{Counting, Sandboxed, ask_p50, asks_per_sec, tells_per_sec};
use crate::contest::Contest;
use crate::native::{KameoEcho, RactorEcho, TokioEcho};
use crate::peers;
use crate::places::Placement;
use crate::raw::{Raw, RawLoop};
use crate::rows::{Goal, Row};

#[derive(Args)]
pub(crate) struct Options {
    /// How many rounds.
    #[arg(long, default_value_t = 9)]
    pub(crate) rounds: usize,
    /// How long each is measured in a round, in milliseconds.
    #[arg(long, default_value_t = 200)]
    round_millis: u64,
    /// How many tells are sent in a round.
    #[arg(long, default_value_t = 50_000)]
    tells: u32,
    /// How many callers ask at once, where many do.
    #[arg(long, default_value_t = 64)]
    callers: usize,
}

impl Options {
    /// How long each is measured in a round.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(self.round_millis)
    }
}

/// What is sent: 16 bytes.
pub(crate) const BODY: Bytes = Bytes::from_static(&[7; 16]);

/// All that is asked and told.
struct Actors {
    tokio: TokioEcho,
    kameo: KameoEcho,
    ractor: RactorEcho,
    echo: ActorRef,
    overlapping: ActorRef,
    counter: ActorRef,
    /// Of the worlds in which each message is a call.
    called: ActorRef,
    called_overlapping: ActorRef,
}

impl Actors {
    fn start(bench: &Bench) -> Result<Self> {
        let (tokio, kameo, ractor) = bench.places.at_home(async {
            Ok((TokioEcho::start(BODY), KameoEcho::start(BODY).await, RactorEcho::start(BODY).await?))
        })?;
        Ok(Self {
            tokio,
            kameo,
            ractor,
            echo: bench.start(bench.spec("echo", "echo")?)?,
            overlapping: bench.start(bench.spec("echo-overlapping", "overlapping")?)?,
            counter: bench.start(bench.spec("counter", "counter")?)?,
            called: bench.start(called("serial")?)?,
            called_overlapping: bench.start(called("overlapping")?)?,
        })
    }
}

/// An actor of a world in which each message is a call: a component that is kept as it was built for that.
fn called(world: &str) -> Result<ActorSpec> {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/wit-0.2");
    let component = ComponentSource::File(Path::new(fixtures).join(world).with_extension("wasm"));
    Ok(ActorSpec::new(ActorName::new(&format!("called-{world}"))?, component))
}

fn sandboxed(actor: &ActorRef, method: &'static str, args: Payload) -> Sandboxed {
    Sandboxed { actor: actor.clone(), method, args }
}

fn bytes() -> Payload {
    Payload::bytes(BODY)
}

fn json() -> Payload {
    Payload::json(r#"["0123456789ab"]"#)
}

/// Runs all of it. Answers the rows.
pub(crate) fn run(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    let actors = Actors::start(bench)?;
    let mut rows = Vec::new();
    for placement in Placement::ALL {
        rows.extend(one_caller(bench, options, &actors, placement)?);
        rows.extend(many(bench, options, &actors, placement)?);
    }
    rows.extend(peers::run(bench, options)?);
    Ok(rows)
}

/// How long an ask takes.
fn one_caller(bench: &Bench, options: &Options, actors: &Actors, placement: Placement) -> Result<Vec<Row>> {
    let time = options.time();
    let raw = |guest| Raw::new(&bench.engines, &bench.component(guest)?, BODY).map(Arc::new);
    let (serial, concurrent) = (raw("echo")?, raw("echo-overlapping")?);
    let (places, mut contest) = (&bench.places, Contest::default());
    contest.enter("tokio ask", || places.run(placement, ask_p50(actors.tokio.clone(), time)));
    contest.enter("kameo ask", || places.run(placement, ask_p50(actors.kameo.clone(), time)));
    contest.enter("ractor ask", || places.run(placement, ask_p50(actors.ractor.clone(), time)));
    for (name, raw) in [("raw call", &serial), ("raw concurrent call", &concurrent)] {
        contest.enter(name, move || {
            let raw = Arc::clone(raw);
            places.at_home(async move { raw.call_p50(time).await })
        });
    }
    let (asks, asked) = tokio::sync::mpsc::channel(1);
    let serving = Arc::clone(&concurrent);
    places.at_home(async move {
        tokio::spawn(async move { serving.serve(asked).await });
        Ok(())
    })?;
    let bare = RawLoop(asks);
    contest.enter("bare loop", move || places.run(placement, ask_p50(bare.clone(), time)));
    for (name, actor, args, method) in [
        ("bytes", &actors.echo, bytes(), "echo"),
        ("text", &actors.echo, json(), "say"),
        ("text of world serial", &actors.called, json(), "echo"),
        ("overlapping", &actors.overlapping, bytes(), "echo"),
        ("text of world overlapping", &actors.called_overlapping, json(), "echo"),
    ] {
        let asked = sandboxed(actor, method, args);
        contest.enter(name, move || places.run(placement, ask_p50(asked.clone(), time)));
    }
    let counting = Counting { actor: actors.counter.clone() };
    contest.enter("counter", move || places.run(placement, ask_p50(counting.clone(), time)));
    let series = contest.run(options.rounds)?;

    let at = placement.as_str();
    // Across two workers it is the waking of a thread that is measured: there is no goal.
    let goal = |at_most| (placement == Placement::Same).then_some(Goal::AtMost(at_most));
    let row =
        |work: &str, who, baseline, goal| series.row(&format!("{work}, {at}"), "ns", who, baseline, goal);
    Ok(vec![
        row("ask, serial, bytes", "bytes", "kameo ask", goal(1.9))?,
        row("ask, serial, bytes", "bytes", "ractor ask", None)?,
        row("ask, serial, bytes", "bytes", "tokio ask", None)?,
        row("ask, serial, bytes", "bytes", "raw call", None)?,
        row("ask, serial, JSON text", "text", "kameo ask", None)?,
        row("ask, serial, JSON text", "text", "text of world serial", None)?,
        row("ask, serial, SDK counter", "counter", "kameo ask", goal(2.6))?,
        row("ask, overlapping, bytes", "overlapping", "kameo ask", goal(3.0))?,
        row("ask, overlapping, bytes", "overlapping", "raw concurrent call", None)?,
        row("ask, overlapping, bytes", "overlapping", "bare loop", None)?,
        row("ask, world overlapping, JSON text", "text of world overlapping", "kameo ask", None)?,
    ])
}

/// How many asks and tells there are in a second.
fn many(bench: &Bench, options: &Options, actors: &Actors, placement: Placement) -> Result<Vec<Row>> {
    let (time, callers) = (options.time(), options.callers);
    let (places, mut contest) = (&bench.places, Contest::default());
    contest.enter("tokio asks", || places.run(placement, asks_per_sec(actors.tokio.clone(), callers, time)));
    contest.enter("kameo asks", || places.run(placement, asks_per_sec(actors.kameo.clone(), callers, time)));
    contest
        .enter("kameo tells", || places.run(placement, tells_per_sec(actors.kameo.clone(), options.tells)));
    contest
        .enter("ractor tells", || places.run(placement, tells_per_sec(actors.ractor.clone(), options.tells)));
    for (asks, tells, actor) in
        [("asks", "tells", &actors.echo), ("overlapping asks", "overlapping tells", &actors.overlapping)]
    {
        let (asked, told) = (sandboxed(actor, "echo", bytes()), sandboxed(actor, "note", bytes()));
        contest.enter(asks, move || places.run(placement, asks_per_sec(asked.clone(), callers, time)));
        contest.enter(tells, move || places.run(placement, tells_per_sec(told.clone(), options.tells)));
    }
    let series = contest.run(options.rounds)?;
    let at = placement.as_str();
    let row =
        |work: &str, who, baseline, goal| series.row(&format!("{work}, {at}"), "/s", who, baseline, goal);
    let of_many = format!("asks of {callers} callers, serial");
    Ok(vec![
        row(&of_many, "asks", "kameo asks", Some(Goal::AtLeast(0.7)))?,
        row(&of_many, "asks", "tokio asks", None)?,
        row(
            &format!("asks of {callers} callers, overlapping"),
            "overlapping asks",
            "kameo asks",
            Some(Goal::AtLeast(0.5)),
        )?,
        row("tells, serial", "tells", "kameo tells", Some(Goal::AtLeast(1.0)))?,
        row("tells, serial", "tells", "ractor tells", None)?,
        row("tells, overlapping", "overlapping tells", "kameo tells", None)?,
    ])
}
