//! From the guest to the host: what came of the work.

use super::bytes::{Reader, TRAILER_BYTES, length, put_optional_text, put_payload, put_text, put_trailer};
use super::{Encoding, Malformed, Payload, TooLong};

/// What came of one piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The call that it was for.
    pub call: u64,
    /// How it ended.
    pub end: End<'a>,
}

/// How a piece of work ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End<'a> {
    /// An ask, with a value.
    Value(Payload<'a>),
    /// An ask, with a stream, by the guest's own number for it.
    Stream(u64),
    /// A tell.
    Told,
    /// A draw.
    Items {
        /// In order.
        items: Items<'a>,
        /// The stream has ended with these.
        done: bool,
    },
    /// A close.
    Closed,
    /// Any of them but a close, by the actor's own error.
    Error(Error<'a>),
}

/// The items of a draw. They are read one by one, where they stand: a list of many takes no memory of its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Items<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for Items<'a> {
    type Item = Payload<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        // Read once already, so that there is no error.
        self.reader.next_entry().ok().filter(|is_next| *is_next).and_then(|_| self.reader.payload().ok())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.reader.left(), Some(self.reader.left()))
    }
}

impl ExactSizeIterator for Items<'_> {}

/// `types.actor-error` of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "as of the contract")]
pub enum Error<'a> {
    Business { code: u32, message: &'a str, details: Option<&'a str> },
    System { message: &'a str, recoverable: bool, restart: bool },
    Timeout { operation: &'a str, duration_ms: u64 },
    Unsupported { operation: &'a str, nearest: Option<&'a str> },
    Cancelled,
}

const VALUE: u8 = 1;
const STREAM: u8 = 2;
const TOLD: u8 = 3;
const ITEMS: u8 = 4;
const CLOSED: u8 = 5;
const BUSINESS: u8 = 16;
const SYSTEM: u8 = 17;
const TIMEOUT: u8 = 18;
const UNSUPPORTED: u8 = 19;
const CANCELLED: u8 = 20;

/// A list that is written again keeps at most so much memory: one large answer shall not stay for good.
const KEPT_BYTES: usize = 64 << 10;

/// A list that is being written. Used again and again, it keeps its memory, up to 64 KiB.
#[derive(Debug, Default)]
pub struct OutcomeList {
    /// The whole list, once it is finished.
    bodies: Vec<u8>,
    entries: Vec<u8>,
    count: usize,
}

impl OutcomeList {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { bodies: Vec::new(), entries: Vec::new(), count: 0 }
    }

    /// How many outcomes it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// About how many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bodies.len() + self.entries.len()
    }

    /// An ask ended with a value. Its body is not copied where it is the first of the list.
    ///
    /// # Errors
    ///
    /// [`TooLong`]
    #[inline]
    pub fn value(&mut self, call: u64, encoding: Encoding, body: Vec<u8>) -> Result<(), TooLong> {
        self.begin(call, VALUE);
        self.body(encoding, body)
    }

    /// An ask ended with a stream.
    #[inline]
    pub fn stream(&mut self, call: u64, stream: u64) {
        self.begin(call, STREAM);
        self.entries.extend_from_slice(&stream.to_le_bytes());
    }

    /// A tell ended.
    #[inline]
    pub fn told(&mut self, call: u64) {
        self.begin(call, TOLD);
    }

    /// A draw ended.
    ///
    /// # Errors
    ///
    /// [`TooLong`]
    pub fn items(
        &mut self,
        call: u64,
        done: bool,
        items: impl ExactSizeIterator<Item = (Encoding, Vec<u8>)>,
    ) -> Result<(), TooLong> {
        self.begin(call, ITEMS);
        self.entries.push(u8::from(done));
        self.entries.extend_from_slice(&length(items.len())?);
        items.into_iter().try_for_each(|(encoding, body)| self.body(encoding, body))
    }

    /// A close ended.
    #[inline]
    pub fn closed(&mut self, call: u64) {
        self.begin(call, CLOSED);
    }

    /// Work ended with an error.
    ///
    /// # Errors
    ///
    /// [`TooLong`]
    pub fn error(&mut self, call: u64, error: Error<'_>) -> Result<(), TooLong> {
        match error {
            Error::Business { code, message, details } => {
                self.begin(call, BUSINESS);
                self.entries.extend_from_slice(&code.to_le_bytes());
                put_text(&mut self.entries, message)?;
                put_optional_text(&mut self.entries, details)
            }
            Error::System { message, recoverable, restart } => {
                self.begin(call, SYSTEM);
                self.entries.extend_from_slice(&[u8::from(recoverable), u8::from(restart)]);
                put_text(&mut self.entries, message)
            }
            Error::Timeout { operation, duration_ms } => {
                self.begin(call, TIMEOUT);
                self.entries.extend_from_slice(&duration_ms.to_le_bytes());
                put_text(&mut self.entries, operation)
            }
            Error::Unsupported { operation, nearest } => {
                self.begin(call, UNSUPPORTED);
                put_text(&mut self.entries, operation)?;
                put_optional_text(&mut self.entries, nearest)
            }
            Error::Cancelled => {
                self.begin(call, CANCELLED);
                Ok(())
            }
        }
    }

    /// The list; empty if nothing came of anything. To be followed by [`clear`](Self::clear).
    ///
    /// # Errors
    ///
    /// [`TooLong`]
    #[inline]
    pub fn finish(&mut self) -> Result<&[u8], TooLong> {
        if self.count > 0 {
            let entries_at = self.bodies.len();
            if entries_at > KEPT_BYTES {
                // What is large does not grow to twice its size for what stands behind it.
                self.bodies.reserve_exact(self.entries.len() + TRAILER_BYTES);
            }
            self.bodies.append(&mut self.entries);
            put_trailer(&mut self.bodies, entries_at, self.count, 0)?;
        }
        Ok(&self.bodies)
    }

    /// Forgets everything, and lets go of memory that is more than a list usually needs.
    #[inline]
    pub fn clear(&mut self) {
        for part in [&mut self.bodies, &mut self.entries] {
            part.clear();
            if part.capacity() > KEPT_BYTES {
                *part = Vec::new();
            }
        }
        self.count = 0;
    }

    #[inline]
    fn begin(&mut self, call: u64, kind: u8) {
        self.count += 1;
        self.entries.push(kind);
        self.entries.extend_from_slice(&call.to_le_bytes());
    }

    #[inline]
    fn body(&mut self, encoding: Encoding, mut body: Vec<u8>) -> Result<(), TooLong> {
        put_payload(&mut self.entries, encoding, body.len())?;
        if self.bodies.is_empty() && body.len() > self.bodies.capacity() {
            self.bodies = body;
        } else {
            self.bodies.append(&mut body);
        }
        Ok(())
    }
}

