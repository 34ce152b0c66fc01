//! The same as the guest `deserter`, with handlers that overlap: it breaks rules of `waits` too.
//!
//! Its handlers run one after the other all the same: one that waits pulls work until its wait is over, and handles what
//! comes.

#![allow(unsafe_code, missing_docs, reason = "generated")]

#[path = "../../deserter/src/nonsense.rs"]
mod nonsense;

use std::cell::RefCell;
use std::hint::black_box;

use pulsing_work::outcome::OutcomeList;
use pulsing_work::work::{Message, Work, unpack};
use pulsing_work::{Encoding, Payload};

wit_bindgen::generate!({ world: "resident-overlapping", path: "../../../wit" });

use exports::pulsing::actor::resident_async_actor::Guest;
use pulsing::actor::types::{self, ActorError, CallOptions, StartOptions};
use pulsing::actor::waits::{ask, asked, give_up, sleep, stream_drawn, stream_opened, told};
use pulsing::actor::work::{Verdict, next, step};

/// Who is asked, and grants that.
const PEER: &str = "echo";
/// More than may be open at once.
const TOO_MANY: usize = 65_537;
/// As much as a message may have, but for its method.
const LARGE_BYTES: usize = (4 << 20) - 100;

struct Deserter;

#[derive(Default)]
struct Worker {
    done: OutcomeList,
    /// Waits that are over.
    ended: Vec<u64>,
    /// The arguments of `note`, in this life.
    noted: Vec<String>,
    /// How many lists came.
    lists: u64,
    is_stopped: bool,
}

thread_local! {
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// A message of a list, and what stands beside it.
struct Letter<'a> {
    message: Message<'a>,
    is_ask: bool,
    shown: usize,
    ahead: Option<u64>,
}

impl Guest for Deserter {
    fn describe() -> String {
        String::new()
    }

    fn start(_: StartOptions) -> Result<(), ActorError> {
        match std::env::var("FAULT").as_deref() {
            Ok("next") => drop(next(&[])),
            Ok("step") => drop(step(&[])),
            Ok("sleep") => Worker::default().wait(sleep(1)),
            _ => {}
        }
        Ok(())
    }

    fn run() {
        let mut worker = WORKER.take().unwrap_or_default();
        while !worker.is_stopped {
            worker.pull();
        }
        WORKER.set(Some(worker));
    }
}

impl Worker {
    /// Waits for more work, and does it.
    fn pull(&mut self) {
        let list = self.hand_in(next);
        self.lists += 1;
        let this_list = self.lists;
        let works: Vec<_> = unpack(&list).and_then(Iterator::collect).expect("a list of the host's");
        let shown = works.iter().filter(|work| matches!(work, Work::Ask(_) | Work::Tell(_))).count();
        for (at, work) in works.iter().enumerate() {
            match *work {
                Work::Ask(message) | Work::Tell(message) => {
                    // A handler that waited has pulled another list, and what was left of this one comes with that.
                    if self.lists != this_list || self.is_stopped {
                        return;
                    }
                    let ahead = works.get(at + 1).and_then(call_of);
                    let letter = Letter { message, is_ask: matches!(work, Work::Ask(_)), shown, ahead };
                    match if at == 0 { Verdict::GoOn } else { self.hand_in(step) } {
                        Verdict::GoOn => self.handle(&letter),
                        Verdict::Skip => {}
                        Verdict::GiveBack => return,
                    }
                }
                Work::Draw { call, max_items, .. } => {
                    let items = (0..max_items as usize).map(|_| (Encoding::Json, b"1".to_vec()));
                    self.done.items(call, false, items).expect("it is short");
                }
                Work::Close { call, .. } => self.done.closed(call),
                Work::Ended { wait } => self.ended.push(wait),
                Work::Stop | Work::Leave => self.is_stopped = true,
                Work::Cancel { .. } => {}
            }
        }
    }

    /// Hands in what there is.
    fn hand_in<T>(&mut self, give: impl FnOnce(&[u8]) -> T) -> T {
        let given = give(self.done.finish().expect("it is short"));
        self.done.clear();
        given
    }

    /// Waits until a wait is over.
    fn wait(&mut self, wait: u64) {
        while !self.ended.contains(&wait) && !self.is_stopped {
            self.pull();
        }
        self.ended.retain(|ended| *ended != wait);
    }

    fn value(&mut self, call: u64, json: String) {
        self.done.value(call, Encoding::Json, json.into_bytes()).expect("it is short");
    }

    fn end(&mut self, letter: &Letter<'_>) {
        if letter.is_ask {
            self.value(letter.message.call, "null".to_owned());
        } else {
            self.done.told(letter.message.call);
        }
    }

