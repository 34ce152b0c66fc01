//! How long to wait before another try.
//!
//! Pure: chance is an argument. For restarts of actors and for calls that are tried again.

use std::time::Duration;

/// By how much of itself a delay is varied, so that actors that failed together do not return together.
const JITTER: f64 = 0.2;

/// The delay before another try: `min`, doubled `doublings` times up to `max`, varied by a fifth within both.
///
/// `chance`, from -1 to 1, is where in its range of ±20 % the delay falls; what is outside counts as the nearer
/// bound.
pub(crate) fn backoff(min: Duration, max: Duration, doublings: u32, chance: f64) -> Duration {
    let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
    let plain = min.saturating_mul(factor).min(max);
    let chance = if chance.is_finite() { chance.clamp(-1.0, 1.0) } else { 0.0 };
    let varied = plain.as_secs_f64() * (1.0 + JITTER * chance);
    let varied = Duration::try_from_secs_f64(varied).unwrap_or(max);
    varied.max(min).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_jitter_stays_within_a_fifth_and_within_both_bounds(
            doublings in 0_u32..80,
            chance in -2.0_f64..2.0,
        ) {
            let (min_backoff, max_backoff) = (Duration::from_millis(100), Duration::from_secs(30));
            let plain = backoff(min_backoff, max_backoff, doublings, 0.0);
            let delay = backoff(min_backoff, max_backoff, doublings, chance);
            proptest::prop_assert!(delay >= min_backoff.max(plain.mul_f64(0.8)));
            proptest::prop_assert!(delay <= max_backoff.min(plain.mul_f64(1.2)));
        }
    }
}
