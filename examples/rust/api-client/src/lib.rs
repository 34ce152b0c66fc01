//! Fetches JSON from web services, many at once.

use std::time::Duration;

use pulsing_guest::futures::stream::{self, StreamExt, TryStreamExt};
use pulsing_guest::{Error, This, http};
use serde_json::Value;

/// The most addresses of one message.
const URLS_MAX: usize = 100;
/// How many requests of one message are under way at once.
const AT_ONCE: usize = 16;

/// It has no state.
#[derive(Default)]
struct ApiClient;

#[pulsing_guest::actor]
impl ApiClient {
    /// Fetches JSON. Others are handled meanwhile.
    async fn fetch_data(_this: This<Self>, url: String) -> Result<Value, Error> {
        fetch(url).await
    }

    // region: many
    /// Fetches several, up to 16 at once, and answers them in the order of their addresses.
    ///
    /// The first that fails ends the others.
    async fn fetch_multiple(_this: This<Self>, urls: Vec<String>) -> Result<Vec<Value>, Error> {
        if urls.len() > URLS_MAX {
            return Err(Error::business(400, format!("at most {URLS_MAX} addresses")));
        }
        stream::iter(urls).map(fetch).buffered(AT_ONCE).try_collect().await
    }
    // endregion
}

async fn fetch(url: String) -> Result<Value, Error> {
    let request = http::Request::get(&url).header("accept", "application/json");
    let response = request.timeout(Duration::from_secs(10)).send().await?;
    Ok(response.error_for_status()?.json().await?)
}
