//! `park` and `unpark`: how one handler of a guest waits for another, in languages whose own locks cannot.

use std::collections::{BTreeMap, VecDeque};

use tokio::sync::oneshot;

/// How many handlers of one guest wait at most. More is a trap.
const PARKED_MAX: usize = 65_536;

/// Who waits for which key, in the order in which they came.
#[derive(Default)]
pub(in crate::instance) struct Parking {
    parked: BTreeMap<u64, VecDeque<oneshot::Sender<()>>>,
    count: usize,
}

impl Parking {
    /// Takes a place in line for `key`. None where too many wait.
    pub(super) fn park(&mut self, key: u64) -> Option<oneshot::Receiver<()>> {
        if self.count >= PARKED_MAX {
            self.forget_the_gone();
        }
        if self.count >= PARKED_MAX {
            return None;
        }
        let (wake, woken) = oneshot::channel();
        self.parked.entry(key).or_default().push_back(wake);
        self.count += 1;
        Some(woken)
    }

    /// Wakes the one that waits longest for `key`. Where none waits, nothing is kept.
    pub(super) fn unpark(&mut self, key: u64) {
        let Some(line) = self.parked.get_mut(&key) else { return };
        while let Some(wake) = line.pop_front() {
            self.count -= 1;
            if wake.send(()).is_ok() {
                break;
            }
        }
        if line.is_empty() {
            self.parked.remove(&key);
        }
    }

    /// Those whose handlers were cancelled leave a place that nobody waits in.
    fn forget_the_gone(&mut self) {
        self.parked.retain(|_, line| {
            line.retain(|wake| !wake.is_closed());
            !line.is_empty()
        });
        self.count = self.parked.values().map(VecDeque::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_waiting_wakes_first_and_the_gone_are_passed_over() {
        let mut parking = Parking::default();
        let first = parking.park(1).unwrap();
        let mut second = parking.park(1).unwrap();
        let mut third = parking.park(1).unwrap();
        let mut other = parking.park(2).unwrap();
        drop(first);
        parking.unpark(1);
        assert!(second.try_recv().is_ok());
        assert!(third.try_recv().is_err());
        assert!(other.try_recv().is_err());
        parking.unpark(1);
        assert!(third.try_recv().is_ok());
        parking.unpark(1);
        assert_eq!(parking.count, 1);
    }

    #[test]
    fn there_is_a_bound_on_those_who_wait() {
        let mut parking = Parking::default();
        let waiting: Vec<_> = (0..PARKED_MAX).map(|_| parking.park(1).unwrap()).collect();
        assert!(parking.park(1).is_none());
        drop(waiting);
        assert!(parking.park(1).is_some());
    }
}
