//! The examples that talk HTTP, against servers that answer when the test says so.

use std::io::{BufRead, BufReader};
use std::process::ChildStdout;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use pulsing_tests::guest_file;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::bounded;
use crate::program::{Ended, RunningHost, signal, text, wait_until};
use crate::servers::{Model, Server};

fn host(guest: &str, server: &str, args: &[&str]) -> RunningHost {
    let file = guest_file(guest).unwrap();
    RunningHost::start(&[&[text(&file), "--http", server], args].concat(), 1)
}

/// A server that answers with the last part of the path, once so many requests have come.
async fn all_or_none(requests: usize, answer: fn(&str) -> Value) -> Server {
    let barrier = Arc::new(Barrier::new(requests));
    let together = move |Path((_shelf, key)): Path<(String, String)>| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            axum::Json(answer(&key))
        }
    };
    Server::start(Router::new().route("/{shelf}/{key}", get(together))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_client_has_all_its_requests_under_way_at_once() {
    let server = all_or_none(5, |key| json!(key)).await;
    let host = host("api-client", &server.url, &[]);
    let urls: Vec<_> = (0..5).map(|n| format!("{}/n/{n}", server.url)).collect();
    let answer = host.client(&["ask", "api-client", "fetch_multiple", &json!([urls]).to_string()]);
    assert_eq!(answer.stdout, "[\"0\",\"1\",\"2\",\"3\",\"4\"]\n", "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_client_reaches_only_what_was_granted() {
    let granted = all_or_none(1, |_| json!(1)).await;
    let other = all_or_none(1, |_| json!(2)).await;
    let host = host("api-client", &granted.url, &[]);
    let ask = |server: &Server| {
        host.client(&["ask", "api-client", "fetch_data", &json!([format!("{}/a/b", server.url)]).to_string()])
    };
    assert_eq!(ask(&granted).stdout, "1\n");
    let refused = ask(&other);
    assert_ne!(refused.code, Some(0), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_fetched_by_requests_that_overlap() {
    let orders = Router::new();
    let barrier = Arc::new(Barrier::new(3));
    let routes = [
        ("/users/1", json!({"id": "1", "name": "Ann"})),
        ("/orders/1", json!([{"id": "o1", "total": 20}])),
        ("/preferences/1", json!({"language": "en"})),
    ];
    let routes = routes.into_iter().fold(orders, |router, (path, answer)| {
        let barrier = Arc::clone(&barrier);
        router.route(
            path,
            get(async move || {
                barrier.wait().await;
                axum::Json(answer.clone())
            }),
        )
    });
    let server = Server::start(routes).await;
    let config = json!({"base_url": server.url}).to_string();
    let host = host("data-service", &server.url, &["--actor-config", &config]);
    let answer = host.client(&["ask", "data-service", "fetch_user_profile", "[\"1\"]"]);
    let profile: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(profile["user"]["name"], "Ann");
    assert_eq!(profile["orders"][0]["total"], 20);
    assert_eq!(profile["preferences"]["language"], "en");
    let cached = host.client(&["ask", "data-service", "get_cache", "[\"1\"]"]);
    assert_eq!(cached.stdout, "{\"id\":\"1\",\"name\":\"Ann\"}\n");
    let unknown = host.client(&["ask", "data-service", "get_orders", "[\"2\"]"]);
    unknown.assert_failed(1, &["there is no user 2 (code 404)"]);
}

fn llm_host(model: &Model) -> RunningHost {
    let config = json!({"base_url": model.base_url(), "model": "parrot", "api_key": "secret"});
    host("llm-service", model.url(), &["--actor-config", &config.to_string()])
}

/// A client that reads a completion, and its stdout.
fn reader(host: &RunningHost) -> (Ended, BufReader<ChildStdout>) {
    let mut client = host.client_in_background(&["stream", "llm-service", "generate", "[\"hi\"]"]);
    let stdout = BufReader::new(client.0.stdout.take().unwrap());
    (client, stdout)
}

fn line(stdout: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_reaches_its_reader_before_the_model_has_made_the_next() {
    let model = Model::start().await;
    let host = llm_host(&model);
    let (_client, mut stdout) = reader(&host);
    for token in ["to", " be", " or"] {
        // The next token is not there before this one has been read.
        model.say(token).await;
        assert_eq!(line(&mut stdout), json!({"type": "token", "token": token}));
    }
    model.finish().await;
    assert_eq!(line(&mut stdout), json!({"type": "done", "total_tokens": 3}));
    let request = model.request();
    assert_eq!(request.key, "Bearer secret");
    let message = json!([{"role": "user", "content": "hi"}]);
    assert_eq!(request.body, json!({"model": "parrot", "messages": message, "stream": true}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_ends_the_request_to_the_model() {
    let model = Model::start().await;
    let host = llm_host(&model);
    let (client, mut stdout) = reader(&host);
    model.say("to").await;
    line(&mut stdout);
    signal(&client, "INT");
    bounded(model.connection_closed()).await;
    wait_until(|| host.client(&["inspect", "llm-service"]).stdout.contains("\"streams\": 0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_breaks_off_is_an_error_after_its_tokens() {
    let mut model = Model::start().await;
    let host = llm_host(&model);
    let (mut client, mut stdout) = reader(&host);
    model.say("to").await;
    assert_eq!(line(&mut stdout)["token"], "to");
    model.hang_up();
    let status = wait_timeout::ChildExt::wait_timeout(&mut client.0, crate::PATIENCE).unwrap().unwrap();
    assert_eq!(status.code(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_refuses_is_an_error_of_the_class_that_says_what_to_do() {
    for (status, code) in [(400, 1), (401, 3), (429, 3), (503, 3)] {
        let refusal = (StatusCode::from_u16(status).unwrap(), "no");
        let refuse = axum::routing::post(async move || refusal);
        let server = Server::start(Router::new().route("/v1/chat/completions", refuse)).await;
        let config = json!({"base_url": format!("{}/v1", server.url), "model": "parrot"}).to_string();
        let host = host("llm-service", &server.url, &["--actor-config", &config]);
        let refused = host.client(&["ask", "llm-service", "generate", "[\"hi\"]"]);
        refused.assert_failed(code, &[&format!("the model's server answered {status}: no")]);
    }
}
