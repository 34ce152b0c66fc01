//! What belongs to one life: its store, and the state that host functions find there.

use std::sync::{Arc, OnceLock, Weak};

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::file_quota::{FileQuota, FileUse, Files};
use super::folders::OpenFolders;
use super::imports::Parking;
use super::imports::http::{Exchanges, HttpClient, WasiHttp};
use super::limiter::Limiter;
use super::log::LogPipe;
use super::peer_streams::PeerStreams;
use super::pending_waits::PendingWaits;
use super::resident::Residence;
use crate::budget::Budget;
use crate::delivery::{Directory, Peers};
use crate::dispatch::{Description, LifeContext};
use crate::exit::ExitReason;
use crate::grants::Grants;
use crate::id::CallId;
use crate::journal::Output;
use crate::limits::Limits;
use crate::observe::Counters;
use crate::wire::Lane;

/// How many epoch ticks a guest runs before others get a turn.
pub(super) const SLICE_TICKS: u64 = 1;

/// What the host keeps for every life, whatever its component is: its store, its stack, its place among the actors.
const LIFE_BYTES: usize = 64 << 10;

/// What a guest may hand over in one call at least: its writes to files are not messages.
const HANDOVER_MIN_BYTES: usize = 1 << 20;

/// The most bytes that a guest hands over in one call, whatever its limits say.
const HANDOVER_MAX_BYTES: usize = 128 << 20;

/// What stands around the payloads that are handed over.
const HANDOVER_PACKING_BYTES: usize = 64 << 10;

/// How many things of wasi a guest holds at once: streams, files, headers, requests. Each is memory of the host, up to
/// 32 KiB, or a file that is open. What streams of files have read, or are to write, counts under `kept_max`.
pub(super) const HANDLES_MAX: usize = 2048;

/// The most random bytes that are made without a break, which takes some 0.2 ms.
pub(super) const RANDOM_SLICE_BYTES: u64 = 64 << 10;

/// How many handles of components a guest holds at once: those of what is above, of its own resources, and of calls that
/// wait. Each is some 32 bytes; by default the engine allows 100,000.
const COMPONENT_HANDLES_MAX: usize = 32_768;

/// What all lives of an actor have in common.
pub(super) struct Household {
    pub(super) grants: Grants,
    pub(super) folders: OpenFolders,
    pub(super) directory: Weak<dyn Directory>,
    pub(super) counters: Arc<Counters>,
    pub(super) http: Arc<HttpClient>,
    /// The memory of all lives of the host.
    pub(super) memory: Budget,
    /// As of `Program`.
    pub(super) instance_bytes: usize,
    /// What they have of files and disk.
    pub(super) files: Arc<FileQuota>,
    /// What the component says of itself, which is the same in every life: so only the first is asked.
    pub(super) described: OnceLock<Arc<Description>>,
}

impl Household {
    /// What the component says of itself: what it says when it is asked by `ask`, which is kept for all lives to come.
    ///
    /// # Errors
    ///
    /// That of `ask`; within, where it is no description, why: an end of the life that said so.
    pub(super) async fn description(
        &self,
        ask: impl Future<Output = wasmtime::Result<String>>,
    ) -> wasmtime::Result<Result<Arc<Description>, ExitReason>> {
        if let Some(description) = self.described.get() {
            return Ok(Ok(Arc::clone(description)));
        }
        let description = Description::parse(&ask.await?);
        Ok(description
            .map(|description| Arc::clone(self.described.get_or_init(|| Arc::new(description))))
            .map_err(|error| ExitReason::not_made(&error.to_string())))
    }
}

