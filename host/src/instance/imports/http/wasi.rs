//! wasi:http 0.2, for serial guests that use it already: the same grants, the same client, no redirects.
//!
//! The guest waits, and its actor with it. Where its call is told to stop, what it waits for fails, so that it wakes.
//! Bounded: `http_requests` requests with their responses; bodies by what the other side reads.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::unfold;
use http_body_util::{BodyDataStream, BodyExt, StreamBody};
use hyper::body::{Body as _, Frame};
use reqwest::{Body, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::{
    Error, RequestOptions, Result, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::client::{Hop, HttpClient, Sent};
use super::failure::Failure;
use super::request;
use crate::actor::desk::Desk;
use crate::id::CallId;
use crate::instance::bindings::overlapping::pulsing::actor::async_http::ErrorCode;
use crate::instance::store::Guest;

/// What a guest's requests need.
pub(in crate::instance) struct WasiHttp {
    context: WasiHttpCtx,
    hooks: Hooks,
}

struct Hooks {
    client: Arc<HttpClient>,
    desk: Desk,
    open: Arc<Semaphore>,
    /// The call that runs.
    current: CallId,
}

type Sending = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Received)>> + Send>;
/// Nothing is left to do once a response is there.
type Received = Box<dyn Future<Output = Result<()>> + Send>;

impl WasiHttp {
    pub(in crate::instance) fn new(client: Arc<HttpClient>, desk: Desk, requests_max: usize) -> Self {
        let open = Arc::new(Semaphore::new(requests_max.min(Semaphore::MAX_PERMITS)));
        Self { context: WasiHttpCtx::new(), hooks: Hooks { client, desk, open, current: CallId::NONE } }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.wasi_http.hooks.current = self.current;
        WasiHttpCtxView {
            hooks: &mut self.wasi_http.hooks,
            table: &mut self.table,
            ctx: &mut self.wasi_http.context,
        }
    }
}

impl WasiHttpHooks for Hooks {
    /// The client does, for each hop.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Sending {
        let (client, desk, call) = (Arc::clone(&self.client), self.desk.clone(), self.current);
        let permit = Arc::clone(&self.open).try_acquire_owned().map_err(|_| Error::ConnectionLimitReached);
        Box::new(async move {
            let (permit, limits) = (permit?, Limits::of(options));
            let response = tokio::select! {
                response = limits.send(&client, &desk, request) => response?,
                () = desk.cancelled(call) => return Err(Error::ConnectionTerminated),
            };
            let response = http::Response::from(response);
            let (head, body) = response.into_parts();
            let body = Reading { body, desk, call, between_bytes: limits.between_bytes, _permit: permit };
            let done: Received = Box::new(std::future::ready(Ok(())));
            Ok((http::Response::from_parts(head, body.into_body()), done))
        })
    }
}

/// How long a guest's request may take.
struct Limits {
    first_byte: Duration,
    between_bytes: Duration,
}

impl Limits {
    fn of(options: Option<RequestOptions>) -> Self {
        let RequestOptions { first_byte_timeout, between_bytes_timeout, .. } = options.unwrap_or_default();
        Self {
            first_byte: request::first_byte_timeout(first_byte_timeout),
            between_bytes: request::between_bytes_timeout(between_bytes_timeout),
        }
    }

    /// Sends a request, and waits for the response to begin.
    async fn send(
        &self,
        client: &HttpClient,
        desk: &Desk,
        request: http::Request<WasiBody>,
    ) -> Result<Response> {
        let (head, body) = request.into_parts();
        let url = request::url(&head.uri.to_string()).map_err(|failure| refused(desk, failure))?;
        let body = if body.is_end_stream() {
            Sent::Whole(Vec::new())
        } else {
            let pieces = BodyDataStream::new(body).map_err(|error| std::io::Error::other(error.to_string()));
            Sent::Streamed(Some(Body::wrap_stream(pieces)))
        };
        let hop = Hop { method: head.method, url, headers: head.headers };
        let response = tokio::time::timeout(self.first_byte, client.send(desk.name(), hop, body, 0)).await;
        let response = response.map_err(|_late| Error::ConnectionReadTimeout)?;
        response.map_err(|failure| refused(desk, failure))
    }
}

/// The body of a response, as the guest reads it.
struct Reading {
    body: Body,
    desk: Desk,
    call: CallId,
    between_bytes: Duration,
    _permit: OwnedSemaphorePermit,
}

impl Reading {
    fn into_body(self) -> WasiBody {
        let frames = unfold(Some(self), |reading| async {
            let mut reading = reading?;
            match reading.next().await? {
                Ok(bytes) => Some((Ok(Frame::data(bytes)), Some(reading))),
                Err(error) => Some((Err(error), None)),
            }
        });
        BodyExt::boxed_unsync(StreamBody::new(frames))
    }

    async fn next(&mut self) -> Option<Result<Bytes>> {
        loop {
            let frame = tokio::select! {
                frame = tokio::time::timeout(self.between_bytes, self.body.frame()) => frame,
                () = self.desk.cancelled(self.call) => return Some(Err(Error::ConnectionTerminated)),
            };
            match frame {
                Err(_late) => return Some(Err(Error::ConnectionReadTimeout)),
                Ok(None) => return None,
                Ok(Some(Err(error))) => return Some(Err(refused(&self.desk, error.into()))),
                Ok(Some(Ok(frame))) => {
                    // Trailers are left out.
                    if let Ok(bytes) = frame.into_data() {
                        return Some(Ok(bytes));
                    }
                }
            }
        }
    }
}

/// The same in wasi's words, which have no room for which grant is missing: that goes to the log.
fn refused(desk: &Desk, failure: Failure) -> Error {
    let error = failure.into_wit();
    match error.code {
        ErrorCode::HttpRequestDenied => {
            tracing::warn!(actor = %desk.name(), "{}", error.message);
            Error::HttpRequestDenied
        }
        ErrorCode::HttpRequestUriInvalid => Error::HttpRequestUriInvalid,
        ErrorCode::HttpRequestMethodInvalid => Error::HttpRequestMethodInvalid,
        ErrorCode::HttpRequestHeaderSectionInvalid | ErrorCode::HttpProtocolError => Error::HttpProtocolError,
        ErrorCode::HttpRequestHeaderSectionSize => Error::HttpRequestHeaderSectionSize(None),
        ErrorCode::HttpRequestBodySize => Error::HttpRequestBodySize(None),
        ErrorCode::DnsError => Error::DnsError { rcode: None, info_code: None },
        ErrorCode::ConnectionRefused => Error::ConnectionRefused,
        ErrorCode::ConnectionTerminated | ErrorCode::Cancelled => Error::ConnectionTerminated,
        ErrorCode::TlsCertificateError => Error::TlsCertificateError,
        ErrorCode::ConnectionTimeout => Error::ConnectionTimeout,
        ErrorCode::HttpResponseTimeout => Error::ConnectionReadTimeout,
        ErrorCode::HttpResponseHeaderSectionSize => Error::HttpResponseHeaderSectionSize(None),
        ErrorCode::TooManyRedirects => Error::LoopDetected,
        ErrorCode::TooManyRequests => Error::ConnectionLimitReached,
        ErrorCode::InternalError => Error::InternalError(Some(error.message)),
    }
}
