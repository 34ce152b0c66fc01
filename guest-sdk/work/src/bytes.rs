//! Numbers, texts and lists as bytes, both ways.

use std::error::Error;
use std::fmt;

use super::{Encoding, Payload, VERSION};

/// Entries, their count, how many of them are a row, and the version.
pub(crate) const TRAILER_BYTES: usize = 4 + 2 + 1 + 1;

/// What is wrong with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub(crate) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a packed list {}", self.0)
    }
}

impl Error for Malformed {}

/// What is to go into a list has more bytes, or more entries, than it can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("more than a packed list can hold")
    }
}

impl Error for TooLong {}

/// The length of something, as it stands in a list.
#[inline]
pub(crate) fn length(bytes: usize) -> Result<[u8; 4], TooLong> {
    u32::try_from(bytes).map(u32::to_le_bytes).map_err(|_| TooLong)
}

/// Writes a text with its length.
#[inline]
pub(crate) fn put_text(entries: &mut Vec<u8>, text: &str) -> Result<(), TooLong> {
    entries.extend_from_slice(&length(text.len())?);
    entries.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Writes a text that may be missing.
#[inline]
pub(crate) fn put_optional_text(entries: &mut Vec<u8>, text: Option<&str>) -> Result<(), TooLong> {
    entries.push(u8::from(text.is_some()));
    text.map_or(Ok(()), |text| put_text(entries, text))
}

/// Writes what an entry says of its body, which stands elsewhere.
#[inline]
pub(crate) fn put_payload(entries: &mut Vec<u8>, encoding: Encoding, bytes: usize) -> Result<(), TooLong> {
    entries.push(match encoding {
        Encoding::Json => 0,
        Encoding::Bytes => 1,
    });
    entries.extend_from_slice(&length(bytes)?);
    Ok(())
}

/// Ends a list whose entries, so many, begin at `entries_at`.
#[inline]
pub(crate) fn put_trailer(
    list: &mut Vec<u8>,
    entries_at: usize,
    count: usize,
    row: u8,
) -> Result<(), TooLong> {
    let bytes = length(list.len() - entries_at)?;
    let count = u16::try_from(count).map_err(|_| TooLong)?;
    list.extend_from_slice(&bytes);
    list.extend_from_slice(&count.to_le_bytes());
    list.extend_from_slice(&[row, VERSION]);
    length(list.len()).map(drop)
}

/// Reads a list: its entries, and the bodies that they own, each from its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reader<'a> {
    bodies: &'a [u8],
    entries: &'a [u8],
    /// How many entries are left.
    left: usize,
    /// How many of the first entries are a row.
    pub(crate) row: u8,
}

impl<'a> Reader<'a> {
    /// An empty list has no entries.
    pub(crate) fn new(list: &'a [u8]) -> Result<Self, Malformed> {
        if list.is_empty() {
            return Ok(Self { bodies: list, entries: list, left: 0, row: 0 });
        }
        let (rest, trailer) =
            list.split_last_chunk::<TRAILER_BYTES>().ok_or(Malformed("is shorter than its trailer"))?;
        let [e0, e1, e2, e3, c0, c1, row, version] = *trailer;
        if version != VERSION {
            return Err(Malformed("is of a version that is not known here"));
        }
        let entries = usize::try_from(u32::from_le_bytes([e0, e1, e2, e3])).unwrap_or(usize::MAX);
        let left = usize::from(u16::from_le_bytes([c0, c1]));
        let entries_at = rest.len().checked_sub(entries).ok_or(Malformed("is shorter than its entries"))?;
        let (bodies, entries) = rest.split_at(entries_at);
        if usize::from(row) > left {
            return Err(Malformed("has a row of more entries than it has"));
        }
        Ok(Self { bodies, entries, left, row })
    }

    /// Goes on to the next entry, if there is one. After the last, nothing may be left.
    #[inline]
    pub(crate) fn next_entry(&mut self) -> Result<bool, Malformed> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(true)
            }
            None if self.bodies.is_empty() && self.entries.is_empty() => Ok(false),
            None => Err(Malformed("has bytes of no entry")),
        }
    }

    /// How many entries are left.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    #[inline]
    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (chunk, rest) = self.entries.split_first_chunk().ok_or(Malformed("ends within an entry"))?;
        self.entries = rest;
        Ok(*chunk)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.chunk().map(|[byte]| byte)
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.chunk().map(u32::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.chunk().map(u64::from_le_bytes)
    }

    /// A byte that is 0 or 1.
    #[inline]
    pub(crate) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _other => Err(Malformed("has a flag that is neither 0 nor 1")),
        }
    }

    #[inline]
    pub(crate) fn length(&mut self) -> Result<usize, Malformed> {
        self.u32().map(|length| usize::try_from(length).unwrap_or(usize::MAX))
    }

    #[inline]
    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.length()?;
        let (text, rest) =
            self.entries.split_at_checked(length).ok_or(Malformed("has a text that is longer than it"))?;
        self.entries = rest;
        std::str::from_utf8(text).map_err(|_| Malformed("has a text that is not UTF-8"))
    }

    #[inline]
    pub(crate) fn optional_text(&mut self) -> Result<Option<&'a str>, Malformed> {
        if self.flag()? { self.text().map(Some) } else { Ok(None) }
    }

    /// The next body, as the entry says.
    #[inline]
    pub(crate) fn payload(&mut self) -> Result<Payload<'a>, Malformed> {
        let encoding = match self.u8()? {
            0 => Encoding::Json,
            1 => Encoding::Bytes,
            _other => return Err(Malformed("has an encoding that is not known here")),
        };
        let length = self.length()?;
        let (body, rest) =
            self.bodies.split_at_checked(length).ok_or(Malformed("has a body that is longer than it"))?;
        self.bodies = rest;
        Ok(Payload { encoding, body })
    }

    /// So many payloads, as a list of their own. Passes over them, and has read each of them.
    pub(crate) fn payloads(&mut self, count: usize) -> Result<Self, Malformed> {
        let Self { bodies, entries, .. } = *self;
        for _ in 0..count {
            self.payload()?;
        }
        let passed = |all: &'a [u8], rest: &[u8]| all.get(..all.len() - rest.len()).unwrap_or_default();
        Ok(Self {
            bodies: passed(bodies, self.bodies),
            entries: passed(entries, self.entries),
            left: count,
            row: 0,
        })
    }
}
