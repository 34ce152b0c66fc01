//! The actor of the scenarios, with handlers that overlap: see `tests/scenarios/README.md`.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use pulsing_guest::futures::StreamExt;
use pulsing_guest::futures::lock::Mutex;
use pulsing_guest::{ActorRef, Call, Error, Life, Stream, This, sleep, stream};
use serde_json::{Value, json};

struct Polyglot {
    config: Option<Value>,
    value: i64,
    entries: Vec<Value>,
    naps: u64,
    most_naps: u64,
    cut_short: u64,
    guarded: Rc<Mutex<u64>>,
    closed: u64,
}

/// Counts a nap until it ends, one way or the other.
struct Nap {
    this: This<Polyglot>,
    is_over: bool,
}

impl Nap {
    fn begin(this: &This<Polyglot>) -> Self {
        this.with(|state| {
            state.naps += 1;
            state.most_naps = state.most_naps.max(state.naps);
        });
        Self { this: this.clone(), is_over: false }
    }
}

impl Drop for Nap {
    fn drop(&mut self) {
        self.this.with(|state| {
            state.naps -= 1;
            state.cut_short += u64::from(!self.is_over);
        });
    }
}

/// Counts a reader that goes away.
struct Reader(This<Polyglot>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.with(|state| state.closed += 1);
    }
}

#[pulsing_guest::actor]
impl Polyglot {
    #[start]
    fn new(config: Option<Value>) -> Self {
        Self {
            config,
            value: 0,
            entries: Vec::new(),
            naps: 0,
            most_naps: 0,
            cut_short: 0,
            guarded: Rc::default(),
            closed: 0,
        }
    }

    /// Returns what it is given.
    fn echo(&self, value: Value) -> Value {
        value
    }

    fn length(&self, text: String) -> usize {
        text.chars().count()
    }

    /// Adds `n` (1 if it is left out) and answers the new value.
    fn increment(&mut self, n: Option<i64>) -> i64 {
        self.value += n.unwrap_or(1);
        self.value
    }

    fn value(&self) -> i64 {
        self.value
    }

    #[tell]
    fn log(&mut self, entry: Value) {
        self.entries.push(entry);
    }

    fn entries(&self) -> Vec<Value> {
        self.entries.clone()
    }

    fn validate(&self, age: i64) -> Result<i64, Error> {
        if age < 0 {
            return Err(Error::business(400, "age must not be negative"));
        }
        Ok(age)
    }

    fn fail(&self, kind: String) -> Result<(), Error> {
        Err(match kind.as_str() {
            "business" => Error::business(402, "not enough money").with_details(json!({"balance": 3})),
            "system" => Error::system("the disk is slow"),
            "fatal" => Error::fatal("the disk is gone"),
            "timeout" => Error::timeout("load", Duration::from_millis(1500)),
            "unsupported" => Error::unsupported("fly"),
            "cancelled" => Error::cancelled(),
            _uncaught => panic!("a surprise"),
        })
    }

    fn restart(&self) -> Result<(), Error> {
        Err(Error::system("torn").restart())
    }

    fn spin(&self) {
        let mut steps = 0_u64;
        loop {
            steps = std::hint::black_box(steps.wrapping_add(1));
        }
    }

    fn generation(&self) -> u64 {
        Life::current().generation()
    }

    fn config(&self) -> Option<Value> {
        self.config.clone()
    }

    fn name(&self) -> String {
        Life::current().name().to_owned()
    }

    fn key(&self) -> Option<String> {
        Life::current().key().map(str::to_owned)
    }

    fn caller(&self) -> Option<String> {
        Call::current().caller()
    }

    fn context(&self) -> BTreeMap<String, String> {
        let call = Call::current();
        call.context_entries().collect()
    }

    async fn nap(this: This<Self>, ms: u64) -> u64 {
        let mut nap = Nap::begin(&this);
        sleep(Duration::from_millis(ms)).await;
        nap.is_over = true;
        ms
    }

    fn naps(&self) -> Value {
        json!({"most": self.most_naps, "cut_short": self.cut_short})
    }

    async fn guarded(this: This<Self>, ms: u64) -> u64 {
        let guarded = this.with(|state| state.guarded.clone());
        let mut number = guarded.lock().await;
        let before = *number;
        sleep(Duration::from_millis(ms)).await;
        *number = before + 1;
        *number
    }

    fn numbers(_this: This<Self>, count: u64) -> impl Stream<Item = u64> {
        pulsing_guest::futures::stream::iter(0..count)
    }

    fn slowly(_this: This<Self>, count: u64, ms: u64) -> impl Stream<Item = u64> {
        stream! {
            for number in 0..count {
                sleep(Duration::from_millis(ms)).await;
                yield number;
            }
        }
    }

    fn forever(this: This<Self>) -> impl Stream<Item = u64> {
        stream! {
            let _reader = Reader(this.clone());
            for number in 0.. {
                yield number;
            }
        }
    }

    fn closed(&self) -> u64 {
        self.closed
    }

    fn breaks(_this: This<Self>, after: u64) -> impl Stream<Item = Result<u64, Error>> {
        stream! {
            for number in 0..after {
                yield Ok(number);
            }
            yield Err(Error::business(409, "broken"));
        }
    }

    async fn ask_peer(_this: This<Self>, peer: String, method: String, args: Value) -> Result<Value, Error> {
        Ok(ActorRef::new(peer).ask(&method, args).await?)
    }

    async fn tell_peer(_this: This<Self>, peer: String, method: String, args: Value) -> Result<(), Error> {
        Ok(ActorRef::new(peer).tell(&method, args).await?)
    }

    async fn stream_peer(
        _this: This<Self>,
        peer: String,
        method: String,
        args: Value,
        limit: usize,
    ) -> Result<Vec<Value>, Error> {
        let mut items = ActorRef::new(peer).stream::<Value>(&method, args).await?.take(limit);
        let mut kept = Vec::new();
        while let Some(item) = items.next().await {
            kept.push(item?);
        }
        Ok(kept)
    }
}
