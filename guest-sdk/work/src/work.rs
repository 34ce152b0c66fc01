//! From the host to the guest: what is to be done.

use super::bytes::{Reader, put_optional_text, put_payload, put_text, put_trailer};
use super::{Malformed, Payload, TooLong};

/// One piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work<'a> {
    /// Run a handler, and hand in a value, a stream or an error.
    Ask(Message<'a>),
    /// Run a handler, and hand in that it ended, or an error.
    Tell(Message<'a>),
    /// Draw on a stream, and hand in items or an error.
    Draw {
        /// The call that the stream came of.
        call: u64,
        /// The guest's own number for it.
        stream: u64,
        /// The most items to hand in; one or more.
        max_items: u32,
    },
    /// The reader of a stream is gone: let go of it, and hand in that it is closed.
    Close {
        /// The call that the stream came of.
        call: u64,
        /// The guest's own number for it.
        stream: u64,
    },
    /// Stop in good order, and return from `run`.
    Stop,
    /// Return from `run`, with nothing of the actor on the stack: it is entered again, or not.
    Leave,
    /// A call is told to stop. Where handlers overlap.
    Cancel {
        /// Which one.
        call: u64,
    },
    /// What the guest waits for has ended. Where handlers overlap.
    Ended {
        /// What the host called it.
        wait: u64,
    },
}

/// A message that a handler is to run on: `types.message` of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The call that begins.
    pub call: u64,
    /// The method to run.
    pub method: &'a str,
    /// Its arguments.
    pub args: Payload<'a>,
    /// As of the contract.
    pub idempotency_key: Option<&'a str>,
    /// As of the contract.
    pub resume_after: Option<u64>,
    /// As of the contract.
    pub remaining_ms: Option<u64>,
}

const ASK: u8 = 1;
const TELL: u8 = 2;
const DRAW: u8 = 3;
const CLOSE: u8 = 4;
const STOP: u8 = 5;
const LEAVE: u8 = 6;
const CANCEL: u8 = 7;
const ENDED: u8 = 8;

/// The room that an entry takes without its texts, at most.
const ENTRY_BYTES: usize = 48;

impl<'a> Work<'a> {
    fn message(&self) -> Option<&Message<'a>> {
        match self {
            Self::Ask(message) | Self::Tell(message) => Some(message),
            Self::Draw { .. }
            | Self::Close { .. }
            | Self::Stop
            | Self::Leave
            | Self::Cancel { .. }
            | Self::Ended { .. } => None,
        }
    }
}

