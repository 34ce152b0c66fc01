//! Sends the requests of wasi:http by the host's own client, within the actor's bounds.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::unfold;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body as _, Frame};
use reqwest::header::{CONTENT_LENGTH, HeaderName};
use reqwest::{Body, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, Result, WasiBody, WasiHttpCtx, WasiHttpCtxView,
    WasiHttpHooks,
};

use crate::budget::{Budget, Held};
use crate::dispatch::LifeContext;
use crate::id::CallId;
use crate::instance::bindings::http_types::ErrorCode;
use crate::instance::imports::http::body::{Piece, channel};
use crate::instance::imports::http::client::{Hop, HttpClient, Sent};
use crate::instance::imports::http::exchange::headers_fit;
use crate::instance::imports::http::failure::Failure;
use crate::instance::imports::http::request;
use crate::journal::Entry;

/// The most bytes that a guest hands over of a body at once.
const CHUNK_MAX_BYTES: usize = 32 << 10;
/// What the body of a request takes: two pieces that wasi:http keeps, one on its way, one in hand.
const BODY_BYTES: usize = 4 * CHUNK_MAX_BYTES;
/// What a request takes else, and its response.
const REQUEST_BYTES: usize = 64 << 10;
/// The most bytes of the headers that a guest makes, as they lie in memory. Servers take 8 to 16 KiB.
const FIELDS_MAX_BYTES: usize = 32 << 10;
/// How many bodies a guest has that was granted no host: enough to be told so, which comes with the sending.
const BODIES_MAX_WITHOUT_GRANT: usize = 8;

/// What a guest's requests need.
pub(in crate::instance) struct WasiHttp {
    context: WasiHttpCtx,
    hooks: Hooks,
    /// Dropped before what the guest holds, so that no body that ends with the life passes for a whole one.
    _life: DropGuard,
}

struct Hooks {
    client: Arc<HttpClient>,
    context: LifeContext,
    requests: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    budget: Budget,
    life: CancellationToken,
    /// The call that runs.
    current: CallId,
    /// It is said once.
    bodies_were_refused: bool,
}

/// What a request or its body takes of what the actor may have.
pub(super) struct Taken {
    _permit: OwnedSemaphorePermit,
    _held: Held,
}

type Sending = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Received)>> + Send>;
/// Nothing is left to do once a response is there.
type Received = Box<dyn Future<Output = Result<()>> + Send>;

impl WasiHttp {
    /// For a life whose messages and requests share `budget`.
    pub(in crate::instance) fn new(client: Arc<HttpClient>, context: LifeContext, budget: Budget) -> Self {
        let requests_max = context.limits().http_requests.get().min(Semaphore::MAX_PERMITS);
        let bodies_max = if client.has_grants() { requests_max } else { BODIES_MAX_WITHOUT_GRANT };
        let life = CancellationToken::new();
        let hooks = Hooks {
            client,
            context,
            requests: Arc::new(Semaphore::new(requests_max)),
            bodies: Arc::new(Semaphore::new(bodies_max)),
            budget,
            life: life.clone(),
            current: CallId::NONE,
            bodies_were_refused: false,
        };
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(FIELDS_MAX_BYTES);
        Self { context, hooks, _life: life.drop_guard() }
    }

    /// What the library works on, for a request of the call `current`.
    pub(super) fn view<'a>(
        &'a mut self,
        current: CallId,
        table: &'a mut ResourceTable,
    ) -> WasiHttpCtxView<'a> {
        self.hooks.current = current;
        WasiHttpCtxView { hooks: &mut self.hooks, table, ctx: &mut self.context }
    }

    /// Room for one more body of a request.
    pub(super) fn take_for_body(&mut self) -> Option<Taken> {
        self.hooks.take_for_body()
    }
}

impl Hooks {
    fn take(&self, of: &Arc<Semaphore>, bytes: usize) -> Option<Taken> {
        let permit = Arc::clone(of).try_acquire_owned().ok()?;
        Some(Taken { _permit: permit, _held: self.budget.take(bytes)? })
    }

    /// Room for one more body of a request.
    fn take_for_body(&mut self) -> Option<Taken> {
        let taken = self.take(&self.bodies, BODY_BYTES);
        if taken.is_none() && !self.bodies_were_refused {
            self.bodies_were_refused = true;
            let text = if self.client.has_grants() {
                "too many bodies of requests are open (`http_requests`, `kept_max`)"
            } else {
                "no request can be sent: no host was granted by `http`"
            };
            self.context.account().write(Entry::Note { text });
        }
        taken
    }
}

impl WasiHttpHooks for Hooks {
    /// The client does, for each hop.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        // wasi:http holds the body to a length that the guest says, and guests read it in responses.
        Arc::new(|name: &HeaderName| *name != CONTENT_LENGTH && request::is_of_the_host(name))
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_MAX_BYTES
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Sending {
        let taken = self.take(&self.requests, REQUEST_BYTES).ok_or(Error::ConnectionLimitReached);
        let client = Arc::clone(&self.client);
        let within = Within { context: self.context.clone(), call: self.current, life: self.life.clone() };
        let limits = Limits::of(options);
        Box::new(async move {
            let taken = taken?;
            let response = tokio::select! {
                response = limits.send(&client, &within, request) => response?,
                () = within.ended() => return Err(Error::ConnectionTerminated),
            };
            if !headers_fit(response.headers(), FIELDS_MAX_BYTES) {
                return Err(Error::HttpResponseHeaderSectionSize(None));
            }
            let (head, body) = http::Response::from(response).into_parts();
            let download = Download { body, within, between_bytes: limits.between_bytes, _taken: taken };
            let done: Received = Box::new(std::future::ready(Ok(())));
            Ok((http::Response::from_parts(head, download.begin()), done))
        })
    }
}

