//! An overlapping guest that notes what it is sent, streams it over hops, and counts how it ends.
//!
//! What it has noted goes with its memory, so its answers and items say which life they are of.

mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use pulsing_guest::futures::StreamExt;
use pulsing_guest::{ActorRef, Call, Error, Stream, This, sleep, spawn, stream};
use serde_json::{Value, json};

use words::{Book, Counts, Entry};

#[derive(Default)]
struct Ledger {
    book: Book,
}

/// Counts how a handler or a stream ends.
struct Unfinished {
    this: This<Ledger>,
    is_finished: bool,
}

impl Unfinished {
    fn new(this: &This<Ledger>) -> Self {
        this.with(|state| state.book.begin());
        Self { this: this.clone(), is_finished: false }
    }

    fn finish(mut self) {
        self.is_finished = true;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.this.with(|state| state.book.end(self.is_finished));
    }
}

#[pulsing_guest::actor]
impl Ledger {
    fn note(&mut self, sender: u64, number: u64) -> Entry {
        self.book.note(sender, number)
    }

    /// Notes, and answers after a while.
    async fn nap(this: This<Self>, sender: u64, number: u64, ms: u64) -> Entry {
        let unfinished = Unfinished::new(&this);
        let entry = this.with(|state| state.book.note(sender, number));
        sleep(Duration::from_millis(ms)).await;
        unfinished.finish();
        entry
    }

    #[tell]
    fn scribble(&mut self, sender: u64, number: u64) {
        self.book.note(sender, number);
    }

    /// Notes, and answers a business error with the entry as its details.
    fn refuse(&mut self, sender: u64, number: u64) -> Result<(), Error> {
        Err(Error::business(409, "refused").with_details(self.book.note(sender, number)))
    }

    fn crash(&mut self, _sender: u64, _number: u64) {
        panic!("told to crash");
    }

    fn notes(&self) -> Vec<(u64, u64)> {
        self.book.notes.clone()
    }

    fn counts(&self) -> Counts {
        self.book.counts
    }

    fn fail(&self, class: String) -> Result<(), Error> {
        Err(words::error(&class))
    }

    /// Answers so many bytes.
    fn answer(&self, bytes: usize) -> String {
        "x".repeat(bytes)
    }

    /// Notes, and counts from 1 to `last`, with a pause before each number; each with the entry.
    fn items(
        this: This<Self>,
        sender: u64,
        number: u64,
        last: u64,
        ms: u64,
    ) -> impl Stream<Item = (u64, Entry)> {
        let entry = this.with(|state| state.book.note(sender, number));
        stream! {
            let unfinished = Unfinished::new(&this);
            for item in 1..=last {
                if ms > 0 {
                    sleep(Duration::from_millis(ms)).await;
                }
                this.with(|state| state.book.made());
                yield (item, entry.clone());
            }
            unfinished.finish();
        }
    }

    /// Counts from 1 to `last`; then waits for `ms` and fails, where `class` names an error.
    fn count(
        this: This<Self>,
        last: u64,
        ms: u64,
        class: Option<String>,
    ) -> impl Stream<Item = Result<u64, Error>> {
        stream! {
            let unfinished = Unfinished::new(&this);
            for item in 1..=last {
                this.with(|state| state.book.made());
                yield Ok(item);
            }
            if ms > 0 {
                sleep(Duration::from_millis(ms)).await;
            }
            if let Some(class) = class {
                yield Err(words::error(&class));
            }
            unfinished.finish();
        }
    }

    /// The stream of the last actor on `path`, read through all before it.
    fn relay(
        this: This<Self>,
        path: Vec<String>,
        method: String,
        args: Value,
        after: Option<u64>,
    ) -> impl Stream<Item = Result<Value, Error>> {
        stream! {
            let unfinished = Unfinished::new(&this);
            let is_last = path.len() <= 1;
            let args = if is_last { args } else { json!([path[1..], method, args, after]) };
            let method = if is_last { method } else { "relay".to_owned() };
            let peer = ActorRef::new(path.into_iter().next().unwrap_or_default());
            let opened = match after.filter(|_| is_last) {
                Some(after) => peer.resume::<Value>(&method, args, after).await,
                None => peer.stream::<Value>(&method, args).await,
            };
            let mut items = match opened {
                Ok(items) => items,
                Err(error) => {
                    yield Err(error.into());
                    return;
                }
            };
            while let Some(item) = items.next().await {
                this.with(|state| state.book.made());
                yield item.map_err(Error::from);
            }
            unfinished.finish();
        }
    }

    /// Asks the last actor on `path`, through all before it.
    async fn forward(
        _this: This<Self>,
        path: Vec<String>,
        method: String,
        args: Value,
    ) -> Result<Value, Error> {
        Ok(ask(path, method, args).await?)
    }

    /// What goes along with the call.
    fn context(&self) -> BTreeMap<String, String> {
        let call = Call::current();
        call.context_entries().collect()
    }

    /// What the last actor on `path` returns, asked `count` times as the stream is drawn on.
    fn asks(
        _this: This<Self>,
        path: Vec<String>,
        method: String,
        args: Value,
        count: u64,
    ) -> impl Stream<Item = Result<Value, Error>> {
        stream! {
            for _ in 0..count {
                yield ask(path.clone(), method.clone(), args.clone()).await.map_err(Error::from);
            }
        }
    }

    /// What comes of asking the last actor on `path`, as it looks from here.
    async fn see(_this: This<Self>, path: Vec<String>, method: String, args: Value) -> Value {
        words::seen(ask(path, method, args).await)
    }

    /// How many items of a stream of another actor come, and what ends it, as it looks from here.
    async fn see_stream(_this: This<Self>, path: Vec<String>, method: String, args: Value) -> (u64, Value) {
        let (peer, method, args) = hop(path, "relay", method, args);
        let mut items = match peer.stream::<Value>(&method, args).await {
            Ok(items) => items,
            Err(error) => return (0, words::seen::<()>(Err(error))),
        };
        let mut count = 0;
        while let Some(item) = items.next().await {
            match item {
                Ok(_) => count += 1,
                Err(error) => return (count, words::seen::<()>(Err(error))),
            }
        }
        (count, json!("end"))
    }

    /// Starts work in the background that ticks every `ms`, here and in the actor `witness`, and answers.
    async fn tick(this: This<Self>, witness: String, ms: u64) {
        let this = this.clone();
        spawn(async move {
            for number in 0.. {
                sleep(Duration::from_millis(ms)).await;
                this.with(|state| state.book.counts.ticks += 1);
                // The witness may be gone, and then nobody wants to know.
                let _ = ActorRef::new(witness.clone()).tell("scribble", (0, number)).await;
            }
        });
    }
}

/// Whom to ask and what, so that the last actor on `path` is asked for `method`.
fn hop(path: Vec<String>, through: &str, method: String, args: Value) -> (ActorRef, String, Value) {
    let mut path = path.into_iter();
    let peer = ActorRef::new(path.next().unwrap_or_default());
    let rest: Vec<String> = path.collect();
    if rest.is_empty() {
        (peer, method, args)
    } else {
        (peer, through.to_owned(), json!([rest, method, args]))
    }
}

async fn ask(path: Vec<String>, method: String, args: Value) -> Result<Value, pulsing_guest::CallError> {
    let (peer, method, args) = hop(path, "forward", method, args);
    peer.ask(&method, args).await
}
