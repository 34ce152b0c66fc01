//! An overlapping actor from attribute to exports, on this machine: all that does not wait for a host.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::cell::RefCell;

use pulsing_guest::__private::overlapping_bindings::exports::pulsing::actor::resident_async_actor::Guest;
use pulsing_guest::__private::serial_bindings::pulsing::actor::types::{Encoding, Payload, StartOptions};
use pulsing_guest::__private::{OverlappingExport, Verdict, serve_overlapping, start_overlapping};
use pulsing_guest::futures::channel::oneshot;
use pulsing_guest::futures::stream::LocalBoxStream;
use pulsing_guest::{Call, Error, ErrorKind, Stream, This, spawn, stream};
use pulsing_work::work::Work;
use script::{Came, Outcome, Script, message};
use serde_json::{Value, json};

#[path = "support/script.rs"]
mod script;

#[derive(Default)]
struct Queue {
    jobs: Vec<String>,
    /// Those who wait for a job.
    waiting: Vec<oneshot::Sender<()>>,
}

thread_local! {
    /// What was dropped, with the call within which it was.
    static DROPPED: RefCell<Vec<(&'static str, u64)>> = const { RefCell::new(Vec::new()) };
}

struct NoteDrop(&'static str);

impl Drop for NoteDrop {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push((self.0, Call::current().id())));
    }
}

