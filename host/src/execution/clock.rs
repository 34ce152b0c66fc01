//! The clocks that turns are metered with.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time since some moment: no system call. It goes on while the thread is kept waiting.
pub(super) fn monotonic_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

/// The processor time that this thread has had: a system call, of 0.1 to 0.5 µs.
pub(super) fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
