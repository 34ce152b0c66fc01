//! Connections until their first request, on threads that poll no guest.
//!
//! | the first request is | it is answered | then |
//! |---|---|---|
//! | for the host's health | here | the connection is closed: what would come next may be for others |
//! | anything else, or longer than [`HEAD_MAX_BYTES`] | at home | the connection is served there to its end |
//! | not whole, or none that can be read | here | as by the server of all others |
//!
//! The server library reads the head here, so that there is one reader of heads. It cannot give a request back, so what
//! was read is kept until then, and read again at home. Whether a connection changes its threads is decided once:
//! a change for each request would cost each two wakes.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Method, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::places::{Purpose, Seat};
use super::{Served, answer, converse_with, seated};

/// How much of a connection is read here: a question about health is shorter. Many clients may send half a head, of which
/// there would be two copies otherwise.
const HEAD_MAX_BYTES: usize = 8 << 10;

/// A connection whose events can come on other threads from now on.
pub(super) trait Portable: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Has them come by the runtime that this is called in.
    ///
    /// # Errors
    ///
    /// Where the system has no descriptor left. They come as before, then, and by a detour.
    fn settle(&mut self) -> io::Result<()>;
}

impl Portable for TcpStream {
    fn settle(&mut self) -> io::Result<()> {
        // A second descriptor for a moment: there is nothing to leave in the place of the first.
        let same = std::net::TcpStream::from(self.as_fd().try_clone_to_owned()?);
        *self = Self::from_std(same)?;
        Ok(())
    }
}

impl Portable for TlsStream<TcpStream> {
    fn settle(&mut self) -> io::Result<()> {
        self.get_mut().0.settle()
    }
}

/// Answers the first request if it is for health, and has any other connection served at `home`.
///
/// # Cancel safety
///
/// Dropping the future closes the connection, at home as soon as a thread has time.
pub(super) async fn received(
    stream: impl Portable,
    served: Arc<Served>,
    closing: CancellationToken,
    seat: Seat,
    home: Handle,
) {
    let seat = Arc::new(seat);
    let begun = first_request(stream, &served, &closing, &seat).await;
    let Some(mut begun) = begun else { return };
    let serving = async move {
        if let Err(error) = begun.stream.settle() {
            tracing::debug!(%error, "a connection stays with the threads that accepted it");
        }
        seated(begun, served, closing, seat).await;
    };
    // One that panics ends alone.
    drop(AbortOnDropHandle::new(home.spawn(serving)).await);
}

/// The connection, where its first request has come and is not for health; none where all is done.
async fn first_request<S: Portable>(
    stream: S,
    served: &Arc<Served>,
    closing: &CancellationToken,
    seat: &Arc<Seat>,
) -> Option<Begun<S>> {
    let others = Arc::new(Notify::new());
    let lent = Lent::new(stream, Arc::clone(&others));
    let service = {
        let (served, seat, others) = (Arc::clone(served), Arc::clone(seat), Arc::clone(&others));
        service_fn(move |request: Request<Incoming>| {
            let (served, seat, others) = (Arc::clone(&served), Arc::clone(&seat), Arc::clone(&others));
            async move {
                // A browser that asks what it may send goes on to send it.
                let is_health = (served.purpose)(request.method(), request.uri().path()) == Purpose::Health;
                if !is_health || request.method() == Method::OPTIONS {
                    others.notify_one();
                    // With the request, whose body would otherwise be read to its end.
                    return std::future::pending().await;
                }
                let mut response = answer(request, served, seat).await?;
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                Ok(response)
            }
        })
    };
    // In this order: a client that has sent its request and its end is not done.
    let is_for_others = tokio::select! {
        biased;
        () = others.notified() => true,
        () = seat.given_away() => {
            tracing::debug!("a connection gave way to another");
            false
        }
        () = converse_with(service, lent.clone(), closing.clone(), Arc::clone(seat)) => false,
    };
    if is_for_others { lent.take_back() } else { None }
}

/// A connection that the server library has until it is taken back, with what was read of it.
struct Lent<S> {
    begun: Arc<Mutex<Option<Begun<S>>>>,
    /// Told once it has to be taken back.
    others: Arc<Notify>,
}

impl<S> Lent<S> {
    fn new(stream: S, others: Arc<Notify>) -> Self {
        Self {
            begun: Arc::new(Mutex::new(Some(Begun {
                read: Vec::new(),
                again: 0,
                is_answered: false,
                stream,
            }))),
            others,
        }
    }

    /// None where it was answered already: nobody else reads from its beginning then.
    fn take_back(&self) -> Option<Begun<S>> {
        self.lock().take().filter(|begun| !begun.is_answered)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Begun<S>>> {
        // Whoever panics with it has its connection ended.
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Begun<S>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let taken_back = || Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        self.lock().as_mut().map_or_else(taken_back, work)
    }
}

impl<S> Clone for Lent<S> {
    fn clone(&self) -> Self {
        Self { begun: Arc::clone(&self.begun), others: Arc::clone(&self.others) }
    }
}

impl<S: Portable> AsyncRead for Lent<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|begun| {
            if begun.is_answered {
                return Pin::new(&mut begun.stream).poll_read(context, buffer);
            }
            if begun.read.len() > HEAD_MAX_BYTES {
                self.others.notify_one();
                return Poll::Pending;
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut begun.stream).poll_read(context, buffer))?;
            begun.read.extend_from_slice(buffer.filled().get(before..).unwrap_or_default());
            Poll::Ready(Ok(()))
        })
    }
}

impl<S: Portable> AsyncWrite for Lent<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|begun| {
            begun.is_answered = true;
            Pin::new(&mut begun.stream).poll_write(context, bytes)
        })
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|begun| Pin::new(&mut begun.stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|begun| Pin::new(&mut begun.stream).poll_shutdown(context))
    }
}

/// A connection of which something was read, which is read again before the rest.
struct Begun<S> {
    read: Vec<u8>,
    /// How much of it was read again, in bytes.
    again: usize,
    is_answered: bool,
    stream: S,
}

impl<S: Portable> AsyncRead for Begun<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = self.read.get(self.again..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = rest.len().min(buffer.remaining());
        buffer.put_slice(rest.get(..count).unwrap_or_default());
        self.again += count;
        if self.again == self.read.len() {
            (self.read, self.again) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Portable> AsyncWrite for Begun<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
