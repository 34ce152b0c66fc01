//! Every class there and back, and what the table promises.

use axum::body::to_bytes;

use super::*;

/// One error of every class and kind.
pub(crate) fn one_of_each() -> Vec<CallError> {
    let text = || "why".to_owned();
    let actor = [
        ActorError::Business {
            code: 404,
            message: text(),
            details: Some(r#"{"b":1,"a":[2.50]}"#.to_owned()),
        },
        ActorError::Business { code: 0, message: text(), details: None },
        ActorError::System { message: text(), recoverable: true, restart: false },
        ActorError::System { message: text(), recoverable: false, restart: false },
        ActorError::Timeout { operation: "ask a.b".to_owned(), duration: Duration::from_millis(1500) },
        ActorError::Unsupported { operation: "incremnt".to_owned(), nearest: Some("increment".to_owned()) },
        ActorError::Unsupported { operation: "x".to_owned(), nearest: None },
        ActorError::Cancelled,
    ];
    let runtime = RuntimeErrorKind::ALL.into_iter().enumerate().map(|(n, kind)| {
        let retry_after = (n % 2 == 0).then(|| Duration::from_millis(250));
        CallError::from(RuntimeError { kind, message: text(), retry_after })
    });
    actor.into_iter().map(CallError::from).chain(runtime).collect()
}

fn status_of(error: CallError) -> u16 {
    Problem::from(Refusal::from(error)).status
}

#[test]
fn every_error_survives_the_way_there_and_back() {
    for error in one_of_each() {
        let problem = Problem::from(Refusal::from(error.clone()));
        let read: Problem = serde_json::from_slice(&problem.to_json()).unwrap();
        assert_eq!(read.into_refusal(), Refusal::Call(error));
    }
    let refusal = Refusal::bad_request("no JSON at line 1 column 2");
    let read: Problem = serde_json::from_slice(&Problem::from(refusal.clone()).to_json()).unwrap();
    assert_eq!(read.into_refusal(), refusal);
}

#[test]
fn every_class_has_its_status() {
    let statuses: Vec<_> = one_of_each().into_iter().map(status_of).collect();
    let actor = [422, 422, 500, 500, 504, 404, 404, 499];
    let runtime = [404, 410, 503, 429, 508, 403, 413, 502, 500];
    assert_eq!(statuses, [actor.as_slice(), runtime.as_slice()].concat());
}

#[test]
fn what_no_other_try_helps_has_a_status_that_clients_repeat_only_where_the_actor_or_its_host_failed() {
    let repeated = |status: u16| [408, 425, 429].contains(&status) || status >= 500;
    let in_vain =
        one_of_each().into_iter().filter(|error| !error.is_retryable() && repeated(status_of(error.clone())));
    let in_vain: Vec<_> = in_vain.map(|error| Problem::from(Refusal::from(error)).type_uri).collect();
    assert_eq!(in_vain, ["system", "deadlock", "internal"].map(|word| format!("urn:pulsing:error:{word}")));
}

#[test]
fn details_that_are_no_json_become_a_string() {
    let business = |details: &str| {
        let details = Some(details.to_owned());
        let error = ActorError::Business { code: 1, message: String::new(), details };
        Problem::from(Refusal::from(error)).details.unwrap().get().to_owned()
    };
    assert_eq!(business("{oops"), r#""{oops""#);
    assert_eq!(business(r#"{"z":1, "a":2}"#), r#"{"z":1, "a":2}"#);
}

#[test]
fn a_problem_from_a_later_host_with_fields_missing_is_still_read() {
    let text = r#"{"type":"t","title":"","status":500,"detail":"d","kind":"runtime","runtime_kind":"new"}"#;
    let problem: Problem = serde_json::from_str(text).unwrap();
    let expected = RuntimeError::new(RuntimeErrorKind::Internal, "d");
    assert_eq!(problem.into_refusal(), Refusal::from(expected));
}

#[tokio::test]
async fn an_error_that_may_pass_says_when_to_try_again() {
    for (kind, retry_after, seconds) in [
        (RuntimeErrorKind::MailboxFull, Some(Duration::from_millis(100)), Some("1")),
        (RuntimeErrorKind::ActorRestarting, Some(Duration::from_millis(2001)), Some("3")),
        (RuntimeErrorKind::ActorRestarting, None, Some("1")),
        (RuntimeErrorKind::ActorNotFound, None, None),
    ] {
        let error = RuntimeError { kind, message: String::new(), retry_after };
        let response = Refusal::from(error).into_response();
        let header = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap());
        assert_eq!(header, seconds, "{kind}");
    }
}

#[tokio::test]
async fn a_problem_is_json_with_the_members_of_its_class() {
    let response = Refusal::from(one_of_each().remove(0)).into_response();
    assert_eq!(response.status(), 422);
    assert_eq!(response.headers()[CONTENT_TYPE], CONTENT_TYPE_PROBLEM);
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&body).unwrap(),
        serde_json::json!({
            "type": "urn:pulsing:error:business",
            "title": "the actor refused what was asked",
            "status": 422,
            "detail": "why",
            "kind": "business",
            "recoverable": false,
            "code": 404,
            "details": {"a": [2.5], "b": 1},
        })
    );
}
