//! What the process that compiles says to the one that started it: a kind, a length and so many bytes.

use std::borrow::Cow;

use crate::engine::bounds::COMPONENT_MAX_BYTES;

/// The most bytes that a compiler replies with. The largest code that guest tools lead to is a sixth of it.
pub(super) const CODE_MAX_BYTES: u64 = COMPONENT_MAX_BYTES;
/// With what stands before it, and one more byte: for telling that there is too much.
pub(super) const REPLY_MAX_BYTES: u64 = CODE_MAX_BYTES + HEAD_BYTES as u64 + 1;

/// The kind, and the length.
const HEAD_BYTES: usize = 1 + LENGTH_BYTES;
const LENGTH_BYTES: usize = size_of::<u64>();

const CODE: u8 = b'c';
const REFUSED: u8 = b'r';
const FAILED: u8 = b'f';
const TOO_LARGE: u8 = b'l';

/// What a compiler says. The code is read by [`code`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    Code,
    /// What is wrong with the component.
    Refused(&'a str),
    /// What went wrong in the compiler.
    Failed(&'a str),
    /// How many bytes the code has.
    TooLarge(u64),
}

impl<'a> Reply<'a> {
    /// None where it is not whole.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (length, body) = rest.split_first_chunk()?;
        if u64::from_le_bytes(*length) != body.len() as u64 {
            return None;
        }
        match *kind {
            CODE => Some(Self::Code),
            REFUSED => Some(Self::Refused(std::str::from_utf8(body).ok()?)),
            FAILED => Some(Self::Failed(std::str::from_utf8(body).ok()?)),
            TOO_LARGE => Some(Self::TooLarge(u64::from_le_bytes(body.try_into().ok()?))),
            _unknown => None,
        }
    }
}

/// The code of a reply that has some.
pub(super) fn code(reply: &[u8]) -> &[u8] {
    reply.get(HEAD_BYTES..).unwrap_or_default()
}

/// How long something is.
pub(super) fn length(bytes: &[u8]) -> [u8; LENGTH_BYTES] {
    (bytes.len() as u64).to_le_bytes()
}

/// The head and the body of a reply.
pub(super) fn parts(compiled: &Compiled) -> ([u8; HEAD_BYTES], Cow<'_, [u8]>) {
    let (kind, body): (_, Cow<'_, [u8]>) = match compiled {
        Compiled::Code(code) => (CODE, code.into()),
        Compiled::Refused(error) => (REFUSED, error.as_bytes().into()),
        Compiled::Failed(error) => (FAILED, error.as_bytes().into()),
        Compiled::TooLarge(bytes) => (TOO_LARGE, bytes.to_le_bytes().to_vec().into()),
    };
    let mut head = [kind; HEAD_BYTES];
    for (to, from) in head.iter_mut().skip(1).zip(length(&body)) {
        *to = from;
    }
    (head, body)
}

/// What became of a component in the process that compiles.
#[derive(Debug)]
pub(super) enum Compiled {
    Code(Vec<u8>),
    Refused(String),
    Failed(String),
    TooLarge(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_as_it_was_written_and_only_whole() {
        for (compiled, read) in [
            (Compiled::Code(vec![1, 2, 3]), Reply::Code),
            (Compiled::Refused("why".into()), Reply::Refused("why")),
            (Compiled::Failed(String::new()), Reply::Failed("")),
            (Compiled::TooLarge(1 << 40), Reply::TooLarge(1 << 40)),
        ] {
            let (head, body) = parts(&compiled);
            let bytes = [head.as_slice(), &body].concat();
            assert_eq!(Reply::read(&bytes), Some(read));
            assert_eq!(code(&bytes), &*body);
            for end in 0..bytes.len() {
                assert_eq!(Reply::read(&bytes[..end]), None, "{end}");
            }
            assert_eq!(Reply::read(&[&bytes[..], b"x"].concat()), None);
            assert_eq!(Reply::read(&[b"x", &bytes[1..]].concat()), None);
        }
    }
}
