//! Calls into a guest without a host around them: a store, an instance, and nothing else.
//!
//! The engines are the host's own, and so is the guest. Of what the host offers to guests beyond wasi there is what the
//! measured ones use ([`imports`]); all else traps.

mod imports;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use hdrhistogram::Histogram;
use pulsing_host::internals::{Engines, load};
use pulsing_host::{ComponentSource, Lane};
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::asked::Asked;
use crate::lives::PAUSE;

mod serial {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "serial",
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

mod overlapping {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "overlapping",
        imports: { default: trappable },
        exports: { default: async | store },
        with: { "pulsing:actor/types": super::serial::pulsing::actor::types },
    });
}

use serial::pulsing::actor::types::{Encoding, Message, Payload, StartOptions};

struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    /// Calls whose end somebody waits for.
    watched: Watched,
}

/// By number; dropped when the call ends.
type Watched = Arc<Mutex<HashMap<u64, oneshot::Sender<()>>>>;

impl WasiView for Wasi {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.ctx, table: &mut self.table }
    }
}

/// A guest's code, ready for instances.
pub(crate) struct Raw {
    code: Code,
    body: Bytes,
}

enum Code {
    Serial(serial::SerialPre<Wasi>),
    Overlapping(overlapping::OverlappingPre<Wasi>),
}

impl Raw {
    pub(crate) fn new(engines: &Engines, guest: &ComponentSource, body: Bytes) -> Result<Self> {
        let loaded = load(engines, guest)?;
        let mut linker = Linker::<Wasi>::new(engines.of(loaded.world));
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        imports::add_to_linker(&mut linker, loaded.world.lane())?;
        linker.define_unknown_imports_as_traps(&loaded.component)?;
        let pre = linker.instantiate_pre(&loaded.component)?;
        let code = match loaded.world.lane() {
            Lane::Serial => Code::Serial(serial::SerialPre::new(pre)?),
            Lane::Overlapping => Code::Overlapping(overlapping::OverlappingPre::new(pre)?),
        };
        Ok(Self { code, body })
    }

    /// Echoes one after the other for so long, in one instance. Answers the middle time, in nanoseconds.
    pub(crate) async fn call_p50(&self, time: Duration) -> Result<f64> {
        match &self.code {
            Code::Serial(pre) => {
                let mut store = self.store(pre.engine());
                let instance = pre.instantiate_async(&mut store).await?;
                let actor = instance.pulsing_actor_actor();
                let started = actor.call_start(&mut store, &start_options()).await?;
                started.map_err(|error| anyhow::anyhow!("{error:?}"))?;
                let mut clock = Clock::new(time)?;
                while clock.goes_on()? {
                    let reply = actor.call_handle(&mut store, &self.message()).await?;
                    reply.map_err(|error| anyhow::anyhow!("{error:?}"))?;
                }
                clock.p50()
            }
            Code::Overlapping(pre) => {
                let mut store = self.store(pre.engine());
                let instance = pre.instantiate_async(&mut store).await?;
                let actor = instance.pulsing_actor_async_actor();
                store
                    .run_concurrent(async |accessor| {
                        let started = actor.call_start(accessor, start_options()).await?;
                        started.map_err(|error| anyhow::anyhow!("{error:?}"))?;
                        let mut clock = Clock::new(time)?;
                        while clock.goes_on()? {
                            let reply = actor.call_handle(accessor, self.message()).await?;
                            reply.map_err(|error| anyhow::anyhow!("{error:?}"))?;
                        }
                        clock.p50()
                    })
                    .await?
            }
        }
    }

    /// Makes so many stores, one after the other, and calls each for the first time. Answers the middle time up
    /// to the answer, in nanoseconds. For serial guests.
    pub(crate) async fn first_call_p50(&self, count: u32) -> Result<f64> {
        let Code::Serial(pre) = &self.code else { anyhow::bail!("not a serial guest") };
        let mut took = Histogram::<u64>::new(3)?;
        for _ in 0..count {
            tokio::time::sleep(PAUSE).await;
            let begun = Instant::now();
            let mut store = self.store(pre.engine());
            let instance = pre.instantiate_async(&mut store).await?;
            let actor = instance.pulsing_actor_actor();
            let started = actor.call_start(&mut store, &start_options()).await?;
            started.map_err(|error| anyhow::anyhow!("{error:?}"))?;
            let reply = actor.call_handle(&mut store, &self.message()).await?;
            reply.map_err(|error| anyhow::anyhow!("{error:?}"))?;
            took.record(u64::try_from(begun.elapsed().as_nanos())?)?;
        }
        Ok(f64::from(u32::try_from(took.value_at_quantile(0.5))?))
    }

