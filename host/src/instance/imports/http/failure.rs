//! Why an exchange came to nothing, in the words of the WIT.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use crate::grants::http::Denied;
use crate::instance::bindings::http_types::{Error, ErrorCode};
use crate::text::printable;

/// How much a message says: a server's text may be in it.
const MESSAGE_MAX_CHARS: usize = 500;

/// Why an exchange came to nothing.
#[derive(Debug, Clone)]
pub(in crate::instance) struct Failure {
    code: ErrorCode,
    message: String,
}

/// A name that the system does not resolve.
#[derive(Debug)]
pub(super) struct Unresolved {
    pub(super) name: String,
    pub(super) why: String,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name {} does not resolve: {}", self.name, self.why)
    }
}

impl StdError for Unresolved {}

/// A name that leads only where a wildcard does not reach.
#[derive(Debug)]
pub(super) struct OutOfReach {
    pub(super) name: String,
}

impl fmt::Display for OutOfReach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        write!(
            f,
            "{name} leads to addresses that are not public, and no wildcard reaches those: it needs the grant `http` for `{name}` itself"
        )
    }
}

impl StdError for OutOfReach {}

impl Failure {
    pub(in crate::instance::imports) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn cancelled() -> Self {
        Self::new(ErrorCode::Cancelled, "the call was told to stop, or the exchange was closed")
    }

    /// What is wrong with a URL, where a server gave it.
    pub(super) fn of_a_redirect(self) -> Self {
        let text = format!("the server redirects to a URL that cannot be followed: {}", self.message);
        Self::new(ErrorCode::HttpProtocolError, text)
    }

    pub(in crate::instance) fn into_wit(self) -> Error {
        Error { code: self.code, message: printable(&self.message, MESSAGE_MAX_CHARS) }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        Self::new(ErrorCode::HttpRequestDenied, denied.to_string())
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        let (code, message) = classify(&error);
        Self { code, message }
    }
}

/// Looks for the cause that says most: the client's own errors are about its phases.
fn classify(error: &reqwest::Error) -> (ErrorCode, String) {
    let mut text = Vec::new();
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    let mut code = None;
    while let Some(cause) = next {
        // The first line would name the URL, which may hold secrets of the guest; it knows it anyway.
        if text.len() < 8 && !cause.is::<reqwest::Error>() {
            text.push(cause.to_string());
        }
        code = code_of(cause).or(code);
        // An I/O error shows what it wraps as its own text, and hides it from `source`.
        next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    let text = text.join(": ");
    let code = code.unwrap_or_else(|| {
        if text.contains("certificate") {
            ErrorCode::TlsCertificateError
        } else if error.is_connect() && error.is_timeout() {
            ErrorCode::ConnectionTimeout
        } else if error.is_timeout() {
            ErrorCode::HttpResponseTimeout
        } else if error.is_connect() || error.is_request() || error.is_body() {
            ErrorCode::ConnectionTerminated
        } else if error.is_builder() {
            ErrorCode::InternalError
        } else {
            ErrorCode::HttpProtocolError
        }
    });
    (code, text)
}

fn code_of(cause: &(dyn StdError + 'static)) -> Option<ErrorCode> {
    if cause.is::<OutOfReach>() {
        return Some(ErrorCode::HttpRequestDenied);
    }
    if cause.is::<Unresolved>() {
        return Some(ErrorCode::DnsError);
    }
    let io = cause.downcast_ref::<io::Error>()?;
    match io.kind() {
        io::ErrorKind::ConnectionRefused => Some(ErrorCode::ConnectionRefused),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            Some(ErrorCode::ConnectionTerminated)
        }
        _other => None,
    }
}