/// What a request ends with.
#[derive(Clone)]
struct Within {
    context: LifeContext,
    call: CallId,
    life: CancellationToken,
}

impl Within {
    /// Returns when the call has ended or is told to stop, or the life has ended.
    async fn ended(&self) {
        tokio::select! {
            () = self.context.cancelled(self.call) => {}
            () = self.life.cancelled() => {}
        }
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
        within: &Within,
        request: http::Request<WasiBody>,
    ) -> Result<Response> {
        let context = &within.context;
        let (mut head, body) = request.into_parts();
        let method = request::method(head.method.as_str()).map_err(|failure| refused(context, failure))?;
        let url = request::url(&head.uri.to_string()).map_err(|failure| refused(context, failure))?;
        client.allow(context.id(), &url).map_err(|failure| refused(context, failure))?;
        let is_without_body = request::is_without_body(&method);
        let (sent, left_out) = if body.is_end_stream() {
            (Sent::Whole(Vec::new()), None)
        } else if is_without_body {
            // A length without a body would make the other side take the next request for one.
            head.headers.remove(CONTENT_LENGTH);
            (Sent::Whole(Vec::new()), Some(body))
        } else {
            let upload = Upload { body, within: within.clone(), stall: self.between_bytes };
            (Sent::Streamed(Some(upload.begin())), None)
        };
        let hop = Hop { method, url, headers: head.headers };
        let sending = tokio::time::timeout(self.first_byte, client.send(context.id(), hop, sent, 0));
        let response = tokio::select! {
            biased;
            () = brings_bytes(left_out) => return Err(Error::HttpRequestBodySize(None)),
            response = sending => response.map_err(|_late| Error::ConnectionReadTimeout)?,
        };
        response.map_err(|failure| refused(context, failure))
    }
}

/// Returns once there is something in a body that is not sent. Libraries make an empty one for every request.
async fn brings_bytes(body: Option<WasiBody>) {
    if let Some(mut body) = body {
        while let Some(Ok(frame)) = body.frame().await {
            if frame.data_ref().is_some_and(|bytes| !bytes.is_empty()) {
                return;
            }
        }
    }
    std::future::pending().await
}

/// The body of a request, as the guest writes it.
struct Upload {
    body: WasiBody,
    within: Within,
    /// How long the other side may leave a piece unread.
    stall: Duration,
}

impl Upload {
    fn begin(self) -> Body {
        let (pieces, stream) = channel();
        tokio::spawn(self.run(pieces));
        Body::wrap_stream(stream)
    }

    /// Where this ends before the body, the guest is told at its next write, and the other side by a connection that
    /// breaks.
    async fn run(self, pieces: mpsc::Sender<Piece>) {
        let Self { body, within, stall } = self;
        tokio::select! {
            biased;
            () = hand_over(body, &pieces, &within.life, stall) => {}
            () = within.ended() => {}
            () = pieces.closed() => {}
        }
    }
}

async fn hand_over(
    mut body: WasiBody,
    pieces: &mpsc::Sender<Piece>,
    life: &CancellationToken,
    stall: Duration,
) {
    loop {
        let piece = match body.frame().await {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => Piece::Bytes(bytes),
                // Trailers are left out.
                Err(_trailers) => continue,
            },
            Some(Err(_given_up)) => return,
            // It was dropped with all that the guest held, and is not whole.
            None if life.is_cancelled() => return,
            None => Piece::End,
        };
        let is_end = matches!(piece, Piece::End);
        let taken = tokio::time::timeout(stall, pieces.send(piece)).await;
        if is_end || !matches!(taken, Ok(Ok(()))) {
            return;
        }
    }
}

/// The body of a response, on its way to the guest.
struct Download {
    body: Body,
    within: Within,
    between_bytes: Duration,
    _taken: Taken,
}

/// What comes of a response's body: a piece, or none at its end.
type Came = Result<Option<Bytes>>;

impl Download {
    fn begin(self) -> WasiBody {
        let (sender, pieces) = mpsc::channel(1);
        tokio::spawn(self.run(sender));
        let frames = unfold(Some(pieces), |pieces| async {
            let mut pieces: mpsc::Receiver<Came> = pieces?;
            match pieces.recv().await.unwrap_or(Err(Error::ConnectionTerminated)) {
                Ok(Some(bytes)) => Some((Ok(Frame::data(bytes)), Some(pieces))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        });
        BodyExt::boxed_unsync(StreamBody::new(frames))
    }

    /// Where this ends before the body, the connection closes, whatever the guest still holds.
    async fn run(mut self, pieces: mpsc::Sender<Came>) {
        let within = self.within.clone();
        tokio::select! {
            () = self.hand_over(&pieces) => {}
            () = within.ended() => {}
            () = pieces.closed() => {}
        }
    }

    async fn hand_over(&mut self, pieces: &mpsc::Sender<Came>) {
        loop {
            let came = self.next().await;
            let is_last = !matches!(came, Ok(Some(_)));
            if pieces.send(came).await.is_err() || is_last {
                return;
            }
        }
    }

    async fn next(&mut self) -> Came {
        loop {
            let frame = tokio::time::timeout(self.between_bytes, self.body.frame()).await;
            match frame.map_err(|_late| Error::ConnectionReadTimeout)? {
                None => return Ok(None),
                Some(Err(error)) => return Err(refused(&self.within.context, error.into())),
                Some(Ok(frame)) => {
                    // Trailers are left out.
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

/// The same in wasi's words, which have no room for which grant is missing: that goes to the log.
fn refused(context: &LifeContext, failure: Failure) -> Error {
    let error = failure.into_wit();
    match error.code {
        ErrorCode::HttpRequestDenied => {
            context.account().write(Entry::Note { text: &error.message });
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
