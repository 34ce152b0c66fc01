//! HTTP servers for actors to talk to: real ones, on loopback. Each ends with the test that started it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::bounded;

/// A server on a free port.
pub(crate) struct Server {
    pub(crate) url: String,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(routes: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, serving }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What a model was asked.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) key: String,
    pub(crate) body: Value,
}

/// The server of a language model that answers one request, with the tokens that the test gives it.
pub(crate) struct Model {
    server: Server,
    /// Closed with the connection. None after the server has hung up.
    events: Option<mpsc::Sender<Bytes>>,
    request: Arc<Mutex<Option<Request>>>,
}

#[derive(Clone)]
struct Answer {
    events: Arc<Mutex<Option<mpsc::Receiver<Bytes>>>>,
    request: Arc<Mutex<Option<Request>>>,
}

impl Model {
    pub(crate) async fn start() -> Self {
        let (events, receiver) = mpsc::channel(1);
        let request = Arc::default();
        let answer = Answer { events: Arc::new(Mutex::new(Some(receiver))), request: Arc::clone(&request) };
        let routes = Router::new().route("/v1/chat/completions", post(complete)).with_state(answer);
        Self { server: Server::start(routes).await, events: Some(events), request }
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    pub(crate) fn base_url(&self) -> String {
        format!("{}/v1", self.server.url)
    }

    /// Sends a token.
    pub(crate) async fn say(&self, token: &str) {
        self.send(&json!({"choices": [{"index": 0, "delta": {"content": token}}]}).to_string()).await;
    }

    /// Ends the answer as it should end.
    pub(crate) async fn finish(&self) {
        self.send(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}).to_string())
            .await;
        self.send("[DONE]").await;
    }

    async fn send(&self, data: &str) {
        let event = Bytes::from(format!("data: {data}\n\n"));
        bounded(self.events.as_ref().unwrap().send(event)).await.unwrap();
    }

    /// Ends the answer in the middle.
    pub(crate) fn hang_up(&mut self) {
        self.events = None;
    }

    /// Waits until whoever asked is gone.
    pub(crate) async fn connection_closed(&self) {
        self.events.as_ref().unwrap().closed().await;
    }

    /// What it was asked.
    pub(crate) fn request(&self) -> Request {
        self.request.lock().unwrap().clone().unwrap()
    }
}

async fn complete(State(answer): State<Answer>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let key = headers[header::AUTHORIZATION].to_str().unwrap().to_owned();
    *answer.request.lock().unwrap() = Some(Request { key, body });
    let events = answer.events.lock().unwrap().take().unwrap();
    let events = stream::unfold(events, |mut events| async move {
        let event = events.recv().await?;
        Some((Ok::<_, Infallible>(event), events))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}
