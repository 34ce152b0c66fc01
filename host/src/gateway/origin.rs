//! Pages in browsers: which of them may send requests, and which may read the answers.
//!
//! A browser sends what a page tells it to, to any address, also to one that only this machine reaches. It says which
//! page in the header `Origin`, which no page can change: without a grant, a request with one is refused, whatever its
//! method and its token, before anything else is done with it. Where browsers leave it out, since the page cannot read
//! the answer (pictures, scripts), `Sec-Fetch-Site` says as much. And a page that has made its own name point here (DNS
//! rebinding) is known by the name that it thinks it talks to.
//!
//! What a page that was granted may read follows from the Fetch standard (CORS); the headers of it are in [`Pages::cors`].

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use axum::http::uri::Scheme;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::CorsLayer;

use super::authority::{Authority, shown};
use super::problem::Refusal;
use super::request::{IDEMPOTENCY_KEY_HEADER, LAST_EVENT_ID_HEADER, TIMEOUT_HEADER, WHEN_RESTARTING_HEADER};
use super::trace_context;
use crate::grants::PageOrigin;

/// How long a browser may remember what it was granted: as long as Chromium does at most.
const MAX_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// Which names a request may be addressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Those that nobody else can make point here: where being able to send a request is all that it takes.
    OfMachines,
    /// All: where a request also takes a secret, which pages elsewhere do not have.
    Any,
}

/// What keeps pages out that were not let in. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    /// What requests come by.
    scheme: Scheme,
    granted: Arc<[PageOrigin]>,
    names: Names,
}

impl Pages {
    pub(super) fn new(scheme: Scheme, granted: Vec<PageOrigin>, names: Names) -> Self {
        Self { scheme, granted: granted.into(), names }
    }

    /// Whether a request may come in, as far as it is about whom it is addressed to and which page it is from.
    fn check(&self, request: &Request) -> Result<(), Refusal> {
        let authority = Authority::of(request, &self.scheme)?;
        if let Some(authority) = &authority
            && self.names == Names::OfMachines
            && !authority.names_a_machine()
        {
            return Err(Refusal::denied(format!(
                "this host has no token, so it must be called `localhost` or by an IP address, not `{}`",
                authority.shown()
            )));
        }
        let mut origins = request.headers().get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => check_fetch(request.method(), request.headers()),
            (Some(_), Some(_)) => Err(Refusal::bad_request("there is more than one `Origin` header")),
            (Some(origin), None) if self.is_let_in(origin, authority.as_ref()) => Ok(()),
            // A page that a browser hides the origin of says `null`, so nobody can be granted that.
            (Some(origin), None) => Err(Refusal::denied(format!(
                "this host takes no requests from pages of `{}`; its setting `origins` names those that may send some",
                shown(origin)
            ))),
        }
    }

    fn is_let_in(&self, origin: &HeaderValue, authority: Option<&Authority>) -> bool {
        let is_granted =
            || self.granted.iter().any(|granted| granted.as_str().as_bytes() == origin.as_bytes());
        authority.is_some_and(|own| own.origin().as_bytes() == origin.as_bytes()) || is_granted()
    }

    /// What tells browsers that pages which were granted may read the answers; none where none was. It answers their
    /// questions beforehand (`OPTIONS`) itself, and so must see only what has been let in, and before a token is asked
    /// for, which browsers do not send with those.
    pub(super) fn cors(&self) -> Option<CorsLayer> {
        // What is granted has been read from a URL, which has no character that is not for headers.
        let origins: Vec<_> =
            self.granted.iter().filter_map(|origin| HeaderValue::from_str(origin.as_str()).ok()).collect();
        let own = [IDEMPOTENCY_KEY_HEADER, LAST_EVENT_ID_HEADER, TIMEOUT_HEADER, WHEN_RESTARTING_HEADER];
        let own = own.into_iter().chain(trace_context::HEADERS).map(HeaderName::from_static);
        let layer = CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::HEAD, Method::POST])
            // What clients of events send along.
            .allow_headers(own.chain([AUTHORIZATION, CONTENT_TYPE, CACHE_CONTROL]).collect::<Vec<_>>())
            .expose_headers([ALLOW, RETRY_AFTER, WWW_AUTHENTICATE])
            // Of a page on the Internet to this machine, where browsers ask for that.
            .allow_private_network(true)
            .max_age(MAX_AGE);
        (!self.granted.is_empty()).then_some(layer)
    }
}

