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
//! Bounded by [`BATCH_ITEMS`] items in the making, each bounded by the actor's `message_max`.

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
use crate::error::{ActorError, CallError};
use crate::message::Encoding;
use crate::stream::{Item, StreamReader};

/// How long a connection is silent at most.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many items go into one write at most. More save system calls, and hold more memory.
const BATCH_ITEMS: usize = 16;

/// Answers with the items of `reader` as they come.
pub(super) fn response(reader: StreamReader) -> Response {
    let chunks = futures::stream::unfold(Some(reader), |reader| async {
        let (chunk, reader) = next_chunk(reader?).await;
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), reader))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(chunks)).into_response()
}

/// The next bytes to send, and the reader unless it has ended.
async fn next_chunk(mut reader: StreamReader) -> (Vec<u8>, Option<StreamReader>) {
    let Ok(batch) = tokio::time::timeout(KEEP_ALIVE, reader.next_batch(BATCH_ITEMS)).await else {
        return (b":\n\n".to_vec(), Some(reader));
    };
    let mut chunk = Vec::new();
    let ended = match batch {
        Ok(batch) => {
            batch.items.iter().try_for_each(|item| write_item(&mut chunk, item)).map(|()| batch.done)
        }
        Err(error) => Err(error),
    };
    match ended {
        Ok(false) => return (chunk, Some(reader)),
        Ok(true) => write_event(&mut chunk, Some("done"), None, b"{}"),
        Err(error) => {
            let problem = Problem::from(Refusal::from(error));
            write_event(&mut chunk, Some("error"), None, &problem.to_json());
        }
    }
    (chunk, None)
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
