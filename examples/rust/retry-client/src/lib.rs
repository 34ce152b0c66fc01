//! Asks an actor that fails at times, and tries again what may be tried again.

use std::time::Duration;

use pulsing_guest::serde::{Deserialize, Serialize};
use pulsing_guest::{ActorRef, Call, Error, Retry, This};

/// How long one try may take.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);
/// The most tries.
const RETRIES_MAX: u32 = 10;

/// It has no state.
#[derive(Default)]
struct RetryClient;

/// What the worker answers.
#[derive(Serialize, Deserialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Receipt {
    data: String,
    number: u64,
}

#[pulsing_guest::actor]
impl RetryClient {
    // region: retry
    /// Has `actor` process something, with up to `max_retries` (2 if left out) further tries.
    ///
    /// What failed for good is not tried again: a business error, an unknown method, a system error that says so. The
    /// caller's idempotency key goes along; where there is none, the SDK makes one for all tries of this call.
    async fn process_with_retry(
        _this: This<Self>,
        actor: String,
        data: String,
        max_retries: Option<u32>,
    ) -> Result<Receipt, Error> {
        let retries = max_retries.unwrap_or(2).min(RETRIES_MAX);
        let mut worker =
            ActorRef::new(actor).timeout(TRY_TIMEOUT).retry(Retry::default().attempts(1 + retries));
        if let Some(key) = Call::current().idempotency_key() {
            worker = worker.idempotency_key(key);
        }
        Ok(worker.ask("process", (data,)).await?)
    }
    // endregion
}
