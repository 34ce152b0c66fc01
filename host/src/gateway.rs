//! Actors over HTTP. `docs/http.md` says what each route takes and answers.
//!
//! Used by the command line's `run`, and by whoever embeds the host. Knows actors by the [`Registry`] alone,
//! and errors by one table, in [`problem`]. A request that fails, or panics, ends its own connection at most.
//! Pages in browsers are kept out in `origin`. Bounds: of connections and slow clients in `serve`, of what is kept for them in `serve/room`, of requests in
//! `request`, of streams in `sse`.
//!
//! Who may send which requests, `routes` and `access` say; who that is, a [`Keyring`], which can change while the gateway
//! runs, as [`Tls`] can:
//!
//! ```no_run
//! use pulsing_host::Host;
//! use pulsing_host::gateway::keyring::Keyring;
//! use pulsing_host::gateway::keys::{Key, Keys};
//! use pulsing_host::gateway::scope::{Scope, Scopes};
//! use pulsing_host::gateway::tls::Tls;
//! use pulsing_host::gateway::token::Token;
//! use pulsing_host::gateway::{Gateway, Options};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let token = Token::random();
//! let mut keys = Keys::default();
//! let scopes = Scopes::new([Scope::Read, Scope::Send])?;
//! keys.insert("ci".parse()?, Key { sha256: token.hash(), scopes })?;
//! let keyring = Keyring::new(keys);
//! let tls = Tls::new(&std::fs::read("cert.pem")?, &std::fs::read("key.pem")?)?;
//!
//! let host = Host::builder().build()?;
//! let options = Options { tokens: Some(keyring.clone()), tls: Some(tls), ..Options::new("0.0.0.0:7433".parse()?) };
//! let gateway = Gateway::bind(options, host.registry().clone()).await?;
//! tokio::spawn(gateway.serve(std::future::pending()));
//! println!("{}", token.expose());
//! // From now on nobody is let in.
//! keyring.replace(Keys::default());
//! # Ok(())
//! # }
//! ```

pub mod actors;
pub mod front;
pub mod json;
pub mod keyring;
pub mod keys;
pub mod problem;
pub mod request;
pub mod scope;
pub mod tls;
pub mod token;
pub mod token_files;

mod access;
mod answers;
mod authority;
mod calls;
mod follow;
mod metrics;
mod origin;
mod routes;
mod serve;
mod sse;
mod trace_context;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Scheme;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use bytesize::ByteSize;
use thiserror::Error;
use tokio::net::TcpListener;
use tracing::{Instrument, Span};

use self::access::{Need, PATH_SHOWN_MAX_CHARS, Sender};
use self::front::Front;
use self::keyring::Keyring;
use self::origin::{Names, Pages};
use self::problem::Refusal;
pub use self::routes::Route;
use self::routes::Routes;
use self::scope::Scope::{Control, Read, Send};
pub(crate) use self::serve::connection;
use self::serve::room::{Keeper, ROOM_DEFAULT_BYTES, Room};
use self::serve::{Purpose, Served};
use self::tls::Tls;
use crate::grants::PageOrigin;
use crate::journal::Account;
use crate::registry::Registry;
use crate::text::printable;

/// How a gateway is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens. Port 0 is any free one.
    pub listen: SocketAddr,
    /// What lets clients in. An address that others can reach needs it.
    pub tokens: Option<Keyring>,
    /// With what connections are encrypted, if they are.
    pub tls: Option<Tls>,
    /// Whose pages in browsers may send requests and read the answers, besides those of the host itself.
    pub origins: Vec<PageOrigin>,
    /// How many requests are served at once; those for the host's health and of operators have a reserve.
    pub connections_max: NonZeroUsize,
    /// The most bytes that are kept for all clients together, beside the buffers of their connections: bodies that come,
    /// answers and events that they have not read.
    pub memory_max: ByteSize,
}

/// How many requests are served at once. Each is a task, a socket and its buffers.
const CONNECTIONS_MAX: NonZeroUsize = NonZeroUsize::new(2048).expect("it is not zero");

impl Options {
    /// A gateway without tokens and encryption, for no page, with the usual bounds.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            tokens: None,
            tls: None,
            origins: Vec::new(),
            connections_max: CONNECTIONS_MAX,
            memory_max: ByteSize(ROOM_DEFAULT_BYTES as u64),
        }
    }
}

/// Why a gateway cannot listen.
#[derive(Debug, Error)]
pub enum BindError {
    /// Anybody on the network could use it.
    #[error("{listen} can be reached from other machines, so it needs a token; or listen on 127.0.0.1")]
    NeedsToken {
        /// The address.
        listen: SocketAddr,
    },
    /// The system refuses it.
    #[error("cannot listen on {listen}: {}", explain(.error))]
    Refused {
        /// The address.
        listen: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use; choose another, or 0 for a free one".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 often are not, choose a higher one".to_owned()
        }
        _ => error.to_string(),
    }
}

