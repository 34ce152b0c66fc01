//! The client of an actor: knows its grants, holds every hop to them, and is shared by its lives.
//!
//! There are two connection pools, so that a connection that was made under a grant by name is never used for a
//! request that only a wildcard lets through. Connections wait for another request only where their host was granted
//! by name: what waits is bounded by what the operator wrote, and not by how many names a guest thinks up. Redirects
//! are followed here and not in the library, which would follow as many for each request.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, Method, Response, StatusCode};
use url::Url;

use super::failure::{Failure, OutOfReach, Unresolved};
use super::network::{Lookups, Network};
use super::request::url as read_url;
use crate::grants::http::{Denied, HttpGrant, Reach, is_public, reach};
use crate::id::ActorId;
use crate::instance::bindings::http_types::ErrorCode;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many connections to a host that was granted by name wait for another request.
const POOL_IDLE_MAX_PER_HOST: usize = 4;

/// What belongs to the body, and goes with it when a redirect turns a request into a GET.
const OF_THE_BODY: [&str; 4] = ["content-encoding", "content-language", "content-location", "content-type"];

/// An actor's client. Costs nothing before its first request.
pub(in crate::instance) struct HttpClient {
    grants: Vec<HttpGrant>,
    lookups: Lookups,
    named: OnceLock<Client>,
    public: OnceLock<Client>,
}

/// One request, hop by hop.
pub(super) struct Hop {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
}

/// A body as it is sent, once or at every hop.
pub(super) enum Sent {
    Whole(Vec<u8>),
    /// None once it was sent.
    Streamed(Option<Body>),
}

impl HttpClient {
    pub(in crate::instance) fn new(grants: &[HttpGrant], network: &Network) -> Self {
        let lookups = network.for_actor();
        Self { grants: grants.to_vec(), lookups, named: OnceLock::new(), public: OnceLock::new() }
    }

    /// Whether any host at all was granted.
    pub(super) fn has_grants(&self) -> bool {
        !self.grants.is_empty()
    }

    /// How far a URL reaches, if it is granted.
    pub(super) fn allow(&self, actor: &ActorId, url: &Url) -> Result<Reach, Failure> {
        Ok(reach(&self.grants, url).ok_or_else(|| Denied::new(actor.as_str(), url))?)
    }

    fn client(&self, reach: Reach) -> Result<Client, Failure> {
        let place = match reach {
            Reach::Named => &self.named,
            Reach::Public => &self.public,
        };
        if let Some(client) = place.get() {
            return Ok(client.clone());
        }
        let client = build(reach, self.lookups.clone()).map_err(|error| {
            Failure::new(ErrorCode::InternalError, format!("the host has no HTTP client: {error}"))
        })?;
        Ok(place.get_or_init(|| client).clone())
    }

    /// Sends a request, and follows redirects. Answers the response when it begins, with its URL in it.
    pub(super) async fn send(
        &self,
        actor: &ActorId,
        mut hop: Hop,
        mut body: Sent,
        redirects_max: u32,
    ) -> Result<Response, Failure> {
        let mut followed = 0;
        loop {
            let client = self.client(self.allow(actor, &hop.url)?)?;
            let request = client.request(hop.method.clone(), hop.url.clone()).headers(hop.headers.clone());
            let request = match &mut body {
                Sent::Whole(bytes) if bytes.is_empty() => request,
                Sent::Whole(bytes) => request.body(bytes.clone()),
                Sent::Streamed(body) => match body.take() {
                    Some(body) => request.body(body),
                    None => request,
                },
            };
            let response = request.send().await?;
            if redirects_max == 0 || !follow(&response, &mut hop, &mut body)? {
                return Ok(response);
            }
            if followed == redirects_max {
                let text = format!("more than {redirects_max} redirects");
                return Err(Failure::new(ErrorCode::TooManyRedirects, text));
            }
            followed += 1;
        }
    }
}

