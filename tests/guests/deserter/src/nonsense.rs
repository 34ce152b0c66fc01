//! What no list of outcomes may say, of either kind of resident actor.

use pulsing_work::VERSION;
use pulsing_work::outcome::OutcomeList;

/// More than a guest may hand in at once, whatever its limits are.
const TOO_LONG_BYTES: usize = (128 << 20) + (1 << 20);

/// A list of this entry and these bodies.
fn list(bodies: &[u8], entries: &[u8], count: u16) -> Vec<u8> {
    let length = (entries.len() as u32).to_le_bytes();
    [bodies, entries, &length, &count.to_le_bytes(), &[0, VERSION]].concat()
}

/// A list that breaks the layout where it tells of `call`; none where that is not the fault.
pub(crate) fn malformed(fault: &str, call: u64) -> Option<Vec<u8>> {
    let entry = |kind: u8, content: &[u8]| [&[kind][..], &call.to_le_bytes(), content].concat();
    // What any work but a close can end with.
    let cancelled = entry(20, &[]);
    Some(match fault {
        "short" => vec![VERSION],
        "version" => [&list(b"", &cancelled, 1)[..16], &[VERSION + 1]].concat(),
        "reserved" => [&list(b"", &cancelled, 1)[..15], &[1, VERSION]].concat(),
        "beyond" => vec![255, 255, 255, 255, 1, 0, 0, VERSION],
        "kind" => list(b"", &entry(6, &[]), 1),
        "encoding" => list(b"1", &entry(1, &[2, 1, 0, 0, 0]), 1),
        "body" => list(b"1", &entry(1, &[0, 2, 0, 0, 0]), 1),
        "flag" => list(b"", &entry(17, &[2, 0, 0, 0, 0, 0]), 1),
        "utf-8" => list(b"", &entry(17, &[0, 0, 1, 0, 0, 0, 0xFF]), 1),
        "stray" => list(b"", &[&cancelled[..], &[0]].concat(), 1),
        "count" => list(b"", &cancelled, u16::MAX),
        "items" => list(b"", &entry(4, &[0, 255, 255, 255, 255]), 1),
        "too-long" => vec![0; TOO_LONG_BYTES],
        _ => return None,
    })
}

/// Writes outcomes, well-formed, that nobody wants of a message; whether that is the fault.
pub(crate) fn unwanted(fault: &str, call: u64, ahead: Option<u64>, done: &mut OutcomeList) -> bool {
    let value = |done: &mut OutcomeList, call| {
        done.value(call, pulsing_work::Encoding::Json, b"1".to_vec()).expect("it is short");
    };
    match fault {
        "never-given" => value(done, call + 1_000_000),
        "none" => value(done, 0),
        "twice" => (0..2).for_each(|_| value(done, call)),
        "value-of-tell" => value(done, call),
        "closed-of-ask" => done.closed(call),
        "told-of-ask" => done.told(call),
        "items-of-ask" => done.items(call, true, std::iter::empty()).expect("it is short"),
        "stream-of-tell" => done.stream(call, 1),
        "error-of-none" => {
            done.error(call + 1_000_000, pulsing_work::outcome::Error::Cancelled).expect("it is short")
        }
        "ahead" => done.told(ahead.expect("a message ahead")),
        _ => return false,
    }
    true
}
