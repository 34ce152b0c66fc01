//! Watching every actor: of each life's end its watchers are told once, and in order.

use pulsing_host::{ActorRef, ExitReason, LifeEnd, Missed, Watch};

use super::REACHED;
use super::tally::Tally;

/// A watch on one actor.
pub(super) struct Watching {
    actor: ActorRef,
    ends: Watch,
    /// The earliest and the latest life whose end can be the first that is told: those that ran when it began.
    first: (u64, u64),
    last: Option<u64>,
}

impl Watching {
    /// Watches from now on.
    pub(super) async fn begin(actor: &ActorRef) -> Self {
        let earliest = actor.status().await.expect(REACHED).generation.0;
        let ends = actor.watch().await.expect(REACHED);
        // An end is told before the status says so.
        let latest = actor.status().await.expect(REACHED).generation.0.saturating_add(1);
        Self { actor: actor.clone(), ends, first: (earliest, latest), last: None }
    }

    /// Watches until nothing becomes of the actor any more, and counts.
    pub(super) async fn until_gone(mut self, tally: &Tally) {
        while let Some(end) = self.ends.next().await {
            self.look(&end, tally);
            if let Ok(end) = end {
                let mut counts = tally.counts();
                counts.ends += 1;
                counts.restarts += u64::from(end.restarts);
            }
        }
        let status = self.actor.status().await.expect(REACHED).generation.0;
        if self.last.is_some_and(|last| last != status) {
            let (name, last) = (self.actor.id(), self.last.unwrap_or_default());
            tally.find(format!(
                "{name}: the end of life {last} was told last, and the last life was {status}"
            ));
        }
    }

    /// Watches for so many ends, or until there are no more.
    pub(super) async fn for_some(mut self, ends: usize, tally: &Tally) {
        for _ in 0..ends {
            let Some(end) = self.ends.next().await else { return };
            self.look(&end, tally);
        }
    }

    fn look(&mut self, end: &Result<LifeEnd, Missed>, tally: &Tally) {
        let name = self.actor.id();
        match end {
            Err(missed) => {
                // Only too many in a row may be missed, and never in silence.
                self.last = None;
                self.first = (0, u64::MAX);
                tally.find(format!("{name}: {missed}"));
            }
            Ok(end) => {
                if let ExitReason::HostFault { words } = &end.exit {
                    tally.find(format!("{name}: the host failed: {}", words.for_operator()));
                }
                let told = end.generation.0;
                if let Some(wrong) = wrong(self.first, self.last, told) {
                    tally.find(format!("{name}: the end of life {told} was told {wrong}"));
                }
                self.last = Some(told);
            }
        }
    }
}

/// What is wrong with being told of the end of life `told` now.
fn wrong(first: (u64, u64), last: Option<u64>, told: u64) -> Option<String> {
    match last {
        None if (first.0..=first.1).contains(&told) => None,
        None => Some(format!("first, while lives {} to {} ran", first.0, first.1)),
        Some(last) if told == last.saturating_add(1) => None,
        Some(last) => Some(format!("after that of {last}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_is_told_once_and_in_order() {
        assert_eq!(wrong((3, 4), None, 3), None);
        assert_eq!(wrong((3, 4), None, 4), None);
        assert_eq!(wrong((3, 4), None, 5).unwrap(), "first, while lives 3 to 4 ran");
        assert_eq!(wrong((0, 1), Some(4), 5), None);
        for told in [3, 4, 6] {
            assert_eq!(wrong((0, 1), Some(4), told).unwrap(), "after that of 4");
        }
    }
}
