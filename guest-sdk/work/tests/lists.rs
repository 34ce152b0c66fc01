//! Lists of both directions, written and read: whole, cut off, and with a byte that is another.
//!
//! Nothing here is longer than a `u32` can say: that is refused too, and takes 4 GiB to try.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

#[path = "support/entries.rs"]
mod entries;

use entries::{OUTCOME_KINDS, Parts, WORK_KINDS, any_entries, pack_outcomes, pack_works};
use proptest::prelude::*;
use pulsing_work::{ENTRIES_MAX, Malformed, TooLong, VERSION, outcome, work};

/// A reader of either direction, for what holds of both: how many entries a list has, if it is well-formed.
type Count = fn(&[u8]) -> Result<usize, Malformed>;

fn count_works(list: &[u8]) -> Result<usize, Malformed> {
    work::unpack(list)?.try_fold(0, |count, work| work.map(|_| count + 1))
}

fn count_outcomes(list: &[u8]) -> Result<usize, Malformed> {
    outcome::unpack(list)?.try_fold(0, |count, outcome| outcome.map(|_| count + 1))
}

/// Each kind of entry, with all that can be missing and without.
fn small_entries(kinds: u8) -> impl Iterator<Item = Vec<Parts>> {
    (0..kinds).flat_map(|kind| [vec![Parts::full(kind)], vec![Parts::bare(kind)]])
}

/// A small list of each kind of entry, in each direction.
fn small_lists() -> Vec<(Vec<u8>, Count)> {
    let works = small_entries(WORK_KINDS).map(|entries| (pack_works(&entries), count_works as Count));
    let outcomes =
        small_entries(OUTCOME_KINDS).map(|entries| (pack_outcomes(&entries), count_outcomes as Count));
    works.chain(outcomes).collect()
}

/// What a list of work is read as must be what it was made of.
fn check_works(entries: &[Parts]) {
    let list = pack_works(entries);
    let read: Vec<_> = work::unpack(&list).unwrap().map(Result::unwrap).collect();
    assert_eq!(read, entries.iter().map(Parts::work).collect::<Vec<_>>());
}

/// The same of a list of outcomes.
fn check_outcomes(entries: &[Parts]) {
    let list = pack_outcomes(entries);
    let read: Vec<_> = outcome::unpack(&list).unwrap().map(Result::unwrap).collect();
    assert_eq!(read.len(), entries.len());
    for (outcome, entry) in read.iter().zip(entries) {
        assert!(entry.came_as(outcome), "{entry:?} came as {outcome:?}");
    }
}

/// Entries, as they are, behind bodies, as they are.
fn list(bodies: &[u8], entries: &[u8], count: u16) -> Vec<u8> {
    let length = u32::try_from(entries.len()).unwrap().to_le_bytes();
    [bodies, entries, &length, &count.to_le_bytes(), &[0, VERSION]].concat()
}

fn refused(list: &[u8], count: Count) -> String {
    count(list).unwrap_err().to_string()
}

#[test]
fn a_list_without_bytes_has_no_entries() {
    assert_eq!([count_works(&[]), count_outcomes(&[])], [Ok(0), Ok(0)]);
    assert_eq!(work::unpack(&work::pack(&[]).unwrap()).unwrap().left(), 0);
    assert_eq!(outcome::OutcomeList::new().finish().unwrap(), b"");
}

#[test]
fn each_kind_of_entry_is_read_as_it_was_written() {
    small_entries(WORK_KINDS).for_each(|entries| check_works(&entries));
    small_entries(OUTCOME_KINDS).for_each(|entries| check_outcomes(&entries));
}

#[test]
fn a_list_that_is_cut_off_is_refused_wherever_it_is_cut() {
    for (list, count) in small_lists() {
        // Without any byte left it is a list again, and without entries.
        for end in 1..list.len() {
            // What is left may look like a trailer by chance; none of these does.
            assert!(count(&list[..end]).is_err(), "{end} bytes of {list:?}");
        }
        for start in 1..list.len() {
            assert!(count(&list[start..]).is_err(), "{list:?} from byte {start}");
        }
    }
}

