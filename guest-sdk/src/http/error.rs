//! Why an exchange came to nothing.

use std::fmt;
use std::time::Duration;

use crate::bindings::http_types::{Error as WireError, ErrorCode};

/// Why a request has no response, or its body no end. `?` makes an [`Error`](crate::Error) of the right class of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The host was not granted; the message names the grant.
    Denied,
    /// The request cannot be sent as it is.
    Invalid,
    /// Nothing came in time.
    Timeout {
        /// How long, where that is known.
        after: Option<Duration>,
    },
    /// There is no connection, or it broke. The exchange may have taken effect.
    Connection,
    /// The other side could not show who it is.
    Certificate,
    /// The other side does not keep to HTTP, or redirects without an end.
    Protocol,
    /// Too many exchanges of this actor are open.
    TooManyRequests,
    /// More than the limit was to be read at once.
    TooLarge,
    /// The body is not what it was read as.
    Decode,
    /// [`Response::error_for_status`](super::Response::error_for_status): 4xx or 5xx.
    Status(u16),
    /// The call was told to stop.
    Cancelled,
    /// The host's own fault.
    Internal,
}

impl Error {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What went wrong, to match on.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    pub(crate) fn into_error(self) -> crate::Error {
        let Self { kind, message } = self;
        match kind {
            ErrorKind::Timeout { after } => crate::Error::timeout("http", after.unwrap_or_default()),
            ErrorKind::Cancelled => crate::Error::cancelled(),
            ErrorKind::Status(408 | 425 | 429 | 500..) => crate::Error::system(message),
            ErrorKind::Status(status) => crate::Error::business(status.into(), message),
            ErrorKind::Connection | ErrorKind::TooManyRequests => crate::Error::system(message),
            ErrorKind::Denied
            | ErrorKind::Invalid
            | ErrorKind::Certificate
            | ErrorKind::Protocol
            | ErrorKind::TooLarge
            | ErrorKind::Decode
            | ErrorKind::Internal => crate::Error::fatal(message),
        }
    }

    /// An error of the host; `timeout` is the one that the request had.
    pub(super) fn of_wire(error: WireError, timeout: Option<Duration>) -> Self {
        let kind = match error.code {
            ErrorCode::HttpRequestDenied => ErrorKind::Denied,
            ErrorCode::HttpRequestUriInvalid
            | ErrorCode::HttpRequestMethodInvalid
            | ErrorCode::HttpRequestHeaderSectionInvalid
            | ErrorCode::HttpRequestHeaderSectionSize
            | ErrorCode::HttpRequestBodySize => ErrorKind::Invalid,
            ErrorCode::ConnectionTimeout | ErrorCode::HttpResponseTimeout => {
                ErrorKind::Timeout { after: timeout }
            }
            ErrorCode::DnsError | ErrorCode::ConnectionRefused | ErrorCode::ConnectionTerminated => {
                ErrorKind::Connection
            }
            ErrorCode::TlsCertificateError => ErrorKind::Certificate,
            ErrorCode::HttpResponseHeaderSectionSize
            | ErrorCode::HttpProtocolError
            | ErrorCode::TooManyRedirects => ErrorKind::Protocol,
            ErrorCode::TooManyRequests => ErrorKind::TooManyRequests,
            ErrorCode::Cancelled => ErrorKind::Cancelled,
            ErrorCode::InternalError => ErrorKind::Internal,
        };
        Self { kind, message: error.message }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_mark_keeps_the_class() {
        let class = |kind| crate::Error::from(Error::new(kind, "m"));
        assert_eq!(class(ErrorKind::Denied), crate::Error::fatal("m"));
        assert_eq!(class(ErrorKind::Connection), crate::Error::system("m"));
        assert_eq!(class(ErrorKind::Cancelled), crate::Error::cancelled());
        assert_eq!(class(ErrorKind::Status(404)), crate::Error::business(404, "m"));
        for status in [408, 425, 429, 500, 503] {
            assert_eq!(class(ErrorKind::Status(status)), crate::Error::system("m"));
        }
        let after = Some(Duration::from_secs(5));
        assert_eq!(
            class(ErrorKind::Timeout { after }),
            crate::Error::timeout("http", Duration::from_secs(5))
        );
    }
}
