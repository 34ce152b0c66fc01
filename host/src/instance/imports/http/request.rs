//! What a guest asks for, checked before anything is sent. Everything in it is hostile.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::failure::Failure;
use crate::instance::bindings::http_types::{Body, ErrorCode, Header, Request};

/// The longest URL. Servers take 8 to 16 KiB.
pub(super) const URL_MAX_BYTES: usize = 16 << 10;
pub(super) const METHOD_MAX_BYTES: usize = 32;
/// The most bytes of one piece of a streamed body.
pub(super) const WRITE_MAX_BYTES: usize = 256 << 10;
/// As many as the client takes in a response.
const HEADERS_MAX: usize = 100;
/// The most bytes of names and values together, either way.
pub(super) const HEADERS_MAX_BYTES: usize = 64 << 10;
const REDIRECTS_MAX: u32 = 10;

const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(30);
const BETWEEN_BYTES_TIMEOUT: Duration = Duration::from_secs(60);
/// No timeout of a guest is longer.
const TIMEOUT_MAX: Duration = Duration::from_secs(10 * 60);

/// Headers about the connection or the framing of the body. They are the host's: with them a guest could make one
/// request look like two to a server behind a proxy.
const OF_THE_HOST: [&str; 14] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// A request that may be sent, once its URL is granted.
pub(super) struct Prepared {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: PreparedBody,
    pub(super) first_byte: Duration,
    pub(super) between_bytes: Duration,
    pub(super) redirects_max: u32,
    /// The most bytes of one piece of a body.
    pub(super) piece_max: usize,
}

impl Prepared {
    /// What the host takes to keep it until its exchange is closed, roughly.
    pub(super) fn kept_bytes(&self) -> usize {
        /// For the connection, the headers of both sides and the pieces on their way.
        const OVERHEAD_BYTES: usize = 64 << 10;
        match &self.body {
            PreparedBody::Whole(bytes) => bytes.len().saturating_add(OVERHEAD_BYTES),
            // One on its way, and one in the client.
            PreparedBody::Streamed => OVERHEAD_BYTES + 2 * WRITE_MAX_BYTES,
        }
    }
}

pub(super) enum PreparedBody {
    Whole(Vec<u8>),
    Streamed,
}

pub(super) fn prepare(request: Request, piece_max: usize) -> Result<Prepared, Failure> {
    let body = match request.body {
        Body::Empty => PreparedBody::Whole(Vec::new()),
        Body::Whole(bytes) if bytes.len() > piece_max => {
            let text = format!("a body of {} bytes, more than {piece_max}; stream it", bytes.len());
            return Err(Failure::new(ErrorCode::HttpRequestBodySize, text));
        }
        Body::Whole(bytes) => PreparedBody::Whole(bytes),
        Body::Streamed => PreparedBody::Streamed,
    };
    let method = method(&request.method)?;
    if matches!(body, PreparedBody::Streamed) && is_without_body(&method) {
        return Err(no_streamed_body(&method));
    }
    Ok(Prepared {
        method,
        url: url(&request.url)?,
        headers: headers(request.headers)?,
        body,
        first_byte: first_byte_timeout(request.first_byte_timeout_ms.map(Duration::from_millis)),
        between_bytes: between_bytes_timeout(request.between_bytes_timeout_ms.map(Duration::from_millis)),
        redirects_max: request.redirects_max.min(REDIRECTS_MAX),
        piece_max,
    })
}

/// How long a response may take to begin.
pub(super) fn first_byte_timeout(wanted: Option<Duration>) -> Duration {
    wanted.unwrap_or(FIRST_BYTE_TIMEOUT).min(TIMEOUT_MAX)
}

/// How long there may be between two pieces of a response's body.
pub(super) fn between_bytes_timeout(wanted: Option<Duration>) -> Duration {
    wanted.unwrap_or(BETWEEN_BYTES_TIMEOUT).min(TIMEOUT_MAX)
}

