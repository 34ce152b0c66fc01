//! The streams that an overlapping actor has opened.

use std::mem::ManuallyDrop;
use std::task::{Context, Poll};

use crate::answer::{Opened, Source};
use crate::bindings::types::StreamBatch;
use crate::stream::{ReadyStream, Table, WaitingStream};
use crate::{Call, Error};

/// One of them.
enum OpenStream {
    Ready(ReadyStream),
    Waiting(WaitingStream),
    /// Its call was told to stop: it is dropped, and the next draw hears of it.
    Cancelled,
}

thread_local! {
    /// What is left at the end of a life is never dropped, as no guest's memory is.
    static STREAMS: ManuallyDrop<Table<OpenStream>> = const { ManuallyDrop::new(Table::new()) };
}

/// Keeps a stream, and says its number.
pub(super) fn insert(opened: Opened<Source>, call: Call) -> u64 {
    let skip = opened.skip(&call);
    let stream = match opened.source {
        Source::Ready(items) => OpenStream::Ready(ReadyStream::new(items, call, skip)),
        Source::Waits(source) => OpenStream::Waiting(WaitingStream::new(source, call, skip)),
    };
    STREAMS.with(|streams| streams.insert(stream))
}

/// The next items of a stream. After an error or `done` it is to be [removed](remove).
pub(super) fn poll_draw(
    stream: u64,
    max_items: u32,
    cx: &mut Context<'_>,
) -> Poll<Result<StreamBatch, Error>> {
    let drawn = STREAMS.with(|streams| {
        streams.with(stream, |open| match open {
            OpenStream::Ready(open) => Poll::Ready(open.draw(max_items)),
            OpenStream::Waiting(open) => open.poll_draw(max_items, cx),
            OpenStream::Cancelled => Poll::Ready(Err(Error::cancelled())),
        })
    });
    drawn.unwrap_or_else(|error| Poll::Ready(Err(error)))
}

/// Drops a stream, but keeps in mind that it was cancelled.
pub(super) fn cancel(stream: u64) {
    let cancelled =
        STREAMS.with(|streams| streams.with(stream, |open| std::mem::replace(open, OpenStream::Cancelled)));
    drop(cancelled);
}

/// Drops a stream.
pub(super) fn remove(stream: u64) {
    drop(STREAMS.with(|streams| streams.remove(stream)));
}

/// Drops all streams.
pub(super) fn remove_all() {
    drop(STREAMS.with(|streams| streams.remove_all()));
}
