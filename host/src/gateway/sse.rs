//! A stream as server-sent events.
//!
//! | event | `id:` | `data:` |
//! |---|---|---|
//! | none | the item's number | the item, JSON |
//! | `bytes` | the item's number | the item, base64 |
//! | `done` | | `{}` |
//! | `error` | | problem details |
//!
//! While no item comes, a comment goes out every [`KEEP_ALIVE`], so that proxies keep the connection and a
//! client that is gone is noticed. The actor's reader lives in the body: when the connection closes, hyper
//! drops the body, and the producer is told.
//!
//! Bounded: a chunk holds [`BATCH_ITEMS`] items with [`CHUNK_MAX_BYTES`] together, or one of the actor's `message_max`.
//! They count under the actor's `kept_max` until the chunk is written, and what they become under the room of all clients,
//! before it is made. Without room the stream waits for [`STREAM_WAIT_MAX`], and then ends with an error.
//!
//! An item's line breaks become spaces: in JSON they stand between tokens only, and as lines of `data:` each would take seven
//! bytes.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::answers::{self, Piece};
use super::json;
use super::problem::{Problem, Refusal};
use super::serve::room::{FREE_MAX_BYTES, Keeper, Kept, STREAM_WAIT_MAX};
use crate::budget::Held;
use crate::stream::{Batch, Item, StreamReader};
use crate::wire::{ActorError, CallError, Encoding};

/// How long a connection is silent at most.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many items go into one write at most. More save system calls, and hold more memory.
const BATCH_ITEMS: usize = 16;

/// How many bytes of items go into one write at most, unless there is one item.
const CHUNK_MAX_BYTES: usize = 256 << 10;

/// The event that is the end of a stream.
const DONE_EVENT: &[u8] = b"event: done\ndata: {}\n\n";

/// Bytes to send, what they take of the room, and what their items take of their actor's budget.
type Chunk = Piece<Vec<u8>, (Option<Kept>, Option<Held>)>;

/// Answers with the items of `reader` as they come, until `refused` says why its client may have no more.
pub(super) fn response(
    reader: StreamReader,
    refused: impl Future<Output = CallError> + Send + 'static,
    keeper: Keeper,
) -> Response {
    let state = Some((reader, Box::pin(refused), keeper));
    let chunks = futures::stream::unfold(state, |state| async {
        let (reader, mut refused, keeper) = state?;
        let (chunk, reader) = next_chunk(reader, &mut refused, &keeper).await;
        let chunk = Ok::<_, Infallible>(chunk.into_bytes());
        Some((chunk, reader.map(|reader| (reader, refused, keeper))))
    });
    // The last one tells nginx, and who does as it does, to pass each event on as it comes.
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}

/// The next bytes to send, and the reader unless it has ended.
async fn next_chunk(
    mut reader: StreamReader,
    refused: &mut (impl Future<Output = CallError> + Unpin),
    keeper: &Keeper,
) -> (Chunk, Option<StreamReader>) {
    let next = tokio::select! {
        biased;
        error = refused => Ok(Err(error)),
        next = tokio::time::timeout(KEEP_ALIVE, reader.next_held(BATCH_ITEMS, CHUNK_MAX_BYTES)) => next,
    };
    let Ok(next) = next else {
        return (Chunk { data: b":\n\n".to_vec(), _kept: (None, None) }, Some(reader));
    };
    let (written, held) = match next {
        Ok((batch, held)) => (write_batch(batch, keeper).await, held),
        Err(error) => (Err(error.into()), None),
    };
    let Written { mut data, kept, ended } = written.unwrap_or_else(Written::only_error);
    let goes_on = match ended {
        Ended::No => true,
        Ended::Done => {
            data.extend_from_slice(DONE_EVENT);
            false
        }
        Ended::Failed(refusal) => {
            // A few KiB, as an error has.
            write_event(&mut data, Some("error"), None, &Problem::from(refusal).to_json());
            false
        }
    };
    (Chunk { data, _kept: (kept, held) }, goes_on.then_some(reader))
}

/// Items as bytes, and how it goes on after them.
struct Written {
    data: Vec<u8>,
    kept: Option<Kept>,
    ended: Ended,
}

enum Ended {
    No,
    Done,
    Failed(Refusal),
}

impl Written {
    fn only_error(refusal: Refusal) -> Self {
        Self { data: Vec::new(), kept: None, ended: Ended::Failed(refusal) }
    }
}

/// Writes items, once there is room for what they become.
async fn write_batch(batch: Batch, keeper: &Keeper) -> Result<Written, Refusal> {
    let end_bytes = if batch.done { DONE_EVENT.len() } else { 0 };
    let bytes = batch.items.iter().map(written_max_bytes).sum::<usize>() + end_bytes;
    let kept = match bytes <= FREE_MAX_BYTES {
        true => None,
        false => Some(keeper.keep(bytes, STREAM_WAIT_MAX).await.map_err(Refusal::no_room)?),
    };
    answers::brief_or_aside(keeper, bytes.saturating_sub(CHUNK_MAX_BYTES), move || {
        let mut data = Vec::with_capacity(bytes);
        let written = batch.items.iter().try_for_each(|item| write_item(&mut data, item));
        let ended = match written {
            Ok(()) if batch.done => Ended::Done,
            Ok(()) => Ended::No,
            Err(error) => Ended::Failed(error.into()),
        };
        Written { data, kept, ended }
    })
    .await
}

/// How many bytes an item becomes at most.
fn written_max_bytes(item: &Item) -> usize {
    const AROUND: usize = "id: 18446744073709551615\nevent: bytes\ndata: null\n\n".len();
    let bytes = item.payload.body.len();
    AROUND.saturating_add(match item.payload.encoding {
        Encoding::Bytes => base64::encoded_len(bytes, true).unwrap_or(usize::MAX),
        Encoding::Json => bytes,
    })
}

fn write_item(chunk: &mut Vec<u8>, item: &Item) -> Result<(), CallError> {
    let number = Some(item.number);
    match item.payload.encoding {
        Encoding::Bytes => {
            write_head(chunk, Some("bytes"), number);
            // Into what was counted, and not into a text of its own first.
            let start = chunk.len();
            let body = &item.payload.body;
            chunk.resize(start + base64::encoded_len(body.len(), true).unwrap_or(0), 0);
            let written = chunk.get_mut(start..).map(|room| STANDARD.encode_slice(body, room));
            written.and_then(Result::ok).expect("there is room for as many bytes as it becomes");
            chunk.extend_from_slice(b"\n\n");
        }
        Encoding::Json => {
            let payload = json::check_answer(item.payload.clone()).map_err(|error| ActorError::System {
                message: format!("item {} of the stream is no JSON: {error}", item.number),
                recoverable: false,
                restart: false,
            })?;
            write_event(chunk, None, number, &payload.body);
        }
    }
    Ok(())
}

fn write_event(chunk: &mut Vec<u8>, event: Option<&str>, id: Option<u64>, data: &[u8]) {
    write_head(chunk, event, id);
    let is_break = |byte| matches!(byte, b'\n' | b'\r');
    chunk.extend(data.iter().map(|byte| if is_break(*byte) { b' ' } else { *byte }));
    chunk.extend_from_slice(b"\n\n");
}

fn write_head(chunk: &mut Vec<u8>, event: Option<&str>, id: Option<u64>) {
    if let Some(id) = id {
        chunk.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    if let Some(event) = event {
        chunk.extend_from_slice(format!("event: {event}\n").as_bytes());
    }
    chunk.extend_from_slice(b"data: ");
}

#[cfg(test)]
mod tests;
