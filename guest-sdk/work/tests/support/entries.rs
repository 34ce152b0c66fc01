//! Entries of either direction, made of the same few parts.

use proptest::prelude::*;
use pulsing_work::outcome::{End, Error, Outcome, OutcomeList};
use pulsing_work::work::{Message, Work, pack};
use pulsing_work::{Encoding, Payload};

/// How many kinds of work there are.
pub(crate) const WORK_KINDS: u8 = 8;
/// How many kinds of outcome there are.
pub(crate) const OUTCOME_KINDS: u8 = 10;

/// What an entry is made of, whatever its kind is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) kind: u8,
    pub(crate) call: u64,
    pub(crate) numbers: [Option<u64>; 2],
    pub(crate) flags: [bool; 2],
    pub(crate) text: String,
    pub(crate) more: Option<String>,
    pub(crate) bodies: Vec<(bool, Vec<u8>)>,
}

impl Parts {
    /// All that there can be of one kind, small.
    pub(crate) fn full(kind: u8) -> Self {
        let bodies = vec![(true, b"[1]".to_vec()), (false, b"\xFF".to_vec())];
        let (text, more) = ("tell".to_owned(), Some("é".to_owned()));
        Self { kind, call: 7, numbers: [Some(5), Some(9)], flags: [true, false], text, more, bodies }
    }

    /// As little as there can be of one kind.
    pub(crate) fn bare(kind: u8) -> Self {
        let (text, bodies) = (String::new(), Vec::new());
        Self { kind, call: 0, numbers: [None; 2], flags: [false; 2], text, more: None, bodies }
    }

    fn number(&self) -> u64 {
        self.numbers[0].unwrap_or_default()
    }

    fn short_number(&self) -> u32 {
        u32::try_from(self.number() % (1 << 32)).unwrap()
    }

    fn payloads(&self) -> impl ExactSizeIterator<Item = Payload<'_>> {
        self.bodies.iter().map(|(is_json, body)| Payload { encoding: encoding(*is_json), body })
    }

    fn payload(&self) -> Payload<'_> {
        self.payloads().next().unwrap_or(Payload { encoding: Encoding::Json, body: b"" })
    }

    fn message(&self) -> Message<'_> {
        let [resume_after, remaining_ms] = self.numbers;
        let (method, idempotency_key) = (self.text.as_str(), self.more.as_deref());
        Message { call: self.call, method, args: self.payload(), idempotency_key, resume_after, remaining_ms }
    }

    pub(crate) fn work(&self) -> Work<'_> {
        let call = self.call;
        match self.kind % WORK_KINDS {
            0 => Work::Ask(self.message()),
            1 => Work::Tell(self.message()),
            2 => Work::Draw { call, stream: self.number(), max_items: self.short_number() },
            3 => Work::Close { call, stream: self.number() },
            4 => Work::Stop,
            5 => Work::Leave,
            6 => Work::Cancel { call },
            _ => Work::Ended { wait: call },
        }
    }

    /// Writes an outcome.
    fn put(&self, list: &mut OutcomeList) {
        match self.end() {
            Some(End::Value(payload)) => {
                list.value(self.call, payload.encoding, payload.body.to_vec()).unwrap();
            }
            Some(End::Stream(stream)) => list.stream(self.call, stream),
            Some(End::Told) => list.told(self.call),
            Some(End::Closed) => list.closed(self.call),
            Some(End::Error(error)) => list.error(self.call, error).unwrap(),
            Some(End::Items { .. }) | None => {
                let items = self.bodies.iter().map(|(is_json, body)| (encoding(*is_json), body.clone()));
                list.items(self.call, self.flags[0], items).unwrap();
            }
        }
    }

    /// How the work ended; none for the items of a draw, which only a list has.
    fn end(&self) -> Option<End<'_>> {
        let (text, more, [first, second]) = (self.text.as_str(), self.more.as_deref(), self.flags);
        Some(match self.kind % OUTCOME_KINDS {
            0 => End::Value(self.payload()),
            1 => End::Stream(self.number()),
            2 => End::Told,
            3 => return None,
            4 => End::Closed,
            5 => End::Error(Error::Business { code: self.short_number(), message: text, details: more }),
            6 => End::Error(Error::System { message: text, recoverable: first, restart: second }),
            7 => End::Error(Error::Timeout { operation: text, duration_ms: self.number() }),
            8 => End::Error(Error::Unsupported { operation: text, nearest: more }),
            _ => End::Error(Error::Cancelled),
        })
    }

    /// Whether an outcome that was read is this one.
    pub(crate) fn came_as(&self, outcome: &Outcome<'_>) -> bool {
        let is_end = match (&outcome.end, self.end()) {
            (End::Items { items, done }, None) => *done == self.flags[0] && items.clone().eq(self.payloads()),
            (end, this) => this.as_ref() == Some(end),
        };
        outcome.call == self.call && is_end
    }
}

/// Any list of entries, some of whose bodies are empty.
pub(crate) fn any_entries() -> impl Strategy<Value = Vec<Parts>> {
    let numbers = prop::array::uniform2(any::<Option<u64>>());
    let body = (any::<bool>(), prop::collection::vec(any::<u8>(), 0..20));
    let bodies = prop::collection::vec(body, 0..4);
    let parts =
        (0..40_u8, any::<u64>(), numbers, any::<[bool; 2]>(), any::<(String, Option<String>)>(), bodies);
    let entry = parts.prop_map(|(kind, call, numbers, flags, (text, more), bodies)| Parts {
        kind,
        call,
        numbers,
        flags,
        text,
        more,
        bodies,
    });
    prop::collection::vec(entry, 0..6)
}

/// The entries as a list of work.
pub(crate) fn pack_works(entries: &[Parts]) -> Vec<u8> {
    pack(&entries.iter().map(Parts::work).collect::<Vec<_>>()).unwrap()
}

/// The entries as a list of outcomes.
pub(crate) fn pack_outcomes(entries: &[Parts]) -> Vec<u8> {
    let mut list = OutcomeList::new();
    entries.iter().for_each(|entry| entry.put(&mut list));
    assert_eq!(list.count(), entries.len());
    list.finish().unwrap().to_vec()
}

fn encoding(is_json: bool) -> Encoding {
    if is_json { Encoding::Json } else { Encoding::Bytes }
}
