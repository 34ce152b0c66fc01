//! What of a connection and its bodies says how far it is: the [`Seat`] is told.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::places::{Seat, Turn};

/// How much of a body that nobody wants is read, so that its client sees the answer.
const LINGER_MAX_BYTES: u64 = 1 << 30;
/// How long that may take.
const LINGER_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of it at once: many connections may do so.
const LINGER_BUFFER_BYTES: usize = 8 << 10;
/// How long its client may send nothing.
const LINGER_PAUSE: Duration = Duration::from_secs(5);

/// A connection that tells its seat whether its client reads.
pub(super) struct Watched<S> {
    stream: Pin<Box<S>>,
    seat: Arc<Seat>,
    is_unread: bool,
}

impl<S: AsyncRead + AsyncWrite> Watched<S> {
    pub(super) fn new(stream: S, seat: Arc<Seat>) -> Self {
        Self { stream: Box::pin(stream), seat, is_unread: false }
    }

    /// Reads what its client still sends, and lets go of it: the system resets a connection that is closed with
    /// something unread, and what its client had not read yet is lost.
    pub(super) async fn linger(mut self) {
        let rest = async {
            let (mut read_bytes, mut buffer) = (0, vec![0; LINGER_BUFFER_BYTES]);
            while read_bytes < LINGER_MAX_BYTES {
                match tokio::time::timeout(LINGER_PAUSE, self.stream.read(&mut buffer)).await {
                    Ok(Ok(bytes)) if bytes > 0 => read_bytes += bytes as u64,
                    Ok(Ok(_end)) => break,
                    Ok(Err(_)) | Err(_) => break,
                }
            }
        };
        drop(tokio::time::timeout(LINGER_TIMEOUT, rest).await);
    }

    /// Whether something waits for its client to read. Where some of it was read, the rest waits still.
    fn set_unread(&mut self, is_unread: bool) {
        // Not each time: that takes a lock.
        if is_unread != self.is_unread {
            self.is_unread = is_unread;
            self.seat.set_unread(is_unread);
        }
    }

    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.set_unread(true),
            Poll::Ready(_) if self.is_unread => self.seat.read_on(),
            Poll::Ready(_) => {}
        }
        written
    }
}

impl<S: AsyncRead> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write(context, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write_vectored(context, pieces);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The server library calls it whenever it has nothing left to write.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.stream.as_mut().poll_flush(context);
        self.set_unread(flushed.is_pending());
        if flushed.is_ready() {
            self.seat.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(context)
    }
}

/// The body of a request, which tells when it has come.
pub(super) struct Arriving {
    body: Incoming,
    seat: Arc<Seat>,
}

impl Arriving {
    pub(super) fn new(body: Incoming, seat: Arc<Seat>) -> Self {
        Self { body, seat }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) {
            self.seat.received(0);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let unread_bytes = match self.body.is_end_stream() {
            true => 0,
            false => self.body.size_hint().upper().unwrap_or(u64::MAX),
        };
        self.seat.received(unread_bytes);
    }
}

/// The body of an answer, whose end is that of its request's turn.
pub(super) struct Leaving {
    body: Body,
    _turn: Option<Turn>,
}

impl Leaving {
    pub(super) fn new(body: Body, turn: Option<Turn>) -> Self {
        Self { body, _turn: turn }
    }
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