/// Whether the client sends no body with this method, unless it knows its length beforehand.
pub(super) fn is_without_body(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// That is no reason to leave it out without a word.
pub(super) fn no_streamed_body(method: &Method) -> Failure {
    let text = format!("a {method} has no streamed body; send it whole, or by another method");
    Failure::new(ErrorCode::HttpRequestBodySize, text)
}

pub(super) fn method(name: &str) -> Result<Method, Failure> {
    let method = Some(name).filter(|name| name.len() <= METHOD_MAX_BYTES);
    let method = method.and_then(|name| Method::from_bytes(name.as_bytes()).ok());
    // These two are for proxies.
    let method = method.filter(|method| method != Method::CONNECT && method != Method::TRACE);
    method.ok_or_else(|| {
        Failure::new(ErrorCode::HttpRequestMethodInvalid, "this is no method that can be sent")
    })
}

/// Reads a URL as the client will.
pub(super) fn url(text: &str) -> Result<Url, Failure> {
    let invalid = |why: &str| Failure::new(ErrorCode::HttpRequestUriInvalid, format!("the URL {why}"));
    if text.len() > URL_MAX_BYTES {
        return Err(invalid("is too long"));
    }
    let mut url = Url::parse(text).map_err(|error| invalid(&format!("cannot be read: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("holds a user or a password; send a header `authorization`"));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Whether a header is made by the host, so that no guest gives it.
pub(super) fn is_of_the_host(name: &HeaderName) -> bool {
    OF_THE_HOST.contains(&name.as_str())
}

fn headers(given: Vec<Header>) -> Result<HeaderMap, Failure> {
    let bytes = given.iter().map(|header| header.name.len().saturating_add(header.value.len()));
    if given.len() > HEADERS_MAX || bytes.fold(0, usize::saturating_add) > HEADERS_MAX_BYTES {
        let text = format!("there may be {HEADERS_MAX} headers with {HEADERS_MAX_BYTES} bytes together");
        return Err(Failure::new(ErrorCode::HttpRequestHeaderSectionSize, text));
    }
    let mut headers = HeaderMap::new();
    for Header { name, value } in given {
        let invalid = |why: &str| {
            let text = format!("the header `{name}` {why}");
            Failure::new(ErrorCode::HttpRequestHeaderSectionInvalid, text)
        };
        let key =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_invalid| invalid("has no proper name"))?;
        if is_of_the_host(&key) {
            return Err(invalid("is made by the host"));
        }
        let value = HeaderValue::from_bytes(&value).map_err(|_invalid| invalid("has no proper value"))?;
        headers.append(key, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            method: "GET".to_owned(),
            url: "http://example.com/".to_owned(),
            headers: Vec::new(),
            body: Body::Empty,
            first_byte_timeout_ms: None,
            between_bytes_timeout_ms: Some(u64::MAX),
            redirects_max: u32::MAX,
        }
    }

    fn code(request: Request) -> ErrorCode {
        prepare(request, 10).err().expect("it is refused").into_wit().code
    }

    fn with_header(name: &str, value: &[u8]) -> Request {
        let header = Header { name: name.to_owned(), value: value.to_vec() };
        Request { headers: vec![header], ..request() }
    }

    #[test]
    fn timeouts_and_redirects_have_ceilings() {
        let prepared = prepare(request(), 10).ok().unwrap();
        assert_eq!(prepared.first_byte, FIRST_BYTE_TIMEOUT);
        assert_eq!(prepared.between_bytes, TIMEOUT_MAX);
        assert_eq!(prepared.redirects_max, REDIRECTS_MAX);
    }

    #[test]
    fn headers_that_could_smuggle_a_request_are_refused() {
        for name in ["Host", "content-length", "Transfer-Encoding", "connection", "te", "upgrade", "expect"] {
            assert_eq!(code(with_header(name, b"x")), ErrorCode::HttpRequestHeaderSectionInvalid, "{name}");
        }
        for (name, value) in
            [("a b", &b"x"[..]), ("", b"x"), ("x\r\ny", b"x"), ("x", b"a\r\nhost: b"), ("x", b"\0")]
        {
            assert_eq!(code(with_header(name, value)), ErrorCode::HttpRequestHeaderSectionInvalid, "{name}");
        }
        assert_eq!(
            code(with_header("x", &[b'a'; HEADERS_MAX_BYTES])),
            ErrorCode::HttpRequestHeaderSectionSize
        );
    }

    #[test]
    fn urls_and_methods_that_cannot_be_sent_are_refused() {
        for url in
            ["", "/x", "ftp://example.com", "http://", "http://me@example.com", "http://:p@example.com"]
        {
            assert_eq!(
                code(Request { url: url.to_owned(), ..request() }),
                ErrorCode::HttpRequestUriInvalid,
                "{url}"
            );
        }
        for method in ["", "GET /", "CONNECT", "TRACE", "G\r\n"] {
            let request = Request { method: method.to_owned(), ..request() };
            assert_eq!(code(request), ErrorCode::HttpRequestMethodInvalid, "{method}");
        }
        let too_large = Request { body: Body::Whole(vec![0; 11]), ..request() };
        assert_eq!(code(too_large), ErrorCode::HttpRequestBodySize);
        for method in ["GET", "HEAD"] {
            let request = Request { method: method.to_owned(), body: Body::Streamed, ..request() };
            assert_eq!(code(request), ErrorCode::HttpRequestBodySize, "{method}");
        }
    }
}
