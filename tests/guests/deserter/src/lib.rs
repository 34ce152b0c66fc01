//! A resident guest without the SDK that breaks a rule of `work`, by the method that it is sent.
//!
//! `note` is handled as it should be, and `noted` answers which arguments of it this life has had, in order. All other
//! methods are faults, committed at once. What it may, it handles in rows. `FAULT` is one of `start`. It writes how many messages it was shown to stderr,
//! before it does wrong: the report of its end has that.

#![allow(unsafe_code, missing_docs, reason = "generated")]

mod nonsense;

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use pulsing_work::outcome::OutcomeList;
use pulsing_work::work::{Message, Work, unpack};
use pulsing_work::{Encoding, Payload};

wit_bindgen::generate!({ world: "resident", path: "../../../wit" });

use exports::pulsing::actor::resident_actor::Guest;
use pulsing::actor::system;
use pulsing::actor::types::{ActorError, StartOptions};
use pulsing::actor::work::{Verdict, count_in, next, step};

struct Deserter;

thread_local! {
    /// The arguments of `note`, in this life.
    static NOTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A message of a list, and what stands beside it.
struct Letter<'a> {
    message: Message<'a>,
    is_ask: bool,
    /// How many messages the list has.
    shown: usize,
    /// The call of the message after it.
    ahead: Option<u64>,
    /// Whether it is of a row, and whether the next is, too.
    is_of_row: bool,
    goes_on: bool,
}

/// How many tells of rows were gone on to. It begins where it soon wraps around.
static COUNTER: AtomicU32 = AtomicU32::new(u32::MAX - 20);

/// Offers so many bytes of the counter.
fn offer(bytes: usize) {
    let at = COUNTER.as_ptr().cast::<u8>();
    assert!(bytes <= size_of::<u32>());
    // SAFETY: it has so many bytes, and nothing writes to them meanwhile.
    count_in(unsafe { std::slice::from_raw_parts(at, bytes) });
}

fn count(tells: u32) {
    COUNTER.fetch_add(tells, Ordering::Relaxed);
}

impl Guest for Deserter {
    fn describe() -> String {
        String::new()
    }

    fn start(_: StartOptions) -> Result<(), ActorError> {
        match std::env::var("FAULT").as_deref() {
            Ok("next") => drop(next(&[])),
            Ok("step") => drop(step(&[])),
            Ok("short-counter") => offer(3),
            Ok("hand-in") => {
                let mut done = OutcomeList::new();
                done.told(1);
                drop(next(done.finish().expect("it is short")));
            }
            _ => {}
        }
        Ok(())
    }

    fn run() {
        let mut done = OutcomeList::new();
        offer(4);
        loop {
            let list = hand_in(&mut done, next);
            if !serve(&list, &mut done) {
                return;
            }
        }
    }
}

/// Hands in what there is.
fn hand_in<T>(done: &mut OutcomeList, give: impl FnOnce(&[u8]) -> T) -> T {
    let given = give(done.finish().expect("it is short"));
    done.clear();
    given
}

/// Does what a list says; whether `run` is to go on.
fn serve(list: &[u8], done: &mut OutcomeList) -> bool {
    let list = unpack(list).expect("a list of the host's");
    let row = list.row();
    let works = list.collect::<Result<Vec<_>, _>>().expect("a list of the host's");
    for (at, work) in works.iter().enumerate() {
        match *work {
            Work::Ask(message) | Work::Tell(message) => {
                let is_of_row = at < row;
                if at > 0 && is_of_row {
                    count(1);
                }
                let verdict = if at == 0 || is_of_row { Verdict::GoOn } else { hand_in(done, step) };
                let ahead = works.get(at + 1).and_then(call_of);
                let letter = Letter {
                    message,
                    is_ask: matches!(work, Work::Ask(_)),
                    shown: works.len(),
                    ahead,
                    is_of_row,
                    goes_on: at + 1 < row,
                };
                match verdict {
                    Verdict::GoOn if !handle(&letter, done) => return false,
                    Verdict::GoOn | Verdict::Skip => {}
                    Verdict::GiveBack => break,
                }
            }
            Work::Draw { call, max_items, .. } => draw(call, max_items, done),
            Work::Close { call, .. } => done.closed(call),
            Work::Stop | Work::Leave | Work::Cancel { .. } | Work::Ended { .. } => return false,
        }
    }
    true
}