/// What host functions find in a life's store.
pub(super) struct Guest {
    wasi: WasiCtx,
    pub(super) folders: OpenFolders,
    pub(super) files: Files,
    /// Before `table`: fields are dropped in their order.
    pub(super) wasi_http: WasiHttp,
    pub(super) table: ResourceTable,
    pub(super) limiter: Limiter,
    pub(super) stderr: LogPipe,
    pub(super) context: LifeContext,
    /// The actors that the guest may send messages to.
    pub(super) peers: Peers,
    pub(super) peer_streams: PeerStreams,
    /// For the guest's messages to others, and its requests.
    pub(super) outgoing: Budget,
    pub(super) http: Arc<HttpClient>,
    pub(super) exchanges: Exchanges,
    pub(super) parking: Parking,
    /// In a serial actor: the call that runs.
    pub(super) current: CallId,
    /// In a resident actor.
    pub(super) residence: Residence,
    /// In a resident actor whose handlers overlap, once it has waited for something.
    pub(super) waits: Option<PendingWaits>,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Makes the store of a life.
pub(super) fn new_store(engine: &Engine, household: &Household, context: LifeContext) -> Store<Guest> {
    let limits = context.limits();
    let handover_max = handover_max_bytes(limits);
    let (open_streams_max, kept_max) = (limits.open_streams.get(), limits.kept_max_bytes());
    let stderr = LogPipe::new(Arc::clone(context.account()), Output::Stderr);
    let exchanges_max = limits.http_requests.get();
    let outgoing = Budget::new(kept_max);
    let granted = household.grants.ask.iter().cloned();
    let peers = Peers::new(context.id().clone(), granted, Weak::clone(&household.directory));
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES_MAX);
    let guest = Guest {
        wasi: wasi(&household.grants, &context, stderr.clone()),
        folders: household.folders.clone(),
        files: Files::new(FileUse::new(Arc::clone(&household.files), Arc::clone(context.account()))),
        wasi_http: WasiHttp::new(Arc::clone(&household.http), context.clone(), outgoing.clone()),
        table,
        limiter: Limiter::new(household.memory.clone(), Arc::clone(&household.counters), context.clone()),
        stderr,
        context,
        peers,
        peer_streams: PeerStreams::new(open_streams_max),
        outgoing,
        http: Arc::clone(&household.http),
        exchanges: Exchanges::new(exchanges_max),
        parking: Parking::default(),
        current: CallId::NONE,
        residence: Residence::new(Lane::Serial),
        waits: None,
    };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(handover_max);
    store.set_max_component_handles(COMPONENT_HANDLES_MAX);
    store.set_epoch_deadline(SLICE_TICKS);
    // Not wasmtime's own yield: it wakes itself at once, and keeps timers and other tasks waiting (wasmtime
    // issue 10667).
    store.epoch_deadline_callback(|store| {
        store.data().context.preempted();
        Ok(UpdateDeadline::YieldCustom(SLICE_TICKS, Box::pin(tokio::task::yield_now())))
    });
    store
}

/// Takes the memory of the host that an instance needs, before there is one.
///
/// # Errors
///
/// As that of a trap, where it is over a ceiling: as memory of the guest's own would be.
pub(super) fn admit(store: &mut Store<Guest>, household: &Household) -> wasmtime::Result<()> {
    store.data_mut().limiter.keep(LIFE_BYTES.saturating_add(household.instance_bytes))
}

/// A batch as large as may be, each item within its own limit, and no more than the host would keep. It is copied before
/// anything can look at it, and nobody else has the thread meanwhile: what is beyond this is not a mistake to explain.
pub(super) fn handover_max_bytes(limits: &Limits) -> usize {
    let items = usize::try_from(limits.stream_buffer.get()).unwrap_or(usize::MAX);
    let batch = limits.message_max_bytes().saturating_mul(items).min(limits.kept_max_bytes());
    batch.clamp(HANDOVER_MIN_BYTES, HANDOVER_MAX_BYTES).saturating_add(HANDOVER_PACKING_BYTES)
}

/// The guest's view of the machine: clocks, random numbers, its log, and what was granted. Its folders are
/// [`OpenFolders`].
fn wasi(grants: &Grants, context: &LifeContext, stderr: LogPipe) -> WasiCtx {
    let mut wasi = WasiCtx::builder();
    wasi.stdout(LogPipe::new(Arc::clone(context.account()), Output::Stdout)).stderr(stderr);
    wasi.arg(context.id().as_str()).max_random_size(RANDOM_SLICE_BYTES);
    for (name, value) in &grants.env {
        wasi.env(name, value);
    }
    wasi.build()
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;

    #[test]
    fn what_is_handed_over_in_one_call_is_a_batch_within_bounds() {
        let of = |message_max, kept_max| {
            let limits = Limits {
                message_max: ByteSize::mib(message_max),
                kept_max: ByteSize::mib(kept_max),
                ..Limits::default()
            };
            handover_max_bytes(&limits) - HANDOVER_PACKING_BYTES
        };
        assert_eq!(of(1, 64), 32 << 20);
        assert_eq!(of(4, 64), 64 << 20);
        assert_eq!(of(0, 0), 1 << 20);
        assert_eq!(of(200, 1000), 128 << 20);
    }
}