#[test]
fn a_list_with_a_byte_changed_is_refused_or_is_another_list() {
    for (list, count) in small_lists() {
        let entries = count(&list).unwrap();
        for at in 0..list.len() {
            for byte in 0..=u8::MAX {
                let mut changed = list.clone();
                changed[at] = byte;
                // The number of entries is in the trailer, and right in one way only.
                assert!(count(&changed).is_err() || count(&changed) == Ok(entries), "{changed:?}");
            }
        }
    }
}

#[test]
fn a_list_of_another_version_is_refused() {
    for (list, count) in small_lists() {
        for version in (0..=u8::MAX).filter(|version| *version != VERSION) {
            let mut other = list.clone();
            *other.last_mut().unwrap() = version;
            assert!(refused(&other, count).contains("of a version that is not known here"));
        }
    }
}

#[test]
fn a_row_is_of_entries_that_there_are_and_no_outcomes_have_one() {
    for (list, count) in small_lists() {
        for row in 1..=u8::MAX {
            let mut other = list.clone();
            let at = other.len() - 2;
            other[at] = row;
            let entries = count(&list).unwrap();
            let read = work::unpack(&other).map(|works| works.row()).ok();
            assert_eq!(read, Some(usize::from(row)).filter(|row| *row <= entries));
            assert!(outcome::unpack(&other).is_err());
        }
    }
}

#[test]
fn what_is_wrong_with_a_list_is_said() {
    const STOP: u8 = 5;
    let call = [1, 0, 0, 0, 0, 0, 0, 0];
    let outcome = |kind: u8, content: &[u8]| [&[kind][..], &call, content].concat();
    let works: [(Vec<u8>, &str); 8] = [
        (vec![VERSION], "is shorter than its trailer"),
        (vec![0, 0, 0, 0, 1, 0, VERSION], "is shorter than its trailer"),
        (vec![9, 0, 0, 0, 1, 0, 0, VERSION], "is shorter than its entries"),
        (vec![255, 255, 255, 255, 1, 0, 0, VERSION], "is shorter than its entries"),
        (list(b"", &[STOP], 0), "has bytes of no entry"),
        (list(b"b", &[STOP], 1), "has bytes of no entry"),
        (list(b"", &[STOP], 2), "ends within an entry"),
        (list(b"", &[0], 1), "has a kind of work that is not known here"),
    ];
    for (list, says) in works {
        assert_eq!(refused(&list, count_works), format!("a packed list {says}"), "{list:?}");
    }
    let outcomes: [(Vec<u8>, &str); 12] = [
        (list(b"", &outcome(0, &[]), 1), "has a kind of outcome that is not known here"),
        (list(b"", &outcome(3, &[]), 2), "ends within an entry"),
        (list(b"", &[outcome(3, &[]), outcome(3, &[])].concat(), 1), "has bytes of no entry"),
        (list(b"", &outcome(1, &[2, 0, 0, 0, 0]), 1), "has an encoding that is not known here"),
        (list(b"ab", &outcome(1, &[1, 3, 0, 0, 0]), 1), "has a body that is longer than it"),
        (list(b"abcd", &outcome(1, &[1, 3, 0, 0, 0]), 1), "has bytes of no entry"),
        (list(b"", &outcome(17, &[2, 0, 0, 0, 0, 0]), 1), "has a flag that is neither 0 nor 1"),
        (list(b"", &outcome(17, &[0, 0, 1, 0, 0, 0]), 1), "has a text that is longer than it"),
        (list(b"", &outcome(17, &[0, 0, 1, 0, 0, 0, 0xFF]), 1), "has a text that is not UTF-8"),
        // The first two bytes of a character that has three.
        (list(b"", &outcome(17, &[0, 0, 2, 0, 0, 0, 0xE2, 0x82]), 1), "has a text that is not UTF-8"),
        (list(b"", &outcome(4, &[2, 0, 0, 0, 0]), 1), "has a flag that is neither 0 nor 1"),
        (list(b"", &outcome(4, &[0, 1, 0, 0, 0]), 1), "ends within an entry"),
    ];
    for (list, says) in outcomes {
        assert_eq!(refused(&list, count_outcomes), format!("a packed list {says}"), "{list:?}");
    }
}