/// The outcomes of a list, in order. After an error there is no more.
#[derive(Debug, Clone)]
pub struct Outcomes<'a> {
    reader: Option<Reader<'a>>,
}

/// Reads a list.
///
/// # Errors
///
/// [`Malformed`] where it has no trailer of this version. What is wrong with an entry comes out of the iterator.
pub fn unpack(list: &[u8]) -> Result<Outcomes<'_>, Malformed> {
    let reader = Reader::new(list)?;
    if reader.row > 0 {
        return Err(Malformed("is of a version that is not known here"));
    }
    Ok(Outcomes { reader: Some(reader) })
}

impl Outcomes<'_> {
    /// How many outcomes are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.reader.as_ref().map_or(0, Reader::left)
    }
}

impl<'a> Iterator for Outcomes<'a> {
    type Item = Result<Outcome<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = read(self.reader.as_mut()?);
        if !matches!(read, Ok(Some(_))) {
            self.reader = None;
        }
        read.transpose()
    }
}

fn read<'a>(reader: &mut Reader<'a>) -> Result<Option<Outcome<'a>>, Malformed> {
    if !reader.next_entry()? {
        return Ok(None);
    }
    let kind = reader.u8()?;
    let call = reader.u64()?;
    let end = match kind {
        VALUE => End::Value(reader.payload()?),
        STREAM => End::Stream(reader.u64()?),
        TOLD => End::Told,
        ITEMS => read_items(reader)?,
        CLOSED => End::Closed,
        _error => End::Error(read_error(reader, kind)?),
    };
    Ok(Some(Outcome { call, end }))
}

fn read_items<'a>(reader: &mut Reader<'a>) -> Result<End<'a>, Malformed> {
    let (done, count) = (reader.flag()?, reader.length()?);
    Ok(End::Items { items: Items { reader: reader.payloads(count)? }, done })
}

fn read_error<'a>(reader: &mut Reader<'a>, kind: u8) -> Result<Error<'a>, Malformed> {
    Ok(match kind {
        BUSINESS => {
            Error::Business { code: reader.u32()?, message: reader.text()?, details: reader.optional_text()? }
        }
        SYSTEM => {
            let (recoverable, restart) = (reader.flag()?, reader.flag()?);
            Error::System { message: reader.text()?, recoverable, restart }
        }
        TIMEOUT => {
            let duration_ms = reader.u64()?;
            Error::Timeout { operation: reader.text()?, duration_ms }
        }
        UNSUPPORTED => Error::Unsupported { operation: reader.text()?, nearest: reader.optional_text()? },
        CANCELLED => Error::Cancelled,
        _other => return Err(Malformed("has a kind of outcome that is not known here")),
    })
}
