//! What is asked for.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use futures::stream::{LocalBoxStream, Stream, StreamExt};
use serde::Serialize;

use super::exchange::Exchange;
use super::{Error, ErrorKind, Response};
use crate::bindings::http_types::{Body as WireBody, Header, Request as WireRequest};
use crate::bindings::waits_http;
use crate::wait::Wait;
use crate::{Call, wire};

const REDIRECTS_DEFAULT: u32 = 10;
/// How much of a streamed body is handed to the host at once; its own limit is at least this, unless set lower.
const PIECE_BYTES: usize = 64 << 10;

/// A request, to be sent.
#[must_use = "it is not sent before `send`"]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<Header>,
    body: Body,
    timeout: Option<Duration>,
    redirects: u32,
}

enum Body {
    Whole(Vec<u8>),
    Streamed(LocalBoxStream<'static, Vec<u8>>),
}

impl Request {
    /// A request with any method.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Body::Whole(Vec::new()),
            timeout: None,
            redirects: REDIRECTS_DEFAULT,
        }
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A `HEAD`.
    pub fn head(url: impl Into<String>) -> Self {
        Self::new("HEAD", url)
    }

    /// A `POST`.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A `PUT`.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// A `PATCH`.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new("PATCH", url)
    }

    /// A `DELETE`.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header. Those about the connection (`host`, `content-length`, …) are the host's, which refuses them.
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(Header { name: name.into(), value: value.as_ref().to_vec() });
        self
    }

    /// How long the response may take to begin, redirects included; 30 s if it is not said. What is left of the
    /// call's own time is a limit anyway.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many redirects are followed: 10 if it is not said, and at most. With 0 a 3xx is answered as it is.
    pub fn redirects(mut self, max: u32) -> Self {
        self.redirects = max;
        self
    }

    /// Sends these bytes.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Whole(bytes.into());
        self
    }

    /// Sends a value as JSON.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] where it has no JSON form.
    pub fn json(self, value: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(value)
            .map_err(|error| Error::new(ErrorKind::Invalid, format!("the body has no JSON form: {error}")))?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Sends what comes out of a stream, as fast as the other side takes it. It goes on beside the response: once
    /// that has begun, the rest is sent while the response's body is read. A `GET` and a `HEAD` have no such body.
    pub fn body_stream(mut self, body: impl Stream<Item = Vec<u8>> + 'static) -> Self {
        self.body = Body::Streamed(body.boxed_local());
        self
    }

    /// Sends it, and waits for the response to begin.
    ///
    /// # Errors
    ///
    /// [`Error`]; a response with any status is none.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the exchange; the request may have taken effect.
    pub async fn send(self) -> Result<Response, Error> {
        let (body, stream) = match self.body {
            Body::Whole(bytes) if bytes.is_empty() => (WireBody::Empty, None),
            Body::Whole(bytes) => (WireBody::Whole(bytes), None),
            Body::Streamed(stream) => (WireBody::Streamed, Some(stream)),
        };
        let request = WireRequest {
            method: self.method,
            url: self.url,
            headers: self.headers,
            body,
            first_byte_timeout_ms: self.timeout.map(wire::milliseconds),
            between_bytes_timeout_ms: None,
            redirects_max: self.redirects,
        };
        let failed = |error| Error::of_wire(error, self.timeout);
        let exchange = Exchange::new(waits_http::begin(Call::current_id(), &request).map_err(failed)?);
        let mut upload = stream.map(|stream| upload(exchange.id(), stream));
        // What waits for the host is given up, and only then the exchange closed: locals are dropped last first.
        let head = {
            let mut head = pin!(Wait::new(waits_http::response(exchange.id()), waits_http::responded));
            poll_fn(|cx| {
                if let Some(sending) = &mut upload
                    && sending.as_mut().poll(cx).is_ready()
                {
                    upload = None;
                }
                head.as_mut().poll(cx)
            })
            .await
            .map_err(failed)?
        };
        Ok(Response::new(head, exchange, upload))
    }
}

/// Hands a body over to the host. Where that does not take it, the response says why.
fn upload(id: u64, mut body: LocalBoxStream<'static, Vec<u8>>) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move {
        while let Some(bytes) = body.next().await {
            for piece in bytes.chunks(PIECE_BYTES) {
                if Wait::new(waits_http::write(id, piece), waits_http::written).await.is_err() {
                    return;
                }
            }
        }
        drop(waits_http::finish(id));
    })
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers may hold secrets.
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
