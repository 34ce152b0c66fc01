//! How work comes from the host, and how what came of it goes back: the imports of `work`, and its lists.
//!
//! `wit/work.md` has the lists. A list that is not as written there cannot come from a host: that panics.

use std::sync::atomic::AtomicU32;

use pulsing_work::work::{self, Message, Work, Works};

use crate::Call;
use crate::bindings::types::Encoding;
use crate::bindings::{self, Verdict, waits};
use crate::call::Host;
use crate::wire;

/// What both kinds of resident actor need of the host to get on, so that tests can take its place.
pub trait Pull {
    /// Hands in what came of the work, and waits for more.
    fn next(&mut self, done: &[u8]) -> Vec<u8>;

    /// Hands in what came of the work, and asks what becomes of the next message.
    fn step(&mut self, done: &[u8]) -> Verdict;

    /// Offers the counter of rows. For serial actors.
    fn count_in(&mut self, counter: &'static AtomicU32);

    /// Begins a wait that is over at once: the next [`next`](Self::next) returns with its end, if with nothing else.
    /// For overlapping actors.
    fn nap(&mut self) -> u64;
}

/// The host that the component runs in.
pub(crate) struct Imports;

impl Pull for Imports {
    fn next(&mut self, done: &[u8]) -> Vec<u8> {
        bindings::work::next(done)
    }

    fn step(&mut self, done: &[u8]) -> Verdict {
        bindings::work::step(done)
    }

    #[expect(unsafe_code, reason = "the host is shown where the counter is, and reads it there later")]
    fn count_in(&mut self, counter: &'static AtomicU32) {
        let at = counter.as_ptr().cast::<u8>();
        // SAFETY: these are the bytes of a number that is never dropped, and nothing writes to it before this returns.
        bindings::work::count_in(unsafe { std::slice::from_raw_parts(at, size_of::<u32>()) });
    }

    fn nap(&mut self) -> u64 {
        waits::sleep(0)
    }
}

const PACKED: &str = "the host packs its lists as version 1 of `wit/work.md` says";

/// Reads a list.
pub(crate) fn unpack(list: &[u8]) -> Works<'_> {
    work::unpack(list).expect(PACKED)
}

/// The next of the list's work.
pub(crate) fn entry<'a>(works: &mut Works<'a>) -> Option<Work<'a>> {
    works.next().map(|work| work.expect(PACKED))
}

/// What a message says beside its method and its arguments.
pub(crate) struct Letter {
    pub(crate) call: Call,
    pub(crate) is_tell: bool,
    pub(crate) encoding: Encoding,
}

impl Letter {
    /// Reads a list that is one message, and leaves its arguments of it, where they are: bodies come first.
    ///
    /// None where it is any other list, which stays as it is.
    pub(crate) fn only(list: &mut Vec<u8>, host: &'static Host, method: &mut String) -> Option<Self> {
        let mut works = unpack(list);
        if works.left() != 1 {
            return None;
        }
        let work = entry(&mut works)?;
        let (Work::Ask(message) | Work::Tell(message)) = work else { return None };
        let letter = Self::open(&message, matches!(work, Work::Tell(_)), host, method);
        let bytes = message.args.body.len();
        list.truncate(bytes);
        Some(letter)
    }

    /// Reads a message, and puts its method into a text that is used again and again.
    pub(crate) fn open(
        message: &Message<'_>,
        is_tell: bool,
        host: &'static Host,
        method: &mut String,
    ) -> Self {
        method.clear();
        method.push_str(message.method);
        Self { call: Call::new(message, host), is_tell, encoding: wire::encoding(message.args.encoding) }
    }
}