fn call_of(work: &Work<'_>) -> Option<u64> {
    match work {
        Work::Ask(message) | Work::Tell(message) => Some(message.call),
        _ => None,
    }
}

/// An item; and after a stream that was asked for so, what no draw brings.
fn draw(call: u64, max_items: u32, done: &mut OutcomeList) {
    const MANY: usize = 10 << 20;
    if NOTED.with_borrow(|noted| noted.iter().any(|text| text == "many")) {
        // 50 MiB of entries.
        done.items(call, false, (0..MANY).map(|_| (Encoding::Json, Vec::new()))).expect("it is short enough");
    } else if NOTED.with_borrow(|noted| noted.iter().any(|text| text == "value")) {
        done.value(call, Encoding::Json, b"1".to_vec()).expect("it is short");
    } else {
        done.items(call, false, (0..max_items as usize).map(|_| (Encoding::Json, b"1".to_vec())))
            .expect("it is short");
    }
}

/// Handles a message, or does wrong; whether `run` is to go on.
fn handle(letter: &Letter<'_>, done: &mut OutcomeList) -> bool {
    let Message { call, method, args: Payload { body, .. }, .. } = letter.message;
    match method {
        "note" => NOTED.with_borrow_mut(|noted| noted.push(String::from_utf8_lossy(body).into_owned())),
        "dawdle" => system::sleep(1000),
        "noted" => {
            let noted = NOTED.with_borrow(|noted| format!("[{}]", noted.join(",")));
            done.value(call, Encoding::Json, noted.into_bytes()).expect("it is short");
            return true;
        }
        "stream" => {
            NOTED.with_borrow_mut(|noted| {
                noted.push(String::from_utf8_lossy(body).trim_matches(['[', ']', '"']).to_owned())
            });
            done.stream(call, 1);
            return true;
        }
        fault => {
            let place = if letter.is_of_row { "in a row" } else { "alone" };
            eprintln!("{fault} {place}, with {} messages shown", letter.shown);
            return fail(fault, letter, done);
        }
    }
    if letter.is_ask {
        done.value(call, Encoding::Json, b"null".to_vec()).expect("it is short");
    } else if !letter.goes_on {
        done.told(call);
    }
    true
}

/// Breaks a rule.
fn fail(fault: &str, letter: &Letter<'_>, done: &mut OutcomeList) -> bool {
    let call = letter.message.call;
    // What came before it is no part of the fault.
    if let Some(list) = nonsense::malformed(fault, call) {
        next(&list);
    } else if nonsense::unwanted(fault, call, letter.ahead, done) {
        hand_in(done, next);
    }
    match fault {
        "next-in-hand" => drop(next(&[])),
        "counted-too-much" => {
            count(64);
            drop(next(&[]));
        }
        "counted-back" => {
            count(u32::MAX);
            drop(next(&[]));
        }
        "another-counter" => offer(4),
        "counted-and-told" => {
            count(1);
            done.told(call);
            hand_in(done, next);
        }
        "step-in-hand" => drop(step(&[])),
        "malformed-in-step" => drop(step(&[0])),
        "twice-later" => {
            done.value(call, Encoding::Json, b"1".to_vec()).expect("it is short");
            hand_in(done, step);
            done.value(call, Encoding::Json, b"1".to_vec()).expect("it is short");
            hand_in(done, step);
        }
        "step-beyond" => {
            assert!(letter.ahead.is_none(), "it is the last of its list");
            end(letter, done);
            hand_in(done, step);
        }
        "step-after-give-back" => {
            // What is left of the time of the one ahead is another by then.
            system::sleep(20);
            end(letter, done);
            assert!(hand_in(done, step) == Verdict::GiveBack);
            step(&[]);
        }
        "return" => return false,
        "return-after" => {
            end(letter, done);
            return false;
        }
        "trap" => std::process::abort(),
        "exit" => std::process::exit(3),
        "spin" => loop {
            black_box(());
        },
        _ => {}
    }
    panic!("{fault} is no fault, or went through")
}

/// Ends a message as it should be.
fn end(letter: &Letter<'_>, done: &mut OutcomeList) {
    if letter.is_ask {
        done.value(letter.message.call, Encoding::Json, b"null".to_vec()).expect("it is short");
    } else {
        done.told(letter.message.call);
    }
}

export!(Deserter);
