//! What Prometheus reads, made from the actors' own counters when it asks.
//!
//! No recorder, no state: a scrape looks at each actor once. Labels are actors' names and states, never a text
//! out of a guest. Bounded by the number of actors; its room is that of operators.

use std::fmt;
use std::io;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry as Metrics, Unit};

use super::problem::Refusal;
use super::serve::room::Keeper;
use super::{actors, answers};
use crate::delivery::ActorSnapshot;
use crate::registry::Registry;

/// OpenMetrics, which is what the encoder writes.
const CONTENT_TYPE_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers with all metrics.
pub(super) async fn metrics(
    State(registry): State<Arc<Registry>>,
    keeper: Keeper,
) -> Result<Response, Refusal> {
    // For each actor some KiB: by few at once.
    let turn = answers::turn_aside(&keeper).await?;
    let actors = actors::snapshots(&registry).await;
    let room = keeper.room();
    let kept = [room.used(), room.max()].map(length);
    let page = answers::aside(turn, move || {
        let mut metrics = Metrics::default();
        metrics.register_collector(Box::new(Scrape { actors, kept }));
        answers::made(&keeper, |out| {
            text::encode(&mut Text(out), &metrics).expect("all that is written fits where nothing fails");
        })
    });
    Ok(answers::whole(CONTENT_TYPE_METRICS, page.await?.map_err(Refusal::no_room)?))
}

/// Text as bytes.
struct Text<'a>(&'a mut dyn io::Write);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_all(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// All actors at the moment of one scrape.
#[derive(Debug)]
struct Scrape {
    actors: Vec<ActorSnapshot>,
    /// How many bytes the gateway keeps for its clients, and how many it may.
    kept: [f64; 2],
}

/// A metric: its name without unit and suffix, its help, its unit, and where it is read.
type Metric<T> = (&'static str, &'static str, Option<&'static str>, fn(&ActorSnapshot) -> T);

const COUNTERS: [Metric<f64>; 8] = [
    ("asks", "Asks and streams handed to the guest", None, |seen| float(seen.counted.asks)),
    ("tells", "Tells handed to the guest", None, |seen| float(seen.counted.tells)),
    ("failed_tells", "Tells that the guest answered with an error", None, |seen| {
        float(seen.counted.failed_tells)
    }),
    ("stream_items", "Items of streams that the guest handed over", None, |seen| float(seen.counted.items)),
    ("restarts", "Lives that were followed by another", None, |seen| float(seen.counted.restarts)),
    ("dead_letters", "Messages that came to nothing", None, |seen| float(seen.counted.dead_letters)),
    ("cpu", "Time on a thread, of guest and host together", Some("seconds"), |seen| {
        seen.counted.cpu.as_secs_f64()
    }),
    ("slices", "Preemptions of the guest at the end of a slice of time", None, |seen| {
        float(seen.counted.slices)
    }),
];

const GAUGES: [Metric<f64>; 7] = [
    ("mailbox_depth", "Messages that wait", Some("messages"), |seen| length(seen.mailbox_depth)),
    ("in_flight", "Handlers that run", Some("handlers"), |seen| length(seen.in_flight)),
    ("open_streams", "Streams that are open", None, |seen| length(seen.streams)),
    ("memory", "Linear memory of the life that runs", Some("bytes"), |seen| float(seen.counted.memory_bytes)),
    ("overhead", "Memory of the host for the life that runs, beside its own", Some("bytes"), |seen| {
        float(seen.counted.overhead_bytes)
    }),
    ("generation", "Which life the actor is in; 0 is the first", None, |seen| {
        float(seen.status.generation.0)
    }),
    ("batch", "1 while the actor runs on threads of lower priority", None, |seen| {
        if seen.counted.in_batch { 1.0 } else { 0.0 }
    }),
];

/// The nearest number that Prometheus has: exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "Prometheus's numbers are floats")]
fn float(count: u64) -> f64 {
    count as f64
}

fn length(count: usize) -> f64 {
    float(u64::try_from(count).unwrap_or(u64::MAX))
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        for metric in COUNTERS {
            self.encode_all(&mut encoder, metric, MetricType::Counter)?;
        }
        for metric in GAUGES {
            self.encode_all(&mut encoder, metric, MetricType::Gauge)?;
        }
        self.encode_states(&mut encoder)?;
        let [kept, max] = self.kept;
        encode_kept(&mut encoder, "pulsing_http_kept", "Bytes kept for HTTP clients", kept)?;
        encode_kept(&mut encoder, "pulsing_http_kept_max", "The most that are kept for HTTP clients", max)
    }
}

fn encode_kept(encoder: &mut DescriptorEncoder, name: &str, help: &str, bytes: f64) -> fmt::Result {
    let unit = Unit::Bytes;
    encoder.encode_descriptor(name, help, Some(&unit), MetricType::Gauge)?.encode_gauge(&bytes)
}

impl Scrape {
    fn encode_all(
        &self,
        encoder: &mut DescriptorEncoder,
        (name, help, unit, read): Metric<f64>,
        metric_type: MetricType,
    ) -> Result<(), fmt::Error> {
        let unit = unit.map(|unit| Unit::Other(unit.to_owned()));
        let name = format!("pulsing_{name}");
        let mut family = encoder.encode_descriptor(&name, help, unit.as_ref(), metric_type)?;
        for actor in &self.actors {
            let labels = [("actor", actor.id.as_str())];
            let mut metric = family.encode_family(&labels)?;
            match metric_type {
                MetricType::Counter => metric.encode_counter::<NoLabelSet, _, f64>(&read(actor), None)?,
                _gauge => metric.encode_gauge(&read(actor))?,
            }
        }
        Ok(())
    }

    fn encode_states(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let help = "1 for the state that the actor is in";
        let mut family = encoder.encode_descriptor("pulsing_state", help, None, MetricType::Gauge)?;
        for actor in &self.actors {
            let labels = [("actor", actor.id.as_str()), ("state", actor.status.state.as_str())];
            family.encode_family(&labels)?.encode_gauge(&1_i64)?;
        }
        Ok(())
    }
}
