//! The ceiling of one life's memory: linear memories and tables together.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::observe::Counters;

/// What one entry of a table takes. An engine's pointer and its share of bookkeeping.
const TABLE_ENTRY_BYTES: usize = 16;

/// Counts the memory of one life and refuses what is over its ceiling.
pub(super) struct Limiter {
    held_bytes: usize,
    max_bytes: usize,
    /// Whether the guest was refused memory: it explains the trap that mostly follows.
    refused: bool,
    counters: Arc<Counters>,
}

impl Limiter {
    pub(super) fn new(max_bytes: usize, counters: Arc<Counters>) -> Self {
        Self { held_bytes: 0, max_bytes, refused: false, counters }
    }

    /// The ceiling, if the guest ran into it.
    pub(super) fn refused_bytes(&self) -> Option<usize> {
        self.refused.then_some(self.max_bytes)
    }

    fn grow(&mut self, current_bytes: usize, desired_bytes: usize) -> bool {
        let held = self.held_bytes.saturating_sub(current_bytes).saturating_add(desired_bytes);
        if held > self.max_bytes {
            self.refused = true;
            return false;
        }
        self.held_bytes = held;
        self.counters.set_memory_bytes(held);
        true
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = |entries: usize| entries.saturating_mul(TABLE_ENTRY_BYTES);
        Ok(self.grow(bytes(current), bytes(desired)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_ceiling() {
        let counters = Arc::new(Counters::default());
        let mut limiter = Limiter::new(1 << 20, Arc::clone(&counters));
        assert!(limiter.memory_growing(0, 1 << 19, None).unwrap());
        assert!(limiter.memory_growing(0, 1 << 18, None).unwrap());
        assert!(limiter.refused_bytes().is_none());
        assert!(!limiter.memory_growing(1 << 18, 1 << 20, None).unwrap());
        assert!(!limiter.table_growing(0, 1 << 20, None).unwrap());
        assert_eq!(limiter.refused_bytes(), Some(1 << 20));
        assert_eq!(counters.read().memory_bytes, 3 << 18);
        assert!(limiter.table_growing(0, 16, None).unwrap());
    }
}
