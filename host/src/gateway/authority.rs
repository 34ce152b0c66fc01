//! Whom a request is addressed to, by the letter of RFC 9112, section 3.2.
//!
//! The target goes before the `Host` header where it names an authority itself. What two readers could understand in
//! two ways is refused, so that what is checked here is what a proxy before, or a client behind, has meant.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Scheme;
use axum::http::{HeaderValue, Method, Version};
use url::{Host, Url};

use super::problem::Refusal;
use crate::text::printable;

/// How much of a header is shown to its sender.
const SHOWN_MAX_CHARS: usize = 100;

/// Whom a request is addressed to: a host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    url: Url,
}

impl Authority {
    /// Whom `request` is addressed to, which came by this scheme; none where it is of HTTP/1.0, and does not say.
    ///
    /// # Errors
    ///
    /// Where it says so in no way that there is, or in two.
    pub(super) fn of(request: &Request, own: &Scheme) -> Result<Option<Self>, Refusal> {
        let host = host_header(request, own)?;
        let uri = request.uri();
        match (uri.scheme(), uri.authority()) {
            (None, None) if uri.path() == "*" && request.method() != Method::OPTIONS => {
                Err(Refusal::bad_request("the target `*` is for OPTIONS"))
            }
            (None, None) => Ok(host),
            (Some(scheme), Some(authority)) if scheme == own => {
                let target = Self::parse(authority.as_str().as_bytes(), own);
                target.map(Some).ok_or_else(|| Refusal::bad_request("the target names no host"))
            }
            (Some(_), _) => Err(Refusal::bad_request(format!("the target is no `{own}` URL"))),
            (None, Some(_)) => Err(Refusal::bad_request("this host is no proxy: the target must be a path")),
        }
    }

    /// Reads `uri-host [":" port]`.
    fn parse(text: &[u8], own: &Scheme) -> Option<Self> {
        // No user, path, query or blank: nothing that a URL would take for another part of itself, or leave out.
        let is_fit = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%:[]".contains(byte);
        let text = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| is_fit(&byte)))?;
        Url::parse(&format!("{own}://{text}/")).ok().map(|url| Self { url })
    }

    /// The origin of a page that came from there, as a browser writes it (RFC 6454, section 6.2).
    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether nobody else can make this name point here: it is an address, or `localhost` or under it, which never
    /// leaves the machine (RFC 6761, section 6.3).
    pub(super) fn names_a_machine(&self) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            Some(Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                name == "localhost" || name.ends_with(".localhost")
            }
            None => false,
        }
    }

    /// For its sender to see.
    pub(super) fn shown(&self) -> String {
        printable(self.url.authority(), SHOWN_MAX_CHARS)
    }
}

/// The one `Host` header, which HTTP/1.0 does without.
fn host_header(request: &Request, own: &Scheme) -> Result<Option<Authority>, Refusal> {
    let mut values = request.headers().get_all(HOST).iter();
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(Refusal::bad_request("there is more than one `Host` header")),
        (None, _) if request.version() == Version::HTTP_10 => Ok(None),
        (None, _) => Err(Refusal::bad_request("there is no `Host` header")),
        (Some(value), None) => Authority::parse(value.as_bytes(), own).map(Some).ok_or_else(|| {
            Refusal::bad_request(format!(
                "the `Host` header must be a host and a port, not `{}`",
                shown(value)
            ))
        }),
    }
}

/// A header, for its sender to see.
pub(super) fn shown(value: &HeaderValue) -> String {
    printable(&String::from_utf8_lossy(value.as_bytes()), SHOWN_MAX_CHARS)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn addressed(version: Version, target: &str, hosts: &[&str]) -> Result<Option<String>, String> {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let authority = Authority::of(&request.body(Body::empty()).unwrap(), &Scheme::HTTP);
        let said = |refusal| match refusal {
            Refusal::Request { status, message } => format!("{} {message}", status.as_u16()),
            Refusal::Call(error) => error.to_string(),
        };
        authority.map(|authority| authority.map(|authority| authority.origin())).map_err(said)
    }

    fn host(text: &str) -> Option<String> {
        addressed(Version::HTTP_11, "/", &[text]).ok().flatten()
    }

    #[test]
    fn a_host_header_is_a_host_and_a_port_and_no_more() {
        for (text, origin) in [
            ("localhost", "http://localhost"),
            ("LOCALHOST.:80", "http://localhost."),
            ("127.0.0.1:7433", "http://127.0.0.1:7433"),
            ("localhost:", "http://localhost"),
            ("[::1]:7433", "http://[::1]:7433"),
            ("[0:0:0:0:0:0:0:1]", "http://[::1]"),
            ("my_host.example:1", "http://my_host.example:1"),
        ] {
            assert_eq!(host(text).as_deref(), Some(origin), "{text}");
        }
        for text in [
            "",
            ":80",
            "evil@localhost",
            "evil:x@localhost",
            "localhost/",
            "localhost/x",
            "localhost?x",
            "localhost#x",
            "localhost\\x",
            "localhost x",
            "localhost, evil.example",
            "http://localhost",
            "localhost:80:80",
            "localhost:65536",
            "localhost:-1",
            "localhost:http",
            "[::1",
            "::1",
            "[::1].evil.com",
            "[v1.x]",
            "%zz",
        ] {
            assert_eq!(host(text), None, "{text}");
        }
    }

    #[test]
    fn there_is_one_host_header_but_in_http_1_0() {
        let of = |version, hosts: &[&str]| addressed(version, "/", hosts);
        assert_eq!(of(Version::HTTP_11, &[]), Err("400 there is no `Host` header".to_owned()));
        assert_eq!(of(Version::HTTP_10, &[]), Ok(None));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            let twice = of(version, &["localhost", "localhost"]);
            assert_eq!(twice, Err("400 there is more than one `Host` header".to_owned()));
        }
    }

    #[test]
    fn a_target_that_names_a_host_goes_before_the_header() {
        let of = |target| addressed(Version::HTTP_11, target, &["localhost"]);
        assert_eq!(of("http://evil.example/healthz"), Ok(Some("http://evil.example".to_owned())));
        assert_eq!(of("http://127.0.0.1:1/"), Ok(Some("http://127.0.0.1:1".to_owned())));
        for target in
            ["http://evil@localhost/", "https://localhost/", "ftp://localhost/", "localhost:80", "*"]
        {
            assert!(of(target).is_err_and(|error| error.starts_with("400 ")), "{target}");
        }
        let without = addressed(Version::HTTP_11, "http://localhost/", &[]);
        assert_eq!(without, Err("400 there is no `Host` header".to_owned()));
    }

    #[test]
    fn an_origin_has_the_scheme_that_a_request_came_by() {
        let origin = |text: &str| Authority::parse(text.as_bytes(), &Scheme::HTTPS).unwrap().origin();
        assert_eq!(origin("a.example:443"), "https://a.example");
        assert_eq!(origin("a.example:80"), "https://a.example:80");
    }

    #[test]
    fn only_addresses_and_localhost_are_names_that_nobody_else_can_point_here() {
        let names = |text: &str| Authority::parse(text.as_bytes(), &Scheme::HTTP).unwrap().names_a_machine();
        for good in
            ["127.0.0.1:7433", "localhost", "LOCALHOST.:80", "[::1]:7433", "192.168.1.2", "a.localhost"]
        {
            assert!(names(good), "{good}");
        }
        for bad in ["evil.example:7433", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost"] {
            assert!(!names(bad), "{bad}");
        }
    }
}
