//! Whether and when an actor that ended is started again.
//!
//! Pure: time and chance are arguments. Used by the supervisor alone. Holds at most
//! [`RestartSettings::max_restarts`] instants.
//!
//! | policy | good order | failure | refused start |
//! |---|---|---|---|
//! | `never` | stop | fail | fail |
//! | `on_failure` | stop | restart, within the budget | fail |
//! | `always` | restart, within the budget | restart, within the budget | fail |
//!
//! "Good order" is an actor that ends by itself without a failure; a "refused start" is one that returned a business error:
//! what it was given is wrong, and the next life would be given the same. What a person asks for (stop, kill, restart) is
//! not decided here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::backoff::backoff;
use crate::exit::{ExitReason, StartFailure};
use crate::lifecycle::Then;
use crate::policy::{RestartPolicy, RestartSettings};

/// How a life ended, as far as a restart depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, without a failure.
    InGoodOrder,
    /// With a failure.
    ByFailure,
    /// With a failure that the next life is sure to repeat.
    ByRefusal,
}

impl Ended {
    /// How a life ended that nobody wanted to end.
    pub(super) fn by_itself(exit: &ExitReason) -> Self {
        match exit {
            ExitReason::StartFailed { failure: StartFailure::Refused, .. } => Self::ByRefusal,
            ExitReason::StartFailed { failure: StartFailure::Failed, .. }
            | ExitReason::Trapped { .. }
            | ExitReason::Exited { .. }
            | ExitReason::Faulted { .. }
            | ExitReason::Forced { .. }
            | ExitReason::HostFault { .. } => Self::ByFailure,
            ExitReason::Stopped
            | ExitReason::Killed
            | ExitReason::RestartRequested
            | ExitReason::Passivated => Self::InGoodOrder,
        }
    }
}

/// The restarts of one actor so far.
#[derive(Debug)]
pub(super) struct RestartTracker {
    settings: RestartSettings,
    /// When restarts within the window were decided, oldest first.
    recent: VecDeque<Instant>,
    /// How often the delay has doubled.
    doublings: u32,
}

impl RestartTracker {
    /// A tracker for an actor that was never restarted.
    pub(super) fn new(settings: RestartSettings) -> Self {
        Self { settings, recent: VecDeque::new(), doublings: 0 }
    }

    /// Forgets all restarts, as after one that a person asked for.
    pub(super) fn reset(&mut self) {
        self.recent.clear();
        self.doublings = 0;
    }

