//! A stream whose items are there when they are asked for: an iterator.

use super::{Batch, at_least_one, is_exhausted};
use crate::answer::Items;
use crate::bindings::types::StreamBatch;
use crate::{Call, Error};

/// An open stream from an iterator.
pub(crate) struct ReadyStream {
    items: Items,
    /// The call that opened it.
    call: Call,
    /// How many items the reader already has.
    skip: u64,
    /// What ends the stream at the next draw, because the items before it had to be handed over first.
    failed: Option<Error>,
}

impl ReadyStream {
    pub(crate) fn new(items: Items, call: Call, skip: u64) -> Self {
        Self { items, call, skip, failed: None }
    }

    /// The next items.
    ///
    /// # Errors
    ///
    /// What the method's own error was: the stream has ended.
    pub(crate) fn draw(&mut self, max_items: u32) -> Result<StreamBatch, Error> {
        let Self { items, call, skip, failed } = self;
        match failed.take() {
            Some(error) => Err(error),
            None => call.scope(|| draw(items, skip, failed, at_least_one(max_items))),
        }
    }
}

fn draw(
    items: &mut Items,
    skip: &mut u64,
    failed: &mut Option<Error>,
    max: usize,
) -> Result<StreamBatch, Error> {
    let mut batch = Batch::default();
    while batch.has_room(max) {
        match items.next() {
            Some(Ok(_)) if *skip > 0 => *skip -= 1,
            Some(Ok(item)) => batch.push(item),
            Some(Err(error)) if batch.items.is_empty() => return Err(error),
            Some(Err(error)) => {
                *failed = Some(error);
                return Ok(StreamBatch { items: batch.items, done: false });
            }
            None => return Ok(StreamBatch { items: batch.items, done: true }),
        }
    }
    Ok(StreamBatch { items: batch.items, done: is_exhausted(items.size_hint()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IntoPayload;
    use crate::call::tests::call;

    fn open(items: impl Iterator<Item = Result<i64, Error>> + 'static, skip: u64) -> ReadyStream {
        ReadyStream::new(Box::new(items.map(|item| item?.into_payload())), call(1), skip)
    }

    fn draw(stream: &mut ReadyStream, max: u32) -> Result<(Vec<i64>, bool), Error> {
        let batch = stream.draw(max)?;
        let items = batch.items.iter().map(|item| serde_json::from_slice(&item.body).unwrap()).collect();
        Ok((items, batch.done))
    }

    #[test]
    fn the_last_items_say_that_they_are_the_last_where_that_is_known() {
        let mut stream = open((1..=4).map(Ok), 0);
        assert_eq!(draw(&mut stream, 3), Ok((vec![1, 2, 3], false)));
        assert_eq!(draw(&mut stream, 3), Ok((vec![4], true)));
        assert_eq!(draw(&mut open((1..=3).map(Ok), 0), 3), Ok((vec![1, 2, 3], true)));
    }

    #[test]
    fn an_end_that_is_not_known_beforehand_is_an_empty_draw() {
        let mut numbers = 1..=2;
        let mut stream = open(std::iter::from_fn(move || numbers.next().map(Ok)), 0);
        assert_eq!(draw(&mut stream, 2), Ok((vec![1, 2], false)));
        assert_eq!(draw(&mut stream, 2), Ok((vec![], true)));
    }

    #[test]
    fn items_before_an_error_are_handed_over_first() {
        let failure = || Error::business(409, "changed");
        let mut stream = open([Ok(1), Err(failure()), Ok(2)].into_iter(), 0);
        assert_eq!(draw(&mut stream, 5), Ok((vec![1], false)));
        assert_eq!(draw(&mut stream, 5), Err(failure()));
    }

    #[test]
    fn a_stream_taken_up_again_skips_what_the_reader_has() {
        assert_eq!(draw(&mut open((1..=5).map(Ok), 3), 9), Ok((vec![4, 5], true)));
        assert_eq!(draw(&mut open((1..=5).map(Ok), 9), 9), Ok((vec![], true)));
    }

    #[test]
    fn items_are_made_within_the_call_that_opened_the_stream() {
        let ids = std::iter::from_fn(|| Some(Ok(i64::try_from(Call::current().id()).unwrap())));
        assert_eq!(draw(&mut open(ids, 0), 2), Ok((vec![1, 1], false)));
    }

    #[test]
    fn a_draw_stops_once_it_is_large() {
        let item = "x".repeat(super::super::BATCH_BYTES / 2);
        let items = (0..9).map(move |_| item.as_str().into_payload());
        let mut stream = ReadyStream::new(Box::new(items.collect::<Vec<_>>().into_iter()), call(1), 0);
        assert_eq!(stream.draw(9).unwrap().items.len(), 2);
    }
}
