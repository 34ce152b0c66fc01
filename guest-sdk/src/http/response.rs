//! What came back.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::future::LocalBoxFuture;
use futures::stream::Stream;
use serde::de::DeserializeOwned;

use super::events::{Event, Events};
use super::exchange::Exchange;
use super::lines::Lines;
use super::text::Parsed;
use super::{Error, ErrorKind};
use crate::bindings::http_types::{Error as WireError, Header, ResponseHead as Head};
use crate::bindings::waits_http;
use crate::wait::Wait;

/// The most that `json`, `text` and `bytes` read, unless they are told otherwise.
const LIMIT_BYTES: usize = 4 << 20;
/// How much is taken from the host at once.
const PIECE_BYTES: u32 = 64 << 10;

/// A response whose body is still to be read. Dropping it closes the exchange.
pub struct Response {
    head: Head,
    body: Body,
    limit: usize,
}

impl Response {
    pub(super) fn new(head: Head, exchange: Exchange, upload: Option<LocalBoxFuture<'static, ()>>) -> Self {
        Self { head, body: Body { read: None, upload, exchange: Some(exchange) }, limit: LIMIT_BYTES }
    }

    /// The status, such as 200.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The URL that answered, after redirects.
    pub fn url(&self) -> &str {
        &self.head.url
    }

    /// The first header of this name, in any case, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(&found.value).ok()
    }

    /// All headers, with their names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.head.headers.iter().map(|Header { name, value }| (name.as_str(), value.as_slice()))
    }

    /// The same response, unless its status is 4xx or 5xx. The error names the URL without its query, in which
    /// there may be secrets.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Status`].
    pub fn error_for_status(self) -> Result<Self, Error> {
        match self.status() {
            status @ 400.. => {
                let text = format!("{} answered {status}", without_query(self.url()));
                Err(Error::new(ErrorKind::Status(status), text))
            }
            _fine => Ok(self),
        }
    }

    /// How many bytes [`json`](Self::json), [`text`](Self::text) and [`bytes`](Self::bytes) read at most; 4 MiB
    /// if it is not said.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// All of the body.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] where it is more than the limit; what breaks the connection.
    pub async fn bytes(mut self) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(piece) = std::future::poll_fn(|cx| self.body.poll_piece(cx)).await {
            let piece = piece?;
            if piece.len() > self.limit.saturating_sub(all.len()) {
                let text = format!("the body has more than {} bytes", self.limit);
                return Err(Error::new(ErrorKind::TooLarge, text));
            }
            all.extend(piece);
        }
        Ok(all)
    }

    /// All of the body, as UTF-8.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes), and [`ErrorKind::Decode`].
    pub async fn text(self) -> Result<String, Error> {
        let decode = |error| Error::new(ErrorKind::Decode, format!("the body is no UTF-8: {error}"));
        String::from_utf8(self.bytes().await?).map_err(decode)
    }

    /// All of the body, as JSON.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes), and [`ErrorKind::Decode`].
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let decode =
            |error| Error::new(ErrorKind::Decode, format!("the body is other JSON, or none: {error}"));
        serde_json::from_slice(&self.bytes().await?).map_err(decode)
    }

    /// The body as it comes. After an error there is no more.
    pub fn chunks(self) -> impl Stream<Item = Result<Vec<u8>, Error>> {
        self.body
    }

    /// The body's lines, without their ends (CRLF, LF or CR), at most 1 MiB each.
    pub fn lines(self) -> impl Stream<Item = Result<String, Error>> {
        Parsed::new(self.body, Lines::default())
    }

    /// The body's server-sent events, read by the rules of the WHATWG; at most 1 MiB each.
    pub fn events(self) -> impl Stream<Item = Result<Event, Error>> {
        Parsed::new(self.body, Events::default())
    }
}

/// A URL up to its query.
fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(before, _query)| before)
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status())
            .field("url", &without_query(self.url()))
            .finish_non_exhaustive()
    }
}

/// The body of a response, and what is left to send of its request. Fields are dropped in their order: what waits
/// for the host goes before the exchange is closed.
struct Body {
    read: Option<Wait<Result<Option<Vec<u8>>, WireError>>>,
    upload: Option<LocalBoxFuture<'static, ()>>,
    /// None once the body has ended.
    exchange: Option<Exchange>,
}

impl Body {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>, Error>>> {
        let Some(exchange) = &self.exchange else { return Poll::Ready(None) };
        if let Some(upload) = &mut self.upload
            && upload.as_mut().poll(cx).is_ready()
        {
            self.upload = None;
        }
        let id = exchange.id();
        let begin = || Wait::new(waits_http::read(id, PIECE_BYTES), waits_http::have_read);
        let piece = ready!(Pin::new(self.read.get_or_insert_with(begin)).poll(cx));
        self.read = None;
        let piece = piece.map_err(|error| Error::of_wire(error, None)).transpose();
        if !matches!(piece, Some(Ok(_))) {
            self.upload = None;
            self.exchange = None;
        }
        Poll::Ready(piece)
    }
}

impl Stream for Body {
    type Item = Result<Vec<u8>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_piece(cx)
    }
}
