//! What came of the work, until it is handed in.

use pulsing_work::outcome::OutcomeList;

use crate::answer::{Opened, Outcome};
use crate::bindings::types::StreamBatch;
use crate::{Call, Error, actor, wire};

/// The outcomes that have not been handed in yet.
pub(crate) struct Done {
    list: OutcomeList,
}

/// A length of 4 GiB, which no memory of a component comes to, or more outcomes than [`Done::is_full`] lets come.
const FITS: &str = "what came of the work fits a list";

/// Half of what a list can say, so that what else comes of a step has room.
const FULL: usize = pulsing_work::ENTRIES_MAX / 2;
/// About how many bytes there are in a list before it is handed in: many large answers at once would take the memory of the
/// actor, and are more than the host takes.
const FULL_BYTES: usize = 64 << 10;

impl Done {
    pub(crate) const fn new() -> Self {
        Self { list: OutcomeList::new() }
    }

    /// Passes what there is to `host`, and forgets it.
    pub(crate) fn hand_in<R>(&mut self, host: impl FnOnce(&[u8]) -> R) -> R {
        let back = host(self.list.finish().expect(FITS));
        self.list.clear();
        back
    }

    /// Whether nothing is to be handed in.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.count() == 0
    }

    /// Whether it is time to hand in.
    pub(crate) fn is_full(&self) -> bool {
        self.list.count() >= FULL || self.list.size() >= FULL_BYTES
    }

    /// A handler came to its end. `open` keeps a stream, and says its number.
    pub(crate) fn handled<S>(
        &mut self,
        call: Call,
        is_tell: bool,
        outcome: Result<Outcome<S>, Error>,
        open: impl FnOnce(Opened<S>, Call) -> u64,
    ) {
        let id = call.id();
        match outcome {
            Ok(Outcome::Value(_)) if is_tell => self.list.told(id),
            Ok(Outcome::Value(payload)) => {
                self.list.value(id, wire::packed(payload.encoding), payload.body).expect(FITS);
            }
            Ok(Outcome::Stream(_)) if is_tell => self.failed(id, &actor::told_a_stream()),
            Ok(Outcome::Stream(opened)) => self.list.stream(id, open(opened, call)),
            Err(error) => self.failed(id, &error),
        }
    }

    /// A draw came to its end.
    pub(crate) fn drawn(&mut self, call: u64, drawn: Result<StreamBatch, Error>) {
        match drawn {
            Ok(StreamBatch { items, done }) => {
                let items = items.into_iter().map(|item| (wire::packed(item.encoding), item.body));
                self.list.items(call, done, items).expect(FITS);
            }
            Err(error) => self.failed(call, &error),
        }
    }

    /// A stream is closed.
    pub(crate) fn closed(&mut self, call: u64) {
        self.list.closed(call);
    }

    /// Work came to an error.
    #[cold]
    pub(crate) fn failed(&mut self, call: u64, error: &Error) {
        self.list.error(call, wire::outcome_error(error)).expect(FITS);
    }
}
