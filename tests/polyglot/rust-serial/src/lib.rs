//! The actor of the scenarios, with one handler at a time: see `tests/scenarios/README.md`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use pulsing_guest::blocking::{ActorRef, sleep};
use pulsing_guest::{Call, Error, Life};
use serde_json::{Value, json};

struct Polyglot {
    config: Option<Value>,
    value: i64,
    entries: Vec<Value>,
    naps: u64,
    cut_short: u64,
    guarded: u64,
    closed: Rc<Cell<u64>>,
}

/// Counts a reader that goes away.
struct Reader(Rc<Cell<u64>>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[pulsing_guest::actor(serial)]
impl Polyglot {
    #[start]
    fn new(config: Option<Value>) -> Self {
        Self {
            config,
            value: 0,
            entries: Vec::new(),
            naps: 0,
            cut_short: 0,
            guarded: 0,
            closed: Rc::default(),
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

    fn nap(&mut self, ms: u64) -> Result<u64, Error> {
        self.naps = 1;
        sleep(Duration::from_millis(ms));
        if Call::current().is_cancelled() {
            self.cut_short += 1;
            return Err(Error::cancelled());
        }
        Ok(ms)
    }

    fn naps(&self) -> Value {
        json!({"most": self.naps, "cut_short": self.cut_short})
    }

    fn guarded(&mut self, ms: u64) -> u64 {
        let before = self.guarded;
        sleep(Duration::from_millis(ms));
        self.guarded = before + 1;
        self.guarded
    }

    fn numbers(&self, count: u64) -> impl Iterator<Item = u64> + use<> {
        0..count
    }

    fn slowly(&self, count: u64, ms: u64) -> impl Iterator<Item = u64> + use<> {
        (0..count).inspect(move |_| sleep(Duration::from_millis(ms)))
    }

    fn forever(&self) -> impl Iterator<Item = u64> + use<> {
        let reader = Reader(Rc::clone(&self.closed));
        (0..).inspect(move |_| {
            let _held = &reader;
        })
    }

    fn closed(&self) -> u64 {
        self.closed.get()
    }

    fn breaks(&self, after: u64) -> impl Iterator<Item = Result<u64, Error>> + use<> {
        (0..after).map(Ok).chain([Err(Error::business(409, "broken"))])
    }

    fn ask_peer(&self, peer: String, method: String, args: Value) -> Result<Value, Error> {
        Ok(ActorRef::new(peer).ask(&method, args)?)
    }

    fn tell_peer(&self, peer: String, method: String, args: Value) -> Result<(), Error> {
        Ok(ActorRef::new(peer).tell(&method, args)?)
    }

    fn stream_peer(
        &self,
        peer: String,
        method: String,
        args: Value,
        limit: usize,
    ) -> Result<Vec<Value>, Error> {
        let items = ActorRef::new(peer).stream::<Value>(&method, args)?.take(limit);
        items.map(|item| item.map_err(Error::from)).collect()
    }
}