/// Lets others go first, `turns` times.
async fn yields(turns: u64) {
    for _ in 0..turns {
        let mut has_yielded = false;
        std::future::poll_fn(|cx| {
            if std::mem::replace(&mut has_yielded, true) {
                return std::task::Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
    }
}

impl Queue {
    fn notice(&mut self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.push(sender);
        receiver
    }
}

#[pulsing_guest::actor]
impl Queue {
    #[start]
    async fn new(jobs: Option<Vec<String>>) -> Result<Self, Error> {
        yields(3).await;
        Ok(Self { jobs: jobs.unwrap_or_default(), waiting: Vec::new() })
    }

    fn add(&mut self, job: String) -> usize {
        self.jobs.push(job);
        self.waiting.drain(..).for_each(|waiting| waiting.send(()).unwrap_or_default());
        self.jobs.len()
    }

    async fn take(this: This<Self>) -> Result<String, Error> {
        this.with(|state| state.jobs.pop()).ok_or_else(|| Error::business(404, "no job"))
    }

    async fn call(_this: This<Self>) -> u64 {
        Call::current().id()
    }

    /// Waits for a job.
    async fn next(this: This<Self>) -> String {
        let _noted = NoteDrop("next");
        loop {
            if let Some(job) = this.with(|state| state.jobs.pop()) {
                return format!("{job} for {}", Call::current().id());
            }
            this.with(Self::notice).await.unwrap();
        }
    }

    async fn yields(_this: This<Self>, turns: u64) -> u64 {
        yields(turns).await;
        turns
    }

    /// Adds a job once all that is ready has had its turn.
    async fn add_later(this: This<Self>, job: String) {
        spawn(async move {
            yields(1).await;
            this.with(|state| state.add(job));
            assert_eq!(Call::current().id(), 0);
        });
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

    /// Streams jobs, as they come.
    fn all(this: This<Self>) -> impl Stream<Item = String> {
        stream! {
            let _noted = NoteDrop("all");
            loop {
                match this.with(|state| state.jobs.pop()) {
                    Some(job) => yield job,
                    None => this.with(Self::notice).await.unwrap(),
                }
            }
        }
    }

    fn jobs(this: This<Self>) -> impl Iterator<Item = String> {
        std::iter::from_fn(move || this.with(|state| state.jobs.pop()))
    }

    #[stop]
    async fn stop(this: This<Self>) {
        yields(3).await;
        this.with(|state| state.add("stopped".into()));
        let _noted = NoteDrop("stop");
    }
}

type Exports = OverlappingExport<Queue>;

fn start(config: &str) {
    let config = Payload { encoding: Encoding::Json, body: config.into() };
    let options = StartOptions { name: "queue".into(), key: None, generation: 0, config };
    start_overlapping::<Queue>(options, &mut Script::default()).unwrap();
}

fn serve(mut script: Script) -> Script {
    serve_overlapping::<Queue>(&mut script);
    script
}

/// What comes of these lists.
fn work(lists: &[&[Work<'_>]]) -> Vec<Outcome> {
    serve(Script::new(lists)).came
}

/// What comes of one piece of work.
fn came(work_of_call: Work<'_>) -> Result<Came, Error> {
    let outcomes = work(&[&[work_of_call]]);
    let [(_, came)] = outcomes.as_slice() else { panic!("not one outcome: {outcomes:?}") };
    came.clone()
}

fn ask(method: &str, args: &str) -> Result<String, Error> {
    match came(Work::Ask(message(7, method, args)))? {
        Came::Value(value) => Ok(value),
        Came::Stream(stream) => match came(Work::Draw { call: 7, stream, max_items: 9 })? {
            Came::Items(items, true) => Ok(items),
            other => panic!("a draw brought {other:?}"),
        },
        other => panic!("`{method}` answered {other:?}"),
    }
}

fn value(call: u64, json: &str) -> Outcome {
    (call, Ok(Came::Value(json.into())))
}

fn items(call: u64, items: &str) -> Outcome {
    (call, Ok(Came::Items(items.into(), false)))
}

fn cancelled(call: u64) -> Outcome {
    (call, Err(Error::cancelled()))
}

fn next(call: u64) -> Work<'static> {
    Work::Ask(message(call, "next", ""))
}

fn add(call: u64, args: &str) -> Work<'_> {
    Work::Ask(message(call, "add", args))
}

/// Opens a stream of jobs, as call 1.
fn all() -> u64 {
    match came(Work::Ask(message(1, "all", ""))) {
        Ok(Came::Stream(stream)) => stream,
        other => panic!("answered {other:?}"),
    }
}

fn draw(stream: u64) -> Work<'static> {
    Work::Draw { call: 1, stream, max_items: 9 }
}

#[test]
fn methods_that_wait_and_methods_that_do_not_share_the_state() {
    start("");
    assert_eq!(ask("add", r#"["a"]"#).unwrap(), "1");
    assert_eq!(ask("add", r#"{"job":"b"}"#).unwrap(), "2");
    assert_eq!(ask("take", "").unwrap(), "\"b\"");
    assert_eq!(came(Work::Tell(message(7, "clear", ""))), Ok(Came::Told));
    assert_eq!(ask("take", ""), Err(Error::business(404, "no job")));
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
    assert!(matches!(ask("take", "[1]").unwrap_err().kind(), ErrorKind::Business { code: 400, .. }));
    let nearest = Some("take".to_owned());
    let unknown = ErrorKind::Unsupported { operation: "tkae".into(), nearest };
    assert_eq!(ask("tkae", ""), Err(unknown.into()));
    let told = came(Work::Tell(message(7, "all", "")));
    assert_eq!(told, Err(Error::unsupported("tell of a method that streams")));
}

#[test]
fn handlers_that_wait_let_others_run_and_go_on_in_their_own_call() {
    start("");
    let came = work(&[&[next(1), next(2)], &[add(3, r#"["a"]"#), add(4, r#"["b"]"#)]]);
    let job = |call, job: &str| value(call, &format!("\"{job} for {call}\""));
    // Both were woken: the one that came first finds the job, the other waits on.
    assert_eq!(came, [value(3, "1"), job(1, "a"), value(4, "1"), job(2, "b")]);
}

#[test]
fn the_outcomes_until_then_go_along_with_each_step() {
    start("");
    let lists: [&[_]; 1] = [&[add(1, r#"["a"]"#), next(2), add(3, r#"["b"]"#)]];
    let script = serve(Script::new(&lists));
    assert_eq!(script.handed_in, [0, 1, 1, 1]);
}

#[test]
fn a_message_may_be_skipped_and_the_rest_of_a_list_given_back() {
    start("");
    let list = [1, 2, 3, 4, 5].map(|call| add(call, r#"["a"]"#));
    let verdicts = [Verdict::Skip, Verdict::GoOn, Verdict::GiveBack];
    let script = serve(Script::new(&[&list, &[add(6, r#"["b"]"#)]]).verdicts(&verdicts));
    assert_eq!(script.came, [value(1, "1"), value(3, "2"), value(6, "3")]);
}

#[test]
fn a_message_after_other_work_begins_with_a_step() {
    start("");
    let list: &[_] = &[Work::Cancel { call: 9 }, add(1, r#"["a"]"#)];
    let script = serve(Script::new(&[list]).verdicts(&[Verdict::Skip]));
    assert!(script.came.is_empty());
}

#[test]
fn a_cancelled_handler_is_dropped_where_it_waits_within_its_call() {
    start("");
    let came = work(&[&[next(1), next(2)], &[Work::Cancel { call: 1 }], &[add(3, r#"["a"]"#)]]);
    assert_eq!(came, [cancelled(1), value(3, "1"), value(2, "\"a for 2\"")]);
    assert_eq!(DROPPED.take(), [("next", 1), ("next", 2)]);
}

#[test]
fn a_handler_that_has_ended_before_its_cancellation_has_answered() {
    start("");
    let came = work(&[&[next(1), add(2, r#"["a"]"#)], &[Work::Cancel { call: 1 }]]);
    assert_eq!(came, [value(2, "1"), value(1, "\"a for 1\"")]);
}

#[test]
fn what_was_begun_beside_the_handlers_goes_on_without_them() {
    start("");
    let came = work(&[&[next(1), Work::Ask(message(2, "add_later", r#"["a"]"#))]]);
    assert_eq!(came, [value(2, "null"), value(1, "\"a for 1\"")]);
}

#[test]
fn an_actor_that_leaves_goes_on_where_it_was() {
    start("");
    assert!(work(&[&[next(1)]]).is_empty());
    assert_eq!(work(&[&[add(2, r#"["a"]"#)]]), [value(2, "1"), value(1, "\"a for 1\"")]);
}

#[test]
fn a_handler_that_always_yields_keeps_nobody_from_work() {
    start("");
    let yields = Work::Ask(message(1, "yields", "[10000]"));
    let script = serve(Script::new(&[&[yields], &[add(2, r#"["a"]"#)], &[add(3, r#"["b"]"#)]]));
    assert_eq!(script.came, [value(2, "1"), value(3, "2"), value(1, "10000")]);
    assert!((30..=40).contains(&script.naps_begun), "{}", script.naps_begun);
}

#[test]
fn a_draw_waits_for_the_first_item_and_takes_what_is_there() {
    start("");
    let stream = all();
    let came = work(&[&[draw(stream)], &[add(2, r#"["a"]"#)], &[add(3, r#"["b"]"#)], &[draw(stream)]]);
    assert_eq!(came, [value(2, "1"), items(1, "\"a\""), value(3, "1"), items(1, "\"b\"")]);
}

#[test]
fn a_stream_that_nobody_draws_on_is_not_polled() {
    start("");
    let stream = all();
    assert_eq!(work(&[&[add(2, r#"["a"]"#)], &[draw(stream)]]), [value(2, "1"), items(1, "\"a\"")]);
    // This wakes it, and yet the job is left for others.
    assert_eq!(ask("add", r#"["b"]"#).unwrap(), "1");
    assert_eq!(ask("take", "").unwrap(), "\"b\"");
}

#[test]
fn a_close_drops_the_stream_and_ends_the_draw_that_waits() {
    start("");
    let stream = all();
    let came = work(&[&[draw(stream)], &[Work::Close { call: 1, stream }], &[draw(stream)]]);
    let none = Err(Error::fatal(format!("no stream {stream} is open")));
    assert_eq!(came, [cancelled(1), (1, Ok(Came::Closed)), (1, none)]);
    assert_eq!(DROPPED.take(), [("all", 1)]);
}

#[test]
fn a_cancelled_call_ends_its_stream_and_the_draw_that_waits() {
    start("");
    let stream = all();
    assert_eq!(work(&[&[draw(stream)], &[Work::Cancel { call: 1 }]]), [cancelled(1)]);
    assert_eq!(DROPPED.take(), [("all", 1)]);
}

#[test]
fn a_stream_that_was_cancelled_says_so_at_the_next_draw() {
    start("");
    let stream = all();
    let lists: [&[_]; 4] =
        [&[add(2, r#"["a"]"#)], &[draw(stream)], &[Work::Cancel { call: 1 }], &[draw(stream)]];
    assert_eq!(work(&lists), [value(2, "1"), items(1, "\"a\""), cancelled(1)]);
    assert_eq!(DROPPED.take(), [("all", 1)]);
}

#[test]
fn a_stop_ends_the_streams_and_lets_others_run_while_it_waits() {
    start("");
    let stream = all();
    assert!(work(&[&[draw(stream), next(2)], &[Work::Stop], &[add(3, r#"["never"]"#)]]).is_empty());
    assert_eq!(DROPPED.take(), [("all", 1), ("stop", 0), ("next", 2)]);
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
