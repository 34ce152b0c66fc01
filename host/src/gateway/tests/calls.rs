//! Asks, tells and streams, and how they fail.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytesize::ByteSize;
use futures::StreamExt;
use serde_json::json;

use super::*;
use crate::lifecycle::State;
use crate::limits::Limits;
use crate::wire::{ActorError, CallError, Lane, RuntimeErrorKind};

const ECHO: &str = "/v1/actors/double/ask/echo";
const WAIT: &str = "/v1/actors/double/ask/wait";
const COUNT: &str = "/v1/actors/double/stream/count";

async fn fixture() -> Fixture {
    Fixture::new(Double::spawn()).await
}

fn runtime_kind(refusal: Refusal) -> RuntimeErrorKind {
    let Refusal::Call(CallError::Runtime(error)) = refusal else { panic!("{refusal:?}") };
    error.kind
}

#[tokio::test(start_paused = true)]
async fn an_ask_is_answered_with_the_json_of_the_actor() {
    let answer = fixture().await.post(ECHO, "{\"a\": 1.50}").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{\"a\": 1.50}"));
    assert_eq!(answer.header("content-type"), "application/json");
    let answer = fixture().await.post(ECHO, "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "null"));
}

#[tokio::test(start_paused = true)]
async fn bytes_go_both_ways_as_they_are() {
    let fixture = fixture().await;
    let request = post_to(ECHO).header("content-type", "application/octet-stream");
    let answer = fixture.send(request, "{oops").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{oops"));
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(fixture.post("/v1/actors/double/ask/bytes", "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn every_class_of_an_actors_error_reaches_the_client() {
    let fixture = fixture().await;
    let statuses =
        [("business", 422), ("system", 500), ("timeout", 504), ("unsupported", 404), ("cancelled", 499)];
    for (class, status) in statuses {
        let answer = fixture.post("/v1/actors/double/ask/fail", &format!("[\"{class}\"]")).await;
        let kind = serde_json::to_value(answer.refused(status).kind).unwrap();
        assert_eq!(kind, json!(class));
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_actor_or_method_names_the_nearest() {
    let fixture = fixture().await;
    let problem = fixture.post("/v1/actors/doubel/ask/echo", "").await.refused(404);
    assert_eq!(problem.detail, "no actor is called `doubel`; did you mean `double`?");
    assert_eq!(runtime_kind(problem.into_refusal()), RuntimeErrorKind::ActorNotFound);
    let problem = fixture.post("/v1/actors/double/ask/ehco", "").await.refused(404);
    assert_eq!(problem.detail, "`ehco` is not supported; did you mean `echo`?");
    assert_eq!((problem.operation.as_deref(), problem.nearest.as_deref()), (Some("ehco"), Some("echo")));
    assert_eq!(problem.type_uri, "urn:pulsing:error:unsupported", "not that of an unknown actor");
}

#[tokio::test(start_paused = true)]
async fn a_method_that_can_only_be_told_says_so() {
    let fixture = fixture().await;
    for verb in ["ask", "stream"] {
        let problem = fixture.post(&format!("/v1/actors/double/{verb}/log"), "").await.refused(404);
        assert_eq!(problem.detail, "`log` returns nothing: send it as a tell, not as an ask or a stream");
        assert_eq!(problem.nearest.as_deref(), Some("tell log"));
    }
    assert_eq!(fixture.post("/v1/actors/double/tell/log", "").await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn arguments_that_are_no_json_are_refused_with_their_place() {
    let fixture = fixture().await;
    let problem = fixture.post(ECHO, "{\"a\": }").await.refused(400);
    assert!(problem.detail.ends_with("at line 1 column 7"), "{}", problem.detail);
    fixture.post(ECHO, "5").await.refused(400);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_json_is_the_actors_fault() {
    let problem = fixture().await.post("/v1/actors/double/ask/bad_json", "").await.refused(500);
    assert!(problem.detail.starts_with("the answer is no JSON: "), "{}", problem.detail);
}

#[tokio::test(start_paused = true)]
async fn an_ask_has_the_timeout_that_it_names() {
    let fixture = fixture().await;
    let begun = tokio::time::Instant::now();
    let answer = fixture.send(post_to(WAIT).header("Pulsing-Timeout-Ms", "1500"), "").await;
    let error = ActorError::Timeout {
        operation: "ask double.wait".to_owned(),
        duration: Duration::from_millis(1500),
    };
    assert_eq!(answer.refused(504).into_refusal(), Refusal::from(error));
    assert!(begun.elapsed() < Duration::from_millis(1600));
    fixture.send(post_to(WAIT).header("Pulsing-Timeout-Ms", "soon"), "").await.refused(400);
}

#[tokio::test(start_paused = true)]
async fn an_idempotency_key_goes_along() {
    let fixture = fixture().await;
    let request = post_to("/v1/actors/double/ask/key").header("Idempotency-Key", "k-1");
    assert_eq!(fixture.send(request, "").await.json(), json!("k-1"));
}

#[tokio::test(start_paused = true)]
async fn the_trace_of_a_request_goes_along_and_a_malformed_one_is_no_error() {
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let fixture = fixture().await;
    let context = async |parent: &str| {
        let request = post_to("/v1/actors/double/ask/context");
        let request =
            request.header("traceparent", parent).header("tracestate", "a=1").header("baggage", "b=2");
        fixture.send(request, "").await.json()
    };
    let expected = json!({"traceparent": PARENT, "tracestate": "a=1", "baggage": "b=2"});
    assert_eq!(context(PARENT).await, expected);
    assert_eq!(context("00-malformed").await, json!({"baggage": "b=2"}));
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_resumed_after_no_number_that_an_actor_cannot_count_to() {
    let fixture = fixture().await;
    let answer = async |number: &str| {
        let request = post_to("/v1/actors/double/ask/key").header("Last-Event-ID", number);
        fixture.send(request, "").await
    };
    assert_eq!(answer("9007199254740991").await.status, 200);
    for bad in ["9007199254740992", "18446744073709551615", "-1"] {
        let answer = answer(bad).await;
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.body.contains("from 0 to 9007199254740991"), "{}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn control_characters_do_not_get_from_a_trace_into_a_context() {
    let fixture = fixture().await;
    let request = post_to("/v1/actors/double/ask/context").header("baggage", "a=1\tb");
    assert_eq!(fixture.send(request, "").await.json(), json!({}));
}

#[tokio::test(start_paused = true)]
async fn a_tell_is_accepted_and_its_failure_is_a_dead_letter() {
    let fixture = fixture().await;
    let tell = "/v1/actors/double/tell/log";
    assert_eq!(fixture.post(tell, "").await.status, 202);
    let answer = fixture.send(post_to(tell).header("Idempotency-Key", "k"), "[1, 2]").await;
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    until(async || !fixture.double.actor.dead_letters().await.unwrap().is_empty()).await;
    let letters = fixture.get("/v1/actors/double/dead-letters").await.json();
    let [letter] = letters.as_array().unwrap().as_slice() else { panic!("{letters}") };
    assert_eq!(letter["method"], "log");
    assert_eq!((&letter["args"], &letter["args_bytes"]), (&json!([1, 2]), &json!(6)));
    assert_eq!(letter["idempotency_key"], "k");
    assert!(letter["reason"].as_str().unwrap().contains("cannot log"), "{letter}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_taken_up_again_after_the_last_event() {
    let fixture = fixture().await;
    let answer = fixture.post(COUNT, "").await;
    assert_eq!(
        answer.body,
        "id: 1\ndata: 1\n\nid: 2\ndata: 2\n\nid: 3\ndata: 3\n\nevent: done\ndata: {}\n\n"
    );
    let answer = fixture.send(post_to(COUNT).header("Last-Event-ID", "7"), "").await;
    assert!(answer.body.starts_with("id: 8\ndata: 8\n\n"), "{}", answer.body);
    fixture.send(post_to(COUNT).header("Last-Event-ID", "x"), "").await.refused(400);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_before_its_first_item_tells_why_in_an_event() {
    let answer = fixture().await.post("/v1/actors/double/stream/break_off", "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with("event: error\ndata: {"), "{}", answer.body);
    assert!(answer.body.contains("broken off"), "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_does_not_begin_is_a_problem() {
    let fixture = fixture().await;
    fixture.post("/v1/actors/double/stream/fail", "[\"business\"]").await.refused(422);
    fixture.post("/v1/actors/double/stream/cuont", "").await.refused(404);
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_is_429_at_the_edge() {
    let limits = Limits { mailbox_messages: NonZeroUsize::MIN, ..Limits::default() };
    let fixture = Fixture::new(Double::with(Lane::Serial, limits)).await;
    let wait = || tokio::spawn(fixture.router.clone().oneshot(post_to(WAIT).body(Body::empty()).unwrap()));
    let first = wait();
    until(async || fixture.double.actor.snapshot().await.unwrap().in_flight == 1).await;
    let second = wait();
    until(async || fixture.double.actor.snapshot().await.unwrap().mailbox_depth == 1).await;
    for verb in ["ask", "tell", "stream"] {
        let answer = fixture.post(&format!("/v1/actors/double/{verb}/echo"), "").await;
        assert_eq!(answer.header("retry-after"), "1");
        let problem = answer.refused(429);
        assert_eq!((problem.retry_after_ms, problem.recoverable), (Some(100), true));
    }
    first.abort();
    second.abort();
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_choose_not_to_wait_for_a_restart() {
    let fixture = fixture().await;
    let problem = fixture.post("/v1/actors/double/ask/crash", "").await.refused(500);
    assert!(problem.recoverable, "{}", problem.detail);
    fixture.double.actor.wait_for(|status| status.state == State::Restarting).await.unwrap();
    let answer = fixture.send(post_to(ECHO).header("Pulsing-When-Restarting", "reject"), "[1]").await;
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(runtime_kind(answer.refused(503).into_refusal()), RuntimeErrorKind::ActorRestarting);
    assert_eq!(fixture.post(ECHO, "[2]").await.body, "[2]");
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_actors_limit_is_refused() {
    let limits = Limits { message_max: ByteSize::b(20), ..Limits::default() };
    let fixture = Fixture::new(Double::with(Lane::Overlapping, limits)).await;
    assert_eq!(fixture.post(ECHO, "[1]").await.status, 200);
    let problem = fixture.post(ECHO, &format!("[{}]", " ".repeat(19))).await.refused(413);
    assert_eq!(problem.detail, "the body is over the 20 bytes that a message to `double` may have");
    // The method's name counts too.
    let problem = fixture.post(ECHO, &format!("[{}]", " ".repeat(18))).await.refused(413);
    assert_eq!(runtime_kind(problem.into_refusal()), RuntimeErrorKind::MessageTooLarge);
    let pieces = futures::stream::iter([Ok::<_, std::io::Error>("[".repeat(15)), Ok("]".repeat(15))]);
    fixture.send(post_to(ECHO), Body::from_stream(pieces)).await.refused(413);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_refused() {
    let broken = std::io::Error::other("gone");
    let pieces = futures::stream::iter([Ok("[1,"), Err(broken)]);
    let problem = fixture().await.send(post_to(ECHO), Body::from_stream(pieces)).await.refused(400);
    assert!(problem.detail.starts_with("the body broke off"), "{}", problem.detail);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_being_read_have_a_bound_for_each_actor() {
    let limits =
        Limits { message_max: ByteSize::b(1000), kept_max: ByteSize::b(10_000), ..Limits::default() };
    let fixture = Fixture::new(Double::with(Lane::Overlapping, limits)).await;
    // Each has most of its body, and waits for the rest until that is late.
    let unfinished = || {
        let begun = futures::stream::iter([Ok::<_, std::io::Error>("x".repeat(900))]);
        let body = Body::from_stream(begun.chain(futures::stream::pending()));
        fixture.send(post_to(ECHO), body)
    };
    let whole = format!("[{}]", " ".repeat(900));
    let unfinished = futures::future::join_all((0..11).map(|_| unfinished()));
    let (late, refused) = futures::join!(unfinished, fixture.post(ECHO, &whole));
    assert_eq!(runtime_kind(refused.refused(429).into_refusal()), RuntimeErrorKind::MailboxFull);
    late.into_iter().for_each(|late| drop(late.refused(408)));
    assert_eq!(fixture.post(ECHO, &whole).await.status, 200);
}
