//! The server: connections, and their bounds.
//!
//! | wait | bound |
//! |---|---|
//! | for a place among the connections | in [`places`]: the connection that is of least use gives way |
//! | for a handshake, where connections are encrypted | [`HANDSHAKE_TIMEOUT`] |
//! | for the head of a request, and between two requests | [`HEAD_TIMEOUT`] |
//! | for a body | in `request` |
//! | for a client that does not read | [`WRITE_TIMEOUT`] |
//! | for room for what is kept for a client | in [`room`] |
//! | for the rest of a body that nobody wants | in [`watched`] |
//! | for open connections at the end | whoever calls [`serve`] drops its future |
//!
//! With a [`Front`], connections come and are served until their first request on its threads, and all of those that ask
//! for the host's health: see [`first`].
//!
//! A connection that fails ends alone. HTTP/1.1 only: the server library's detection of HTTP/2 waits for a
//! client's first bytes without a bound.

mod first;
mod places;
pub(super) mod room;
mod watched;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Method, Request};
use axum::response::Response;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt;

use self::first::Portable;
pub(super) use self::places::Purpose;
use self::places::{Places, Seat, Unserved};
use self::room::{Keeper, ROOM_DEFAULT_BYTES, Room};
use self::watched::{Arriving, Leaving, Watched};
use super::access::Sender;
use super::front::Front;
use super::keyring::Keyring;
use super::tls::{HANDSHAKE_TIMEOUT, Tls};
use crate::grants::Caller;

/// How long a client has to send the head of its next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may leave what is written unread. Longer than the default `stream_idle`, after which a
/// stream that nobody reads is ended anyway.
const WRITE_TIMEOUT: Duration = Duration::from_secs(6 * 60);
/// How many bytes the head of a request has at most: its path and its headers.
const HEAD_MAX_BYTES: usize = 32 << 10;
/// How much of a body is read ahead.
const BUFFER_MAX_BYTES: usize = 64 << 10;
/// How long to wait at most when the system has no socket left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections the system keeps until they are accepted, as far as it does. The usual 128 are fewer than come at
/// once, and clients that find no room try again after a second.
const BACKLOG: u32 = 4096;

/// Opens a socket at this address.
///
/// # Errors
///
/// Where the system refuses it.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A host that is started again takes its port at once. Elsewhere it would let two hosts share one.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What answers requests, and how many at once.
pub(super) struct Served {
    pub(super) router: Router,
    /// What answers those that are one too many.
    pub(super) busy: Router,
    /// What lets clients in, if anything is needed.
    pub(super) tokens: Option<Keyring>,
    /// With what connections are encrypted, if they are.
    pub(super) tls: Option<Tls>,
    /// How many requests are served at once, but for those of [`Purpose`]s that have a reserve.
    pub(super) requests_max: usize,
    /// For what is kept for clients.
    pub(super) room: Arc<Room>,
    /// What a request with this method, for this path is for.
    pub(super) purpose: fn(&Method, &str) -> Purpose,
}

/// Serves until `shutdown`, and then until the requests that are under way have their answers.
///
/// # Cancel safety
///
/// Dropping the future closes all connections: at once, or, with a front, as soon as its thread has time.
pub(super) async fn serve(
    listener: TcpListener,
    served: Served,
    front: Option<Front>,
    shutdown: impl Future<Output = ()>,
) {
    let Some(front) = front else { return accept_all(listener, served, None, shutdown).await };
    let home = Handle::current();
    let _nudging = front.nudge(home.clone());
    let ending = CancellationToken::new();
    let accepting = accept_all(listener, served, Some(home), ending.clone().cancelled_owned());
    let accepting = AbortOnDropHandle::new(front.spawn(accepting));
    shutdown.await;
    ending.cancel();
    // A panic of a connection ends that alone, and there is none elsewhere.
    drop(accepting.await);
}

/// Accepts connections until `shutdown`, and serves each, all but health at `home`, if that is elsewhere.
async fn accept_all(
    listener: TcpListener,
    served: Served,
    home: Option<Handle>,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown);
    let mut connections = JoinSet::new();
    let places = Places::new(served.requests_max);
    let (served, closing) = (Arc::new(served), CancellationToken::new());
    loop {
        let stream = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_ended) = connections.join_next() => continue,
            stream = accept(&listener, &places) => stream,
        };
        let seat = tokio::select! {
            () = &mut shutdown => break,
            seat = places.take() => seat,
        };
        connections.spawn(accepted(stream, Arc::clone(&served), closing.clone(), seat, home.clone()));
    }
    drop(listener);
    closing.cancel();
    connections.join_all().await;
}

/// The next connection.
///
/// # Cancel safety
///
/// Dropping the future accepts none.
async fn accept(listener: &TcpListener, places: &Places) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _from)) => return stream,
            // The client has gone already.
            Err(error) if is_of_the_connection(&error) => {}
            // Mostly because there are as many files open as there may be, and others may be to blame.
            Err(error) => match places.spare_one(ACCEPT_PAUSE).await {
                true => tracing::debug!(%error, "a connection gives way to one that cannot be accepted"),
                false => tracing::warn!(%error, "cannot accept a connection"),
            },
        }
    }
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn accepted(
    stream: TcpStream,
    served: Arc<Served>,
    closing: CancellationToken,
    seat: Seat,
    home: Option<Handle>,
) {
    // An item of a stream is not to wait for the next.
    let _ = stream.set_nodelay(true);
    let Some(tls) = served.tls.clone() else { return received(stream, served, closing, seat, home).await };
    // Apart: connections without it are not to take its room.
    Box::pin(async move {
        let stream = tokio::select! {
            stream = handshake(&tls, stream, &closing) => stream,
            () = seat.given_away() => {
                tracing::debug!("a handshake gave way to another connection");
                None
            }
        };
        if let Some(stream) = stream {
            received(stream, served, closing, seat, home).await;
        }
    })
    .await;
}

