//! What the measured guests import, as short as it can be: `work`, sleeping, and no more. What they do not use traps.
//!
//! By hand, as the host has `work`: lists are read where the guest has them. Where a signature differs from the WIT, no
//! instance can be made.

use std::mem;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use pulsing_work::outcome::{self, End};
use pulsing_work::work::{Work, pack};
use wasmtime::component::{Linker, ResourceTable, WasmList};
use wasmtime::{Engine, Store, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::feeds::Feed;
use super::serial::pulsing::actor::work::Verdict;

/// What belongs to one instance.
pub(super) struct Guest<F> {
    ctx: WasiCtx,
    table: ResourceTable,
    pub(super) feed: F,
    /// Of the list that is being read. It keeps its memory.
    ended: Vec<u64>,
    sleeps: Sleeps,
}

impl<F: Send> WasiView for Guest<F> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.ctx, table: &mut self.table }
    }
}

pub(super) fn store<F: Feed>(engine: &Engine, feed: F) -> Store<Guest<F>> {
    let guest = Guest {
        ctx: WasiCtx::builder().build(),
        table: ResourceTable::new(),
        feed,
        ended: Vec::new(),
        sleeps: Sleeps::default(),
    };
    let mut store = Store::new(engine, guest);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))));
    store
}

/// Offers what there is beside wasi.
pub(super) fn add_to_linker<F: Feed>(linker: &mut Linker<Guest<F>>) -> wasmtime::Result<()> {
    let mut work = linker.instance("pulsing:actor/work@0.2.0")?;
    work.func_wrap_async("next", |store, (done,): (WasmList<u8>,)| Box::new(next(store, done)))?;
    work.func_wrap("step", |mut store, (done,): (WasmList<u8>,)| {
        // Nobody's caller is ever gone here.
        hand_in(&mut store, &done).map(|()| (Verdict::GoOn,))
    })?;
    // Here each message has its step.
    work.func_wrap("count-in", |_, (_counter,): (WasmList<u8>,)| Ok(()))?;
    linker.instance("pulsing:actor/system@0.2.0")?.func_wrap("may-passivate", |_, (): ()| Ok(()))?;
    let mut waits = linker.instance("pulsing:actor/waits@0.2.0")?;
    waits.func_wrap("may-passivate", |_, (): ()| Ok(()))?;
    waits.func_wrap("sleep", |mut store, (ms,): (u64,)| Ok((store.data_mut().sleeps.begin(ms),)))
}

async fn next<F: Feed>(
    mut store: StoreContextMut<'_, Guest<F>>,
    done: WasmList<u8>,
) -> wasmtime::Result<(Vec<u8>,)> {
    hand_in(&mut store, &done)?;
    let list = std::future::poll_fn(|context| store.data_mut().poll_list(context)).await?;
    Ok((list,))
}

/// Takes what came of the guest's work.
fn hand_in<F: Feed>(store: &mut StoreContextMut<'_, Guest<F>>, done: &WasmList<u8>) -> wasmtime::Result<()> {
    // The list is read in the guest's memory, and so what it says is noted elsewhere meanwhile.
    let mut ended = mem::take(&mut store.data_mut().ended);
    for outcome in outcome::unpack(done.as_le_slice(&*store))? {
        let outcome = outcome?;
        wasmtime::ensure!(matches!(outcome.end, End::Value(_)), "no value: {:?}", outcome.end);
        ended.push(outcome.call);
    }
    let guest = store.data_mut();
    ended.drain(..).try_for_each(|call| guest.feed.ended(call))?;
    guest.ended = ended;
    Ok(())
}

impl<F: Feed> Guest<F> {
    fn poll_list(&mut self, context: &mut Context<'_>) -> Poll<wasmtime::Result<Vec<u8>>> {
        let over = self.sleeps.poll_over(context);
        if over.is_empty() {
            return self.feed.poll_list(context);
        }
        let over: Vec<_> = over.into_iter().map(|wait| Work::Ended { wait }).collect();
        Poll::Ready(Ok(pack(&over)?))
    }
}

/// What handlers wait for: a timer for each.
#[derive(Default)]
struct Sleeps {
    running: FuturesUnordered<BoxFuture<'static, u64>>,
    begun: u64,
}

impl Sleeps {
    fn begin(&mut self, ms: u64) -> u64 {
        self.begun += 1;
        let wait = self.begun;
        self.running.push(Box::pin(async move {
            // A timer of no time takes a millisecond.
            if ms > 0 {
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            wait
        }));
        wait
    }

    /// Those that are over.
    fn poll_over(&mut self, context: &mut Context<'_>) -> Vec<u64> {
        let mut over = Vec::new();
        while let Poll::Ready(Some(wait)) = self.running.poll_next_unpin(context) {
            over.push(wait);
        }
        over
    }
}
