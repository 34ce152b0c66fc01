//! Which stream gives way where an actor has as many open as it may, and somebody wants one more.
//!
//! Streams are shared by sender, as [`Caller`] tells them apart. Whoever is alone may have all. Where another comes that has
//! fewer, one of those that has most gives way, as long as the two do not change places by that. Of its streams it is the one
//! that has waited longest for its reader.

use std::collections::HashMap;
use std::time::Duration;

use crate::grants::Caller;
use crate::id::CallId;

/// A stream that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open<'a> {
    /// The call that it came of.
    pub(super) call: CallId,
    /// Who opened it.
    pub(super) sender: &'a Caller,
    /// For how long it has waited for its reader; none while the reader waits.
    pub(super) idle: Option<Duration>,
}

/// The stream of those `open` that gives way to one more of `sender`; none where no other sender has at least two more.
pub(super) fn gives_way(open: &[Open<'_>], sender: &Caller) -> Option<CallId> {
    let mut counts: HashMap<&Caller, usize> = HashMap::new();
    for stream in open {
        *counts.entry(stream.sender).or_default() += 1;
    }
    let own = counts.get(sender).copied().unwrap_or_default();
    let most = counts.values().copied().max().filter(|most| *most >= own + 2)?;
    let of_who_has_most = open.iter().filter(|stream| counts.get(stream.sender) == Some(&most));
    of_who_has_most.max_by_key(|stream| stream.idle).map(|stream| stream.call)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECS: [Option<Duration>; 4] =
        [None, Some(Duration::ZERO), Some(Duration::from_secs(1)), Some(Duration::from_secs(2))];

    /// The stream that gives way where `streams` are open, by sender and idle time, numbered as they stand there.
    fn way(streams: &[(&str, usize)], sender: &str) -> Option<u64> {
        let caller = |sender: &str| sender.parse().unwrap_or_else(|_| Caller::Client(sender.into()));
        let senders: Vec<Caller> = streams.iter().map(|(sender, _)| caller(sender)).collect();
        let open = (0..).zip(streams.iter().zip(&senders)).map(|(call, ((_, idle), sender))| Open {
            call: CallId(call),
            sender,
            idle: SECS[*idle],
        });
        gives_way(&open.collect::<Vec<_>>(), &caller(sender)).map(|call| call.0)
    }

    #[test]
    fn the_stream_of_who_has_most_that_waits_longest_for_its_reader_gives_way() {
        assert_eq!(way(&[("a", 1), ("a", 3), ("a", 2), ("@http", 3)], "b"), Some(1));
        assert_eq!(
            way(&[("@http", 0), ("@http", 1), ("@http", 0)], "b"),
            Some(1),
            "one that is read goes last"
        );
        assert!(way(&[("@http", 0), ("@http", 0)], "b").is_some(), "but it goes, too");
        assert_eq!(way(&[("@one", 1), ("@one", 1)], "@other"), Some(1), "each token is a client");
    }

    #[test]
    fn nobody_gives_way_to_who_would_have_more_than_they() {
        assert_eq!(way(&[("a", 3), ("a", 3)], "a"), None, "its own");
        assert_eq!(way(&[("a", 3), ("b", 3)], "c"), None, "they would change places");
        assert_eq!(way(&[("a", 3), ("a", 3), ("b", 3)], "b"), None, "the same");
        assert_eq!(way(&[("a", 3), ("a", 3), ("a", 3), ("b", 3)], "b"), Some(2), "each has two then");
        assert_eq!(way(&[], "a"), None);
    }
}
