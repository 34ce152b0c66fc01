//! Routes around the actors' messages: looking, stopping, metrics, and who may come in.

use serde_json::json;

use super::*;
use crate::gateway::scope::Scope;

#[tokio::test(start_paused = true)]
async fn an_actor_is_shown_with_exactly_these_fields() {
    let fixture = Fixture::new(Double::spawn()).await;
    let actor = fixture.get("/v1/actors/double").await.json();
    let fields: Vec<_> = actor.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "name",
        "state",
        "generation",
        "lane",
        "methods",
        "restart_wanted",
        "mailbox_depth",
        "in_flight",
        "streams",
        "restarts",
        "last_exit",
        "memory_bytes",
        "overhead_bytes",
        "disk_written_bytes",
        "cpu_seconds",
        "slices",
        "batch",
    ];
    expected.sort_unstable();
    assert_eq!(fields, expected);
    assert_eq!(
        (&actor["name"], &actor["state"], &actor["lane"]),
        (&json!("double"), &json!("running"), &json!("overlapping"))
    );
    let echo = json!({
        "name": "echo", "kind": "ask", "doc": "Does echo.",
        "args_schema": true, "answer_schema": {"type": "object"}, "item_schema": null,
    });
    assert_eq!(actor["methods"][0], echo);
    let count = actor["methods"].as_array().unwrap().iter().find(|method| method["name"] == "count").unwrap();
    assert_eq!((&count["answer_schema"], &count["item_schema"]), (&json!(null), &json!({"type": "integer"})));
    let wanted =
        json!({"policy": "always", "max_restarts": null, "min_backoff_ms": 5, "max_backoff_ms": null});
    assert_eq!(actor["restart_wanted"], wanted);
    assert_eq!(actor["methods"][1]["args_schema"], json!(null), "what is no JSON is not shown as JSON");
    assert_eq!(actor["last_exit"], json!(null));
    assert_eq!(fixture.get("/v1/actors").await.json(), json!([actor]));
    fixture.get("/v1/actors/nobody").await.refused(404);
}

#[tokio::test(start_paused = true)]
async fn how_the_last_life_ended_is_shown() {
    let fixture = Fixture::new(Double::spawn()).await;
    fixture.post("/v1/actors/double/ask/crash", "").await.refused(500);
    fixture.double.actor.wait_for(|status| status.generation.0 == 1).await.unwrap();
    let actor = fixture.get("/v1/actors/double").await.json();
    assert_eq!((&actor["generation"], &actor["restarts"]), (&json!(1), &json!(1)));
    let exit =
        json!({"reason": "trapped", "message": "crashed: boom; it wrote last: oh", "backtrace": ["a", "b"]});
    assert_eq!(actor["last_exit"], exit);
}

