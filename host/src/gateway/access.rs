//! Who may send requests, of those that are no page in a browser: which of those may, `origin` says before.
//!
//! With a token: whoever has it. Without one the gateway listens on loopback only, and anybody on this machine may.

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::problem::{Problem, Refusal};
use super::token::Token;

/// What probes ask for; open to all.
pub(super) const HEALTH_PATH: &str = "/healthz";

/// Whether a request may come in; if not, what it is answered.
#[expect(clippy::result_large_err, reason = "a response is what the caller needs, at once")]
pub(super) fn check(token: Option<&Token>, request: &Request) -> Result<(), Response> {
    match token {
        Some(_) if request.uri().path() == HEALTH_PATH => Ok(()),
        Some(token) => check_token(token, request.headers()),
        None => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

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
