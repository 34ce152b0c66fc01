//! What is made of a body piece by piece, wherever the pieces were cut.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::Stream;

use super::{Error, ErrorKind};

/// The longest line, and the most data of one event.
pub(super) const LINE_MAX_BYTES: usize = 1 << 20;

/// Makes items of pieces.
pub(super) trait Parser: Unpin {
    type Item;

    /// Takes the next piece; none is the end.
    fn feed(&mut self, piece: Option<&[u8]>, items: &mut VecDeque<Self::Item>) -> Result<(), Error>;
}

/// A stream of what a parser makes of a body.
pub(super) struct Parsed<B, P: Parser> {
    /// None once it has ended.
    body: Option<B>,
    parser: P,
    items: VecDeque<P::Item>,
    failed: Option<Error>,
}

impl<B, P: Parser> Parsed<B, P> {
    pub(super) fn new(body: B, parser: P) -> Self {
        Self { body: Some(body), parser, items: VecDeque::new(), failed: None }
    }
}

impl<B, P: Parser> Unpin for Parsed<B, P> {}

impl<B: Stream<Item = Result<Vec<u8>, Error>> + Unpin, P: Parser> Stream for Parsed<B, P> {
    type Item = Result<P::Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(item) = this.items.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            if let Some(error) = this.failed.take() {
                this.body = None;
                return Poll::Ready(Some(Err(error)));
            }
            let Some(body) = &mut this.body else { return Poll::Ready(None) };
            let fed = match ready!(Pin::new(body).poll_next(cx)) {
                Some(Ok(piece)) => this.parser.feed(Some(&piece), &mut this.items),
                Some(Err(error)) => Err(error),
                None => {
                    this.body = None;
                    this.parser.feed(None, &mut this.items)
                }
            };
            // Items that came before an error are handed out before it.
            this.failed = fed.err();
        }
    }
}

/// Cuts bytes into lines that end with CRLF, LF or CR.
#[derive(Default)]
pub(super) struct Cutter {
    line: Vec<u8>,
    /// The last byte was a CR, which has ended its line: an LF right after it belongs to it.
    after_cr: bool,
}

impl Cutter {
    /// Takes a piece, and hands each line that ends in it to `on_line`.
    pub(super) fn feed(
        &mut self,
        piece: &[u8],
        mut on_line: impl FnMut(Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for &byte in piece {
            let belongs_to_cr = std::mem::replace(&mut self.after_cr, byte == b'\r') && byte == b'\n';
            match byte {
                b'\n' if belongs_to_cr => {}
                b'\r' | b'\n' => on_line(std::mem::take(&mut self.line))?,
                _ if self.line.len() >= LINE_MAX_BYTES => {
                    let text = format!("a line has more than {LINE_MAX_BYTES} bytes");
                    return Err(Error::new(ErrorKind::TooLarge, text));
                }
                byte => self.line.push(byte),
            }
        }
        Ok(())
    }

    /// What came after the last line's end.
    pub(super) fn rest(&mut self) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.line)).filter(|line| !line.is_empty())
    }
}
