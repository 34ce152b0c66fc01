//! A serial guest that sends HTTP requests through wasi:http 0.2, by a library of strangers.

use std::time::Duration;

use pulsing_guest::Error;

#[derive(Default)]
struct Fetcher;

#[pulsing_guest::actor]
impl Fetcher {
    fn fetch(&self, url: String) -> Result<(u16, String), Error> {
        let client = waki::Client::new();
        let sent = client.get(&url).connect_timeout(Duration::from_secs(5)).send();
        let response = sent.map_err(|error| Error::system(format!("{error:?}")))?;
        let status = response.status_code();
        let body = response.body().map_err(|error| Error::system(format!("{error:?}")))?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    fn post(&self, url: String, body: String) -> Result<(u16, String), Error> {
        let sent = waki::Client::new().post(&url).body(body.into_bytes()).send();
        let response = sent.map_err(|error| Error::system(format!("{error:?}")))?;
        let status = response.status_code();
        let body = response.body().map_err(|error| Error::system(format!("{error:?}")))?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    fn is_alive(&self) -> bool {
        true
    }
}
