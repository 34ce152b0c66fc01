//! A serial actor from attribute to exports, on this machine: all but what needs a host.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use pulsing_guest::__private::SerialExport;
use pulsing_guest::__private::serial_bindings::exports::pulsing::actor::actor::Guest;
use pulsing_guest::__private::serial_bindings::pulsing::actor::types::{
    ActorError, Encoding, Message, Payload, Reply, StartOptions, StreamBatch,
};
use pulsing_guest::{Bytes, Call, Error, Life, This, schemars, serde};
use serde_json::{Value, json};

#[derive(serde::Deserialize)]
#[serde(crate = "pulsing_guest::serde", deny_unknown_fields)]
struct Config {
    #[serde(default)]
    first: i64,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(crate = "pulsing_guest::serde")]
#[schemars(crate = "pulsing_guest::schemars")]
struct Point {
    x: i64,
    y: i64,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(crate = "pulsing_guest::serde")]
#[schemars(crate = "pulsing_guest::schemars")]
struct Who {
    name: String,
    key: Option<String>,
    generation: u64,
    idempotency_key: Option<String>,
}

#[derive(serde::Serialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Opaque;

struct Recorder {
    values: Vec<i64>,
    stopped: Vec<&'static str>,
}

type Fallible<T> = Result<T, std::num::ParseIntError>;

#[pulsing_guest::actor(
    restart = "on_failure",
    max_restarts = 5,
    min_backoff_ms = 100,
    max_backoff_ms = 30_000
)]
impl Recorder {
    #[start]
    fn new(config: Config) -> Result<Self, Error> {
        if config.first < 0 {
            return Err(Error::business(422, "must not be negative"));
        }
        Ok(Self { values: vec![config.first], stopped: Vec::new() })
    }

    /// Adds a value.
    ///
    /// Returns how many there are.
    fn add(&mut self, value: i64, times: Option<usize>) -> usize {
        self.values.extend(std::iter::repeat_n(value, times.unwrap_or(1)));
        self.values.len()
    }

    fn parse(&mut self, text: String) -> Fallible<i64> {
        text.parse()
    }

    fn nothing(&self) {}

    fn length(&self, point: Point) -> f64 {
        ((point.x * point.x + point.y * point.y) as f64).sqrt()
    }

    fn reversed(&self, mut raw: Bytes) -> Bytes {
        raw.0.reverse();
        raw
    }

    fn values(&self) -> impl Iterator<Item = i64> {
        self.values.clone().into_iter()
    }

    fn drained(this: This<Self>) -> impl Iterator<Item = i64> {
        std::iter::from_fn(move || this.with(|state| state.values.pop()))
    }

    fn until(&self, limit: i64) -> Result<impl Iterator<Item = Result<i64, Error>>, Error> {
        if limit < 0 {
            return Err(Error::business(416, "the limit is negative"));
        }
        let item = move |n| if n < limit { Ok(n) } else { Err(Error::business(416, "over the limit")) };
        Ok((0..).map(item))
    }

    #[stream(resumes)]
    fn resumes(&self) -> std::ops::Range<u64> {
        Call::current().resume_after().unwrap_or(0)..10
    }

    #[tell]
    fn note(&mut self, value: i64) -> Result<(), Error> {
        if value == 0 {
            return Err(Error::business(400, "zero"));
        }
        self.values.push(value);
        Ok(())
    }

    fn who(&self) -> Who {
        let (life, call) = (Life::current(), Call::current());
        Who {
            name: life.name().to_owned(),
            key: life.key().map(str::to_owned),
            generation: life.generation(),
            idempotency_key: call.idempotency_key().map(str::to_owned),
        }
    }

    fn opaque(&self) -> Result<Opaque, Error> {
        Ok(Opaque)
    }

    fn shown(&self) -> impl std::fmt::Display + serde::Serialize {
        "shown"
    }

    fn r#type(&self) -> &'static str {
        "recorder"
    }

    #[skip]
    fn helper(&self) -> usize {
        self.values.len()
    }

    fn count(&self) -> usize {
        self.helper()
    }

    fn not_a_method(value: i64) -> i64 {
        value
    }

    #[stop]
    fn stop(&mut self) {
        self.stopped.push("stopped");
    }
}

type Exports = SerialExport<Recorder>;

fn payload(json: &str) -> Payload {
    Payload { encoding: Encoding::Json, body: json.into() }
}

fn message(method: &str, args: Payload) -> Message {
    Message {
        call: 1,
        method: method.into(),
        args,
        idempotency_key: Some("key".into()),
        resume_after: None,
        remaining_ms: None,
    }
}

