//! What threads meet at: atomics, a lock that nobody waits for, and a place for a waker.
//!
//! Under `cfg(loom)` these are stand-ins that the model checker sees, with the same memory ordering.

#[cfg(loom)]
pub(crate) use self::model::{AtomicBool, AtomicWaker, Guard, Lock, Ordering, fence};
#[cfg(not(loom))]
pub(crate) use self::real::{AtomicBool, AtomicWaker, Guard, Lock, Ordering, fence};

#[cfg(loom)]
mod model;
#[cfg(not(loom))]
mod real;
