//! An overlapping actor from attribute to exports, on this machine: all that does not wait for a host.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use pulsing_guest::__private::OverlappingExport;
use pulsing_guest::__private::overlapping_bindings::exports::pulsing::actor::async_actor::Guest;
use pulsing_guest::__private::serial_bindings::pulsing::actor::types::{
    ActorError, Encoding, Message, Payload, Reply, StartOptions,
};
use pulsing_guest::futures::stream::LocalBoxStream;
use pulsing_guest::{Call, Error, Stream, This, stream};
use serde_json::{Value, json};

#[derive(Default)]
struct Queue {
    jobs: Vec<String>,
}

#[pulsing_guest::actor]
impl Queue {
    #[start]
    async fn new(jobs: Option<Vec<String>>) -> Result<Self, Error> {
        Ok(Self { jobs: jobs.unwrap_or_default() })
    }

    fn add(&mut self, job: String) -> usize {
        self.jobs.push(job);
        self.jobs.len()
    }

    async fn take(this: This<Self>) -> Result<String, Error> {
        this.with(|state| state.jobs.pop()).ok_or_else(|| Error::business(404, "no job"))
    }

    async fn call(_this: This<Self>) -> u64 {
        Call::current().id()
    }

    #[tell]
    async fn clear(this: This<Self>) {
        this.with(|state| state.jobs.clear());
    }

    #[stream]
    fn named(this: This<Self>) -> LocalBoxStream<'static, Result<String, Error>> {
        Box::pin(stream! { yield this.with(|state| state.jobs.pop()).ok_or_else(|| Error::system("none")); })
    }

    async fn opens(_this: This<Self>) -> Result<impl Stream<Item = Result<bool, Error>>, Error> {
        Ok(stream! { yield Ok(true); })
    }

    fn jobs(this: This<Self>) -> impl Iterator<Item = String> {
        std::iter::from_fn(move || this.with(|state| state.jobs.pop()))
    }

    #[stop]
    async fn stop(this: This<Self>) {
        this.with(|state| state.jobs.clear());
    }
}

type Exports = OverlappingExport<Queue>;

/// Nothing here waits, so one poll is enough.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn payload(json: &str) -> Payload {
    Payload { encoding: Encoding::Json, body: json.into() }
}

fn message(method: &str, args: &str) -> Message {
    let args = payload(args);
    Message {
        call: 7,
        method: method.into(),
        args,
        idempotency_key: None,
        resume_after: None,
        remaining_ms: None,
    }
}

fn start(config: &str) {
    let options = StartOptions { name: "queue".into(), key: None, generation: 0, config: payload(config) };
    now(Exports::start(options)).unwrap();
}

fn ask(method: &str, args: &str) -> Result<String, ActorError> {
    match now(Exports::handle(message(method, args)))? {
        Reply::Value(payload) => Ok(String::from_utf8(payload.body).unwrap()),
        Reply::Stream(stream) => {
            let batch = now(Exports::stream_next(stream, 9))?;
            assert!(batch.done);
            let items = batch.items.into_iter().map(|item| String::from_utf8(item.body).unwrap());
            Ok(items.collect::<Vec<_>>().join(","))
        }
    }
}

#[test]
fn methods_that_wait_and_methods_that_do_not_share_the_state() {
    start("");
    assert_eq!(ask("add", r#"["a"]"#).unwrap(), "1");
    assert_eq!(ask("add", r#"{"job":"b"}"#).unwrap(), "2");
    assert_eq!(ask("take", "").unwrap(), "\"b\"");
    assert!(now(Exports::tell(message("clear", ""))).is_ok());
    assert!(matches!(ask("take", ""), Err(ActorError::Business(error)) if error.code == 404));
}

#[test]
fn an_async_start_takes_the_configuration() {
    start(r#"["a","b"]"#);
    assert_eq!(ask("jobs", "").unwrap(), "\"b\",\"a\"");
}

#[test]
fn an_async_method_runs_within_its_call() {
    start("");
    assert_eq!(ask("call", "").unwrap(), "7");
}

#[test]
fn what_is_wrong_with_a_message_is_said_before_anything_runs() {
    start("");
    assert!(matches!(ask("take", "[1]"), Err(ActorError::Business(error)) if error.code == 400));
    let Err(ActorError::Unsupported(error)) = ask("tkae", "") else { panic!("another class") };
    assert_eq!(error.nearest.as_deref(), Some("take"));
}

#[test]
fn after_a_stop_nothing_is_handled() {
    start("");
    now(Exports::stop());
    assert!(matches!(ask("take", ""), Err(ActorError::System(_))));
}

#[test]
fn answers_and_items_are_described_whatever_they_are_wrapped_in() {
    let description: Value = serde_json::from_str(&Exports::describe()).unwrap();
    let methods = description["methods"].as_array().unwrap();
    for (name, member, ty) in [
        ("add", "answer", json!("integer")),
        ("take", "answer", json!("string")),
        ("named", "item", json!("string")),
        ("opens", "item", json!("boolean")),
        ("jobs", "item", json!("string")),
    ] {
        let method = methods.iter().find(|method| method["name"] == name).unwrap();
        assert_eq!(method[member]["type"], ty, "{name}");
    }
    assert_eq!(description["restart"], json!(null), "it says nothing of restarts");
}
