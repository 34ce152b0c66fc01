//! The lists of bytes in which a resident actor takes its work and hands in what came of it: `wit/work.md` has their
//! layout.
//!
//! One crate for both sides, so that they cannot differ: the host writes [`work`] and reads [`outcome`], guests the other
//! way round. Both readers are given bytes of somebody they do not trust. They check every length before they use it,
//! take no memory for what is not there, and never panic.

mod bytes;
pub mod outcome;
pub mod work;

pub use self::bytes::{Malformed, TooLong};

/// The version of the layout, the last byte of every list.
pub const VERSION: u8 = 1;

/// The most entries of one list.
pub const ENTRIES_MAX: usize = u16::MAX as usize;

/// How the bytes of a payload are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 JSON.
    Json,
    /// Only sender and receiver know.
    Bytes,
}

/// A payload: arguments, an answer, or an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    /// How it is to be read.
    pub encoding: Encoding,
    /// The bytes themselves.
    pub body: &'a [u8],
}