    /// Decides what follows a life that lasted `lived` and ended at `now`.
    ///
    /// `chance` as of [`backoff`].
    pub(super) fn decide(&mut self, ended: Ended, lived: Duration, now: Instant, chance: f64) -> Then {
        match (self.settings.policy, ended) {
            (RestartPolicy::Never | RestartPolicy::OnFailure, Ended::InGoodOrder) => return Then::Stop,
            (RestartPolicy::Never, Ended::ByFailure) => return Then::Fail,
            (RestartPolicy::Never | RestartPolicy::OnFailure | RestartPolicy::Always, Ended::ByRefusal) => {
                return Then::Fail;
            }
            (RestartPolicy::OnFailure | RestartPolicy::Always, Ended::ByFailure)
            | (RestartPolicy::Always, Ended::InGoodOrder) => {}
        }
        while self.recent.front().is_some_and(|at| now.duration_since(*at) >= self.settings.window) {
            self.recent.pop_front();
        }
        if self.recent.len() >= usize::try_from(self.settings.max_restarts).unwrap_or(usize::MAX) {
            return match ended {
                Ended::InGoodOrder => Then::Stop,
                Ended::ByFailure | Ended::ByRefusal => Then::Fail,
            };
        }
        if lived > self.settings.window {
            self.doublings = 0;
        }
        let RestartSettings { min_backoff, max_backoff, .. } = self.settings;
        let after = backoff(min_backoff, max_backoff, self.doublings, chance);
        self.recent.push_back(now);
        self.doublings = self.doublings.saturating_add(1);
        Then::Restart(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(policy: RestartPolicy) -> RestartSettings {
        RestartSettings { policy, ..RestartSettings::default() }
    }

    const BRIEF: Duration = Duration::from_millis(1);

    #[test]
    fn the_policy_decides_by_the_end_of_the_life() {
        use Ended::{ByFailure, ByRefusal, InGoodOrder};
        use RestartPolicy::{Always, Never, OnFailure};
        let restart = Then::Restart(Duration::from_millis(100));
        for (policy, ended, expected) in [
            (Never, InGoodOrder, Then::Stop),
            (Never, ByFailure, Then::Fail),
            (Never, ByRefusal, Then::Fail),
            (OnFailure, InGoodOrder, Then::Stop),
            (OnFailure, ByFailure, restart),
            (OnFailure, ByRefusal, Then::Fail),
            (Always, InGoodOrder, restart),
            (Always, ByFailure, restart),
            (Always, ByRefusal, Then::Fail),
        ] {
            let mut tracker = RestartTracker::new(settings(policy));
            assert_eq!(tracker.decide(ended, BRIEF, Instant::now(), 0.0), expected, "{policy:?} {ended:?}");
        }
    }

    #[test]
    fn the_sixth_failure_within_the_window_fails_the_actor() {
        let start = Instant::now();
        let mut tracker = RestartTracker::new(RestartSettings::default());
        for second in 0..5 {
            let now = start + Duration::from_secs(second);
            let verdict = tracker.decide(Ended::ByFailure, BRIEF, now, 0.0);
            assert!(matches!(verdict, Then::Restart { .. }), "restart {second}");
        }
        let verdict = tracker.decide(Ended::ByFailure, BRIEF, start + Duration::from_secs(59), 0.0);
        assert_eq!(verdict, Then::Fail);
    }

    #[test]
    fn restarts_older_than_the_window_do_not_count() {
        let start = Instant::now();
        let mut tracker = RestartTracker::new(RestartSettings::default());
        for n in 0..50 {
            let now = start + Duration::from_secs(13 * n);
            let verdict = tracker.decide(Ended::ByFailure, BRIEF, now, 0.0);
            assert!(matches!(verdict, Then::Restart { .. }), "restart {n}");
        }
    }

    #[test]
    fn the_backoff_doubles_up_to_its_maximum() {
        let mut tracker = RestartTracker::new(RestartSettings { max_restarts: 100, ..Default::default() });
        let delays: Vec<u128> = (0..12)
            .map(|_| match tracker.decide(Ended::ByFailure, BRIEF, Instant::now(), 0.0) {
                Then::Restart(after) => after.as_millis(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn a_life_longer_than_the_window_resets_the_backoff() {
        let mut tracker = RestartTracker::new(RestartSettings::default());
        let start = Instant::now();
        tracker.decide(Ended::ByFailure, BRIEF, start, 0.0);
        tracker.decide(Ended::ByFailure, BRIEF, start, 0.0);
        let later = start + Duration::from_secs(62);
        assert_eq!(
            tracker.decide(Ended::ByFailure, Duration::from_secs(61), later, 0.0),
            Then::Restart(Duration::from_millis(100))
        );
    }

    #[test]
    fn a_reset_forgets_the_budget_and_the_backoff() {
        let now = Instant::now();
        let mut tracker = RestartTracker::new(RestartSettings { max_restarts: 1, ..Default::default() });
        tracker.decide(Ended::ByFailure, BRIEF, now, 0.0);
        assert_eq!(tracker.decide(Ended::ByFailure, BRIEF, now, 0.0), Then::Fail);
        tracker.reset();
        assert_eq!(
            tracker.decide(Ended::ByFailure, BRIEF, now, 0.0),
            Then::Restart(Duration::from_millis(100))
        );
    }
}
