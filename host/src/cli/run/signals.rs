//! What asks a host to end: SIGTERM, Ctrl-C, and a terminal that is closed.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::exit_code;

/// The signals that ask a host to end.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// None where whoever started the host has it ignored, as `nohup` does.
    hang_up: Option<Signal>,
}

impl Signals {
    /// Takes the signals over from the system's own way with them, which is to end the process.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: (!is_ignored(SignalKind::hangup())).then(|| signal(SignalKind::hangup())).transpose()?,
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
            () = hung_up(self.hang_up.as_mut()) => {}
        }
    }
}

async fn hung_up(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether the process was started with this signal ignored. Where the system does not say, it was not.
fn is_ignored(kind: SignalKind) -> bool {
    let ignored = || {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    let bit = u32::try_from(kind.as_raw_value() - 1).unwrap_or(u32::MAX);
    ignored().and_then(|mask| mask.checked_shr(bit)).is_some_and(|mask| mask & 1 == 1)
}

/// Ends the process now, whatever runs in it.
pub(super) fn end_at_once() -> ! {
    std::process::exit(i32::from(exit_code::INTERRUPTED))
}