/// Makes the next hop of a redirect; false where the response is none that can be followed.
fn follow(response: &Response, hop: &mut Hop, body: &mut Sent) -> Result<bool, Failure> {
    let status = response.status();
    let becomes_get = match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => hop.method == Method::POST,
        StatusCode::SEE_OTHER => hop.method != Method::HEAD,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
        _other => return Ok(false),
    };
    // A body that was streamed is gone.
    if !becomes_get && matches!(body, Sent::Streamed(_)) {
        return Ok(false);
    }
    let Some(next) = response.headers().get(LOCATION).and_then(|location| location.to_str().ok()) else {
        return Ok(false);
    };
    let Ok(next) = hop.url.join(next) else { return Ok(false) };
    let next = read_url(next.as_str()).map_err(Failure::of_a_redirect)?;
    if becomes_get {
        hop.method = Method::GET;
        *body = Sent::Whole(Vec::new());
        OF_THE_BODY.iter().for_each(|name| drop(hop.headers.remove(*name)));
    }
    if next.origin() != hop.url.origin() {
        hop.headers.remove(AUTHORIZATION);
        hop.headers.remove(COOKIE);
    }
    hop.url = next;
    Ok(true)
}

fn build(reach: Reach, lookups: Lookups) -> reqwest::Result<Client> {
    let idle_max = match reach {
        Reach::Named => POOL_IDLE_MAX_PER_HOST,
        Reach::Public => 0,
    };
    Client::builder()
        .no_proxy()
        .referer(false)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(idle_max)
        .dns_resolver(Arc::new(Names { reach, lookups }))
        .build()
}

/// The host's resolver, held to what its client may reach. The client connects to what it answers and looks up
/// nothing itself, so a name cannot lead elsewhere between the check and the connection.
struct Names {
    reach: Reach,
    lookups: Lookups,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let (name, reach, lookups) = (name.as_str().to_owned(), self.reach, self.lookups.clone());
        Box::pin(async move {
            let found = lookups.addresses(name.clone()).await;
            let addresses =
                found.map_err(|error| Unresolved { name: name.clone(), why: error.to_string() })?;
            let fits = |address: &SocketAddr| reach == Reach::Named || is_public(address.ip());
            let allowed: Vec<_> = addresses.iter().copied().filter(fits).collect();
            if allowed.is_empty() && !addresses.is_empty() {
                return Err(OutOfReach { name }.into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::super::network::Resolver;
    use super::*;

    async fn answer(mut stream: TcpStream) {
        let mut head = [0; 4096];
        while stream.read(&mut head).await.is_ok_and(|length| length > 0) {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        }
    }

    /// Sends so many requests one after the other, and says how many connections that took.
    async fn connections(reach: Reach, requests: usize) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let accepted = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&accepted);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _from) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(stream));
            }
        });
        let client = build(reach, Network::new(Resolver::default()).for_actor()).unwrap();
        for _ in 0..requests {
            assert_eq!(client.get(&url).send().await.unwrap().text().await.unwrap(), "ok");
        }
        serving.abort();
        accepted.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn connections_wait_for_another_request_only_to_hosts_that_were_granted_by_name() {
        assert_eq!(connections(Reach::Public, 20).await, 20);
        assert!(connections(Reach::Named, 20).await < 20);
    }

    fn redirect(location: &str) -> Response {
        let response = http::Response::builder().status(StatusCode::FOUND).header(LOCATION, location);
        response.body("").unwrap().into()
    }

    #[test]
    fn a_server_that_redirects_to_what_cannot_be_followed_is_to_blame() {
        for location in ["ftp://example.com/", "http://me:secret@example.com/"] {
            let url = "http://example.com/".parse().unwrap();
            let mut hop = Hop { method: Method::GET, url, headers: HeaderMap::new() };
            let failure = follow(&redirect(location), &mut hop, &mut Sent::Whole(Vec::new())).unwrap_err();
            let error = failure.into_wit();
            assert_eq!(error.code, ErrorCode::HttpProtocolError, "{location}");
            assert!(
                error.message.contains("redirects to a URL that cannot be followed"),
                "{}",
                error.message
            );
        }
    }
}
