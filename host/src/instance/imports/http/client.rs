//! The client of an actor: knows its grants, holds every hop to them, and is shared by its lives.
//!
//! There are two connection pools, so that a connection that was made under a grant by name is never used for a
//! request that only a wildcard lets through. Redirects are followed here and not in the library, which would
//! follow as many for each request.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, Method, Response, StatusCode};
use url::Url;

use super::failure::{Failure, OutOfReach, Unresolved};
use super::request::url as read_url;
use crate::grants::http::{Denied, HttpGrant, Reach, is_public, reach};
use crate::id::ActorName;
use crate::instance::bindings::overlapping::pulsing::actor::async_http::ErrorCode;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const POOL_IDLE_MAX_PER_HOST: usize = 8;
/// How many addresses of a name are tried.
const ADDRESSES_MAX: usize = 16;

/// What belongs to the body, and goes with it when a redirect turns a request into a GET.
const OF_THE_BODY: [&str; 4] = ["content-encoding", "content-language", "content-location", "content-type"];

/// An actor's client. Costs nothing before its first request.
pub(in crate::instance) struct HttpClient {
    grants: Vec<HttpGrant>,
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
    pub(in crate::instance) fn new(grants: &[HttpGrant]) -> Self {
        Self { grants: grants.to_vec(), named: OnceLock::new(), public: OnceLock::new() }
    }

    /// How far a URL reaches, if it is granted.
    pub(super) fn allow(&self, actor: &ActorName, url: &Url) -> Result<Reach, Failure> {
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
        let client = build(reach).map_err(|error| {
            Failure::new(ErrorCode::InternalError, format!("the host has no HTTP client: {error}"))
        })?;
        Ok(place.get_or_init(|| client).clone())
    }

    /// Sends a request, and follows redirects. Answers the response when it begins, with its URL in it.
    pub(super) async fn send(
        &self,
        actor: &ActorName,
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
    let next = read_url(next.as_str())?;
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

fn build(reach: Reach) -> reqwest::Result<Client> {
    Client::builder()
        .no_proxy()
        .referer(false)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_IDLE_MAX_PER_HOST)
        .dns_resolver(Arc::new(Resolver { reach }))
        .build()
}

/// The system's resolver, held to what its client may reach. The client connects to what it answers and looks up
/// nothing itself, so a name cannot lead elsewhere between the check and the connection.
struct Resolver {
    reach: Reach,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (name, reach) = (name.as_str().to_owned(), self.reach);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found = found.map_err(|error| Unresolved { name: name.clone(), why: error.to_string() })?;
            let addresses: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
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
