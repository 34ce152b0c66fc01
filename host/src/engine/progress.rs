//! Tells people that something takes long, while it does.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Does `work`, and calls `tell` whenever another `every` has passed.
///
/// # Blocking
///
/// As long as `work`. Where the system gives no thread, nothing is told.
pub(super) fn telling<T>(every: Duration, tell: impl Fn() + Send, work: impl FnOnce() -> T) -> T {
    let (working, done) = mpsc::sync_channel::<()>(0);
    let watch = move || {
        while done.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            tell();
        }
    };
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("pulsing-progress".to_owned());
        // Its end is seen by the scope; without it the work is done all the same.
        let _watching = builder.spawn_scoped(scope, watch);
        let answer = work();
        drop(working);
        answer
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far more than any machine needs to start a thread.
    const BOUND: Duration = Duration::from_secs(30);

    #[test]
    fn work_that_takes_long_is_told_of_again_and_again() {
        let (told, seen) = mpsc::sync_channel(2);
        let tell = || {
            let _full_once_both_were_seen = told.try_send(());
        };
        let both =
            telling(Duration::from_millis(1), tell, || [seen.recv_timeout(BOUND), seen.recv_timeout(BOUND)]);
        assert_eq!(both, [Ok(()), Ok(())]);
    }

    #[test]
    fn work_that_is_done_at_once_is_not_told_of() {
        let answer = telling(BOUND, || panic!("it was told"), || 7);
        assert_eq!(answer, 7);
    }

    #[test]
    fn work_that_panics_does_so_for_its_caller() {
        let panicked = std::panic::catch_unwind(|| telling(BOUND, || (), || panic!("the work")));
        assert!(panicked.is_err());
    }
}
