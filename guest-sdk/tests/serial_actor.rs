//! A serial actor from attribute to exports, on this machine: all but what needs a host.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "support/script.rs"]
mod script;

use std::cell::RefCell;

use pulsing_guest::__private::serial_bindings::exports::pulsing::actor::resident_actor::Guest;
use pulsing_guest::__private::serial_bindings::pulsing::actor::types::{
    ActorError, Encoding, Payload, StartOptions,
};
use pulsing_guest::__private::{SerialExport, Verdict, serve_serial};
use pulsing_guest::{Bytes, Call, Error, ErrorKind, Life, This, schemars, serde};
use pulsing_work::work::{Message, Work, WorkList};
use script::{Came, Outcome, Script};
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
        Ok(Self { values: vec![config.first] })
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

    fn kept(&self) -> impl Iterator<Item = u64> {
        let noted = NoteDrop;
        (1..).inspect(move |_| {
            let _ = &noted;
        })
    }

    #[stop]
    fn stop(&mut self) {
        STOPPED.with_borrow_mut(|stopped| stopped.push("actor"));
    }
}

thread_local! {
    static STOPPED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

struct NoteDrop;

impl Drop for NoteDrop {
    fn drop(&mut self) {
        STOPPED.with_borrow_mut(|stopped| stopped.push("stream"));
    }
}

type Exports = SerialExport<Recorder>;

fn payload(json: &str) -> Payload {
    Payload { encoding: Encoding::Json, body: json.into() }
}

fn message<'a>(method: &'a str, args: &'a str) -> Message<'a> {
    Message { idempotency_key: Some("key"), ..script::message(1, method, args) }
}

/// What comes of these lists.
fn work(lists: &[&[Work<'_>]]) -> Vec<Outcome> {
    let mut script = Script::new(lists);
    serve_serial::<Recorder>(&mut script);
    script.came
}

/// What comes of one piece of work.
fn came(work_of_call: Work<'_>) -> Result<Came, Error> {
    let outcomes = work(&[&[work_of_call]]);
    let [(1, came)] = outcomes.as_slice() else { panic!("not one outcome: {outcomes:?}") };
    came.clone()
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

fn ask(method: &str, args: &str) -> Result<String, Error> {
    match came(Work::Ask(message(method, args)))? {
        Came::Value(value) => Ok(value),
        other => panic!("`{method}` answered {other:?}"),
    }
}

fn tell(method: &str, args: &str) -> Result<Came, Error> {
    came(Work::Tell(message(method, args)))
}

fn open(message: Message<'_>) -> Result<u64, Error> {
    match came(Work::Ask(message))? {
        Came::Stream(stream) => Ok(stream),
        other => panic!("answered {other:?}"),
    }
}

fn stream(method: &str, args: &str) -> u64 {
    open(message(method, args)).unwrap()
}

fn draw(stream: u64, max_items: u32) -> Result<(String, bool), Error> {
    match came(Work::Draw { call: 1, stream, max_items })? {
        Came::Items(items, done) => Ok((items, done)),
        other => panic!("a draw brought {other:?}"),
    }
}

/// Errors of `#[start]` have no equality of their own on the wire.
#[track_caller]
fn same<T: std::fmt::Debug>(found: Result<T, ActorError>, expected: Error) {
    assert_eq!(format!("{:?}", found.unwrap_err()), format!("{:?}", ActorError::from(expected)));
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
    assert_eq!(ask("parse", r#"["x"]"#), Err(Error::system("invalid digit found in string")));
}

#[test]
fn bytes_go_through_as_they_are() {
    started();
    let args = pulsing_work::Payload { encoding: pulsing_work::Encoding::Bytes, body: &[1, 2, 255] };
    let answer = came(Work::Ask(Message { args, ..message("reversed", "") }));
    assert_eq!(answer, Ok(Came::Bytes(vec![255, 2, 1])));
}

#[test]
fn an_unknown_method_names_the_one_that_was_meant() {
    started();
    let nearest = Some("length".to_owned());
    let unknown = ErrorKind::Unsupported { operation: "lenght".into(), nearest };
    assert_eq!(ask("lenght", ""), Err(unknown.into()));
    for hidden in ["helper", "not_a_method", "new", "stop"] {
        let error = ask(hidden, "").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }), "{hidden}");
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
    assert_eq!(draw(id, 2), Err(Error::fatal(format!("no stream {id} is open"))));
}

#[test]
fn a_stream_may_change_the_state_between_two_draws() {
    started();
    ask("add", "[2]").unwrap();
    let id = stream("drained", "");
    assert_eq!(draw(id, 1).unwrap(), ("2".into(), false));
    assert_eq!(ask("count", "").unwrap(), "1");
    assert_eq!(came(Work::Close { call: 1, stream: id }), Ok(Came::Closed));
    assert_eq!(ask("count", "").unwrap(), "1");
}

#[test]
fn a_stream_fails_before_its_first_item_or_after_its_last() {
    started();
    assert_eq!(open(message("until", "[-1]")), Err(Error::business(416, "the limit is negative")));
    let id = stream("until", "[2]");
    assert_eq!(draw(id, 9).unwrap(), ("0,1".into(), false));
    assert_eq!(draw(id, 9), Err(Error::business(416, "over the limit")));
}

#[test]
fn a_stream_is_taken_up_again_after_the_item_that_the_reader_has() {
    started();
    for (method, args) in [("until", "[9]"), ("resumes", "")] {
        let id = open(Message { resume_after: Some(4), ..message(method, args) }).unwrap();
        assert_eq!(draw(id, 2).unwrap(), ("4,5".into(), false), "{method}");
    }
}

#[test]
fn a_tell_answers_nothing_and_may_fail() {
    started();
    assert_eq!(tell("note", "[5]"), Ok(Came::Told));
    assert_eq!(tell("note", "[0]"), Err(Error::business(400, "zero")));
    assert_eq!(ask("note", "[6]").unwrap(), "null");
    assert_eq!(tell("add", "[7]"), Ok(Came::Told));
    assert_eq!(ask("count", "").unwrap(), "4");
    assert_eq!(tell("values", ""), Err(Error::unsupported("tell of a method that streams")));
}

#[test]
fn the_messages_of_a_list_are_handled_in_turn_and_a_step_lies_between_them() {
    started();
    let add = |call, value| Work::Ask(script::message(call, "add", value));
    let mut script = Script::new(&[&[add(1, "[1]"), add(2, "[2]"), add(3, "[3]")]]);
    serve_serial::<Recorder>(&mut script);
    let value = |call, value: &str| (call, Ok(Came::Value(value.into())));
    assert_eq!(script.came, [value(1, "2"), value(2, "3"), value(3, "4")]);
    // `next`, two steps, and `next`.
    assert_eq!(script.handed_in, [0, 1, 1, 1]);
}

#[test]
fn a_message_may_be_skipped_and_the_rest_of_a_list_given_back() {
    started();
    let add = |call| Work::Tell(script::message(call, "add", "[1]"));
    let list = [1, 2, 3, 4, 5].map(add);
    let verdicts = [Verdict::Skip, Verdict::GoOn, Verdict::GiveBack];
    let mut script = Script::new(&[&list, &[add(6)]]).verdicts(&verdicts);
    serve_serial::<Recorder>(&mut script);
    assert_eq!(script.came, [1, 3, 6].map(|call| (call, Ok(Came::Told))));
    assert_eq!(script.handed_in, [0, 1, 0, 1, 0, 1]);
}

/// A list that begins with a row of so many tells.
fn with_row(works: &[Work<'_>], tells: u8) -> Script {
    let mut list = WorkList::default();
    works.iter().for_each(|work| list.push(work).unwrap());
    list.begin_with_row(tells);
    Script::of_packed(std::iter::once(list.finish().unwrap()))
}

#[test]
fn an_actor_goes_on_within_a_row_of_tells_until_one_fails() {
    started();
    let note = |call, value| Work::Tell(script::message(call, "note", value));
    let told = |call| (call, Ok(Came::Told));
    let whole = [note(1, "[1]"), note(2, "[2]"), note(3, "[3]"), note(4, "[4]")];
    let mut script = with_row(&whole, 3);
    serve_serial::<Recorder>(&mut script);
    assert_eq!(script.came, [told(3), told(4)]);
    // `next`, a step before the fourth, and `next`.
    assert_eq!((script.handed_in, script.counted), (vec![0, 1, 1], vec![0, 2, 2]));
    let failing = [note(1, "[1]"), note(2, "[0]"), note(3, "[3]"), note(4, "[4]")];
    let mut script = with_row(&failing, 4);
    serve_serial::<Recorder>(&mut script);
    let zero = Err(Error::business(400, "zero"));
    assert_eq!(script.came, [(2, zero), told(3), told(4)]);
    assert_eq!((script.handed_in, script.counted), (vec![0, 1, 1, 1], vec![2, 3, 3, 3]));
    assert_eq!(ask("count", "").unwrap(), "8");
}

#[test]
fn the_configuration_makes_the_first_state() {
    start("").unwrap();
    assert_eq!(ask("count", "").unwrap(), "1");
    same(start(r#"{"first":-1}"#), Error::business(422, "must not be negative"));
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
fn a_stop_closes_the_streams_and_then_ends_the_actor() {
    started();
    let counted = stream("kept", "");
    assert_eq!(draw(counted, 1).unwrap(), ("1".into(), false));
    assert_eq!(work(&[&[Work::Stop], &[Work::Ask(message("count", ""))]]), []);
    assert_eq!(STOPPED.take(), ["stream", "actor"]);
}

#[test]
fn the_description_has_methods_in_order_with_kind_doc_and_schemas() {
    let description: Value = serde_json::from_str(&Exports::describe()).unwrap();
    let methods = description["methods"].as_array().unwrap();
    let names: Vec<_> = methods.iter().map(|method| method["name"].as_str().unwrap()).collect();
    let expected = [
        "add", "parse", "nothing", "length", "reversed", "values", "drained", "until", "resumes", "note",
        "who", "opaque", "shown", "type", "count", "kept",
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
