//! Pages in browsers that may send requests to a host, by where they come from.

use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use thiserror::Error;
use url::Url;

use crate::text::printable;

/// Where pages come from that may send requests and read the answers: a scheme, a host and a port.
///
/// Kept as browsers write it, which is what their header is compared with, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PageOrigin(Arc<str>);

/// What is no origin that can be granted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is no origin: give SCHEME://HOST[:PORT], such as https://app.example or http://localhost:3000"
)]
pub struct PageOriginError {
    text: String,
}

impl PageOrigin {
    /// It, as a browser writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && ["", "/"].contains(&url.path());
        // A star is a letter like any other in a host, and would be mistaken for more.
        let host = url.host_str().filter(|host| is_bare && !host.is_empty() && !host.contains('*'))?;
        // Not `Url::origin`: it has none for schemes that are not the Web's, whose pages have one all the same.
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        Some(Self(format!("{}://{host}{port}", url.scheme()).into()))
    }
}

impl FromStr for PageOrigin {
    type Err = PageOriginError;

    fn from_str(text: &str) -> Result<Self, PageOriginError> {
        const SHOWN_MAX_CHARS: usize = 100;
        Self::parse(text).ok_or_else(|| PageOriginError { text: printable(text, SHOWN_MAX_CHARS) })
    }
}

impl TryFrom<String> for PageOrigin {
    type Error = PageOriginError;

    fn try_from(text: String) -> Result<Self, PageOriginError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_as_browsers_write_it() {
        for (text, kept) in [
            ("http://localhost:3000", "http://localhost:3000"),
            ("HTTPS://App.Example:443/", "https://app.example"),
            ("http://[0::1]:80", "http://[::1]"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("tauri://localhost", "tauri://localhost"),
            ("chrome-extension://abc", "chrome-extension://abc"),
        ] {
            assert_eq!(text.parse::<PageOrigin>().unwrap().as_str(), kept);
        }
        for bad in [
            "",
            "*",
            "null",
            "localhost:3000",
            "http://",
            "http://*.example",
            "http://a.example/path",
            "http://a.example?x",
            "http://a.example#x",
            "http://user@a.example",
            "http://:x@a.example",
            "file:///x",
            "data:,x",
        ] {
            let error = bad.parse::<PageOrigin>().map(|origin| origin.as_str().to_owned());
            assert!(error.is_err(), "{bad}: {error:?}");
        }
    }
}
