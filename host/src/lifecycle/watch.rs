//! Being told of every end of an actor's lives.

use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::exit::ExitReason;
use crate::id::Generation;

/// How many ends wait for a watcher that does not look.
const WAITING_MAX: usize = 256;

/// The end of one life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeEnd {
    /// Which life.
    pub generation: Generation,
    /// How it ended.
    pub exit: ExitReason,
    /// Whether another life follows by itself.
    pub restarts: bool,
}

/// The watcher did not look for so long that it missed some ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} ends of lives were missed")]
pub struct Missed(pub u64);

/// Is told of every end of an actor's lives from its beginning on, each once and in order.
#[derive(Debug)]
pub struct Watch {
    ends: broadcast::Receiver<LifeEnd>,
}

impl Watch {
    /// Waits for the next end; none once nothing becomes of the actor any more.
    ///
    /// # Errors
    ///
    /// [`Missed`], where more than 256 ends waited: the oldest are gone, the next call goes on after them.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no end.
    pub async fn next(&mut self) -> Option<Result<LifeEnd, Missed>> {
        match self.ends.recv().await {
            Ok(end) => Some(Ok(end)),
            Err(RecvError::Lagged(missed)) => Some(Err(Missed(missed))),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Those who watch one actor. Costs nothing before the first.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    ends: Mutex<Ends>,
}

#[derive(Debug, Default)]
enum Ends {
    #[default]
    Unwatched,
    Watched(broadcast::Sender<LifeEnd>),
    Over,
}

impl Watchers {
    pub(super) fn watch(&self) -> Watch {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = match &*ends {
            Ends::Watched(sender) => sender.subscribe(),
            Ends::Over => broadcast::channel(1).1,
            Ends::Unwatched => {
                let (sender, receiver) = broadcast::channel(WAITING_MAX);
                *ends = Ends::Watched(sender);
                receiver
            }
        };
        Watch { ends: receiver }
    }

    pub(super) fn tell(&self, end: impl FnOnce() -> LifeEnd) {
        if let Ends::Watched(sender) = &*self.ends.lock().unwrap_or_else(PoisonError::into_inner) {
            // Those who watched may be gone.
            drop(sender.send(end()));
        }
    }

    /// There are no more ends.
    pub(super) fn close(&self) {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = Ends::Over;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(generation: u64) -> LifeEnd {
        LifeEnd { generation: Generation(generation), exit: ExitReason::Killed, restarts: true }
    }

    #[tokio::test]
    async fn a_watcher_that_does_not_look_is_told_how_much_it_missed() {
        let watchers = Watchers::default();
        watchers.tell(|| end(0));
        let mut watch = watchers.watch();
        (1..=258).for_each(|generation| watchers.tell(|| end(generation)));
        assert_eq!(watch.next().await, Some(Err(Missed(2))));
        assert_eq!(watch.next().await, Some(Ok(end(3))));
        watchers.close();
        assert_eq!(watch.next().await, Some(Ok(end(4))));
        assert_eq!(watchers.watch().next().await, None);
    }
}
