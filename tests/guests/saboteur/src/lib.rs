//! A serial guest without the SDK that breaks the rules of one export, as its environment says.
//!
//! `FAULT` is `EXPORT:FAULT`. Every export has the faults `trap`, `loop`, `sleep` (for ever) and `flood` (of the log);
//! `describe`, `handle` and `stream-next` have more. All that is not sabotaged does what it should.

#![allow(unsafe_code, missing_docs, reason = "generated")]

use std::hint::black_box;

wit_bindgen::generate!({ world: "serial", path: "../../../wit" });

use exports::pulsing::actor::actor::Guest;
use pulsing::actor::system;
use pulsing::actor::types::{ActorError, Encoding, Message, Payload, Reply, StartOptions, StreamBatch};

struct Saboteur;

/// The fault of this export; none if another is sabotaged.
fn fault(export: &str) -> Option<String> {
    let fault = std::env::var("FAULT").ok()?;
    let (sabotaged, fault) = fault.split_once(':')?;
    (sabotaged == export).then(|| fault.to_owned())
}

/// Does what every export can do wrong, and answers what is left to do wrong.
fn sabotage(export: &str) -> String {
    let fault = fault(export).unwrap_or_default();
    match fault.as_str() {
        "trap" => std::process::abort(),
        "loop" => loop {
            black_box(());
        },
        // Cut short where the call is told to stop.
        "sleep" => system::sleep(u64::from(u32::MAX)),
        "flood" => (0..20_000).for_each(|_| eprintln!("{}", "x".repeat(1000))),
        "recurse" => {
            black_box(recurse(black_box(1)));
        }
        "grow" => {
            let mut held = Vec::new();
            loop {
                held.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        _ => {}
    }
    fault
}

#[expect(unconditional_recursion, reason = "that is its fault")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame[3]
}

/// So many bytes that were never written to: they take addresses, and no memory of the machine.
#[cfg(target_arch = "wasm32")]
fn untouched(bytes: usize) -> Payload {
    const PAGE_BYTES: usize = 65_536;
    let first = core::arch::wasm32::memory_grow::<0>(bytes / PAGE_BYTES);
    assert_ne!(first, usize::MAX, "the memory is refused");
    // SAFETY: nobody else knows of these pages, and they are all zeroes. Whoever drops them gives the allocator what
    // is not its own; the life ends before that.
    let body = unsafe { Vec::from_raw_parts((first * PAGE_BYTES) as *mut u8, bytes, bytes) };
    Payload { encoding: Encoding::Bytes, body }
}

#[cfg(not(target_arch = "wasm32"))]
fn untouched(bytes: usize) -> Payload {
    payload(bytes)
}

fn payload(bytes: usize) -> Payload {
    Payload { encoding: Encoding::Bytes, body: vec![b'x'; bytes] }
}

/// How many line breaks an item has that has too many.
const LINE_BREAKS: usize = 1 << 20;

/// The longest description that a host takes: text that is longer as JSON, and a schema of many small values.
fn long_description() -> String {
    let (doc, values) = ("\\u0001".repeat(80_000), r#"{"a":1},"#.repeat(60_000));
    format!(
        r#"{{"methods": [{{"name": "x", "kind": "ask", "doc": "{doc}", "args": {{"enum": [{values}1]}}}}]}}"#
    )
}

impl Guest for Saboteur {
    fn describe() -> String {
        match sabotage("describe").as_str() {
            "no-json" => "methods".to_owned(),
            "wrong-type" => r#"{"methods": [{"name": "stream", "kind": "streams"}]}"#.to_owned(),
            "large" => " ".repeat((1 << 20) + 1),
            "long" => long_description(),
            _ => String::new(),
        }
    }

    fn start(_: StartOptions) -> Result<(), ActorError> {
        sabotage("start");
        Ok(())
    }

    fn handle(message: Message) -> Result<Reply, ActorError> {
        let fault = sabotage("handle");
        match fault.as_str() {
            "huge" => return Ok(Reply::Value(payload(64 << 20))),
            "gigabyte" => return Ok(Reply::Value(untouched(1 << 30))),
            "long-error" => {
                let message = "x".repeat(64 << 20);
                let error = pulsing::actor::types::SystemError { message, recoverable: true, restart: false };
                return Err(ActorError::System(error));
            }
            "control-error" => {
                let message = "\u{1}".repeat(4 << 20);
                let error = pulsing::actor::types::BusinessError { code: 7, message, details: None };
                return Err(ActorError::Business(error));
            }
            "ask-nobody" => {
                let options = pulsing::actor::types::CallOptions { timeout_ms: None, idempotency_key: None };
                let asked = system::ask(u64::MAX, "\u{0}/..", "x", &payload(1), &options);
                assert!(asked.is_err());
            }
            "bad-handles" => {
                assert!(system::stream_next(u64::MAX, u32::MAX).is_err());
                system::stream_close(u64::MAX);
                assert!(system::is_cancelled(u64::MAX));
            }
            _ => {}
        }
        Ok(match message.method.as_str() {
            // Always the same number: a second stream that is open is an error.
            "stream" => Reply::Stream(1),
            _ => Reply::Value(payload(2)),
        })
    }

    fn tell(_: Message) -> Result<(), ActorError> {
        sabotage("tell");
        Ok(())
    }

    fn stream_next(_: u64, max_items: u32) -> Result<StreamBatch, ActorError> {
        let fault = sabotage("stream-next");
        let items = |count: u32, bytes: usize| (0..count).map(|_| payload(bytes)).collect();
        Ok(match fault.as_str() {
            "too-many" => StreamBatch { items: items(max_items + 1, 1), done: false },
            "too-many-and-done" => StreamBatch { items: items(max_items + 1, 1), done: true },
            "none" => StreamBatch { items: Vec::new(), done: false },
            "line-breaks" => {
                let body = [b"[", vec![b'\n'; LINE_BREAKS].as_slice(), b"]"].concat();
                StreamBatch { items: vec![Payload { encoding: Encoding::Json, body }], done: false }
            }
            "huge-item" => StreamBatch { items: items(1, 5 << 20), done: false },
            "huge-batch" => StreamBatch { items: items(max_items, 4 << 20), done: false },
            // Without an end.
            _ => StreamBatch { items: items(max_items, 1), done: false },
        })
    }

    fn stream_close(_: u64) {
        sabotage("stream-close");
    }

    fn stop() {
        sabotage("stop");
    }
}

export!(Saboteur);
