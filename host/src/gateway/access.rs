//! Who may send requests.
//!
//! With a token: whoever has it. Without one the gateway listens on loopback only, and anybody on this machine
//! may, but no page in a browser: a page from elsewhere is known by its `Origin`, and one whose name was made
//! to point here (DNS rebinding) by the `Host` that the browser thinks it talks to.

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::problem::{Problem, Refusal};
use super::token::Token;
use crate::text::printable;

/// What probes ask for; open to all.
pub(super) const HEALTH_PATH: &str = "/healthz";

/// How much of a header is shown to its sender.
const SHOWN_MAX_CHARS: usize = 100;

/// Whether a request may come in; if not, what it is answered.
#[expect(clippy::result_large_err, reason = "a response is what the caller needs, at once")]
pub(super) fn check(token: Option<&Token>, request: &Request) -> Result<(), Response> {
    match token {
        Some(_) if request.uri().path() == HEALTH_PATH => Ok(()),
        Some(token) => check_token(token, request.headers()),
        None => check_local(request).map_err(IntoResponse::into_response),
    }
}

#[expect(clippy::result_large_err, reason = "a response is what the caller needs, at once")]
fn check_token(token: &Token, headers: &HeaderMap) -> Result<(), Response> {
    let given = headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    if given.is_some_and(|given| token.matches(given)) {
        return Ok(());
    }
    let message = match given {
        Some(_) => "the token is not the host's",
        None => "this host needs a token: send `Authorization: Bearer TOKEN`",
    };
    let problem = Problem::from(Refusal::denied(message));
    let problem = Problem { status: StatusCode::UNAUTHORIZED.as_u16(), ..problem };
    let mut response = problem.into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Err(response)
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer ";
    let (scheme, given) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| given.trim_ascii())
}

fn check_local(request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let host = headers.get(HOST).map(HeaderValue::as_bytes);
    if !host.is_some_and(|host| Authority::try_from(host).is_ok_and(|host| names_a_machine(host.host()))) {
        return Err(Refusal::denied(format!(
            "this host has no token, so the `Host` header must be `localhost` or an IP address{}",
            shown(headers.get(HOST))
        )));
    }
    // A page that a browser hides the origin of says `null`.
    let origins = headers.get_all(ORIGIN);
    match origins.iter().find(|origin| !is_local_origin(origin.as_bytes())) {
        None => Ok(()),
        origin => Err(Refusal::denied(format!(
            "this host has no token, so it answers no page from elsewhere{}",
            shown(origin)
        ))),
    }
}

fn shown(value: Option<&HeaderValue>) -> String {
    let text = value.map(|value| String::from_utf8_lossy(value.as_bytes()));
    text.map_or_else(String::new, |text| format!(", not `{}`", printable(&text, SHOWN_MAX_CHARS)))
}

/// Whether nobody else can make this name point here.
fn names_a_machine(host: &str) -> bool {
    is_localhost(host) || ip(host).is_some()
}

fn is_local_origin(origin: &[u8]) -> bool {
    Uri::try_from(origin).is_ok_and(|origin| {
        let host = origin.host().unwrap_or_default();
        is_localhost(host) || ip(host).is_some_and(|ip| ip.to_canonical().is_loopback())
    })
}

/// `localhost` and what is under it never leave the machine (RFC 6761, section 6.3).
fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

fn ip(host: &str) -> Option<std::net::IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn local(host: Option<&str>, origin: Option<&str>) -> bool {
        let mut request = Request::builder().uri("/v1/actors");
        for (name, value) in [(HOST, host), (ORIGIN, origin)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        check_local(&request.body(Body::empty()).unwrap()).is_ok()
    }

    #[test]
    fn a_name_that_somebody_else_can_point_here_is_refused() {
        for good in
            ["127.0.0.1:7433", "localhost", "LOCALHOST.:80", "[::1]:7433", "192.168.1.2", "a.localhost"]
        {
            assert!(local(Some(good), None), "{good}");
        }
        for bad in
            ["evil.example:7433", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", ""]
        {
            assert!(!local(Some(bad), None), "{bad}");
        }
        assert!(!local(None, None));
    }

    #[test]
    fn a_page_from_elsewhere_is_refused() {
        let with = |origin| local(Some("127.0.0.1:7433"), Some(origin));
        for good in ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:8443"] {
            assert!(with(good), "{good}");
        }
        for bad in
            ["http://evil.example", "null", "http://10.0.0.1", "http://localhost.evil.example", "", "file://"]
        {
            assert!(!with(bad), "{bad}");
        }
    }

    #[test]
    fn the_scheme_of_a_token_is_read_in_any_case() {
        assert_eq!(bearer(b"Bearer abc "), Some(b"abc".as_slice()));
        assert_eq!(bearer(b"bearer abc"), Some(b"abc".as_slice()));
        assert_eq!(bearer(b"Basic abc"), None);
        assert_eq!(bearer(b"Bear"), None);
    }

    #[test]
    fn a_wrong_token_is_401_and_says_how_to_send_one() {
        let token = Token::new("correct-horse-battery").unwrap();
        let with =
            |value: &'static str| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
        assert!(check_token(&token, &with("Bearer correct-horse-battery")).is_ok());
        for headers in [HeaderMap::new(), with("Bearer wrong-horse-battery"), with("correct-horse-battery")] {
            let response = check_token(&token, &headers).unwrap_err();
            assert_eq!(response.status(), 401);
            assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        }
    }
}
