//! What a guest hands over far beyond what is taken of it: a trap.
//!
//! What a call hands over is copied before anything can look at it, and its guest is not preempted meanwhile. Up to these
//! bounds that takes no longer than a slice, so that what is too long or too large is an error, and its guest may be told so
//! as often as it likes. What is beyond them is copied once in a life.

use crate::instance::bindings::http_types::{Body, Request};
use crate::instance::bindings::types::{CallOptions, Payload};
use crate::instance::store::Guest;

/// The most bytes of texts: paths, names, URLs, headers. The longest that anything takes is some 100 KiB.
pub(super) const TEXTS_MAX_BYTES: usize = 1 << 20;
/// The most entries of a list of texts. Nothing takes more than some hundreds.
pub(super) const ENTRIES_MAX: usize = 4096;
/// The least that a guest may hand over for a message: its copy takes some 4 ms.
const MESSAGE_BYTES: usize = 16 << 20;
/// How many times as large as its limit a message may be, to be refused by an error.
const MESSAGES: usize = 4;

/// # Errors
///
/// A trap, where a guest hands over more bytes of texts.
pub(super) fn check_texts(bytes: usize) -> wasmtime::Result<()> {
    check("bytes of texts", bytes, TEXTS_MAX_BYTES)
}

/// # Errors
///
/// A trap, where a list has more entries.
pub(super) fn check_entries(entries: usize) -> wasmtime::Result<()> {
    check("entries of a list", entries, ENTRIES_MAX)
}

fn check(what: &str, count: usize, max: usize) -> wasmtime::Result<()> {
    if count > max {
        wasmtime::bail!("{count} {what} in one call, more than {max}");
    }
    Ok(())
}

fn check_message_bytes(bytes: usize, message_max: usize) -> wasmtime::Result<()> {
    check("bytes of a message", bytes, message_max.saturating_mul(MESSAGES).max(MESSAGE_BYTES))
}

fn check_request(request: &Request, message_max: usize) -> wasmtime::Result<()> {
    check_entries(request.headers.len())?;
    let headers = request.headers.iter().map(|header| header.name.len().saturating_add(header.value.len()));
    let texts = headers.fold(request.url.len(), usize::saturating_add);
    check_texts(texts.saturating_add(request.method.len()))?;
    match &request.body {
        Body::Whole(bytes) => check_message_bytes(bytes.len(), message_max),
        Body::Empty | Body::Streamed => Ok(()),
    }
}

impl Guest {
    /// # Errors
    ///
    /// A trap, where a message, or a piece of a body, is far beyond `message_max`.
    pub(super) fn check_message_bytes(&self, bytes: usize) -> wasmtime::Result<()> {
        check_message_bytes(bytes, self.context.limits().message_max_bytes())
    }

    /// # Errors
    ///
    /// As of [`Self::check_message_bytes`].
    pub(super) fn check_message(
        &self,
        target: &str,
        method: &str,
        args: &Payload,
        key: Option<&str>,
    ) -> wasmtime::Result<()> {
        let texts = [target, method, key.unwrap_or_default()];
        let texts = texts.iter().map(|text| text.len()).fold(0, usize::saturating_add);
        self.check_message_bytes(texts.saturating_add(args.body.len()))
    }

    /// # Errors
    ///
    /// A trap, where a request is far beyond what may be sent.
    pub(super) fn check_request(&self, request: &Request) -> wasmtime::Result<()> {
        check_request(request, self.context.limits().message_max_bytes())
    }
}

/// The key of a call, if it has one.
pub(super) fn key_of(options: &CallOptions) -> Option<&str> {
    options.idempotency_key.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::bindings::http_types::Header;

    const MIB: usize = 1 << 20;

    fn request(url: usize, headers: usize, body: usize) -> Request {
        let header = Header { name: "x".to_owned(), value: Vec::new() };
        Request {
            method: String::new(),
            url: "u".repeat(url),
            headers: vec![header; headers],
            body: Body::Whole(vec![0; body]),
            first_byte_timeout_ms: None,
            between_bytes_timeout_ms: None,
            redirects_max: 0,
        }
    }

    #[test]
    fn requests_and_messages_far_beyond_their_bounds_are_traps() {
        for (url, headers, body, is_error) in [
            (MIB, 0, 0, true),
            (MIB + 1, 0, 0, false),
            (MIB - 4096, 4096, 16 * MIB, true),
            (MIB - 4095, 4096, 0, false),
            (0, 4097, 0, false),
            (0, 0, 16 * MIB + 1, false),
        ] {
            let checked = check_request(&request(url, headers, body), MIB);
            assert_eq!(checked.is_ok(), is_error, "{url} {headers} {body}");
        }
        assert!(check_message_bytes(20 * MIB, 5 * MIB).is_ok());
        assert!(check_message_bytes(20 * MIB + 1, 5 * MIB).is_err());
        assert!(check_message_bytes(16 * MIB, 0).is_ok());
        assert!(check_message_bytes(16 * MIB + 1, 0).is_err());
    }
}
