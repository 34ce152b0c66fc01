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
//! Where nobody sets the delay, the restart after a lone failure is a quick one, outside of the budget: most failures are
//! alone, and those who wait for the next life need not wait for what only a storm calls for.
//!
//! | delays | 1st | 2nd | 3rd | … | fails, at the latest, with failure |
//! |---|---|---|---|---|---|
//! | `min_backoff` is set | `min_backoff` | doubled | doubled | up to `max_backoff` | `max_restarts` + 1 |
//! | it is not | 10 ms | 100 ms | doubled | up to `max_backoff` | `max_restarts` + 2 |
//!
//! "Good order" is an actor that ends by itself without a failure; a "refused start" is one that returned a business error:
//! what it was given is wrong, and the next life would be given the same. What a person asks for (stop, kill, restart) is
//! not decided here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::backoff::backoff;
use crate::exit::{ExitReason, StartFailure};
use crate::lifecycle::Then;
use crate::policy::{QUICK_BACKOFF, RestartPolicy, RestartSettings, USUAL_MIN_BACKOFF};

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
    /// Whether the next end of a life stands alone: none was followed by a restart since the actor, or a life longer than
    /// the window, began.
    is_lone: bool,
}

impl RestartTracker {
    /// A tracker for an actor that was never restarted.
    pub(super) fn new(settings: RestartSettings) -> Self {
        Self { settings, recent: VecDeque::new(), doublings: 0, is_lone: true }
    }

