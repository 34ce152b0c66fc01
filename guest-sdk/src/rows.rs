//! Rows of tells: where a serial actor counts that it goes on from one to the next without asking the host.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering, compiler_fence};

thread_local! {
    /// One for the component, which has one thread; tests have several.
    static COUNTER: &'static AtomicU32 = Box::leak(Box::default());
    /// Whether the handler in hand has waited for something.
    static HAS_WAITED: Cell<bool> = const { Cell::new(false) };
}

/// The counter, for the host to read.
pub(crate) fn counter() -> &'static AtomicU32 {
    COUNTER.with(|counter| *counter)
}

/// The next tell of a row begins. The host reads that behind the compiler's back: so nothing moves to the other side of it.
pub(crate) fn go_on() {
    compiler_fence(Ordering::SeqCst);
    let counter = counter();
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
}

/// The handler in hand waits for something: what else the host has for the actor should not wait for its whole row.
pub(crate) fn waits() {
    HAS_WAITED.set(true);
}

/// Whether the handler in hand has waited; asked once for each.
pub(crate) fn has_waited() -> bool {
    HAS_WAITED.replace(false)
}
