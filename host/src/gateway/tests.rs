//! The whole surface, against actors without WebAssembly; `wire` and `front` over real sockets, the others without.

mod calls;
mod double;
mod front;
mod routes;
mod wire;

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::HOST;
use axum::http::request::Builder;
use serde_json::Value;
use tower::ServiceExt;

use self::double::Double;
use super::*;
use crate::gateway::keys::Keys;
use crate::gateway::problem::Problem;
use crate::gateway::token::Token;

/// Waits until `wanted`, and not for ever.
async fn until(wanted: impl AsyncFn() -> bool) {
    const BOUND: Duration = Duration::from_secs(20);
    const PAUSE: Duration = Duration::from_millis(1);
    let wait = async {
        while !wanted().await {
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(BOUND, wait).await.unwrap();
}

/// A gateway without a socket, and the actor `double` behind it.
struct Fixture {
    router: Router,
    double: Double,
}

impl Fixture {
    async fn new(double: Double) -> Self {
        double.actor.ready().await.unwrap();
        Self { router: router(double.registry(), None, Scheme::HTTP, Vec::new()), double }
    }

    async fn send(&self, request: Builder, body: impl Into<Body>) -> Answer {
        let request = request.body(body.into()).unwrap();
        Answer::read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(post_to(path), body.to_owned()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(request_to("GET", path), Body::empty()).await
    }
}

fn request_to(verb: &str, path: &str) -> Builder {
    Request::builder().method(verb).uri(path).header(HOST, "127.0.0.1")
}

fn post_to(path: &str) -> Builder {
    request_to("POST", path)
}

/// A response, read to its end.
struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    body: String,
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.body);
        let problem: Problem = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        problem
    }

    /// The problem of an answer that has this status.
    fn refused(&self, status: u16) -> Problem {
        assert_eq!(self.status, status, "{}", self.body);
        self.problem()
    }
}