    /// Forgets all restarts, as after one that a person asked for.
    pub(super) fn reset(&mut self) {
        self.recent.clear();
        self.begin_anew();
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
        if lived > self.settings.window {
            self.begin_anew();
        }
        if std::mem::take(&mut self.is_lone) && self.may_be_quick(ended) {
            return Then::Restart(backoff(QUICK_BACKOFF, self.settings.max_backoff, 0, chance));
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
        let min_backoff = self.settings.min_backoff.unwrap_or(USUAL_MIN_BACKOFF);
        let after = backoff(min_backoff, self.settings.max_backoff, self.doublings, chance);
        self.recent.push_back(now);
        self.doublings = self.doublings.saturating_add(1);
        Then::Restart(after)
    }

    fn begin_anew(&mut self) {
        self.doublings = 0;
        self.is_lone = true;
    }

    /// Whether the restart after a lone end like this is a quick one. Who wants no restarts has none of these either.
    fn may_be_quick(&self, ended: Ended) -> bool {
        ended == Ended::ByFailure && self.settings.min_backoff.is_none() && self.settings.max_restarts > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As whoever sets the usual delay has it.
    fn usual() -> RestartSettings {
        RestartSettings { min_backoff: Some(USUAL_MIN_BACKOFF), ..RestartSettings::default() }
    }

    fn settings(policy: RestartPolicy) -> RestartSettings {
        RestartSettings { policy, ..usual() }
    }

    /// The delays of so many restarts, of brief lives.
    fn delays_ms(settings: RestartSettings, restarts: usize) -> Vec<u128> {
        let mut tracker = RestartTracker::new(settings);
        let mut decide = || match tracker.decide(Ended::ByFailure, BRIEF, Instant::now(), 0.0) {
            Then::Restart(after) => after.as_millis(),
            other => panic!("{other:?}"),
        };
        (0..restarts).map(|_| decide()).collect()
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
        let mut tracker = RestartTracker::new(usual());
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
        let mut tracker = RestartTracker::new(usual());
        for n in 0..50 {
            let now = start + Duration::from_secs(13 * n);
            let verdict = tracker.decide(Ended::ByFailure, BRIEF, now, 0.0);
            assert!(matches!(verdict, Then::Restart { .. }), "restart {n}");
        }
    }

    #[test]
    fn the_backoff_doubles_up_to_its_maximum() {
        let settings = RestartSettings { max_restarts: 100, ..usual() };
        assert_eq!(
            delays_ms(settings, 12),
            [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]
        );
    }

    #[test]
    fn a_life_longer_than_the_window_resets_the_backoff() {
        let mut tracker = RestartTracker::new(usual());
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
        let mut tracker = RestartTracker::new(RestartSettings { max_restarts: 1, ..usual() });
        tracker.decide(Ended::ByFailure, BRIEF, now, 0.0);
        assert_eq!(tracker.decide(Ended::ByFailure, BRIEF, now, 0.0), Then::Fail);
        tracker.reset();
        assert_eq!(
            tracker.decide(Ended::ByFailure, BRIEF, now, 0.0),
            Then::Restart(Duration::from_millis(100))
        );
    }

    #[test]
    fn the_restart_after_a_lone_failure_is_quick_where_nobody_set_the_delay() {
        let unset = RestartSettings { max_restarts: 100, ..RestartSettings::default() };
        assert_eq!(delays_ms(unset.clone(), 7), [10, 100, 200, 400, 800, 1600, 3200]);
        assert_eq!(delays_ms(RestartSettings { max_backoff: BRIEF * 5, ..unset.clone() }, 3), [5, 5, 5]);
        let set = RestartSettings { min_backoff: Some(Duration::from_secs(1)), ..unset };
        assert_eq!(delays_ms(set, 3), [1000, 2000, 4000]);
    }

    #[test]
    fn a_failure_is_alone_again_after_a_life_longer_than_the_window_and_after_a_reset() {
        let (mut tracker, start) = (RestartTracker::new(RestartSettings::default()), Instant::now());
        let window = RestartSettings::default().window;
        let delay_ms = |tracker: &mut RestartTracker, lived, at| {
            let verdict = tracker.decide(Ended::ByFailure, lived, start + at, 0.0);
            let Then::Restart(after) = verdict else { panic!("{verdict:?}") };
            after.as_millis()
        };
        assert_eq!(delay_ms(&mut tracker, BRIEF, BRIEF), 10);
        assert_eq!(delay_ms(&mut tracker, window, window), 100, "it was no longer than the window");
        assert_eq!(delay_ms(&mut tracker, window + BRIEF, window * 2 + BRIEF), 10);
        tracker.reset();
        assert_eq!(delay_ms(&mut tracker, BRIEF, window * 3), 10);
    }

    #[test]
    fn only_failures_have_a_quick_restart() {
        let always = RestartSettings { policy: RestartPolicy::Always, ..RestartSettings::default() };
        let mut tracker = RestartTracker::new(always);
        let now = Instant::now();
        let usual = |doublings| Then::Restart(USUAL_MIN_BACKOFF * doublings);
        assert_eq!(tracker.decide(Ended::InGoodOrder, BRIEF, now, 0.0), usual(1));
        assert_eq!(tracker.decide(Ended::ByFailure, BRIEF, now, 0.0), usual(2), "it is not alone");
    }

    #[test]
    fn who_wants_no_restarts_has_no_quick_one() {
        let none = RestartSettings { max_restarts: 0, ..RestartSettings::default() };
        let verdict = RestartTracker::new(none).decide(Ended::ByFailure, BRIEF, Instant::now(), 0.0);
        assert_eq!(verdict, Then::Fail);
    }

    /// How many lives it takes until the actor has failed, and how much time.
    fn until_failed(settings: RestartSettings, lives: &[Duration]) -> Option<(usize, Duration)> {
        let (mut tracker, start) = (RestartTracker::new(settings), Instant::now());
        let mut now = start;
        for (life, lived) in (1..).zip(lives) {
            now += *lived;
            match tracker.decide(Ended::ByFailure, *lived, now, 0.0) {
                Then::Restart(after) => now += after,
                Then::Fail => return Some((life, now - start)),
                other => panic!("{other:?}"),
            }
        }
        None
    }

    proptest::proptest! {
        #[test]
        fn a_storm_has_one_quick_restart_and_fails_an_actor_no_sooner_for_it(
            lives in proptest::collection::vec(0_u64..11_000, 7),
        ) {
            let lives: Vec<_> = lives.into_iter().map(Duration::from_millis).collect();
            let (set, set_after) = until_failed(usual(), &lives).unwrap();
            let (unset, unset_after) = until_failed(RestartSettings::default(), &lives).unwrap();
            proptest::prop_assert_eq!((set, unset), (6, 7));
            proptest::prop_assert!(unset_after > set_after);
        }
    }
}
