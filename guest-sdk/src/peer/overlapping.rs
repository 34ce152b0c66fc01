//! Other actors, as an actor whose handlers overlap reaches them: while it waits for one, its other handlers run.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use futures::stream::Stream;

use super::{CallError, DRAW_ITEMS, IntoArgs, answer};
use crate::bindings::overlapping::pulsing::actor::async_system;
use crate::bindings::types::{CallError as WireCallError, Payload, StreamBatch};
use crate::{Call, FromPayload, wire};

/// Another actor, by its name.
///
/// Making one costs nothing and does not look whether the actor is there: that shows with the first message.
///
/// ```no_run
/// # use pulsing_guest::{ActorRef, Error};
/// # async fn example() -> Result<(), Error> {
/// let counter = ActorRef::new("counter");
/// let value: i64 = counter.ask("increment", (5,)).await?;
/// counter.tell("reset", ()).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ActorRef {
    name: String,
    timeout: Option<Duration>,
}

impl ActorRef {
    /// The actor that is reached under `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), timeout: None }
    }

    /// Waits at most this long for each answer. What is left of the current call's own time is a limit anyway.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Asks and waits for the answer; of a stream, the last item.
    ///
    /// # Errors
    ///
    /// [`CallError`]; `?` passes it on in its class.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the answer; the message may be handled nevertheless.
    pub async fn ask<R: FromPayload>(&self, method: &str, args: impl IntoArgs) -> Result<R, CallError> {
        let args = args.into_args()?;
        let timeout_ms = self.timeout.map(wire::milliseconds);
        let asked = async_system::ask(Call::current_id(), self.name.clone(), method.into(), args, timeout_ms);
        answer(asked.await.map_err(wire::call_error)?)
    }

    /// Puts a message into the actor's mailbox, waiting for room where it is full.
    ///
    /// # Errors
    ///
    /// [`CallError::Runtime`] where that is not possible. What the handler says reaches nobody.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves open whether the message was sent.
    pub async fn tell(&self, method: &str, args: impl IntoArgs) -> Result<(), CallError> {
        let told = async_system::tell(self.name.clone(), method.into(), args.into_args()?);
        told.await.map_err(wire::runtime_error)
    }

    /// Opens a stream.
    ///
    /// # Errors
    ///
    /// [`CallError`]; so does each item, after which there are no more.
    pub async fn stream<T: FromPayload>(
        &self,
        method: &str,
        args: impl IntoArgs,
    ) -> Result<PeerStream<T>, CallError> {
        self.open(method, args.into_args()?, None).await
    }

    /// Takes a stream up again after its item number `after`, counted from 1.
    ///
    /// # Errors
    ///
    /// As [`stream`](Self::stream).
    pub async fn resume<T: FromPayload>(
        &self,
        method: &str,
        args: impl IntoArgs,
        after: u64,
    ) -> Result<PeerStream<T>, CallError> {
        self.open(method, args.into_args()?, Some(after)).await
    }

    async fn open<T>(
        &self,
        method: &str,
        args: Payload,
        after: Option<u64>,
    ) -> Result<PeerStream<T>, CallError> {
        let name = self.name.clone();
        let opened = async_system::stream_open(Call::current_id(), name, method.into(), args, after).await;
        let id = opened.map_err(wire::call_error)?;
        Ok(PeerStream { ready: VecDeque::new(), draw: None, open: Some(id), items: PhantomData })
    }
}

/// Another actor's stream. Dropping it tells that actor to stop.
pub struct PeerStream<T> {
    ready: VecDeque<Payload>,
    draw: Option<LocalBoxFuture<'static, Result<StreamBatch, WireCallError>>>,
    /// None once the stream is over: the host has closed it with its last items, or with its error.
    open: Option<u64>,
    items: PhantomData<fn() -> T>,
}

impl<T> PeerStream<T> {
    fn poll_batch(&mut self, id: u64, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        let draw = self.draw.get_or_insert_with(|| Box::pin(async_system::stream_next(id, DRAW_ITEMS)));
        let drawn = std::task::ready!(draw.as_mut().poll(cx));
        self.draw = None;
        match drawn {
            Ok(batch) => {
                self.ready.extend(batch.items);
                if batch.done {
                    self.open = None;
                }
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.open = None;
                Poll::Ready(Err(wire::call_error(error)))
            }
        }
    }
}

impl<T: FromPayload> Stream for PeerStream<T> {
    type Item = Result<T, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Poll::Ready(Some(answer(item)));
            }
            let Some(id) = self.open else { return Poll::Ready(None) };
            if let Err(error) = std::task::ready!(self.poll_batch(id, cx)) {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl<T> Drop for PeerStream<T> {
    fn drop(&mut self) {
        // A draw is given up before its stream is closed.
        self.draw = None;
        if let Some(id) = self.open {
            async_system::stream_close(id);
        }
    }
}