fn started() {
    start(r#"{"first":1}"#).unwrap();
}

fn start(config: &str) -> Result<(), ActorError> {
    Exports::start(StartOptions {
        name: "rec".into(),
        key: Some("7".into()),
        generation: 3,
        config: payload(config),
    })
}

fn ask(method: &str, args: &str) -> Result<String, ActorError> {
    match Exports::handle(message(method, payload(args)))? {
        Reply::Value(payload) => Ok(String::from_utf8(payload.body).unwrap()),
        Reply::Stream(_) => panic!("`{method}` answered a stream"),
    }
}

fn open(message: Message) -> Result<u64, ActorError> {
    match Exports::handle(message)? {
        Reply::Stream(stream) => Ok(stream),
        Reply::Value(_) => panic!("answered a value"),
    }
}

fn stream(method: &str, args: &str) -> u64 {
    open(message(method, payload(args))).unwrap()
}

fn draw(stream: u64, max: u32) -> Result<(String, bool), ActorError> {
    let StreamBatch { items, done } = Exports::stream_next(stream, max)?;
    let items: Vec<_> = items.into_iter().map(|item| String::from_utf8(item.body).unwrap()).collect();
    Ok((items.join(","), done))
}

fn business(code: u32, message: &str) -> ActorError {
    Error::business(code, message).into()
}

/// Errors have no equality of their own on the wire.
#[track_caller]
fn same<T: std::fmt::Debug>(found: Result<T, ActorError>, expected: ActorError) {
    assert_eq!(format!("{:?}", found.unwrap_err()), format!("{expected:?}"));
}

#[test]
fn values_answer_as_json() {
    started();
    assert_eq!(ask("add", r#"{"value":5,"times":2}"#).unwrap(), "3");
    assert_eq!(ask("add", "[7]").unwrap(), "4");
    assert_eq!(ask("nothing", "").unwrap(), "null");
    assert_eq!(ask("length", r#"{"point":{"x":3,"y":4}}"#).unwrap(), "5.0");
    assert_eq!(ask("type", "").unwrap(), "\"recorder\"");
    assert_eq!(ask("count", "").unwrap(), "4");
}

#[test]
fn a_result_answers_its_value_or_fails_in_its_class() {
    started();
    assert_eq!(ask("parse", r#"["12"]"#).unwrap(), "12");
    same(ask("parse", r#"["x"]"#), Error::system("invalid digit found in string").into());
}

#[test]
fn bytes_go_through_as_they_are() {
    started();
    let args = Payload { encoding: Encoding::Bytes, body: vec![1, 2, 255] };
    let Ok(Reply::Value(answer)) = Exports::handle(message("reversed", args)) else { panic!("no value") };
    assert_eq!((answer.encoding, answer.body), (Encoding::Bytes, vec![255, 2, 1]));
}

#[test]
fn an_unknown_method_names_the_one_that_was_meant() {
    started();
    let ActorError::Unsupported(error) = ask("lenght", "").unwrap_err() else { panic!("another class") };
    assert_eq!((error.operation.as_str(), error.nearest.as_deref()), ("lenght", Some("length")));
    for hidden in ["helper", "not_a_method", "new", "stop"] {
        assert!(matches!(ask(hidden, ""), Err(ActorError::Unsupported(_))), "{hidden}");
    }
    assert_eq!(Recorder::not_a_method(1), 1);
}

#[test]
fn streams_are_drawn_in_batches() {
    started();
    ask("add", "[2]").unwrap();
    ask("add", "[3]").unwrap();
    let id = stream("values", "");
    assert_eq!(draw(id, 2).unwrap(), ("1,2".into(), false));
    assert_eq!(draw(id, 2).unwrap(), ("3".into(), true));
    same(draw(id, 2), Error::fatal(format!("no stream {id} is open")).into());
}

#[test]
fn a_stream_may_change_the_state_between_two_draws() {
    started();
    ask("add", "[2]").unwrap();
    let id = stream("drained", "");
    assert_eq!(draw(id, 1).unwrap(), ("2".into(), false));
    assert_eq!(ask("count", "").unwrap(), "1");
    Exports::stream_close(id);
    assert_eq!(ask("count", "").unwrap(), "1");
}

#[test]
fn a_stream_fails_before_its_first_item_or_after_its_last() {
    started();
    same(open(message("until", payload("[-1]"))), business(416, "the limit is negative"));
    let id = stream("until", "[2]");
    assert_eq!(draw(id, 9).unwrap(), ("0,1".into(), false));
    same(draw(id, 9), business(416, "over the limit"));
}

#[test]
fn a_stream_is_taken_up_again_after_the_item_that_the_reader_has() {
    started();
    for (method, args) in [("until", "[9]"), ("resumes", "")] {
        let id = open(Message { resume_after: Some(4), ..message(method, payload(args)) }).unwrap();
        assert_eq!(draw(id, 2).unwrap(), ("4,5".into(), false), "{method}");
    }
}

#[test]
fn a_tell_answers_nothing_and_may_fail() {
    started();
    assert!(Exports::tell(message("note", payload("[5]"))).is_ok());
    same(Exports::tell(message("note", payload("[0]"))), business(400, "zero"));
    assert_eq!(ask("note", "[6]").unwrap(), "null");
    assert!(Exports::tell(message("add", payload("[7]"))).is_ok());
    assert_eq!(ask("count", "").unwrap(), "4");
    assert!(matches!(Exports::tell(message("values", payload(""))), Err(ActorError::Unsupported(_))));
}

#[test]
fn the_configuration_makes_the_first_state() {
    start("").unwrap();
    assert_eq!(ask("count", "").unwrap(), "1");
    same(start(r#"{"first":-1}"#), business(422, "must not be negative"));
    let ActorError::Business(error) = start(r#"{"frist":1}"#).unwrap_err() else { panic!("another class") };
    assert!(error.message.starts_with("configuration: unknown field `frist`"), "{}", error.message);
}

#[test]
fn code_can_ask_who_it_is_and_what_its_message_said() {
    started();
    let who = r#"{"name":"rec","key":"7","generation":3,"idempotency_key":"key"}"#;
    assert_eq!(ask("who", "").unwrap(), who);
}

#[test]
fn after_a_stop_nothing_is_handled() {
    started();
    let id = stream("values", "");
    Exports::stop();
    same(ask("count", ""), Error::system("the actor is not running").into());
    same(draw(id, 1), Error::fatal(format!("no stream {id} is open")).into());
}

#[test]
fn the_description_has_methods_in_order_with_kind_doc_and_schemas() {
    let description: Value = serde_json::from_str(&Exports::describe()).unwrap();
    let methods = description["methods"].as_array().unwrap();
    let names: Vec<_> = methods.iter().map(|method| method["name"].as_str().unwrap()).collect();
    let expected = [
        "add", "parse", "nothing", "length", "reversed", "values", "drained", "until", "resumes", "note",
        "who", "opaque", "shown", "type", "count",
    ];
    assert_eq!(names, expected);
    let method = |name: &str| &methods[names.iter().position(|known| *known == name).unwrap()];
    let add = method("add");
    assert_eq!(
        (&add["kind"], &add["doc"]),
        (&json!("ask"), &json!("Adds a value.\n\nReturns how many there are."))
    );
    assert_eq!(add["args"]["required"], json!(["value"]));
    assert_eq!(method("values")["kind"], "stream");
    assert_eq!(method("note")["kind"], "tell");
    let integer = json!({"type": "integer", "format": "int64"});
    for (name, member, schema) in [
        ("add", "answer", json!({"type": "integer", "format": "uint", "minimum": 0})),
        ("parse", "answer", integer.clone()),
        ("nothing", "answer", json!({"type": "null"})),
        ("type", "answer", json!({"type": "string"})),
        ("values", "item", integer.clone()),
        ("until", "item", integer),
        ("resumes", "item", json!({"type": "integer", "format": "uint64", "minimum": 0})),
        ("reversed", "args", json!(null)),
        ("reversed", "answer", json!(null)),
        ("opaque", "answer", json!(null)),
        ("shown", "answer", json!(null)),
        ("note", "answer", json!(null)),
        ("values", "answer", json!(null)),
    ] {
        assert_eq!(method(name)[member], schema, "{name}.{member}");
    }
    let who = &method("who")["answer"];
    assert_eq!(who["$ref"], "#/$defs/Who");
    assert_eq!(who["$defs"]["Who"]["properties"]["generation"]["minimum"], 0);
}

#[test]
fn the_description_says_how_the_actor_wants_to_be_restarted() {
    let description: Value = serde_json::from_str(&Exports::describe()).unwrap();
    let expected =
        json!({"policy": "on_failure", "max_restarts": 5, "min_backoff_ms": 100, "max_backoff_ms": 30_000});
    assert_eq!(description["restart"], expected);
}