/// A socket that listens, and what answers on it.
pub struct Gateway {
    listener: TcpListener,
    local_addr: SocketAddr,
    served: Served,
    front: Option<Front>,
}

impl Gateway {
    /// Opens the socket. Clients wait until [`Self::serve`].
    ///
    /// # Errors
    ///
    /// [`BindError`] names the address, and what to do.
    pub async fn bind(options: Options, registry: Arc<Registry>) -> Result<Self, BindError> {
        let Options { listen, tokens, tls, origins, connections_max, memory_max } = options;
        if tokens.is_none() && !listen.ip().to_canonical().is_loopback() {
            return Err(BindError::NeedsToken { listen });
        }
        let refused = |error| BindError::Refused { listen, error };
        let listener = serve::listen(listen).map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;
        let scheme = if tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let pages = pages(tokens.as_ref(), scheme, origins);
        let busy = only_from(pages.clone(), Router::new().fallback(async || Refusal::busy()));
        let router = only_from(pages, answering(registry, tokens.clone()));
        let room = Room::new(usize::try_from(memory_max.as_u64()).unwrap_or(usize::MAX));
        let served = Served { router, busy, tokens, tls, requests_max: connections_max.get(), room, purpose };
        Ok(Self { listener, local_addr, served, front: None })
    }

    /// Accepts connections and tells the host's health on a thread where nothing polls a guest. All other requests are
    /// served where [`Self::serve`] is awaited, by a runtime that must outlive it.
    ///
    /// # Errors
    ///
    /// Where the system does not let the socket change its thread.
    pub fn with_front(self, front: Front) -> io::Result<Self> {
        Ok(Self { listener: front.adopt(self.listener)?, front: Some(front), ..self })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers requests until `shutdown`, then closes the socket, and returns once all requests that are under
    /// way have their answers and all streams have ended. That can take as long as a stream does: actors that
    /// are stopped end theirs.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the socket and all connections: at once, or, with a [`Front`], as soon as its thread
    /// has time.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        serve::serve(self.listener, self.served, self.front, shutdown).await;
    }
}

/// The routes, and what a sender needs for each.
fn table() -> Routes {
    Routes::default()
        .open("/healthz", health)
        .get(Read, "/metrics", metrics::metrics)
        .get(Read, "/v1/actors", actors::list)
        .get(Read, "/v1/actors/{name}", actors::inspect)
        .get(Read, "/v1/actors/{name}/dead-letters", actors::dead_letters)
        .post(Control, "/v1/actors/{name}/dead-letters/requeue", actors::requeue)
        .post(Control, "/v1/actors/{name}/stop", actors::stop)
        .post(Control, "/v1/actors/{name}/restart", actors::restart)
        .post(Send, "/v1/actors/{name}/ask/{method}", calls::ask)
        .post(Send, "/v1/actors/{name}/tell/{method}", calls::tell)
        .post(Send, "/v1/actors/{name}/stream/{method}", calls::stream)
}

/// Each route, and what a sender needs for it.
#[must_use]
pub fn routes() -> Vec<Route> {
    table().listed().to_vec()
}

/// All that answers a request, but for its connection.
pub(crate) fn router(
    registry: Arc<Registry>,
    tokens: Option<Keyring>,
    scheme: Scheme,
    origins: Vec<PageOrigin>,
) -> Router {
    only_from(pages(tokens.as_ref(), scheme, origins), answering(registry, tokens))
}

fn pages(tokens: Option<&Keyring>, scheme: Scheme, origins: Vec<PageOrigin>) -> Pages {
    let names = if tokens.is_some() { Names::Any } else { Names::OfMachines };
    Pages::new(scheme, origins, names)
}

fn answering(registry: Arc<Registry>, tokens: Option<Keyring>) -> Router {
    let guard = Guard { tokens, log: registry.journal().of_sender(None), need: Need::AnyToken };
    table().behind(&guard, no_such_route, wrong_verb).with_state(registry)
}

