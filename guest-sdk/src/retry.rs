//! How a guest tries a call again.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::peer::CallError;
use crate::{Error, ErrorKind, sleep};

/// By how much of itself a delay is varied, so that callers that failed together do not return together.
const JITTER: f64 = 0.2;

/// How often something is tried, and how long to wait between tries: 3 times, after 200 ms and 400 ms, unless told
/// otherwise.
///
/// The delay doubles from `min_backoff` up to `max_backoff`, varied by a fifth within both. An error that says when
/// another try makes sense is not tried sooner. Only what may succeed the next time is tried again: see
/// [`Retryable`].
///
/// ```no_run
/// # use pulsing_guest::{ActorRef, Error, Retry};
/// # async fn example(order: u64) -> Result<(), Error> {
/// let payments = ActorRef::new("payments").retry(Retry::default().attempts(5));
/// let receipt: String = payments.ask("charge", (order,)).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
    min_backoff: Duration,
    max_backoff: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, min_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(10) }
    }
}

/// An error that says whether another try may help.
pub trait Retryable {
    /// Whether the same, tried again, may succeed. It may also have taken effect the first time.
    fn is_retryable(&self) -> bool;

    /// When another try makes sense; none where that is not known.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

impl Retryable for Error {
    fn is_retryable(&self) -> bool {
        match self.kind() {
            ErrorKind::System { recoverable, .. } => *recoverable,
            ErrorKind::Timeout { .. } => true,
            ErrorKind::Business { .. } | ErrorKind::Unsupported { .. } | ErrorKind::Cancelled => false,
        }
    }
}

impl Retryable for CallError {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Actor(error) => error.is_retryable(),
            Self::Runtime(error) => error.is_recoverable(),
            Self::UnexpectedAnswer(_) => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Runtime(error) => error.retry_after,
            Self::Actor(_) | Self::UnexpectedAnswer(_) => None,
        }
    }
}

impl Retryable for crate::http::Error {
    fn is_retryable(&self) -> bool {
        crate::Error::from(self.clone()).is_retryable()
    }
}

impl Retry {
    /// How many tries there are, the first included; at least one.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// The delay after the first try.
    #[must_use]
    pub fn min_backoff(mut self, delay: Duration) -> Self {
        self.min_backoff = delay;
        self
    }

    /// The longest delay.
    #[must_use]
    pub fn max_backoff(mut self, delay: Duration) -> Self {
        self.max_backoff = delay;
        self
    }

    /// Tries until something comes of it, an error that another try would meet again, or no try is left. Other
    /// handlers run between the tries.
    ///
    /// # Errors
    ///
    /// That of the last try.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the try that runs.
    pub async fn run<T, E: Retryable, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut failures = 0;
        loop {
            match attempt().await {
                Err(error) => match self.delay(failures, &error, chance()) {
                    Some(delay) => sleep(delay).await,
                    None => return Err(error),
                },
                done => return done,
            }
            failures += 1;
        }
    }

    /// The same for a serial actor, which waits between the tries.
    ///
    /// # Errors
    ///
    /// That of the last try.
    pub fn run_blocking<T, E: Retryable>(&self, mut attempt: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        let mut failures = 0;
        loop {
            match attempt() {
                Err(error) => match self.delay(failures, &error, chance()) {
                    Some(delay) => crate::blocking::sleep(delay),
                    None => return Err(error),
                },
                done => return done,
            }
            failures += 1;
        }
    }

    /// How long to wait after a failure; none where there is no other try. `failures` are those before it; `chance`,
    /// from -1 to 1, is where in its range the delay falls.
    fn delay(&self, failures: u32, error: &impl Retryable, chance: f64) -> Option<Duration> {
        if !error.is_retryable() || failures.saturating_add(1) >= self.attempts {
            return None;
        }
        let max = self.max_backoff.max(self.min_backoff);
        let factor = 2_u32.checked_pow(failures).unwrap_or(u32::MAX);
        let plain = self.min_backoff.saturating_mul(factor).min(max);
        let varied = Duration::try_from_secs_f64(plain.as_secs_f64() * (1.0 + JITTER * chance));
        let delay = varied.unwrap_or(max).clamp(self.min_backoff, max);
        Some(error.retry_after().map_or(delay, |hint| delay.max(hint)))
    }
}

/// The system's random numbers, as std offers them: its hash maps are seeded with such.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// From -1 to 1.
fn chance() -> f64 {
    let unit = f64::from(u32::try_from(random() >> 32).unwrap_or(0)) / f64::from(u32::MAX);
    2.0 * unit - 1.0
}

/// A key for a call that may be sent more than once and was given none.
pub(crate) fn new_key() -> String {
    format!("{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RuntimeError, RuntimeErrorKind};

    #[test]
    fn the_delay_doubles_within_its_bounds_until_no_try_is_left() {
        let retry = Retry::default().attempts(5).max_backoff(Duration::from_millis(700));
        let delays = (0..5).map(|failures| retry.delay(failures, &Error::system(""), 0.0));
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(delays.collect::<Vec<_>>(), [ms(200), ms(400), ms(700), ms(700), None]);
        assert_eq!(retry.delay(1, &Error::system(""), 1.0), ms(480));
        assert_eq!(retry.delay(0, &Error::system(""), -1.0), ms(200));
    }

    #[test]
    fn a_kind_that_is_not_known_is_tried_again_only_where_the_host_says_when() {
        let error = |word: &str, retry_after| {
            let kind = RuntimeErrorKind::from_word(word.into());
            CallError::Runtime(RuntimeError { kind, message: String::new(), retry_after })
        };
        let hint = Some(Duration::from_secs(1));
        for (word, retry_after, is_retryable) in [
            ("solar-flare", None, false),
            ("solar-flare", hint, true),
            ("internal", hint, false),
            ("mailbox-full", None, true),
        ] {
            let error = error(word, retry_after);
            assert_eq!(error.is_retryable(), is_retryable, "{word} {retry_after:?}");
            // Its own caller is told the same.
            assert_eq!(Error::from(error).is_retryable(), is_retryable, "{word} {retry_after:?}");
        }
        assert_eq!(Retry::default().delay(0, &error("solar-flare", hint), 0.0), hint);
    }

    #[test]
    fn only_what_may_succeed_is_tried_again_and_not_sooner_than_it_says() {
        let retry = Retry::default();
        assert_eq!(retry.delay(0, &Error::business(400, ""), 0.0), None);
        assert_eq!(retry.delay(0, &Error::fatal(""), 0.0), None);
        let hint = Duration::from_secs(60);
        let error =
            |kind| CallError::Runtime(RuntimeError { kind, message: String::new(), retry_after: Some(hint) });
        assert_eq!(retry.delay(0, &error(RuntimeErrorKind::ActorRestarting), 0.0), Some(hint));
        assert_eq!(retry.delay(0, &error(RuntimeErrorKind::Deadlock), 0.0), None);
    }

    #[test]
    fn keys_differ_and_chances_stay_in_their_range() {
        assert_ne!(new_key(), new_key());
        assert!((0..1000).all(|_| (-1.0..=1.0).contains(&chance())));
    }
}
