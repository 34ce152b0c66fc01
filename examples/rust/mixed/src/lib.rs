//! All four ways to talk to an actor, in one: a sync method, an async one, a stream and a tell.

use std::time::Duration;

use pulsing_guest::serde::{Deserialize, Serialize};
use pulsing_guest::{Error, Stream, This, schemars, sleep, stream};

/// The actor's state, which all handlers share.
#[derive(Default)]
struct DataProcessor {
    processed: u64,
    logged: u64,
}

/// What `get_stats` answers.
#[derive(Serialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Stats {
    processed: u64,
    logged: u64,
}

/// One row of the database.
#[derive(Serialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Row {
    id: u32,
    matches: String,
}

/// One item of the stream.
#[derive(Serialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Processed {
    record: String,
    count: u64,
}

/// What `log` is told.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(crate = "pulsing_guest::serde")]
#[schemars(crate = "pulsing_guest::schemars")]
struct Entry {
    level: String,
    message: String,
}

#[pulsing_guest::actor]
impl DataProcessor {
    /// Counts what has been done so far.
    fn get_stats(&self) -> Stats {
        Stats { processed: self.processed, logged: self.logged }
    }

    // region: async
    /// Asks a database that takes 50 ms. Others are served meanwhile: 1,000 of these end in about 50 ms.
    async fn fetch_from_db(_this: This<Self>, query: String) -> Result<Vec<Row>, Error> {
        if query.is_empty() {
            return Err(Error::business(400, "an empty query matches everything"));
        }
        sleep(Duration::from_millis(50)).await;
        Ok((1..=3).map(|id| Row { id, matches: query.clone() }).collect())
    }
    // endregion

    /// Processes a data set record by record: 10 if `records` is left out, with a pause of `delay_ms` before each.
    fn process_large_dataset(
        this: This<Self>,
        dataset_id: String,
        records: Option<u32>,
        delay_ms: Option<u64>,
    ) -> impl Stream<Item = Processed> {
        let delay = Duration::from_millis(delay_ms.unwrap_or(0));
        stream! {
            for n in 1..=records.unwrap_or(10) {
                if !delay.is_zero() {
                    sleep(delay).await;
                }
                let count = this.with(|state| {
                    state.processed += 1;
                    state.processed
                });
                yield Processed { record: format!("{dataset_id}/{n}"), count };
            }
        }
    }

    /// Writes an entry to the host's log. Nobody waits for it.
    #[tell]
    fn log(&mut self, entry: Entry) {
        eprintln!("{}: {}", entry.level, entry.message);
        self.logged += 1;
    }
}
