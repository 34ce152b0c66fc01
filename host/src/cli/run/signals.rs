//! What asks a host to end: SIGTERM, Ctrl-C, and a terminal that is closed.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::exit_code;

/// The signals that ask a host to end.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Takes the signals over from the system's own way with them, which is to end the process.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next of them.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses none.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// Ends the process now, whatever runs in it.
pub(super) fn end_at_once() -> ! {
    std::process::exit(i32::from(exit_code::INTERRUPTED))
}
