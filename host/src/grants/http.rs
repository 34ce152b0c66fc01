//! Which hosts an actor may speak HTTP with: what a grant says, and which URLs and addresses it lets through.
//!
//! Pure: nobody is looked up here. Whoever connects asks twice, for the URL and, once the name is resolved, for
//! the address, so that a name that a wildcard lets through cannot lead into the operator's own network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;
use url::{Host, Url};

use crate::text::printable;

/// One host, or all of a kind. As text: `[http://|https://]HOST[:PORT]`, where HOST is a name, an address,
/// `*.NAME` for what is below NAME, or `*`. Without a scheme both; without a port the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HttpGrant {
    scheme: Option<Scheme>,
    target: Target,
    port: Option<u16>,
}

/// How a host is spoken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// Whom a grant names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// Exactly this one, as the URL standard writes it.
    Exact(Host<String>),
    /// What is below this name, and not the name itself.
    Below(String),
    Any,
}

/// Which addresses a name may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Any: the operator named this host.
    Named,
    /// Public ones: only a wildcard lets the name through.
    Public,
}

/// How much is shown of a text that grants no host.
const TEXT_MAX_CHARS: usize = 100;

/// Why a text grants no host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` names no host: {why}; hosts are granted as [http://|https://]HOST[:PORT], such as \
     api.example.com, https://*.example.com or http://127.0.0.1:8080"
)]
pub struct InvalidHttpGrant {
    text: String,
    why: &'static str,
}

impl Scheme {
    fn of(url: &Url) -> Option<Self> {
        match url.scheme() {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl FromStr for HttpGrant {
    type Err = InvalidHttpGrant;

    fn from_str(text: &str) -> Result<Self, InvalidHttpGrant> {
        let invalid = |why| InvalidHttpGrant { text: printable(text, TEXT_MAX_CHARS), why };
        let (scheme, rest) = split_scheme(text).map_err(invalid)?;
        // As URLs are copied: it says nothing more.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split_port(rest).map_err(invalid)?;
        let target = match host {
            "*" => Target::Any,
            _ => match host.strip_prefix("*.") {
                Some(parent) => match parse_host(parent).map_err(invalid)? {
                    Host::Domain(parent) => Target::Below(parent),
                    Host::Ipv4(_) | Host::Ipv6(_) => return Err(invalid("an address has nothing below it")),
                },
                None => Target::Exact(parse_host(host).map_err(invalid)?),
            },
        };
        Ok(Self { scheme, target, port })
    }
}

impl TryFrom<String> for HttpGrant {
    type Error = InvalidHttpGrant;

    fn try_from(text: String) -> Result<Self, InvalidHttpGrant> {
        text.parse()
    }
}

fn split_scheme(text: &str) -> Result<(Option<Scheme>, &str), &'static str> {
    match text.split_once("://") {
        None => Ok((None, text)),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => Ok((Some(Scheme::Http), rest)),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => Ok((Some(Scheme::Https), rest)),
        Some(_) => Err("the scheme is http or https"),
    }
}

/// Takes `HOST:PORT` apart; an address of IP version 6 is in brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let after_brackets = text.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = text.get(after_brackets..).and_then(|tail| tail.find(':')) else {
        return Ok((text, None));
    };
    let (host, port) = text.split_at(after_brackets + colon);
    let port = port.strip_prefix(':').unwrap_or_default();
    if port.contains(':') {
        return Err("an IPv6 address is put in brackets");
    }
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(number) if digits && number != 0 => Ok((host, Some(number))),
        _ => Err("a port is a number from 1 to 65535"),
    }
}

fn parse_host(text: &str) -> Result<Host<String>, &'static str> {
    if text.is_empty() {
        return Err("the host is missing");
    }
    if text.contains('*') {
        return Err("a `*` stands alone or before the first dot");
    }
    if text.contains(['/', '?', '#', '@']) {
        return Err("there is no path, user or query in it");
    }
    let host = Host::parse(text).map_err(|_invalid| "the host is no name and no address")?;
    canonical(host).ok_or("the host is no name and no address")
}

