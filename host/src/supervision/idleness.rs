//! Whether an actor has been idle for so long that it may give up its instance.
//!
//! Looked at now and then, so that messages cost nothing more for it: an actor is idle for the whole of
//! `passivate_after`, and for half of that again at most, before it is found to be.

use std::time::Duration;

use tokio::time::Instant;

use crate::dispatch::Dispatch;

/// However short the time is, looking takes no more than a trifle.
const LOOK_MIN: Duration = Duration::from_millis(10);

/// For how long one life has had nothing to do.
pub(super) struct Idleness {
    after: Duration,
    next_look: Option<Instant>,
    /// How many messages it had begun when it was last looked at.
    begun: u64,
    /// Since when it is known to have begun no more; none where it was busy when it was last looked at: when it ended what
    /// it did is not known.
    since: Option<Instant>,
}

impl Idleness {
    /// Of a life that begins now.
    pub(super) fn new(after: Duration) -> Self {
        let now = Instant::now();
        let mut idleness = Self { after, next_look: None, begun: 0, since: None };
        idleness.look_later(now);
        idleness
    }

    /// When to look next.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    /// Looks, if it is time. Returns whether the life has been idle for long enough.
    pub(super) fn look(&mut self, dispatch: &Dispatch, now: Instant) -> bool {
        if self.next_look.is_none_or(|at| at > now) {
            return false;
        }
        self.look_later(now);
        // Before it is asked what has begun: one that begins and ends between the two is not to be missed.
        let is_idle = dispatch.is_idle();
        let begun = dispatch.messages_begun();
        let has_begun_more = std::mem::replace(&mut self.begun, begun) != begun;
        if !is_idle {
            self.since = None;
            return false;
        }
        let since = self.since.filter(|_| !has_begun_more).unwrap_or(now);
        self.since = Some(since);
        now.saturating_duration_since(since) >= self.after
    }

    fn look_later(&mut self, now: Instant) {
        self.next_look = now.checked_add((self.after / 2).max(LOOK_MIN));
    }
}
