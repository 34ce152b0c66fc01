//! Where instances get their memory from: a pool that is set aside at the start, or the system, each time.
//!
//! A pool is addresses, not memory: 4 GiB for each linear memory, so that code need not check its bounds. A life that
//! ends leaves its place to the next one, which saves the system most of its work: restarts are faster, and many
//! actors fit in one process. A process has 128 TiB of addresses, and both engines have a pool, so there is one such
//! host in a process, and a limit to it; what is beyond that limit does not start.

use wasmtime::{InstanceAllocationStrategy, PoolingAllocationConfig};

/// Where instances get their memory from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allocation {
    /// From the system, at each start of a life.
    #[default]
    OnDemand,
    /// From a pool for so many actors, as far as addresses suffice.
    Pool {
        /// How many.
        actors: usize,
    },
}

/// What wasm32 can address.
const MEMORY_MAX_BYTES: usize = 4 << 30;
/// The most places for memories in each of the two pools: 41 TiB each, of the 85 TiB that Linux leaves in one piece.
const PLACES_MAX: usize = 10_200;
/// What a table grows to. The largest components of today, Python's, have less than a tenth.
const TABLE_ENTRIES_MAX: usize = 128 << 10;
/// As many core instances, memories and tables as the limiter lets a component have at most.
const PARTS_MAX: u32 = 1_000;
/// How much of a memory is wiped by hand at the end of a life, since that is cheaper than to have the system do it.
const KEPT_RESIDENT_BYTES: usize = 64 << 10;

impl Allocation {
    pub(super) fn strategy(self) -> InstanceAllocationStrategy {
        match self {
            Self::OnDemand => InstanceAllocationStrategy::OnDemand,
            Self::Pool { actors } => InstanceAllocationStrategy::Pooling(pool(actors)),
        }
    }
}

fn pool(actors: usize) -> PoolingAllocationConfig {
    // A life may begin before the end of the one before it is through, and some components have two memories.
    let places = actors.saturating_add(actors / 8 + 64).min(PLACES_MAX);
    let places = u32::try_from(places).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(places)
        .total_core_instances(u32::MAX)
        .total_memories(places)
        .total_tables(places.saturating_mul(4))
        .total_stacks(places)
        .max_core_instances_per_component(PARTS_MAX)
        .max_memories_per_component(PARTS_MAX)
        .max_tables_per_component(PARTS_MAX)
        .max_memories_per_module(PARTS_MAX)
        .max_tables_per_module(PARTS_MAX)
        .max_core_instance_size(usize::MAX >> 8)
        .max_component_instance_size(usize::MAX >> 8)
        .max_memory_size(MEMORY_MAX_BYTES)
        .table_elements(TABLE_ENTRIES_MAX)
        .linear_memory_keep_resident(KEPT_RESIDENT_BYTES);
    pool
}
