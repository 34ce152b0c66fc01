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
//! They count under the actor's `kept_max` until the chunk is written.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::json;
use super::problem::{Problem, Refusal};
use crate::budget::Held;
use crate::stream::{Item, StreamReader};
use crate::wire::{ActorError, CallError, Encoding};

/// How long a connection is silent at most.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many items go into one write at most. More save system calls, and hold more memory.
const BATCH_ITEMS: usize = 16;

/// How many bytes of items go into one write at most, unless there is one item.
const CHUNK_MAX_BYTES: usize = 256 << 10;

/// Bytes to send, and what their items take of their actor's budget.
struct Chunk {
    bytes: Vec<u8>,
    _held: Option<Held>,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Answers with the items of `reader` as they come, until `refused` says why its client may have no more.
pub(super) fn response(
    reader: StreamReader,
    refused: impl Future<Output = CallError> + Send + 'static,
) -> Response {
    let state = Some((reader, Box::pin(refused)));
    let chunks = futures::stream::unfold(state, |state| async {
        let (reader, mut refused) = state?;
        let (chunk, reader) = next_chunk(reader, &mut refused).await;
        Some((Ok::<_, Infallible>(Bytes::from_owner(chunk)), reader.map(|reader| (reader, refused))))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(chunks)).into_response()
}

/// The next bytes to send, and the reader unless it has ended.
async fn next_chunk(
    mut reader: StreamReader,
    refused: &mut (impl Future<Output = CallError> + Unpin),
) -> (Chunk, Option<StreamReader>) {
    let next = tokio::select! {
        biased;
        error = refused => Ok(Err(error)),
        next = tokio::time::timeout(KEEP_ALIVE, reader.next_held(BATCH_ITEMS, CHUNK_MAX_BYTES)) => next,
    };
    let Ok(next) = next else {
        return (Chunk { bytes: b":\n\n".to_vec(), _held: None }, Some(reader));
    };
    let (batch, _held) = next.map_or_else(|error| (Err(error), None), |(batch, held)| (Ok(batch), held));
    let mut bytes = Vec::new();
    let ended = batch.and_then(|batch| {
        batch.items.iter().try_for_each(|item| write_item(&mut bytes, item)).map(|()| batch.done)
    });
    let goes_on = match ended {
        Ok(false) => true,
        Ok(true) => {
            write_event(&mut bytes, Some("done"), None, b"{}");
            false
        }
        Err(error) => {
            let problem = Problem::from(Refusal::from(error));
            write_event(&mut bytes, Some("error"), None, &problem.to_json());
            false
        }
    };
    (Chunk { bytes, _held }, goes_on.then_some(reader))
}

fn write_item(chunk: &mut Vec<u8>, item: &Item) -> Result<(), CallError> {
    let number = Some(item.number);
    match item.payload.encoding {
        Encoding::Bytes => {
            let text = STANDARD.encode(&item.payload.body);
            write_event(chunk, Some("bytes"), number, text.as_bytes());
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
    if let Some(id) = id {
        chunk.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    if let Some(event) = event {
        chunk.extend_from_slice(format!("event: {event}\n").as_bytes());
    }
    // In JSON a line break stands between tokens only, so it matters neither how many there are nor which.
    for line in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
        chunk.extend_from_slice(b"data: ");
        chunk.extend_from_slice(line);
        chunk.push(b'\n');
    }
    chunk.push(b'\n');
}

#[cfg(test)]
mod tests;
