//! Resident guests without a host around them: a store, an instance, its `run`, and nothing else.
//!
//! The engines are the host's own, and so is the guest. Its work comes from a [`Feed`]. Of what the host offers beyond
//! that and wasi there is what the measured guests use ([`imports`]); all else traps.

mod feeds;
mod imports;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use hdrhistogram::Histogram;
use pulsing_host::ComponentSource;
use pulsing_host::internals::{Engines, World, load};
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use self::feeds::{Feed, Naps, Repeated, Served};
use self::imports::Guest;
use crate::asked::Asked;
use crate::lives::PAUSE;

mod serial {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "resident",
        imports: { default: trappable },
        exports: { default: async },
    });
}

mod overlapping {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "resident-overlapping",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "pulsing:actor/types": super::serial::pulsing::actor::types,
            "pulsing:actor/http-types": super::serial::pulsing::actor::http_types,
            "pulsing:actor/work": super::serial::pulsing::actor::work,
        },
    });
}

use serial::pulsing::actor::types::{Encoding, Payload, StartOptions};

/// A guest's code, and what it is sent.
pub(crate) struct Raw {
    engine: Engine,
    component: Component,
    world: World,
    body: Bytes,
}

impl Raw {
    pub(crate) fn new(engines: &Engines, guest: &ComponentSource, body: Bytes) -> Result<Self> {
        let loaded = load(engines, guest)?;
        let engine = engines.of(loaded.world).clone();
        Ok(Self { engine, component: loaded.component, world: loaded.world, body })
    }

    /// Echoes one after the other for so long, in one instance: one message in each list. Returns the middle time from
    /// one to the next, in nanoseconds.
    pub(crate) async fn call_p50(&self, time: Duration) -> Result<f64> {
        let echoed = self.code()?.live(Repeated::new(self.body.clone(), time)?).await?;
        p50(echoed.took())
    }

    /// Makes so many stores, one after the other, and gives each its first message. Returns the middle time up to the
    /// answer, in nanoseconds.
    pub(crate) async fn first_call_p50(&self, count: u32) -> Result<f64> {
        let code = self.code()?;
        let mut took = Histogram::<u64>::new(3)?;
        for _ in 0..count {
            tokio::time::sleep(PAUSE).await;
            let begun = Instant::now();
            let once = code.live(Repeated::new(self.body.clone(), Duration::ZERO)?).await?;
            let answered = once.answered().context("there was no answer")?;
            took.record(u64::try_from((answered - begun).as_nanos())?)?;
        }
        p50(&took)
    }

    /// So many handlers that wait at once. Returns how long it takes until all have returned, in milliseconds. For
    /// overlapping guests.
    pub(crate) async fn naps(&self, count: usize, nap: Duration) -> Result<f64> {
        let napped = self.code()?.live(Naps::new(count, nap)).await?;
        Ok(napped.took().context("not all have returned")?.as_secs_f64() * 1000.0)
    }

    /// The least loop that answers over a channel and lets handlers overlap: it echoes for as long as somebody may ask.
    pub(crate) async fn serve(&self, asks: mpsc::Receiver<oneshot::Sender<()>>) -> Result<()> {
        self.code()?.live(Served::new(self.body.clone(), asks)).await.map(drop)
    }

    /// The code, ready for instances whose work comes from such a feed.
    fn code<F: Feed>(&self) -> Result<Code<F>> {
        let mut linker = Linker::new(&self.engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        imports::add_to_linker(&mut linker)?;
        linker.define_unknown_imports_as_traps(&self.component)?;
        let pre = linker.instantiate_pre(&self.component)?;
        Ok(match self.world {
            World::Resident => Code::Serial(serial::ResidentPre::new(pre)?),
            World::ResidentOverlapping => Code::Overlapping(overlapping::ResidentOverlappingPre::new(pre)?),
            World::Serial | World::Overlapping => bail!("only resident guests are measured without a host"),
        })
    }
}

enum Code<F: 'static> {
    Serial(serial::ResidentPre<Guest<F>>),
    Overlapping(overlapping::ResidentOverlappingPre<Guest<F>>),
}

impl<F: Feed> Code<F> {
    /// A life from its start until the feed stops it. Returns the feed.
    async fn live(&self, feed: F) -> Result<F> {
        let mut store = imports::store(self.engine(), feed);
        self.run(&mut store).await?;
        Ok(store.into_data().feed)
    }

    async fn run(&self, store: &mut Store<Guest<F>>) -> Result<()> {
        let options = start_options();
        match self {
            Self::Serial(pre) => {
                let instance = pre.instantiate_async(&mut *store).await?;
                let actor = instance.pulsing_actor_resident_actor();
                let started = actor.call_start(&mut *store, &options).await?;
                started.map_err(|error| anyhow::anyhow!("{error:?}"))?;
                actor.call_run(store).await?;
            }
            Self::Overlapping(pre) => {
                let instance = pre.instantiate_async(&mut *store).await?;
                let actor = instance.pulsing_actor_resident_async_actor();
                let started = actor.call_start(&mut *store, &options).await?;
                started.map_err(|error| anyhow::anyhow!("{error:?}"))?;
                actor.call_run(store).await?;
            }
        }
        Ok(())
    }

    fn engine(&self) -> &Engine {
        match self {
            Self::Serial(pre) => pre.engine(),
            Self::Overlapping(pre) => pre.engine(),
        }
    }
}

/// Asks a [`Raw::serve`].
#[derive(Clone)]
pub(crate) struct RawLoop(pub(crate) mpsc::Sender<oneshot::Sender<()>>);

impl Asked for RawLoop {
    async fn ask(&self) -> Result<()> {
        let (answer, wait) = oneshot::channel();
        self.0.send(answer).await.context("the loop has ended")?;
        wait.await.context("the loop has ended")
    }
}

fn start_options() -> StartOptions {
    let config = Payload { encoding: Encoding::Json, body: Vec::new() };
    StartOptions { name: "raw".to_owned(), key: None, generation: 1, config }
}

fn p50(took: &Histogram<u64>) -> Result<f64> {
    Ok(f64::from(u32::try_from(took.value_at_quantile(0.5)).context("it took seconds")?))
}