    /// So many handlers that wait at once. Returns how long it takes until all have returned, in milliseconds. For
    /// overlapping guests.
    pub(crate) async fn naps(&self, count: usize, nap: Duration) -> Result<f64> {
        let Code::Overlapping(pre) = &self.code else { anyhow::bail!("not an overlapping guest") };
        let mut store = self.store(pre.engine());
        let watched = Arc::clone(&store.data().watched);
        let instance = pre.instantiate_async(&mut store).await?;
        let actor = instance.pulsing_actor_async_actor();
        let args = format!("[{}]", nap.as_millis()).into_bytes();
        store
            .run_concurrent(async |accessor| {
                let started = actor.call_start(accessor, start_options()).await?;
                started.map_err(|error| anyhow::anyhow!("{error:?}"))?;
                let begun = Instant::now();
                let naps = (1..=count).map(async |call| -> Result<()> {
                    let call = u64::try_from(call)?;
                    let args = Payload { encoding: Encoding::Json, body: args.clone() };
                    let message = Message { call, method: "nap".to_owned(), args, ..self.message() };
                    let reply = actor.call_handle(accessor, message).await?;
                    reply.map_err(|error| anyhow::anyhow!("{error:?}"))?;
                    drop(lock(&watched).remove(&call));
                    Ok(())
                });
                futures::future::try_join_all(naps).await?;
                Ok(begun.elapsed().as_secs_f64() * 1000.0)
            })
            .await?
    }

    /// The least loop that answers over a channel and lets calls overlap: it echoes for as long as somebody may ask. For
    /// overlapping guests.
    pub(crate) async fn serve(&self, mut asks: mpsc::Receiver<oneshot::Sender<()>>) -> Result<()> {
        let Code::Overlapping(pre) = &self.code else { anyhow::bail!("not an overlapping guest") };
        let mut store = self.store(pre.engine());
        let instance = pre.instantiate_async(&mut store).await?;
        let actor = instance.pulsing_actor_async_actor();
        store
            .run_concurrent(async |accessor| {
                let started = actor.call_start(accessor, start_options()).await?;
                started.map_err(|error| anyhow::anyhow!("{error:?}"))?;
                let mut running = FuturesUnordered::new();
                loop {
                    tokio::select! {
                        biased;
                        Some(ended) = running.next(), if !running.is_empty() => {
                            let _: Result<()> = ended;
                        }
                        ask = asks.recv() => {
                            let Some(answer) = ask else { return Ok(()) };
                            running.push(async move {
                                let reply = actor.call_handle(accessor, self.message()).await?;
                                reply.map_err(|error| anyhow::anyhow!("{error:?}"))?;
                                // Whoever asked waits for it.
                                let _gone = answer.send(());
                                Ok(())
                            });
                        }
                    }
                }
            })
            .await?
    }

    fn store(&self, engine: &wasmtime::Engine) -> Store<Wasi> {
        let wasi = Wasi {
            ctx: WasiCtx::builder().build(),
            table: ResourceTable::new(),
            watched: Watched::default(),
        };
        let mut store = Store::new(engine, wasi);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| {
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        store
    }

    fn message(&self) -> Message {
        Message {
            call: 1,
            method: "echo".to_owned(),
            args: Payload { encoding: Encoding::Bytes, body: self.body.to_vec() },
            idempotency_key: None,
            resume_after: None,
            remaining_ms: None,
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

fn lock(watched: &Watched) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<()>>> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start_options() -> StartOptions {
    let config = Payload { encoding: Encoding::Json, body: Vec::new() };
    StartOptions { name: "raw".to_owned(), key: None, generation: 1, config }
}

/// How long each of a row of things takes, until the time is over.
struct Clock {
    took: Histogram<u64>,
    time: Duration,
    since: Instant,
    begun: Option<Instant>,
}

impl Clock {
    fn new(time: Duration) -> Result<Self> {
        Ok(Self { took: Histogram::new(3)?, time, since: Instant::now(), begun: None })
    }

    /// Ends one thing and begins the next, unless the time is over.
    fn goes_on(&mut self) -> Result<bool> {
        let now = Instant::now();
        if let Some(begun) = self.begun.replace(now) {
            self.took.record(u64::try_from((now - begun).as_nanos())?)?;
        }
        Ok(now - self.since < self.time)
    }

    fn p50(&self) -> Result<f64> {
        Ok(f64::from(u32::try_from(self.took.value_at_quantile(0.5)).context("it took seconds")?))
    }
}