/// Lets in what is of no page, or of one that may, which can read what comes of it.
fn only_from(pages: Pages, router: Router) -> Router {
    // No layer where there is nothing for it to do: each costs every request allocations.
    let router = match pages.cors() {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.layer(from_fn_with_state(pages, origin::let_in))
}

/// What a request is for: all but messages is the operators'. A browser's question beforehand asks for nothing.
fn purpose(method: &Method, path: &str) -> Purpose {
    if method == Method::OPTIONS {
        return Purpose::Health;
    }
    let mut segments = path.split('/').skip(1);
    let segments: [Option<&str>; 6] = std::array::from_fn(|_| segments.next());
    match segments {
        [Some("healthz"), None, ..] => Purpose::Health,
        [Some("metrics"), None, ..] | [Some("v1"), Some("actors"), _, None, ..] => Purpose::Operation,
        [Some("v1"), Some("actors"), Some(_), Some("stop" | "restart" | "dead-letters"), None, _] => {
            Purpose::Operation
        }
        [Some("v1"), Some("actors"), Some(_), Some("dead-letters"), Some("requeue"), None] => {
            Purpose::Operation
        }
        _message_or_unknown => Purpose::Message,
    }
}

async fn health() -> Json<serde_json::Value> {
    Json(serde_json::json!({"status": "ok"}))
}

/// How much of a verb is shown: clients may make up their own.
const VERB_SHOWN_MAX_CHARS: usize = 20;

async fn no_such_route(request: Request) -> Refusal {
    let path = printable(request.uri().path(), PATH_SHOWN_MAX_CHARS);
    let message = format!(
        "there is nothing at `{path}`; actors are at /v1/actors/NAME, and take messages at \
         /v1/actors/NAME/ask/METHOD, …/tell/METHOD and …/stream/METHOD"
    );
    Refusal::Request { status: StatusCode::NOT_FOUND, message }
}

async fn wrong_verb(request: Request) -> Refusal {
    let path = printable(request.uri().path(), PATH_SHOWN_MAX_CHARS);
    let message =
        format!("`{path}` does not take {}; the header `allow` says what it takes", request.method());
    Refusal::Request { status: StatusCode::METHOD_NOT_ALLOWED, message }
}

/// How much of a query parameter's name is shown.
const PARAMETER_SHOWN_MAX_CHARS: usize = 100;

/// Refuses a query: no route has a parameter, so that whoever sends one means what does not happen. A path that is nothing
/// is told so first.
fn without_query(need: Need, request: &Request) -> Result<(), Refusal> {
    let query = request.uri().query().filter(|_| need != Need::AnyToken).unwrap_or_default();
    let Some(parameter) = query.split('&').find(|parameter| !parameter.is_empty()) else { return Ok(()) };
    let name = parameter.split('=').next().unwrap_or_default();
    let name = printable(name, PARAMETER_SHOWN_MAX_CHARS);
    Err(Refusal::bad_request(format!(
        "the query parameter `{name}` means nothing here: arguments are sent in the body, and all else in headers"
    )))
}

/// What is asked who sends a request, and where the lines of the log go that clients cause.
#[derive(Clone)]
struct Guard {
    tokens: Option<Keyring>,
    log: Arc<Account>,
    need: Need,
}

impl Guard {
    /// The same, for routes that need this.
    fn with(&self, need: Need) -> Self {
        Self { need, ..self.clone() }
    }
}

/// Answers a request, once it is known whose it is: its connection has found that out, if it has one.
async fn guarded(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let sender = request.extensions_mut().remove();
    let sender = sender.unwrap_or_else(|| Sender::of(request.headers(), guard.tokens.as_ref()));
    let span = span(&request, &sender);
    let answer = async {
        let admitted = access::admit(&sender, guard.need, &request, &guard.log);
        let admitted = admitted.and_then(|()| {
            without_query(guard.need, &request).map_err(|refusal| Box::new(refusal.into_response()))
        });
        let response = match admitted {
            Err(refusal) => *refusal,
            Ok(()) => {
                let keeper = request.extensions().get::<Keeper>().cloned();
                request.extensions_mut().insert(sender);
                let response = next.run(request).await;
                match keeper {
                    Some(keeper) => answers::with_room(&keeper, response).await,
                    None => response,
                }
            }
        };
        tracing::debug!(status = response.status().as_u16(), "answered");
        response
    };
    // One that nobody records takes time all the same.
    if span.is_disabled() { answer.await } else { answer.instrument(span).await }
}

/// The span of a request: it says who sends it, and carries its caller's trace (W3C Trace Context), but not what a later
/// version of that adds, which may be as long as a head. Requests without one have none, unless the log is to be detailed.
fn span(request: &Request, sender: &Sender) -> Span {
    let parent = trace_context::parent(request.headers()).map(trace_context::known_part);
    let path = || printable(request.uri().path(), PATH_SHOWN_MAX_CHARS);
    let (verb, who) = (|| printable(request.method().as_str(), VERB_SHOWN_MAX_CHARS), sender.name());
    match parent {
        Some(parent) => {
            tracing::info_span!("request", verb = verb(), path = path(), who, traceparent = parent)
        }
        None => tracing::debug_span!("request", verb = verb(), path = path(), who),
    }
}

#[cfg(test)]
mod tests;