/// Writes a list.
///
/// # Errors
///
/// [`TooLong`], which no host whose limits fit a guest's memory comes to.
pub fn pack(works: &[Work<'_>]) -> Result<Vec<u8>, TooLong> {
    let messages = || works.iter().filter_map(Work::message);
    let texts = messages().map(|message| {
        message.args.body.len() + message.method.len() + message.idempotency_key.map_or(0, str::len)
    });
    let mut list = Vec::with_capacity(texts.sum::<usize>() + ENTRY_BYTES * works.len() + ENTRY_BYTES);
    messages().for_each(|message| list.extend_from_slice(message.args.body));
    let entries_at = list.len();
    works.iter().try_for_each(|work| put(&mut list, work))?;
    put_trailer(&mut list, entries_at, works.len(), 0)?;
    Ok(list)
}

/// A list that is written one piece of work after another, where they are not there at once.
#[derive(Debug)]
pub struct WorkList {
    bodies: Vec<u8>,
    entries: Vec<u8>,
    count: usize,
    row: u8,
}

impl Default for WorkList {
    /// With room for some short messages, so that it need not grow with each.
    fn default() -> Self {
        const ENTRIES: usize = 32;
        let entries = Vec::with_capacity(ENTRIES * ENTRY_BYTES);
        Self { bodies: Vec::with_capacity(ENTRIES * ENTRY_BYTES), entries, count: 0, row: 0 }
    }
}

impl WorkList {
    /// Adds a piece of work.
    ///
    /// # Errors
    ///
    /// As of [`pack`].
    pub fn push(&mut self, work: &Work<'_>) -> Result<(), TooLong> {
        if let Some(message) = work.message() {
            self.bodies.extend_from_slice(message.args.body);
        }
        self.count += 1;
        put(&mut self.entries, work)
    }

    /// Makes a row of so many tells, the first of the list: of those that there are.
    pub fn begin_with_row(&mut self, tells: u8) {
        self.row = tells;
    }

    /// The list.
    ///
    /// # Errors
    ///
    /// As of [`pack`].
    pub fn finish(mut self) -> Result<Vec<u8>, TooLong> {
        let entries_at = self.bodies.len();
        self.bodies.append(&mut self.entries);
        put_trailer(&mut self.bodies, entries_at, self.count, self.row)?;
        Ok(self.bodies)
    }
}

fn put(entries: &mut Vec<u8>, work: &Work<'_>) -> Result<(), TooLong> {
    match work {
        Work::Ask(message) => return put_message(entries, ASK, message),
        Work::Tell(message) => return put_message(entries, TELL, message),
        Work::Draw { call, stream, max_items } => {
            put_numbers(entries, DRAW, &[*call, *stream]);
            entries.extend_from_slice(&max_items.to_le_bytes());
        }
        Work::Close { call, stream } => put_numbers(entries, CLOSE, &[*call, *stream]),
        Work::Stop => entries.push(STOP),
        Work::Leave => entries.push(LEAVE),
        Work::Cancel { call } => put_numbers(entries, CANCEL, &[*call]),
        Work::Ended { wait } => put_numbers(entries, ENDED, &[*wait]),
    }
    Ok(())
}

#[inline]
fn put_numbers(entries: &mut Vec<u8>, kind: u8, numbers: &[u64]) {
    entries.push(kind);
    numbers.iter().for_each(|number| entries.extend_from_slice(&number.to_le_bytes()));
}

#[inline]
fn put_message(entries: &mut Vec<u8>, kind: u8, message: &Message<'_>) -> Result<(), TooLong> {
    put_numbers(entries, kind, &[message.call]);
    put_payload(entries, message.args.encoding, message.args.body.len())?;
    put_text(entries, message.method)?;
    put_optional_text(entries, message.idempotency_key)?;
    put_optional_number(entries, message.resume_after);
    put_optional_number(entries, message.remaining_ms);
    Ok(())
}

#[inline]
fn put_optional_number(entries: &mut Vec<u8>, number: Option<u64>) {
    entries.push(u8::from(number.is_some()));
    if let Some(number) = number {
        entries.extend_from_slice(&number.to_le_bytes());
    }
}

/// The work of a list, in order. After an error there is no more.
#[derive(Debug, Clone)]
pub struct Works<'a> {
    reader: Option<Reader<'a>>,
}

/// Reads a list.
///
/// # Errors
///
/// [`Malformed`] where it has no trailer of this version. What is wrong with an entry comes out of the iterator.
pub fn unpack(list: &[u8]) -> Result<Works<'_>, Malformed> {
    Ok(Works { reader: Some(Reader::new(list)?) })
}

impl Works<'_> {
    /// How many tells at the beginning of the list are a row: each may be handled without a `step`.
    #[must_use]
    pub fn row(&self) -> usize {
        self.reader.as_ref().map_or(0, |reader| usize::from(reader.row))
    }

    /// How many pieces of work are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.reader.as_ref().map_or(0, Reader::left)
    }
}

impl<'a> Iterator for Works<'a> {
    type Item = Result<Work<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let read = read(self.reader.as_mut()?);
        if !matches!(read, Ok(Some(_))) {
            self.reader = None;
        }
        read.transpose()
    }
}

#[inline]
fn read<'a>(reader: &mut Reader<'a>) -> Result<Option<Work<'a>>, Malformed> {
    if !reader.next_entry()? {
        return Ok(None);
    }
    Ok(Some(match reader.u8()? {
        ASK => Work::Ask(read_message(reader)?),
        TELL => Work::Tell(read_message(reader)?),
        DRAW => Work::Draw { call: reader.u64()?, stream: reader.u64()?, max_items: reader.u32()? },
        CLOSE => Work::Close { call: reader.u64()?, stream: reader.u64()? },
        STOP => Work::Stop,
        LEAVE => Work::Leave,
        CANCEL => Work::Cancel { call: reader.u64()? },
        ENDED => Work::Ended { wait: reader.u64()? },
        _other => return Err(Malformed("has a kind of work that is not known here")),
    }))
}

#[inline]
fn read_message<'a>(reader: &mut Reader<'a>) -> Result<Message<'a>, Malformed> {
    Ok(Message {
        call: reader.u64()?,
        args: reader.payload()?,
        method: reader.text()?,
        idempotency_key: reader.optional_text()?,
        resume_after: read_optional_number(reader)?,
        remaining_ms: read_optional_number(reader)?,
    })
}

#[inline]
fn read_optional_number(reader: &mut Reader<'_>) -> Result<Option<u64>, Malformed> {
    if reader.flag()? { reader.u64().map(Some) } else { Ok(None) }
}
