//! One list of each direction, byte by byte, as `wit/work.md` has it: what was built against that page goes on to be read.

#![allow(clippy::unwrap_used, reason = "a test")]

use pulsing_work::outcome::{Error, OutcomeList};
use pulsing_work::work::{Message, Work, pack};
use pulsing_work::{Encoding, Payload};

#[rustfmt::skip]
const WORKS: &[&[u8]] = &[
    // Bodies.
    b"[1]", b"\xFF\x00",
    // An ask: call, JSON of 3 bytes, method, key, resume-after, no remaining-ms.
    &[1], &[0x01, 0x02, 0, 0, 0, 0, 0, 0], &[0, 3, 0, 0, 0], &[3, 0, 0, 0], b"add",
    &[1, 2, 0, 0, 0], "é".as_bytes(), &[1, 9, 0, 0, 0, 0, 0, 0, 0], &[0],
    // A tell: call, 2 bytes, method, no key, no resume-after, remaining-ms.
    &[2], &[2, 0, 0, 0, 0, 0, 0, 0], &[1, 2, 0, 0, 0], &[1, 0, 0, 0], b"x",
    &[0], &[0], &[1, 0xE8, 0x03, 0, 0, 0, 0, 0, 0],
    // A draw: call, stream, max-items.
    &[3], &[3, 0, 0, 0, 0, 0, 0, 0], &[7, 0, 0, 0, 0, 0, 0, 0], &[32, 0, 0, 0],
    // A close: call, stream.
    &[4], &[4, 0, 0, 0, 0, 0, 0, 0], &[8, 0, 0, 0, 0, 0, 0, 0],
    // A stop, and a leave.
    &[5], &[6],
    // A cancel, and the end of a wait.
    &[7], &[5, 0, 0, 0, 0, 0, 0, 0],
    &[8], &[0, 0, 0, 0, 0, 0, 0, 0x80],
    // 126 bytes of 8 entries, version 1.
    &[126, 0, 0, 0], &[8, 0], &[0], &[1],
];

#[rustfmt::skip]
const OUTCOMES: &[&[u8]] = &[
    // Bodies: of the value, and of two items.
    b"42", b"a", b"bc",
    // A value: 2 bytes of JSON.
    &[1], &[0x01, 0x02, 0, 0, 0, 0, 0, 0], &[0, 2, 0, 0, 0],
    // A stream.
    &[2], &[2, 0, 0, 0, 0, 0, 0, 0], &[7, 0, 0, 0, 0, 0, 0, 0],
    // Told.
    &[3], &[3, 0, 0, 0, 0, 0, 0, 0],
    // Items: done, 2 of them, JSON of a byte and 2 other bytes.
    &[4], &[4, 0, 0, 0, 0, 0, 0, 0], &[1], &[2, 0, 0, 0], &[0, 1, 0, 0, 0], &[1, 2, 0, 0, 0],
    // Closed.
    &[5], &[5, 0, 0, 0, 0, 0, 0, 0],
    // A business error: code, message, details.
    &[16], &[6, 0, 0, 0, 0, 0, 0, 0], &[0x94, 0x01, 0, 0], &[2, 0, 0, 0], b"no", &[1, 1, 0, 0, 0], b"d",
    // A system error: recoverable, no restart, message.
    &[17], &[7, 0, 0, 0, 0, 0, 0, 0], &[1], &[0], &[1, 0, 0, 0], b"s",
    // A timeout error: duration, operation.
    &[18], &[8, 0, 0, 0, 0, 0, 0, 0], &[0xE8, 0x03, 0, 0, 0, 0, 0, 0], &[1, 0, 0, 0], b"t",
    // Unsupported: operation, no nearest.
    &[19], &[9, 0, 0, 0, 0, 0, 0, 0], &[1, 0, 0, 0], b"u", &[0],
    // Cancelled.
    &[20], &[10, 0, 0, 0, 0, 0, 0, 0],
    // 160 bytes of 10 entries, version 1.
    &[160, 0, 0, 0], &[10, 0], &[0], &[1],
];

#[test]
fn a_list_of_work_has_the_layout_of_the_page() {
    let ask = Message {
        call: 0x0201,
        method: "add",
        args: Payload { encoding: Encoding::Json, body: b"[1]" },
        idempotency_key: Some("é"),
        resume_after: Some(9),
        remaining_ms: None,
    };
    let tell = Message {
        call: 2,
        method: "x",
        args: Payload { encoding: Encoding::Bytes, body: b"\xFF\x00" },
        idempotency_key: None,
        resume_after: None,
        remaining_ms: Some(1000),
    };
    let list = pack(&[
        Work::Ask(ask),
        Work::Tell(tell),
        Work::Draw { call: 3, stream: 7, max_items: 32 },
        Work::Close { call: 4, stream: 8 },
        Work::Stop,
        Work::Leave,
        Work::Cancel { call: 5 },
        Work::Ended { wait: 1 << 63 },
    ]);
    assert_eq!(list.unwrap(), WORKS.concat());
}

#[test]
fn a_list_of_outcomes_has_the_layout_of_the_page() {
    let mut list = OutcomeList::new();
    list.value(0x0201, Encoding::Json, b"42".to_vec()).unwrap();
    list.stream(2, 7);
    list.told(3);
    let items = vec![(Encoding::Json, b"a".to_vec()), (Encoding::Bytes, b"bc".to_vec())];
    list.items(4, true, items.into_iter()).unwrap();
    list.closed(5);
    list.error(6, Error::Business { code: 404, message: "no", details: Some("d") }).unwrap();
    list.error(7, Error::System { message: "s", recoverable: true, restart: false }).unwrap();
    list.error(8, Error::Timeout { operation: "t", duration_ms: 1000 }).unwrap();
    list.error(9, Error::Unsupported { operation: "u", nearest: None }).unwrap();
    list.error(10, Error::Cancelled).unwrap();
    assert_eq!(list.finish().unwrap(), OUTCOMES.concat());
}