/// Whether a request without an `Origin` is none of a page elsewhere. People may follow a link to here.
fn check_fetch(method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|given| given == value);
    let own = |site: &HeaderValue| site == "none" || site == "same-origin";
    let is_link = || {
        [Method::GET, Method::HEAD].contains(method)
            && is("sec-fetch-mode", "navigate")
            && is("sec-fetch-dest", "document")
    };
    if headers.get_all("sec-fetch-site").iter().all(own) || is_link() {
        return Ok(());
    }
    Err(Refusal::denied("this host takes no requests from pages elsewhere that do not say where"))
}

/// Passes on what may come in.
pub(super) async fn let_in(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    match pages.check(&request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            tracing::debug!(?refusal, "refused");
            refusal.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn pages(granted: &[&str], names: Names) -> Pages {
        Pages::new(Scheme::HTTP, granted.iter().map(|origin| origin.parse().unwrap()).collect(), names)
    }

    fn sent(pages: &Pages, method: Method, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri("/v1/actors");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        pages.check(&request.body(Body::empty()).unwrap()).is_ok()
    }

    const HERE: (&str, &str) = ("host", "127.0.0.1:7433");

    #[test]
    fn a_page_is_let_in_by_its_origin_to_the_letter() {
        for names in [Names::OfMachines, Names::Any] {
            let pages = pages(&["https://app.example", "http://localhost:3000/"], names);
            let from = |origin| sent(&pages, Method::POST, &[HERE, ("origin", origin)]);
            for good in ["http://127.0.0.1:7433", "https://app.example", "http://localhost:3000"] {
                assert!(from(good), "{good}");
            }
            for bad in [
                "http://localhost:7433",
                "https://127.0.0.1:7433",
                "http://127.0.0.1",
                "http://127.0.0.1:3000",
                "http://127.0.0.1:7433/",
                "http://app.example",
                "https://app.example:443",
                "https://APP.example",
                "https://x.app.example",
                "http://evil.com@localhost",
                "http://evil.com@127.0.0.1:7433",
                "http://[::1].evil.com",
                "https://app.example https://app.example",
                "null",
                "*",
                "",
            ] {
                assert!(!from(bad), "{bad}");
            }
            let twice = [HERE, ("origin", "https://app.example"), ("origin", "https://app.example")];
            assert!(!sent(&pages, Method::GET, &twice));
        }
    }

    #[test]
    fn a_request_that_is_addressed_to_nobody_has_no_own_origin() {
        let pages = pages(&["https://app.example"], Names::OfMachines);
        let mut request =
            Request::builder().version(axum::http::Version::HTTP_10).body(Body::empty()).unwrap();
        assert!(pages.check(&request).is_ok());
        request.headers_mut().insert(ORIGIN, HeaderValue::from_static("http://localhost"));
        assert!(pages.check(&request).is_err());
        request.headers_mut().insert(ORIGIN, HeaderValue::from_static("https://app.example"));
        assert!(pages.check(&request).is_ok());
    }

    #[test]
    fn a_name_that_somebody_else_can_point_here_needs_a_token() {
        for names in [Names::OfMachines, Names::Any] {
            let allowed = sent(&pages(&[], names), Method::GET, &[("host", "evil.example:7433")]);
            assert_eq!(allowed, names == Names::Any);
        }
    }

    #[test]
    fn a_request_that_a_browser_says_is_of_another_site_is_refused_but_for_links() {
        let pages = pages(&["https://app.example"], Names::OfMachines);
        let site = |method, more: &[(&str, &str)]| sent(&pages, method, &[&[HERE], more].concat());
        for own in ["none", "same-origin"] {
            assert!(site(Method::GET, &[("sec-fetch-site", own)]));
        }
        for other in ["cross-site", "same-site", "what comes next"] {
            let other = ("sec-fetch-site", other);
            assert!(!site(Method::GET, &[other]));
            assert!(!site(Method::GET, &[other, ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")]));
            assert!(!site(
                Method::GET,
                &[other, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")]
            ));
            assert!(site(Method::GET, &[other, ("origin", "https://app.example")]));
            let link = [other, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
            assert!(site(Method::GET, &link));
            assert!(!site(Method::POST, &link));
        }
    }
}
