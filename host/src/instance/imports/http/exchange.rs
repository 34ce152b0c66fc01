//! One request and its response, from `begin` to `close`.

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Body, Response as HttpResponse};
use tokio::sync::{Mutex, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::body::{Piece, channel};
use super::client::{Hop, HttpClient, Sent};
use super::failure::Failure;
use super::request::{HEADERS_MAX_BYTES, Prepared, PreparedBody, WRITE_MAX_BYTES};
use crate::budget::Held;
use crate::dispatch::LifeContext;
use crate::id::CallId;
use crate::instance::bindings::http_types::{ErrorCode, Header, ResponseHead};

/// The response's beginning, once it is there.
type Head = Option<Result<ResponseHead, Failure>>;

/// Whether a piece of a request's body is small enough to wait for its turn.
pub(super) fn check_piece(bytes: &[u8]) -> Result<(), Failure> {
    if bytes.len() > WRITE_MAX_BYTES {
        let text = format!("a piece of {} bytes, more than {WRITE_MAX_BYTES}", bytes.len());
        return Err(Failure::new(ErrorCode::HttpRequestBodySize, text));
    }
    Ok(())
}

/// One request and its response. Ends when it is dropped.
pub(super) struct Exchange {
    head: watch::Receiver<Head>,
    /// Takes the pieces of a streamed body; none once it is whole, or was never streamed.
    pieces: SyncMutex<Option<mpsc::Sender<Piece>>>,
    /// Held while a piece waits for room, so that only one does.
    writing: Mutex<()>,
    incoming: Arc<Mutex<Incoming>>,
    between_bytes: Duration,
    piece_max: usize,
    over: CancellationToken,
    held: Arc<Keeping>,
}

/// What an exchange takes of the actor's budget, until it is over or closed.
struct Keeping(SyncMutex<Option<Held>>);

impl Keeping {
    fn give_back(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// The response's body.
#[derive(Default)]
struct Incoming {
    response: Option<HttpResponse>,
    /// What came and was not asked for yet.
    rest: Bytes,
    is_whole: bool,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.end();
    }
}

impl Exchange {
    /// Begins to send. Must be called where tasks can be spawned.
    pub(super) fn begin(
        context: LifeContext,
        within: CallId,
        client: Arc<HttpClient>,
        request: Prepared,
        held: Held,
    ) -> Self {
        let (body, pieces) = match request.body {
            PreparedBody::Whole(bytes) => (Sent::Whole(bytes), None),
            PreparedBody::Streamed => {
                let (sender, stream) = channel();
                (Sent::Streamed(Some(Body::wrap_stream(stream))), Some(sender))
            }
        };
        let (tell_head, head) = watch::channel(None);
        let (incoming, over) = (Arc::<Mutex<Incoming>>::default(), CancellationToken::new());
        let held = Arc::new(Keeping(SyncMutex::new(Some(held))));
        let task = Task {
            context,
            within,
            tell_head,
            incoming: Arc::clone(&incoming),
            over: over.clone(),
            held: Arc::clone(&held),
        };
        let hop = Hop { method: request.method, url: request.url, headers: request.headers };
        tokio::spawn(task.run(client, hop, body, request.first_byte, request.redirects_max));
        let (between_bytes, piece_max) = (request.between_bytes, request.piece_max);
        let (pieces, writing) = (SyncMutex::new(pieces), Mutex::default());
        Self { head, pieces, writing, incoming, between_bytes, piece_max, over, held }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    pub(super) fn end(&self) {
        self.over.cancel();
        self.held.give_back();
    }

    /// Waits for the response to begin.
    pub(super) async fn response(&self) -> Result<ResponseHead, Failure> {
        let mut head = self.head.clone();
        let head = head.wait_for(Option::is_some).await;
        head.ok().and_then(|head| head.clone()).unwrap_or_else(|| Err(Failure::cancelled()))
    }

    /// Hands over a piece of the request's body, once there is room for it. One at a time: what waits is kept.
    pub(super) async fn write(&self, bytes: Vec<u8>) -> Result<(), Failure> {
        check_piece(&bytes)?;
        let Ok(_writing) = self.writing.try_lock() else {
            let text = "a piece of this body waits already; hand over the next one once that is taken";
            return Err(Failure::new(ErrorCode::HttpRequestBodySize, text));
        };
        let pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ended = || Failure::new(ErrorCode::HttpRequestBodySize, "this request takes no more body");
        let pieces = pieces.ok_or_else(ended)?;
        tokio::select! {
            sent = pieces.send(Piece::Bytes(bytes.into())) => sent.map_err(|_gone| {
                Failure::new(ErrorCode::ConnectionTerminated, "the other side does not take the rest of the body")
            }),
            () = self.over.cancelled() => Err(Failure::cancelled()),
        }
    }

    /// The request's body is whole. Does not wait: where a piece is on its way, its end follows it.
    pub(super) fn finish(&self) {
        let pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(pieces) = pieces {
            let over = self.over.clone();
            tokio::spawn(async move {
                tokio::select! {
                    // Where nobody takes it, the exchange has failed, and says so by itself.
                    _sent = pieces.send(Piece::End) => {}
                    () = over.cancelled() => {}
                }
            });
        }
    }

    /// The next piece of the response's body, none at its end.
    pub(super) async fn read(&self, max_bytes: u32) -> Result<Option<Vec<u8>>, Failure> {
        let max = usize::try_from(max_bytes).unwrap_or(usize::MAX).clamp(1, self.piece_max.max(1));
        self.response().await?;
        let late = || {
            let text = format!("nothing came for {}", humantime::format_duration(self.between_bytes));
            Failure::new(ErrorCode::HttpResponseTimeout, text)
        };
        let read = async {
            let mut incoming = self.incoming.lock().await;
            tokio::time::timeout(self.between_bytes, incoming.next(max)).await.map_err(|_late| late())?
        };
        tokio::select! {
            biased;
            () = self.over.cancelled() => Err(Failure::cancelled()),
            read = read => read,
        }
    }
}

impl Incoming {
    /// Cancel safety: what has come is kept.
    async fn next(&mut self, max: usize) -> Result<Option<Vec<u8>>, Failure> {
        while self.rest.is_empty() {
            let Some(response) = self.response.as_mut() else {
                return if self.is_whole { Ok(None) } else { Err(Failure::cancelled()) };
            };
            match response.chunk().await {
                Ok(Some(bytes)) => self.rest = bytes,
                Ok(None) => {
                    self.response = None;
                    self.is_whole = true;
                }
                Err(error) => {
                    self.response = None;
                    return Err(error.into());
                }
            }
        }
        let piece = self.rest.split_to(max.min(self.rest.len()));
        Ok(Some(piece.into()))
    }
}

/// What goes on by itself: the sending, and the end with the call.
struct Task {
    context: LifeContext,
    within: CallId,
    tell_head: watch::Sender<Head>,
    incoming: Arc<Mutex<Incoming>>,
    over: CancellationToken,
    held: Arc<Keeping>,
}

impl Task {
    async fn run(self, client: Arc<HttpClient>, hop: Hop, body: Sent, first_byte: Duration, redirects: u32) {
        let send = tokio::time::timeout(first_byte, client.send(self.context.id(), hop, body, redirects));
        let answer = tokio::select! {
            sent = send => sent.unwrap_or_else(|_late| {
                let text = format!("no response within {}", humantime::format_duration(first_byte));
                Err(Failure::new(ErrorCode::HttpResponseTimeout, text))
            }),
            () = self.ended() => Err(Failure::cancelled()),
        };
        let head = match answer {
            Ok(response) => {
                let head = head_of(&response);
                if head.is_ok() {
                    self.incoming.lock().await.response = Some(response);
                }
                head
            }
            Err(error) => Err(error),
        };
        self.tell_head.send_replace(Some(head));
        self.ended().await;
        self.over.cancel();
        // Whoever reads has heard that it is over. This closes the connection, unless all was read.
        *self.incoming.lock().await = Incoming::default();
        self.tell_head.send_replace(Some(Err(Failure::cancelled())));
        // A guest that never closes it has nothing of it any more.
        self.held.give_back();
    }

    /// Returns when the call has ended or is told to stop, or the exchange was closed.
    async fn ended(&self) {
        tokio::select! {
            () = self.context.cancelled(self.within) => {}
            () = self.over.cancelled() => {}
        }
    }
}

/// Whether names and values have no more bytes together.
pub(super) fn headers_fit(headers: &HeaderMap, max_bytes: usize) -> bool {
    let bytes = headers.iter().map(|(name, value)| name.as_str().len().saturating_add(value.len()));
    bytes.fold(0, usize::saturating_add) <= max_bytes
}

fn head_of(response: &HttpResponse) -> Result<ResponseHead, Failure> {
    let headers = response.headers();
    if !headers_fit(headers, HEADERS_MAX_BYTES) {
        let text = format!("the response's headers have more than {HEADERS_MAX_BYTES} bytes");
        return Err(Failure::new(ErrorCode::HttpResponseHeaderSectionSize, text));
    }
    let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| Header {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    };
    Ok(ResponseHead {
        status: response.status().as_u16(),
        url: response.url().to_string(),
        headers: headers.iter().map(header).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::FutureExt;

    use super::super::network::{Network, Resolver};
    use super::super::request::prepare;
    use super::*;
    use crate::actor::context_of_nobody;
    use crate::budget::Budget;
    use crate::instance::bindings::http_types::{Body as WireBody, Request};
    use crate::limits::Limits;
    use crate::wire::Lane;

    /// A request with a streamed body to a server that accepts connections and reads nothing.
    async fn unread(budget: &Budget) -> (Exchange, tokio::net::TcpListener) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let request = Request {
            method: "POST".to_owned(),
            url: format!("http://{address}/"),
            headers: Vec::new(),
            body: WireBody::Streamed,
            first_byte_timeout_ms: None,
            between_bytes_timeout_ms: None,
            redirects_max: 0,
        };
        let prepared = prepare(request, 1 << 20).ok().unwrap();
        let name = "test".parse().unwrap();
        let context = context_of_nobody(name, Lane::Overlapping, Limits::default(), &Arc::default());
        let client =
            HttpClient::new(&[address.to_string().parse().unwrap()], &Network::new(Resolver::default()));
        let held = budget.take(prepared.kept_bytes()).unwrap();
        (Exchange::begin(context, CallId::NONE, Arc::new(client), prepared, held), listener)
    }

    #[tokio::test]
    async fn one_piece_of_a_body_waits_and_no_more() {
        let budget = Budget::new(1 << 20);
        let (exchange, _listener) = unread(&budget).await;
        let piece = || vec![0; WRITE_MAX_BYTES];
        // Until the buffers of the connection are full, too.
        let mut waiting = pin!(async { while exchange.write(piece()).await.is_ok() {} });
        let refused = loop {
            assert!(waiting.as_mut().now_or_never().is_none());
            if let Some(Err(refused)) = exchange.write(piece()).now_or_never() {
                break refused.into_wit();
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(refused.code, ErrorCode::HttpRequestBodySize);
        assert!(refused.message.contains("waits already"), "{}", refused.message);
        exchange.end();
        assert_eq!(budget.used(), 0);
        waiting.await;
    }
}
