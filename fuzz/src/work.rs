//! The packed lists of resident actors: any bytes, read as work and as what came of it.

use pulsing_work::outcome::{End, Outcome, OutcomeList};
use pulsing_work::work::Work;
use pulsing_work::{Malformed, VERSION, outcome, work};

use crate::line::{assert_at_most, assert_one_line};

/// What an error has at most: it quotes nothing.
const ERROR_MAX_CHARS: usize = 100;

/// The least that an item takes of a list: its encoding and its length.
const ITEM_BYTES: usize = 5;

/// Reads `data` as it is, and as the entries of a list that has nothing else.
pub fn run(data: &[u8]) {
    check(data);
    if let (Ok(bytes), Some(count)) = (u32::try_from(data.len()), data.first()) {
        let trailer = [&bytes.to_le_bytes()[..], &[*count, 0, 0, VERSION]].concat();
        check(&[data, &trailer].concat());
    }
}

fn check(list: &[u8]) {
    if let Some(works) = read(work::unpack(list), list.len()) {
        check_works(&works);
    }
    if let Some(outcomes) = read(outcome::unpack(list), list.len()) {
        check_outcomes(&outcomes, list.len());
    }
}

/// All entries of a list; none where it is malformed.
fn read<T>(
    list: Result<impl Iterator<Item = Result<T, Malformed>>, Malformed>,
    bytes: usize,
) -> Option<Vec<T>> {
    let mut entries = match list {
        Ok(entries) => entries,
        Err(error) => return check_error(error),
    };
    let mut read = Vec::new();
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) => read.push(entry),
            Err(error) => {
                assert!(entries.next().is_none(), "there is more after an error");
                return check_error(error);
            }
        }
        assert!(read.len() <= bytes, "{bytes} bytes became more entries");
    }
    Some(read)
}

fn check_error<T>(error: Malformed) -> Option<T> {
    let error = error.to_string();
    assert_one_line(&error);
    assert_at_most(ERROR_MAX_CHARS, &error);
    None
}

fn check_works(works: &[Work<'_>]) {
    let list = work::pack(works).expect("it was a list");
    let again: Result<Vec<_>, _> = work::unpack(&list).and_then(Iterator::collect);
    assert_eq!(again.as_deref(), Ok(works), "it is read as something else");
}

fn check_outcomes(outcomes: &[Outcome<'_>], bytes: usize) {
    let mut list = OutcomeList::new();
    outcomes.iter().for_each(|outcome| put(&mut list, outcome, bytes));
    let list = list.finish().expect("it was a list");
    let again: Result<Vec<_>, _> = outcome::unpack(list).and_then(Iterator::collect);
    assert_eq!(again.as_deref(), Ok(outcomes), "it is read as something else");
}

fn put(list: &mut OutcomeList, outcome: &Outcome<'_>, bytes: usize) {
    let call = outcome.call;
    let put = match &outcome.end {
        End::Value(value) => list.value(call, value.encoding, value.body.to_vec()),
        End::Stream(stream) => {
            list.stream(call, *stream);
            Ok(())
        }
        End::Told => {
            list.told(call);
            Ok(())
        }
        End::Items { items, done } => {
            assert!(items.len() <= bytes / ITEM_BYTES, "{bytes} bytes became {} items", items.len());
            assert_eq!(items.clone().count(), items.len(), "there are as many items as it says");
            list.items(call, *done, items.clone().map(|item| (item.encoding, item.body.to_vec())))
        }
        End::Closed => {
            list.closed(call);
            Ok(())
        }
        End::Error(error) => list.error(call, *error),
    };
    put.expect("it was in a list");
}
