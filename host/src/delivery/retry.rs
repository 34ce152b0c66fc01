//! How a caller tries again.
//!
//! Pure but for [`Retry::run`], which waits between tries. Only what may succeed the next time is tried again:
//! [`CallError::is_retryable`]. Bounded by the number of tries.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::backoff::backoff;
use crate::wire::CallError;

/// How often a call is tried, and how long to wait between tries.
///
/// The delay begins at `min_backoff` and doubles up to `max_backoff`, varied by a fifth within both; an error that
/// says when another try makes sense (`retry_after`) is not tried sooner. Each try has its own timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How many tries there are, the first included.
    pub attempts: NonZeroU32,
    /// The delay after the first try.
    pub min_backoff: Duration,
    /// The longest delay.
    pub max_backoff: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: const { NonZeroU32::new(3).expect("3 is not zero") },
            min_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(10),
        }
    }
}

impl Retry {
    /// Tries until there is an answer, an error that another try would meet again, or no try is left.
    ///
    /// # Errors
    ///
    /// That of the last try.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the try that runs.
    pub async fn run<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut failures = 0;
        loop {
            match attempt().await {
                Err(error) if error.is_retryable() && failures + 1 < self.attempts.get() => {
                    let delay = self.delay(failures, &error, rand::random_range(-1.0..=1.0));
                    failures += 1;
                    tracing::debug!(%error, failures, ?delay, "trying again");
                    tokio::time::sleep(delay).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// The delay after a failure; `failures` are those before it. `chance`, from -1 to 1, is where in its range of ±20 % the delay
    /// falls.
    #[must_use]
    pub fn delay(&self, failures: u32, error: &CallError, chance: f64) -> Duration {
        let delay = backoff(self.min_backoff, self.max_backoff, failures, chance);
        let hint = match error {
            CallError::Runtime(error) => error.retry_after,
            CallError::Actor(_) => None,
        };
        hint.map_or(delay, |hint| delay.max(hint))
    }
}

/// A key for a call that may be sent more than once and was given none: 128 random bits.
#[must_use]
pub fn new_key() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::wire::{ActorError, RuntimeError, RuntimeErrorKind};

    #[tokio::test(start_paused = true)]
    async fn what_may_succeed_is_tried_again_until_no_try_is_left() {
        let tries = Cell::new(0);
        let begun = tokio::time::Instant::now();
        let attempt = || async {
            tries.set(tries.get() + 1);
            Err::<(), _>(ActorError::system("not yet").into())
        };
        assert_eq!(Retry::default().run(attempt).await, Err(ActorError::system("not yet").into()));
        assert_eq!(tries.get(), 3);
        // 200 and 400 ms, each up to a fifth more or, above the least, less.
        let waited = begun.elapsed();
        assert!((Duration::from_millis(520)..=Duration::from_millis(725)).contains(&waited), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_try_would_meet_again_is_not_tried_again() {
        let tries = Cell::new(0);
        let attempt = || async {
            tries.set(tries.get() + 1);
            Err::<(), _>(ActorError::Cancelled.into())
        };
        assert_eq!(Retry::default().run(attempt).await, Err(ActorError::Cancelled.into()));
        assert_eq!(tries.get(), 1);
    }

    #[test]
    fn a_hint_is_waited_for() {
        let hint = Duration::from_secs(30);
        let error = RuntimeError::new(RuntimeErrorKind::ActorRestarting, "");
        let error = RuntimeError { retry_after: Some(hint), ..error }.into();
        assert_eq!(Retry::default().delay(0, &error, 0.0), hint);
        let least = Retry::default().delay(0, &ActorError::system("").into(), 0.0);
        assert_eq!(least, Duration::from_millis(200));
    }
}