/// Without the dot that may end a full name. None where there is nothing else.
fn canonical(host: Host<String>) -> Option<Host<String>> {
    match host {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            let sound = !name.is_empty() && !name.starts_with('.') && !name.ends_with('.');
            sound.then(|| Host::Domain(name.to_owned()))
        }
        address => Some(address),
    }
}

impl HttpGrant {
    /// How far this grant lets a URL reach; none where it is about others.
    fn reach(&self, scheme: Scheme, host: &Host<String>, port: u16) -> Option<Reach> {
        let scheme_fits = self.scheme.is_none_or(|granted| granted == scheme);
        let port_fits = self.port.unwrap_or(scheme.default_port()) == port;
        let reach = match (&self.target, host) {
            (Target::Exact(granted), host) if granted == host => Reach::Named,
            (Target::Below(parent), Host::Domain(name)) if is_below(name, parent) => Reach::Public,
            (Target::Any, _) => Reach::Public,
            _ => return None,
        };
        (scheme_fits && port_fits).then_some(reach)
    }
}

fn is_below(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
}

/// What a URL was denied for, and what would grant it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{actor}` may not reach {host}:{port}: it needs the grant `http` for `{grant}`")]
pub struct Denied {
    actor: String,
    host: String,
    port: u16,
    grant: String,
}

impl Denied {
    /// For a URL whose grants do not let it through.
    #[must_use]
    pub fn new(actor: &str, url: &Url) -> Self {
        let scheme = Scheme::of(url).unwrap_or(Scheme::Https);
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port().unwrap_or(scheme.default_port());
        let shown_port = if port == scheme.default_port() { String::new() } else { format!(":{port}") };
        let grant = format!("{}://{host}{shown_port}", scheme.as_str());
        Self { actor: actor.to_owned(), host, port, grant }
    }
}

/// How far the grants let a URL reach. None where they do not let it through, or it is no URL of HTTP.
///
/// An address in the URL itself is held to its reach here, since nobody resolves it.
#[must_use]
pub fn reach(grants: &[HttpGrant], url: &Url) -> Option<Reach> {
    let scheme = Scheme::of(url)?;
    let host = canonical(url.host()?.to_owned())?;
    let port = url.port().unwrap_or(scheme.default_port());
    let reaches = || grants.iter().filter_map(|grant| grant.reach(scheme, &host, port));
    if reaches().any(|reach| reach == Reach::Named) {
        return Some(Reach::Named);
    }
    let public = match host {
        Host::Domain(_) => true,
        Host::Ipv4(address) => is_public(address.into()),
        Host::Ipv6(address) => is_public(address.into()),
    };
    reaches().next().filter(|_| public)
}

