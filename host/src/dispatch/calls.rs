//! Calls by their number. The one call of a serial actor needs no table: it has a place of its own.

use rustc_hash::FxHashMap;

use crate::id::CallId;

/// Values by call.
pub(super) struct Calls<T> {
    /// Any one of them.
    one: Option<(CallId, T)>,
    others: FxHashMap<CallId, T>,
}

impl<T> Default for Calls<T> {
    fn default() -> Self {
        Self { one: None, others: FxHashMap::default() }
    }
}

impl<T> Calls<T> {
    pub(super) fn insert(&mut self, call: CallId, value: T) {
        match &mut self.one {
            free @ None if self.others.is_empty() => *free = Some((call, value)),
            Some((taken, place)) if *taken == call => *place = value,
            Some(_) | None => drop(self.others.insert(call, value)),
        }
    }

    pub(super) fn remove(&mut self, call: CallId) -> Option<T> {
        match self.one.take_if(|(one, _)| *one == call) {
            Some((_, value)) => Some(value),
            None if self.others.is_empty() => None,
            None => self.others.remove(&call),
        }
    }

    pub(super) fn get(&self, call: CallId) -> Option<&T> {
        match &self.one {
            Some((one, value)) if *one == call => Some(value),
            Some(_) | None => self.others.get(&call),
        }
    }

    pub(super) fn get_mut(&mut self, call: CallId) -> Option<&mut T> {
        match &mut self.one {
            Some((one, value)) if *one == call => Some(value),
            Some(_) | None => self.others.get_mut(&call),
        }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.one.is_some()) + self.others.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (CallId, &T)> {
        let one = self.one.iter().map(|(call, value)| (*call, value));
        one.chain(self.others.iter().map(|(call, value)| (*call, value)))
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> {
        self.one.take().map(|(_, value)| value).into_iter().chain(self.others.drain().map(|(_, value)| value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_a_table_would() {
        let (mut calls, mut table) = (Calls::default(), FxHashMap::default());
        for step in 0..2_000_u64 {
            let call = CallId(step * 7919 % 13);
            if step % 3 == 0 {
                assert_eq!(calls.remove(call), table.remove(&call));
            } else {
                calls.insert(call, step);
                table.insert(call, step);
            }
            assert_eq!((calls.len(), calls.is_empty()), (table.len(), table.is_empty()));
            for call in (0..13).map(CallId) {
                assert_eq!(calls.get(call), table.get(&call));
                assert_eq!(calls.get_mut(call), table.get_mut(&call));
            }
            let mut listed: Vec<_> = calls.iter().map(|(call, value)| (call.0, *value)).collect();
            let mut wanted: Vec<_> = table.iter().map(|(call, value)| (call.0, *value)).collect();
            listed.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(listed, wanted);
        }
        assert_eq!(calls.drain().count(), table.len());
        assert!(calls.is_empty());
    }
}