/// Serves a connection here, or, once it has asked for something else than health, at `home`.
async fn received(
    stream: impl Portable,
    served: Arc<Served>,
    closing: CancellationToken,
    seat: Seat,
    home: Option<Handle>,
) {
    match home {
        None => seated(stream, served, closing, seat).await,
        Some(home) => Box::pin(first::received(stream, served, closing, seat, home)).await,
    }
}

/// The encrypted connection, if its client does its part in time, and before the end, which nobody waits for it with.
async fn handshake(tls: &Tls, stream: TcpStream, ending: &CancellationToken) -> Option<TlsStream<TcpStream>> {
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
    match ending.run_until_cancelled(handshake).await? {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a handshake failed");
            None
        }
        Err(_late) => {
            tracing::debug!("a handshake took too long");
            None
        }
    }
}

/// Serves a connection for as long as it has its place.
async fn seated(
    stream: impl AsyncRead + AsyncWrite + 'static,
    served: Arc<Served>,
    closing: CancellationToken,
    seat: impl Into<Arc<Seat>>,
) {
    let seat = seat.into();
    tokio::select! {
        () = converse(stream, served, closing, Arc::clone(&seat)) => {}
        () = seat.given_away() => tracing::debug!("a connection gave way to another"),
    }
}

/// Serves one connection, whatever it goes through, until its client ends it.
///
/// # Cancel safety
///
/// Dropping the future closes it.
pub(crate) async fn connection(stream: impl AsyncRead + AsyncWrite + 'static, router: Router) {
    let served = Served {
        router,
        // The only connection takes its share from nobody.
        busy: Router::new(),
        tokens: None,
        tls: None,
        requests_max: 1,
        room: Room::new(ROOM_DEFAULT_BYTES),
        purpose: |_method, _path| Purpose::Message,
    };
    let seat = Places::new(1).take().await;
    converse(stream, Arc::new(served), CancellationToken::new(), Arc::new(seat)).await;
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + 'static,
    served: Arc<Served>,
    closing: CancellationToken,
    seat: Arc<Seat>,
) {
    let answering = Arc::clone(&seat);
    let service = service_fn(move |request| answer(request, Arc::clone(&served), Arc::clone(&answering)));
    converse_with(service, stream, closing, seat).await;
}

async fn converse_with<S>(
    service: S,
    stream: impl AsyncRead + AsyncWrite + 'static,
    closing: CancellationToken,
    seat: Arc<Seat>,
) where
    S: HttpService<Incoming, ResBody = Leaving, Error = Unserved>,
{
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let stream = Watched::new(stream, Arc::clone(&seat));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(HEAD_MAX_BYTES)
        .max_buf_size(BUFFER_MAX_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = closing.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    seat.idle();
    let is_refused_head = ended.as_ref().is_err_and(hyper::Error::is_parse);
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
    if is_refused_head || seat.unread_bytes() > 0 {
        let stream = connection.into_parts().io.into_inner();
        tokio::select! {
            () = stream.linger() => {}
            () = closing.cancelled() => {}
        }
    }
}

/// Answers a request. Who sends it is known before it takes a share from others.
async fn answer(
    mut request: Request<Incoming>,
    served: Arc<Served>,
    seat: Arc<Seat>,
) -> Result<Response<Leaving>, Unserved> {
    let purpose = served.purpose(&mut request);
    let has_body = !request.body().is_end_stream();
    let (router, turn) = match seat.begin(purpose, has_body) {
        Ok(turn) => (&served.router, Some(turn)),
        Err(Unserved::Full) => (&served.busy, None),
        Err(Unserved::Gone) => return Err(Unserved::Gone),
    };
    let sender = request.extensions().get().map_or(Caller::Http, Sender::caller);
    request.extensions_mut().insert(Keeper::new(Arc::clone(&served.room), Arc::clone(&seat), sender));
    let request = request.map(|body| match has_body {
        true => Body::new(Arriving::new(body, Arc::clone(&seat))),
        false => Body::empty(),
    });
    let mut response =
        router.clone().oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
    // The server library reads as much of a body as it has room for, to keep the connection.
    if purpose == Purpose::Refusal || seat.unread_bytes() > BUFFER_MAX_BYTES as u64 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Leaving::new(body, turn)))
}

impl Served {
    /// What a request is for, of this sender, whom it names from now on where tokens say who that is.
    fn purpose(&self, request: &mut Request<Incoming>) -> Purpose {
        let purpose = (self.purpose)(request.method(), request.uri().path());
        let Some(tokens) = &self.tokens else { return purpose };
        let sender = Sender::of(request.headers(), Some(tokens));
        let is_known = sender.is_known();
        request.extensions_mut().insert(sender);
        match purpose {
            Purpose::Operation | Purpose::Message if !is_known => Purpose::Refusal,
            Purpose::Health | Purpose::Refusal | Purpose::Operation | Purpose::Message => purpose,
        }
    }
}

#[cfg(test)]
mod tests;
