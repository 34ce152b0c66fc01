//! A worker as one meets them across a network: busy at times, and sometimes its answer is lost although the work is
//! done. It can be asked again without harm.

use std::time::Duration;

use pulsing_guest::serde::Serialize;
use pulsing_guest::{Dedup, Error};

/// The state.
#[derive(Default)]
struct Flaky {
    tries: u64,
    processed: u64,
    /// The receipts by idempotency key, as many as a `Dedup` keeps.
    receipts: Dedup<Receipt>,
}

/// What a worker answers.
#[derive(Clone, Serialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Receipt {
    data: String,
    number: u64,
}

#[pulsing_guest::actor]
impl Flaky {
    // region: dedup
    /// Processes something, at the second try; and then its answer is lost. A third try with the same idempotency key
    /// gets that answer, one without does the work again.
    fn process(&mut self, data: String) -> Result<Receipt, Error> {
        if data.is_empty() {
            return Err(Error::business(400, "there is nothing to process"));
        }
        if let Some(receipt) = self.receipts.replay() {
            return Ok(receipt);
        }
        self.tries += 1;
        if self.tries % 2 == 1 {
            return Err(Error::system("the worker is busy"));
        }
        self.processed += 1;
        self.receipts.record(Receipt { data, number: self.processed });
        Err(Error::timeout("sending the receipt", Duration::from_secs(1)))
    }
    // endregion

    /// Answers how many pieces of work were done.
    fn processed(&self) -> u64 {
        self.processed
    }
}