    fn handle(&mut self, letter: &Letter<'_>) {
        let Message { call, method, args: Payload { body, .. }, .. } = letter.message;
        match method {
            "note" => {
                self.noted.push(String::from_utf8_lossy(body).into_owned());
                self.end(letter);
            }
            "dawdle" => {
                let begun = std::time::Instant::now();
                while begun.elapsed().as_millis() < 1000 {
                    black_box(());
                }
                self.end(letter);
            }
            "noted" => {
                let noted = format!("[{}]", self.noted.join(","));
                self.value(call, noted);
            }
            "stream" => self.done.stream(call, 1),
            odd if self.odd(odd, letter) => self.end(letter),
            "hoard" => {
                let lost = self.hoard(call);
                self.value(call, lost.to_string());
            }
            fault => {
                eprintln!("{fault} with {} messages shown", letter.shown);
                self.fail(fault, letter);
                assert!(self.is_stopped, "{fault} is no fault, or went through");
            }
        }
    }

    /// Does what is odd and no fault; whether that was it.
    fn odd(&mut self, what: &str, letter: &Letter<'_>) -> bool {
        let call = letter.message.call;
        match what {
            "sleep-for-ever" => (0..1000).for_each(|_| _ = sleep(u64::MAX)),
            "give-up-sleeps" => (0..100_000).for_each(|number| give_up(sleep(number % 100))),
            "give-up-nothing" => [0, 1, u64::MAX, call].into_iter().for_each(give_up),
            "give-up-results" => {
                let wait = self.ask(call, 1);
                self.wait(wait);
                (0..2).for_each(|_| give_up(wait));
            }
            "closed-unasked" => self.done.closed(call + 1_000_000),
            _ => return false,
        }
        // Whatever is left of it does no harm to what comes.
        self.wait(sleep(1));
        true
    }

    fn ask(&self, within: u64, bytes: usize) -> u64 {
        let args = types::Payload { encoding: types::Encoding::Bytes, body: vec![b'x'; bytes] };
        let options = CallOptions { timeout_ms: None, idempotency_key: None };
        ask(within, PEER, "echo", &args, &options)
    }

    /// Asks for far more than the host keeps, and comes for it when all is there. How many were lost.
    fn hoard(&mut self, call: u64) -> usize {
        let mut waits = Vec::new();
        for _ in 0..60 {
            let wait = self.ask(call, LARGE_BYTES);
            self.wait(wait);
            waits.push(wait);
        }
        let lost = |wait: &&u64| match asked(**wait) {
            Ok(_) => false,
            Err(types::CallError::Runtime(error)) => error.kind == "mailbox-full",
            Err(types::CallError::Actor(_)) => false,
        };
        waits.iter().filter(lost).count()
    }

    fn fail(&mut self, fault: &str, letter: &Letter<'_>) {
        let call = letter.message.call;
        if let Some(list) = nonsense::malformed(fault, call) {
            next(&list);
        } else if nonsense::unwanted(fault, call, letter.ahead, &mut self.done) {
            self.hand_in(next);
        }
        match fault {
            "step-beyond" => {
                assert!(letter.ahead.is_none(), "it is the last of its list");
                self.end(letter);
                self.hand_in(step);
            }
            "return" => self.is_stopped = true,
            "trap" => std::process::abort(),
            "spin" => loop {
                black_box(());
            },
            "too-many-sleeps" => (0..TOO_MANY).for_each(|_| _ = sleep(u64::MAX)),
            "too-many-asks" => (0..TOO_MANY).for_each(|_| _ = self.ask(call, 1)),
            "too-many-given-up" => loop {
                give_up(self.ask(call, 1));
            },
            "naps" => loop {
                self.wait(sleep(0));
            },
            "naps-on" => {
                self.end(letter);
                while !self.is_stopped {
                    self.wait(sleep(0));
                }
            }
            _ => self.fail_at_results(fault, call),
        }
    }

    fn fail_at_results(&mut self, fault: &str, call: u64) {
        match fault {
            "result-of-nothing" => drop(asked(u64::MAX)),
            "result-of-sleep" => {
                let wait = sleep(1);
                self.wait(wait);
                drop(asked(wait));
            }
            "result-too-early" => drop(asked(self.ask(call, 1))),
            "result-given-up" => {
                let wait = self.ask(call, 1);
                give_up(wait);
                drop(asked(wait));
            }
            _ => {
                let wait = self.ask(call, 1);
                self.wait(wait);
                match fault {
                    "result-twice" => (0..2).for_each(|_| drop(asked(wait))),
                    "result-as-told" => drop(told(wait)),
                    "result-as-opened" => drop(stream_opened(wait)),
                    "result-as-drawn" => drop(stream_drawn(wait)),
                    _ => {}
                }
            }
        }
    }
}

fn call_of(work: &Work<'_>) -> Option<u64> {
    match work {
        Work::Ask(message) | Work::Tell(message) => Some(message.call),
        _ => None,
    }
}

export!(Deserter);