#[tokio::test(start_paused = true)]
async fn an_actor_is_stopped_and_begun_again() {
    let fixture = Fixture::new(Double::spawn()).await;
    let actor = fixture.post("/v1/actors/double/stop", "").await.json();
    assert_eq!((&actor["state"], &actor["generation"]), (&json!("stopped"), &json!(0)));
    fixture.post("/v1/actors/double/ask/echo", "").await.refused(410);
    fixture.post("/v1/actors/double/tell/log", "").await.refused(410);
    let actor = fixture.post("/v1/actors/double/restart", "").await.json();
    assert_eq!((&actor["state"], &actor["generation"]), (&json!("running"), &json!(1)));
    assert_eq!(fixture.post("/v1/actors/double/ask/echo", "[1]").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_and_wrong_verbs_are_problems() {
    let fixture = Fixture::new(Double::spawn()).await;
    assert!(fixture.get("/v1/actor").await.refused(404).detail.contains("`/v1/actor`"));
    fixture.post("/v1/actors/double/shout/echo", "").await.refused(404);
    let answer = fixture.get("/v1/actors/double/ask/echo").await;
    assert_eq!(answer.header("allow"), "POST");
    assert!(answer.refused(405).detail.contains("does not take GET"));
    fixture.get("/v1/actors/%ff").await.refused(400);
    fixture.post(&format!("/v1/actors/double/ask/{}", "x".repeat(257)), "").await.refused(400);
}

#[tokio::test(start_paused = true)]
async fn metrics_are_labelled_by_actor_and_state_alone() {
    let fixture = Fixture::new(Double::spawn()).await;
    fixture.post("/v1/actors/double/ask/echo", "").await;
    let answer = fixture.get("/metrics").await;
    assert_eq!(answer.status, 200);
    for line in [
        "# TYPE pulsing_asks counter",
        "pulsing_asks_total{actor=\"double\"} 1.0",
        "pulsing_mailbox_depth_messages{actor=\"double\"} 0.0",
        "pulsing_cpu_seconds_total{actor=\"double\"} ",
        "pulsing_memory_bytes{actor=\"double\"} 0.0",
        "pulsing_slices_total{actor=\"double\"} 0.0",
        "pulsing_batch{actor=\"double\"} 0.0",
        "pulsing_state{actor=\"double\",state=\"running\"} 1",
        "# EOF",
    ] {
        assert!(
            answer.body.lines().any(|there| there.starts_with(line)),
            "{line} is not in\n{}",
            answer.body
        );
    }
    assert!(!answer.body.contains("echo"), "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn without_a_token_pages_from_elsewhere_are_refused() {
    let fixture = Fixture::new(Double::spawn()).await;
    let page = |origin: &str| post_to("/v1/actors/double/ask/echo").header("Origin", origin);
    let problem = fixture.send(page("https://evil.example"), "").await.refused(403);
    assert!(
        problem.detail.contains("no requests from pages of `https://evil.example`"),
        "{}",
        problem.detail
    );
    fixture.send(page("http://localhost:3000"), "").await.refused(403);
    assert_eq!(fixture.send(page("http://127.0.0.1"), "").await.status, 200);
    let rebound = Request::builder().uri("/metrics").header(HOST, "evil.example:7433");
    fixture.send(rebound, "").await.refused(403);
}

#[tokio::test(start_paused = true)]
async fn with_a_token_every_route_but_health_needs_it() {
    let double = Double::spawn();
    let router = router(double.registry(), Some(keyring()), Scheme::HTTP, Vec::new());
    let fixture = Fixture { router, double };
    for path in ["/v1/actors", "/v1/actors/double", "/metrics", "/nowhere"] {
        let answer = fixture.get(path).await;
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        answer.refused(401);
    }
    assert_eq!(fixture.get("/healthz").await.json(), json!({"status": "ok"}));
    let request =
        Request::builder().uri("/v1/actors").header(HOST, "a.example").header("Authorization", BEARER);
    assert_eq!(fixture.send(request, "").await.status, 200, "by any name");
    let page =
        request_to("GET", "/v1/actors").header("Authorization", BEARER).header("Origin", "https://b.example");
    fixture.send(page, "").await.refused(403);
}

const BEARER: &str = "Bearer correct-horse-battery";
const PAGE: &str = "https://page.example";

fn keyring() -> Keyring {
    let mut keys = Keys::default();
    keys.insert_only(&Token::new("correct-horse-battery").unwrap()).unwrap();
    Keyring::new(keys)
}

async fn granted(tokens: Option<Keyring>) -> Fixture {
    let double = Double::spawn();
    double.actor.ready().await.unwrap();
    Fixture { router: router(double.registry(), tokens, Scheme::HTTP, vec![PAGE.parse().unwrap()]), double }
}

/// What tells a browser that the page may read the answer.
fn assert_readable(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), PAGE);
    assert!(answer.header("vary").contains("origin"), "{:?}", answer.headers);
    assert_eq!(answer.header("access-control-expose-headers"), "allow,retry-after,www-authenticate");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_was_granted_may_read_answers_streams_and_errors() {
    let fixture = granted(None).await;
    let page = |path: &str| post_to(path).header("Origin", PAGE);
    for (path, body, status) in [
        ("/v1/actors/double/ask/echo", "[1]", 200),
        ("/v1/actors/double/tell/log", "", 202),
        ("/v1/actors/double/stream/break_off", "", 200),
        ("/v1/actors/double/ask/echo", "no json", 400),
        ("/v1/actors/nobody/ask/echo", "", 404),
        ("/v1/actors", "", 405),
    ] {
        let answer = fixture.send(page(path), body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_readable(&answer);
    }
    let other =
        fixture.send(post_to("/v1/actors/double/ask/echo").header("Origin", "https://b.example"), "").await;
    assert_eq!(other.header("access-control-allow-origin"), "");
    other.refused(403);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_was_granted_asks_beforehand_without_a_token() {
    let fixture = granted(Some(keyring())).await;
    let asked = |origin: &str| {
        let request = request_to("OPTIONS", "/v1/actors/double/ask/echo").header("Origin", origin);
        let request = request.header("Access-Control-Request-Method", "POST");
        request.header("Access-Control-Request-Headers", "authorization,content-type,pulsing-timeout-ms")
    };
    let answer = fixture.send(asked(PAGE), "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    for (name, value) in [
        ("access-control-allow-origin", PAGE),
        ("access-control-allow-methods", "GET,HEAD,POST"),
        (
            "access-control-allow-headers",
            "idempotency-key,last-event-id,pulsing-timeout-ms,pulsing-when-restarting,traceparent,tracestate,\
             baggage,authorization,content-type,cache-control",
        ),
        ("access-control-max-age", "7200"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let other = fixture.send(asked("https://b.example"), "").await;
    assert_eq!(other.header("access-control-allow-origin"), "");
    other.refused(403);
    // What it asked for takes a token all the same, and it may read that.
    let answer = fixture.send(post_to("/v1/actors/double/ask/echo").header("Origin", PAGE), "").await;
    assert_readable(&answer);
    answer.refused(401);
}

#[test]
fn every_route_but_for_messages_has_a_reserve() {
    use crate::gateway::serve::Purpose::{Health, Message, Operation};
    for (path, for_what) in [
        ("/healthz", Health),
        ("/metrics", Operation),
        ("/v1/actors", Operation),
        ("/v1/actors/stop", Operation),
        ("/v1/actors/x/stop", Operation),
        ("/v1/actors/x/restart", Operation),
        ("/v1/actors/x/dead-letters", Operation),
        ("/v1/actors/x/dead-letters/requeue", Operation),
        ("/v1/actors/x/ask/stop", Message),
        ("/v1/actors/x/tell/stop", Message),
        ("/v1/actors/x/stream/stop", Message),
        ("/v1/actors/x/stop/", Message),
        ("/v1/actors/x/dead-letters/requeue/x", Message),
        ("/", Message),
        ("*", Message),
    ] {
        assert_eq!(purpose(&Method::POST, path), for_what, "{path}");
        assert_eq!(purpose(&Method::OPTIONS, path), Health, "{path}");
    }
}

#[test]
fn what_a_request_is_for_follows_from_what_its_route_needs() {
    for route in routes() {
        let expected = match route.scope {
            None => Purpose::Health,
            Some(Scope::Send) => Purpose::Message,
            Some(Scope::Read | Scope::Control | Scope::Deploy) => Purpose::Operation,
        };
        let method = route.verb.parse().unwrap();
        assert_eq!(purpose(&method, route.path), expected, "{}", route.path);
    }
}