#[test]
fn numbers_that_lie_are_refused_before_they_are_believed() {
    let items = |count: u32| [&[4][..], &[0; 8], &[0], &count.to_le_bytes()].concat();
    for count in [1, 1 << 16, u32::MAX] {
        // 4 billion items would take 100 GiB.
        assert_eq!(
            refused(&list(b"", &items(count), 1), count_outcomes),
            "a packed list ends within an entry"
        );
    }
    let value = [&[1][..], &[0; 8], &[0], &u32::MAX.to_le_bytes()].concat();
    assert!(count_outcomes(&list(b"", &value, 1)).is_err());
    let tells = [&[2][..], &[0; 8], &[0; 5], &u32::MAX.to_le_bytes()].concat();
    assert!(count_works(&list(b"", &tells, u16::MAX)).is_err());
}

#[test]
fn after_an_error_there_is_no_more() {
    let told = [&[3][..], &[0; 8]].concat();
    let list = list(b"", &[&told[..], &[0], &told].concat(), 3);
    let mut outcomes = outcome::unpack(&list).unwrap();
    assert_eq!(outcomes.left(), 3);
    assert!(outcomes.next().unwrap().is_ok());
    assert!(outcomes.next().unwrap().is_err());
    assert!(outcomes.next().is_none());
    assert_eq!(outcomes.left(), 0);
}

#[test]
fn more_entries_than_a_list_can_say_are_refused() {
    let stops = vec![work::Work::Stop; ENTRIES_MAX + 1];
    assert_eq!(work::pack(&stops), Err(TooLong));
    assert_eq!(count_works(&work::pack(&stops[1..]).unwrap()), Ok(ENTRIES_MAX));
    let mut list = outcome::OutcomeList::new();
    (0..=ENTRIES_MAX).for_each(|_| list.told(1));
    assert_eq!(list.finish(), Err(TooLong));
}

#[test]
fn a_list_that_is_written_again_has_nothing_of_the_one_before() {
    let mut list = outcome::OutcomeList::new();
    list.value(1, pulsing_work::Encoding::Json, vec![b'1'; 1 << 20]).unwrap();
    assert_eq!(count_outcomes(list.finish().unwrap()), Ok(1));
    list.clear();
    assert_eq!((list.count(), list.size(), list.finish().unwrap()), (0, 0, &b""[..]));
    list.told(2);
    assert_eq!(list.finish().unwrap(), [3, 2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, VERSION]);
}

proptest! {
    #[test]
    fn any_list_is_read_as_it_was_written(entries in any_entries()) {
        check_works(&entries);
        check_outcomes(&entries);
    }

    #[test]
    fn any_entries_are_refused_or_are_as_many_as_the_trailer_says(
        bodies: Vec<u8>,
        entries: Vec<u8>,
        count: u16,
    ) {
        let list = list(&bodies, &entries, count);
        for read in [count_works(&list), count_outcomes(&list)] {
            prop_assert!(read.is_err() || read == Ok(count.into()));
        }
    }

    #[test]
    fn any_list_with_a_byte_changed_is_refused_or_is_another(
        entries in any_entries(),
        at: prop::sample::Index,
        byte: u8,
    ) {
        let lists = [(pack_works(&entries), count_works as Count), (pack_outcomes(&entries), count_outcomes)];
        for (mut list, count) in lists.into_iter().filter(|(list, _)| !list.is_empty()) {
            let at = at.index(list.len());
            list[at] = byte;
            prop_assert!(count(&list).is_err() || count(&list) == Ok(entries.len()));
        }
    }
}
