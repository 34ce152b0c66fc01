//! An overlapping guest that sends HTTP requests as it is told.

use std::time::Duration;

use pulsing_guest::futures::channel::mpsc;
use pulsing_guest::futures::{StreamExt, future};
use pulsing_guest::serde::{Deserialize, Serialize};
use pulsing_guest::{Error, Stream, This, http, try_stream};

#[derive(Default)]
struct Fetcher;

/// What is to be sent.
#[derive(Deserialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Request {
    #[serde(default)]
    method: Option<String>,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    timeout_ms: Option<u64>,
    #[serde(default)]
    redirects: Option<u32>,
}

/// What came back.
#[derive(Serialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Answer {
    status: u16,
    url: String,
    body: String,
}

impl Request {
    fn into_http(self) -> http::Request {
        let mut request = http::Request::new(self.method.unwrap_or_else(|| "GET".to_owned()), self.url);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(ms) = self.timeout_ms {
            request = request.timeout(Duration::from_millis(ms));
        }
        request.redirects(self.redirects.unwrap_or(10))
    }
}

#[pulsing_guest::actor]
impl Fetcher {
    async fn fetch(_this: This<Self>, request: Request) -> Result<Answer, Error> {
        let response = request.into_http().send().await?;
        let (status, url) = (response.status(), response.url().to_owned());
        Ok(Answer { status, url, body: response.text().await? })
    }

    /// Sends so many at once, and says how many were answered, and how the first other one failed.
    async fn fetch_at_once(_this: This<Self>, url: String, count: usize) -> (usize, Option<String>) {
        let requests = (0..count).map(|_| http::Request::get(&url).send());
        let outcomes = future::join_all(requests).await;
        let failed = outcomes.iter().find_map(|outcome| outcome.as_ref().err()).map(ToString::to_string);
        (outcomes.iter().filter(|outcome| outcome.is_ok()).count(), failed)
    }

    /// Streams the body as it comes.
    fn body(_this: This<Self>, url: String) -> impl Stream<Item = Result<String, Error>> {
        try_stream! {
            let response = http::Request::get(url).send().await?;
            let mut chunks = std::pin::pin!(response.chunks());
            while let Some(chunk) = chunks.next().await {
                yield String::from_utf8_lossy(&chunk?).into_owned();
            }
        }
    }

    /// Sends a number to a server that answers each as it comes, the next after the answer, and streams the answers.
    fn echo(_this: This<Self>, url: String, count: u64) -> impl Stream<Item = Result<String, Error>> {
        try_stream! {
            let (mut send, numbers) = mpsc::channel(1);
            // There is room for one.
            let mut say = move |number: u64| drop(send.try_send(format!("{number}\n").into_bytes()));
            say(0);
            let response = http::Request::post(url).body_stream(numbers).send().await?;
            let mut lines = std::pin::pin!(response.lines());
            for number in 1..=count {
                let Some(line) = lines.next().await else { break };
                yield line?;
                say(number);
            }
        }
    }

    /// Reads the beginning of a body, and lets go of the rest.
    async fn beginning(_this: This<Self>, url: String) -> Result<usize, Error> {
        let mut chunks = std::pin::pin!(http::Request::get(url).send().await?.chunks());
        Ok(chunks.next().await.transpose()?.map_or(0, |chunk| chunk.len()))
    }

    /// Waits for a response to begin, and neither reads nor closes it.
    async fn leave_open(_this: This<Self>, url: String) -> Result<u16, Error> {
        let response = http::Request::get(url).send().await?;
        let status = response.status();
        std::mem::forget(response);
        Ok(status)
    }

    /// Waits for a response that is no error.
    async fn expect_success(_this: This<Self>, url: String) -> Result<u16, Error> {
        Ok(http::Request::get(url).send().await?.error_for_status()?.status())
    }

    /// Sends a streamed body by a method that has none.
    async fn get_with_body_stream(_this: This<Self>, url: String) -> Result<u16, Error> {
        let body = pulsing_guest::futures::stream::iter([b"body".to_vec()]);
        Ok(http::Request::get(url).body_stream(body).send().await?.status())
    }

    fn is_alive(&self) -> bool {
        true
    }
}
