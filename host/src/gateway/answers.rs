//! Answers that are kept until their clients have read them: each takes its room with its bytes.
//!
//! What the host shows is counted before it is made, and made where it holds up nobody else if it is large: it can be as
//! long as guests like. A list goes out in pieces, each of which is made when the one before has left, so that it needs
//! neither much room nor a moment that is the same for all of it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use serde::Serialize;

use super::problem::Refusal;
use super::serve::room::{Aside, FREE_MAX_BYTES, Keeper, Kept, NoRoom, WAIT_MAX};
use crate::wire::{RuntimeError, RuntimeErrorKind};

/// How many bytes of a guest's texts are made an answer of on a thread that serves others: about a millisecond's.
const SMALL_MAX_BYTES: usize = 64 << 10;

/// An answer that has its room already.
#[derive(Clone)]
struct HasRoom;

/// Takes the room for a whole answer that has none yet; without it, the answer is that there is none.
pub(super) async fn with_room(keeper: &Keeper, response: Response) -> Response {
    let bytes =
        response.body().size_hint().exact().map_or(0, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    if bytes <= FREE_MAX_BYTES || response.extensions().get::<HasRoom>().is_some() {
        return response;
    }
    match keeper.keep_made(bytes).await {
        Ok(kept) => response.map(|body| Body::new(Leaving { body, kept: Some(kept) })),
        Err(no_room) => Refusal::no_room_for_answer(no_room).into_response(),
    }
}

/// A whole answer that is kept until it was written, which is after its body was taken.
struct Leaving {
    body: Body,
    kept: Option<Kept>,
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        frame.map_ok(|frame| frame.map_data(|data| Piece { data, _kept: self.kept.take() }.into_bytes()))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes that are kept as long as somebody has them.
pub(super) struct Piece<D, K = Option<Kept>> {
    pub(super) data: D,
    pub(super) _kept: K,
}

impl<D: AsRef<[u8]> + Send + 'static, K: Send + 'static> Piece<D, K> {
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl<D: AsRef<[u8]>, K> AsRef<[u8]> for Piece<D, K> {
    fn as_ref(&self) -> &[u8] {
        self.data.as_ref()
    }
}

/// Answers with a value as JSON, which is made of `text_bytes` of guests' texts; `refused` is the answer without room.
pub(super) async fn json<T: Serialize>(
    keeper: &Keeper,
    text_bytes: usize,
    make: impl FnOnce() -> T + Send + 'static,
    refused: fn(NoRoom) -> Refusal,
) -> Result<Response, Refusal> {
    let with = keeper.clone();
    let made = brief_or_aside(keeper, text_bytes, move || json_bytes(&with, &make())).await?;
    Ok(whole("application/json", made.map_err(refused)?))
}

/// Does at once what is brief, since it is about so many bytes; what may take long, aside.
pub(super) async fn brief_or_aside<T: Send + 'static>(
    keeper: &Keeper,
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    if bytes <= SMALL_MAX_BYTES {
        return Ok(work());
    }
    aside(turn_aside(keeper).await?, work).await
}

/// A turn at doing what takes long, where one comes within [`WAIT_MAX`].
pub(super) async fn turn_aside(keeper: &Keeper) -> Result<Aside, Refusal> {
    keeper.turn_aside(WAIT_MAX).await.ok_or_else(Refusal::busy)
}

/// Does what takes long, and holds up nobody else.
pub(super) async fn aside<T: Send + 'static>(
    turn: Aside,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    turn.run(work).await.map_err(|failed| {
        RuntimeError::new(RuntimeErrorKind::Internal, format!("the answer cannot be made: {failed}")).into()
    })
}

/// A whole answer that has its room.
pub(super) fn whole(content_type: &'static str, bytes: Bytes) -> Response {
    let mut response = ([(CONTENT_TYPE, content_type)], bytes).into_response();
    response.extensions_mut().insert(HasRoom);
    response
}

/// A value as JSON, once there is room for it.
pub(super) fn json_bytes<T: Serialize>(keeper: &Keeper, value: &T) -> Result<Bytes, NoRoom> {
    made(keeper, |out| write_json(out, value))
}

/// Writes a value as JSON to where nothing fails.
pub(super) fn write_json<T: Serialize>(out: &mut dyn io::Write, value: &T) {
    serde_json::to_writer(out, value).expect("structs of texts and numbers have a JSON form");
}

/// What `write` writes, the same each time: it does so once to be counted, and once there is room.
pub(super) fn made(keeper: &Keeper, write: impl Fn(&mut dyn io::Write)) -> Result<Bytes, NoRoom> {
    let bytes = length(&write);
    let mut kept = None;
    keeper.keep_up_to(bytes, &mut kept)?;
    let mut data = Vec::with_capacity(bytes);
    write(&mut data);
    Ok(Piece { data, _kept: kept }.into_bytes())
}

/// How many bytes `write` writes.
pub(super) fn length(write: impl Fn(&mut dyn io::Write)) -> usize {
    struct Length(usize);
    impl io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut length = Length(0);
    write(&mut length);
    length.0
}
