//! Requests to a host.

use std::io;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Method, Request, RequestBuilder, Response, Url};
use tokio_rustls::rustls;

use super::HostArgs;
use super::failure::Failure;
use crate::files;
use crate::gateway::problem::Problem;
use crate::gateway::token::Token;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much later than the host a client gives up that was given a timeout.
const TIMEOUT_SLACK: Duration = Duration::from_secs(5);
/// The most bytes of a file with certificates: those of a system have some 200 KB.
const CERTIFICATES_MAX_BYTES: u64 = 4 << 20;

/// A host, as its clients see it.
pub(super) struct HostClient {
    client: Client,
    base: Url,
}

impl HostClient {
    pub(super) fn new(args: &HostArgs) -> Result<Self, Failure> {
        let base = base_url(&args.host)?;
        let mut headers = HeaderMap::new();
        if let Some(file) = &args.token_file {
            let token = Token::read(file).map_err(Failure::usage)?;
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| {
                Failure::usage(format!(
                    "--token-file {}: the token has characters that cannot be sent",
                    file.display()
                ))
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(file) = &args.ca_cert {
            client = roots(file)?
                .into_iter()
                .fold(client.tls_built_in_root_certs(false), ClientBuilder::add_root_certificate);
        }
        let client =
            client.build().map_err(|error| Failure::system(format!("cannot make requests: {error}")))?;
        Ok(Self { client, base })
    }

    /// A request to `/v1/actors/…`, with each segment as it is, whatever is in it.
    pub(super) fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["v1", "actors"]).extend(segments);
        }
        self.client.request(method, url)
    }

    /// Sends a request, and answers what came if it is no error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection, which cancels the call.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let request: Request =
            request.build().map_err(|error| Failure::usage(format!("cannot make the request: {error}")))?;
        let response = self.client.execute(request).await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(problem.into_refusal().into()),
            Err(_other) => Err(Failure::unreachable(format!(
                "{} answers {status}, and not as a pulsing-host does; name another with --host",
                self.base
            ))),
        }
    }

    pub(super) fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let base = &self.base;
        if is_of_tls(error) {
            return Failure::unreachable(format!(
                "{base} does not prove who it is, or does not speak TLS: {}; `--ca-cert` says who vouches for it",
                innermost(error)
            ));
        }
        if error.is_connect() {
            return Failure::unreachable(format!(
                "no host answers at {base}; start one with `pulsing-host run ACTOR.wasm`, or name one with --host"
            ));
        }
        if error.is_timeout() {
            return Failure::timeout(format!("{base} has not answered in time"));
        }
        Failure::unreachable(format!("{base} went away: {}", innermost(error)))
    }
}

/// Gives a request the time that the host gives it, and a little more.
pub(super) fn with_timeout(request: RequestBuilder, timeout: Option<Duration>) -> RequestBuilder {
    let Some(timeout) = timeout else { return request };
    let request = request.header("Pulsing-Timeout-Ms", timeout.as_millis().to_string());
    request.timeout(timeout.saturating_add(TIMEOUT_SLACK))
}

/// The certificates that alone vouch for a host.
fn roots(file: &Path) -> Result<Vec<Certificate>, Failure> {
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("--ca-cert {} (or PULSING_CA_CERT): {why}", file.display()))
    };
    let pem = files::read(file, CERTIFICATES_MAX_BYTES).map_err(|error| wrong(&error))?;
    let roots = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&innermost(&error)))?;
    if roots.is_empty() {
        return Err(wrong(&"it has no certificate: a line `-----BEGIN CERTIFICATE-----` begins one"));
    }
    Ok(roots)
}

/// Whether a connection was made, and came to nothing by its handshake.
fn is_of_tls(error: &reqwest::Error) -> bool {
    let mut causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.any(|cause| cause.downcast_ref::<io::Error>().is_some_and(carries_tls))
}

/// An error of the system's kind that carries another is not its cause, but in its place.
fn carries_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|carried| {
        carried.is::<rustls::Error>() || carried.downcast_ref::<io::Error>().is_some_and(carries_tls)
    })
}

fn base_url(host: &str) -> Result<Url, Failure> {
    let port = host.strip_prefix(':').unwrap_or(host);
    let is_port = port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit());
    let text = match host {
        _port if is_port => format!("http://127.0.0.1:{port}"),
        url if url.contains("://") => url.to_owned(),
        address => format!("http://{address}"),
    };
    let wrong = |why: &str| {
        Failure::usage(format!(
            "--host {host} (or PULSING_HOST): {why}; give http://ADDRESS:PORT or https://NAME:PORT"
        ))
    };
    let url = Url::parse(&text).map_err(|error| wrong(&error.to_string()))?;
    match (url.scheme(), url.has_host()) {
        ("http" | "https", true) => Ok(url),
        _other => Err(wrong("this is no address of a host")),
    }
}

/// The cause that says most.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_named_with_or_without_its_scheme() {
        assert_eq!(base_url("127.0.0.1:80").unwrap().as_str(), "http://127.0.0.1/");
        assert_eq!(base_url("http://[::1]:7433").unwrap().as_str(), "http://[::1]:7433/");
        assert_eq!(base_url("https://a.example").unwrap().as_str(), "https://a.example/");
        for port in ["7433", ":7433"] {
            assert_eq!(base_url(port).unwrap().as_str(), "http://127.0.0.1:7433/");
        }
        for bad in ["", ":", "ftp://x", "http://", "a b"] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn whatever_a_name_holds_it_stays_one_segment() {
        let args = HostArgs { host: "127.0.0.1:1".to_owned(), token_file: None, ca_cert: None };
        let client = HostClient::new(&args).unwrap();
        let request = client.request(Method::GET, &["../x?y#z", "a/b"]).build().unwrap();
        assert_eq!(request.url().as_str(), "http://127.0.0.1:1/v1/actors/..%2Fx%3Fy%23z/a%2Fb");
    }
}
