//! What an actor counts of itself. Counters only grow, and outlive lives.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The counters of one actor.
#[derive(Debug, Default)]
pub struct Counters {
    asks: AtomicU64,
    tells: AtomicU64,
    failed_tells: AtomicU64,
    items: AtomicU64,
    restarts: AtomicU64,
    dead_letters: AtomicU64,
    cpu_nanos: AtomicU64,
    slices: AtomicU64,
    in_batch: AtomicBool,
    /// A level, not a count: what the life that runs holds.
    memory_bytes: AtomicU64,
    /// The same, of the host's own for it.
    overhead_bytes: AtomicU64,
    disk_written_bytes: AtomicU64,
}

/// What an actor had counted at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Asks and streams that were handed to the guest.
    pub asks: u64,
    /// Tells that were handed to the guest.
    pub tells: u64,
    /// Tells that the guest answered with an error.
    pub failed_tells: u64,
    /// Items of streams that the guest handed over.
    pub items: u64,
    /// Lives that were followed by another.
    pub restarts: u64,
    /// Messages that came to nothing.
    pub dead_letters: u64,
    /// Time on a thread, of guest and host together.
    pub cpu: Duration,
    /// How often the guest was preempted at the end of a slice of time.
    pub slices: u64,
    /// Whether it runs on threads of lower priority, because it uses up its slices.
    pub in_batch: bool,
    /// Linear memory and tables of the life that runs, in bytes.
    pub memory_bytes: u64,
    /// What the host keeps for the life that runs beside them, in bytes: its instances, and what it waits for. Both together
    /// are under its ceiling.
    pub overhead_bytes: u64,
    /// What all lives have written to granted folders, in bytes.
    pub disk_written_bytes: u64,
}

/// What can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The guest answered a tell with an error.
    TellFailed,
    /// The guest handed over so many items.
    Streamed(usize),
    /// A life is followed by another.
    Restarted,
    /// A message came to nothing.
    DeadLetter,
    /// The guest was preempted at the end of a slice of time.
    SliceUsedUp,
}

impl Counters {
    /// Counts `event`.
    pub fn count(&self, event: Event) {
        let (counter, by) = match event {
            Event::TellFailed => (&self.failed_tells, 1),
            Event::Streamed(items) => (&self.items, u64::try_from(items).unwrap_or(u64::MAX)),
            Event::Restarted => (&self.restarts, 1),
            Event::DeadLetter => (&self.dead_letters, 1),
            Event::SliceUsedUp => (&self.slices, 1),
        };
        counter.fetch_add(by, Ordering::Relaxed);
    }

    /// Adds time on a thread. To be called by whoever polls a life, one at a time: it is no read-modify-write, which each
    /// message would pay for.
    pub(crate) fn add_cpu(&self, time: Duration) {
        let before = self.cpu_nanos.load(Ordering::Relaxed);
        self.cpu_nanos.store(before.wrapping_add(nanos(time)), Ordering::Relaxed);
    }

    /// Counts a message that was handed to the guest. As [`Self::add_cpu`].
    pub(crate) fn count_begun(&self, is_ask: bool) {
        let counter = if is_ask { &self.asks } else { &self.tells };
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Says whether the life runs on threads of lower priority.
    pub fn set_in_batch(&self, in_batch: bool) {
        self.in_batch.store(in_batch, Ordering::Relaxed);
    }

    /// Says how much memory the life that runs holds, and how much the host keeps for it beside that.
    pub fn set_memory(&self, bytes: usize, overhead_bytes: usize) {
        let store = |level: &AtomicU64, bytes: usize| {
            level.store(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
        };
        store(&self.memory_bytes, bytes);
        store(&self.overhead_bytes, overhead_bytes);
    }

    /// Says how much all lives have written to granted folders.
    pub fn set_disk_written_bytes(&self, bytes: usize) {
        self.disk_written_bytes.store(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Reads all counters, each at its own moment.
    #[must_use]
    pub fn read(&self) -> Counted {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            asks: read(&self.asks),
            tells: read(&self.tells),
            failed_tells: read(&self.failed_tells),
            items: read(&self.items),
            restarts: read(&self.restarts),
            dead_letters: read(&self.dead_letters),
            cpu: Duration::from_nanos(read(&self.cpu_nanos)),
            slices: read(&self.slices),
            in_batch: self.in_batch.load(Ordering::Relaxed),
            memory_bytes: read(&self.memory_bytes),
            overhead_bytes: read(&self.overhead_bytes),
            disk_written_bytes: read(&self.disk_written_bytes),
        }
    }
}

/// A time as what atomics hold: 584 years at most.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