/// Whether an address is one of the open Internet, and not the machine's, its network's, or nobody's.
#[must_use]
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// RFC 6890 and what became of it since.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_this_network = a == 0;
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_protocol = a == 192 && b == 0 && c == 0;
    // Of 6to4: it leads to whoever relays.
    let is_relay = a == 192 && b == 88 && c == 99;
    let is_benchmark = a == 198 && (b == 18 || b == 19);
    // Multicast, reserved and broadcast.
    let is_no_host = a >= 224;
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || is_this_network
        || is_shared
        || is_protocol
        || is_relay
        || is_benchmark
        || is_no_host)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // Mapped, and translated (RFC 6052): what counts is the address inside.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // 6to4 leads to addresses inside of it, documentation nowhere.
        [0x2002, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..0x1000, ..] => false,
        // What is set apart for protocols: Teredo, benchmarks and identifiers that are no places.
        [0x2001, 0..0x200, ..] => false,
        // Global unicast, the only space that is given out.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{}://", scheme.as_str())?;
        }
        match &self.target {
            Target::Exact(host) => host.fmt(f)?,
            Target::Below(parent) => write!(f, "*.{parent}")?,
            Target::Any => f.write_str("*")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach_of(grants: &[&str], url: &str) -> Option<Reach> {
        let grants: Vec<_> = grants.iter().map(|grant| grant.parse().unwrap()).collect();
        reach(&grants, &url.parse().unwrap())
    }

    #[test]
    fn a_host_is_granted_with_or_without_scheme_and_port() {
        for (text, shown) in [
            ("api.example.com", "api.example.com"),
            ("API.Example.COM.", "api.example.com"),
            ("HTTPS://api.example.com:8443", "https://api.example.com:8443"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("*.example.com", "*.example.com"),
            ("http://*:8080", "http://*:8080"),
            ("[::1]:80", "[::1]:80"),
            ("127.1", "127.0.0.1"),
            ("https://api.example.com/", "https://api.example.com"),
            ("http://api.example.com:8080/", "http://api.example.com:8080"),
        ] {
            assert_eq!(text.parse::<HttpGrant>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_names_no_host_is_refused_with_the_reason() {
        for (bad, why) in [
            ("", "missing"),
            ("https://", "missing"),
            ("https:///", "missing"),
            ("/", "missing"),
            ("https://example.com//", "no path"),
            ("ftp://example.com", "http or https"),
            ("example.com/path", "no path"),
            ("me@example.com", "no path"),
            ("example.com:0", "a port"),
            ("example.com:", "a port"),
            ("example.com:+80", "a port"),
            ("example.com:65536", "a port"),
            ("::1", "in brackets"),
            ("a.*.example.com", "`*` stands alone"),
            ("*.127.0.0.1", "nothing below"),
            ("*.", "missing"),
            ("a b", "no name"),
            (".", "no name"),
        ] {
            let error = bad.parse::<HttpGrant>().unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn a_grant_is_for_its_host_its_scheme_and_its_port() {
        let named = Some(Reach::Named);
        assert_eq!(reach_of(&["example.com"], "https://EXAMPLE.com./x"), named);
        assert_eq!(reach_of(&["example.com"], "http://example.com"), named);
        assert_eq!(reach_of(&["example.com"], "http://example.com:443"), None);
        assert_eq!(reach_of(&["https://example.com"], "http://example.com"), None);
        assert_eq!(reach_of(&["example.com:8080"], "http://example.com:8080"), named);
        assert_eq!(reach_of(&["example.com:8080"], "http://example.com"), None);
        assert_eq!(reach_of(&["example.com"], "https://api.example.com"), None);
        assert_eq!(reach_of(&["127.0.0.1"], "http://2130706433/"), named);
        assert_eq!(reach_of(&[], "http://example.com"), None);
        assert_eq!(reach_of(&["*"], "ftp://example.com"), None);
    }

    #[test]
    fn a_wildcard_is_for_what_is_below_its_name_and_public() {
        let public = Some(Reach::Public);
        assert_eq!(reach_of(&["*.example.com"], "https://a.b.example.com"), public);
        assert_eq!(reach_of(&["*.example.com"], "https://example.com"), None);
        assert_eq!(reach_of(&["*.example.com"], "https://badexample.com"), None);
        assert_eq!(reach_of(&["*"], "https://93.184.215.14"), public);
        for inside in ["127.0.0.1", "10.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "0.0.0.0"] {
            assert_eq!(reach_of(&["*"], &format!("http://{inside}")), None, "{inside}");
            assert_eq!(reach_of(&["*", inside], &format!("http://{inside}")), Some(Reach::Named), "{inside}");
        }
    }

    #[test]
    fn addresses_of_ones_own_network_are_not_public() {
        for inside in [
            "0.1.2.3",
            "127.8.9.1",
            "10.1.1.1",
            "172.31.0.1",
            "192.168.0.1",
            "169.254.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.8",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
            "192.88.99.1",
            "2001::1",
            "2001:2::1",
            "2001:20::1",
            "3fff::1",
            "3fff:fff::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "93.184.215.14",
            "100.128.0.1",
            "172.32.0.1",
            "192.88.98.1",
            "2606:2800::1",
            "2001:200::1",
            "3fff:1000::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn a_denial_names_the_grant_that_is_missing() {
        let denied = |url: &str| Denied::new("fetcher", &url.parse().unwrap()).to_string();
        assert_eq!(
            denied("https://api.example.com/x"),
            "`fetcher` may not reach api.example.com:443: it needs the grant `http` for `https://api.example.com`"
        );
        assert!(denied("http://[::1]:81").ends_with("`http` for `http://[::1]:81`"));
    }
}
