//! The server: connections, and their bounds.
//!
//! | wait | bound |
//! |---|---|
//! | for a place among the connections | [`CONNECTIONS_MAX`]; clients wait in the system's backlog |
//! | for the head of a request, and between two requests | [`HEAD_TIMEOUT`] |
//! | for a body | in `request` |
//! | for a client that does not read | [`WRITE_TIMEOUT`] |
//! | for open connections at the end | whoever calls [`serve`] drops its future |
//!
//! A connection that fails ends alone. HTTP/1.1 only: the server library's detection of HTTP/2 waits for a
//! client's first bytes without a bound.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

/// How many connections are open at once. Each is a task, a socket and its buffers.
const CONNECTIONS_MAX: usize = 2048;
/// How long a client has to send the head of its next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may leave what is written unread. Longer than the default `stream_idle`, after which a
/// stream that nobody reads is ended anyway.
const WRITE_TIMEOUT: Duration = Duration::from_secs(6 * 60);
/// How many bytes the head of a request has at most: its path and its headers.
const HEAD_MAX_BYTES: usize = 32 << 10;
/// How much of a body is read ahead.
const BUFFER_MAX_BYTES: usize = 64 << 10;
/// How long to wait when the system has no socket left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` until `shutdown`, and then until the requests that are under way have their answers.
///
/// # Cancel safety
///
/// Dropping the future closes all connections at once.
pub(super) async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    let mut connections = JoinSet::new();
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_ended) = connections.join_next() => {}
            (stream, permit) = accept(&listener, &permits) => {
                connections.spawn(accepted(stream, router.clone(), graceful.watcher(), permit));
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
    connections.join_all().await;
}

/// The next connection, once there is a place for it.
///
/// # Cancel safety
///
/// Dropping the future accepts none.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _from)) => return (stream, permit),
            // The client has gone already.
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn accepted(stream: TcpStream, router: Router, watcher: Watcher, _permit: OwnedSemaphorePermit) {
    // An item of a stream is not to wait for the next.
    let _ = stream.set_nodelay(true);
    converse(stream, router, watcher).await;
}

/// Serves one connection, whatever it goes through, until its client ends it.
///
/// # Cancel safety
///
/// Dropping the future closes it.
pub(crate) async fn connection(stream: impl AsyncRead + AsyncWrite + 'static, router: Router) {
    converse(stream, router, GracefulShutdown::new().watcher()).await;
}

async fn converse(stream: impl AsyncRead + AsyncWrite + 'static, router: Router, watcher: Watcher) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let router = router.map_request(|request: Request<Incoming>| request.map(Body::new));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(HEAD_MAX_BYTES)
        .max_buf_size(BUFFER_MAX_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection broke off");
    }
}
