//! Other actors, as an actor whose handlers overlap reaches them: while it waits for one, its other handlers run.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::Stream;

use super::{CallError, DRAW_ITEMS, IntoArgs, LifeEnd, Options, answer};
use crate::bindings::overlapping::pulsing::actor::waits::Drawn;
use crate::bindings::types::{CallError as WireCallError, CallOptions, Payload, StreamBatch};
use crate::bindings::waits;
use crate::wait::Wait;
use crate::{Call, FromPayload, Retry, wire};

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
    options: Options,
}

impl ActorRef {
    /// The actor that is reached under `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), options: Options::default() }
    }

    /// Waits at most this long for each answer. What is left of the current call's own time is a limit anyway.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Tries each ask again where that may help, with the same idempotency key each time: one is made for each ask
    /// where none is given. The timeout is that of each try.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.options.retry = Some(retry);
        self
    }

    /// Names the messages that are sent from here on, so that the other actor can tell a repeated one: for one
    /// message, sent as often as need be.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.options.idempotency_key = Some(key.into());
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
        let (args, options) = (args.into_args()?, self.options.for_call());
        let Some(retry) = self.options.retry else {
            return self.ask_once(method, &args, &options).await;
        };
        retry.run(|| self.ask_once(method, &args, &options)).await
    }

    async fn ask_once<R: FromPayload>(
        &self,
        method: &str,
        args: &Payload,
        options: &CallOptions,
    ) -> Result<R, CallError> {
        let id = waits::ask(Call::current_id(), &self.name, method, args, options);
        answer(Wait::new(id, waits::asked).await.map_err(wire::call_error)?)
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
        let key = self.options.idempotency_key.as_deref();
        let told = waits::tell(Call::current_id(), &self.name, method, &args.into_args()?, key);
        match told.map_err(wire::runtime_error)? {
            None => Ok(()),
            Some(id) => Wait::new(id, waits::told).await.map_err(wire::runtime_error),
        }
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

    /// Is told of every end of the actor's lives from now on, each once.
    ///
    /// # Errors
    ///
    /// [`CallError`]; as an item, where more ends wait than the host keeps: watch anew.
    pub fn watch(&self) -> Result<PeerStream<LifeEnd>, CallError> {
        let id = waits::watch(&self.name).map_err(wire::call_error)?;
        Ok(PeerStream { ready: VecDeque::new(), draw: None, open: Some(id), items: PhantomData })
    }

    async fn open<T>(
        &self,
        method: &str,
        args: Payload,
        after: Option<u64>,
    ) -> Result<PeerStream<T>, CallError> {
        let options = self.options.for_call();
        let wait = waits::stream_open(Call::current_id(), &self.name, method, &args, after, &options);
        let id = Wait::new(wait, waits::stream_opened).await.map_err(wire::call_error)?;
        Ok(PeerStream { ready: VecDeque::new(), draw: None, open: Some(id), items: PhantomData })
    }
}

/// Another actor's stream. Dropping it tells that actor to stop.
pub struct PeerStream<T> {
    ready: VecDeque<Payload>,
    draw: Option<Wait<Result<StreamBatch, WireCallError>>>,
    /// None once the stream is over: the host has closed it with its last items, or with its error.
    open: Option<u64>,
    items: PhantomData<fn() -> T>,
}

impl<T> PeerStream<T> {
    fn poll_draw(&mut self, id: u64, cx: &mut Context<'_>) -> Poll<Result<StreamBatch, WireCallError>> {
        let mut draw = match self.draw.take() {
            Some(draw) => draw,
            None => match waits::stream_next(Call::NO_ID, id, DRAW_ITEMS)? {
                Drawn::Items(batch) => return Poll::Ready(Ok(batch)),
                Drawn::Waits(wait) => Wait::new(wait, waits::stream_drawn),
            },
        };
        let drawn = Pin::new(&mut draw).poll(cx);
        if drawn.is_pending() {
            self.draw = Some(draw);
        }
        drawn
    }

    fn poll_batch(&mut self, id: u64, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        match std::task::ready!(self.poll_draw(id, cx)) {
            Ok(batch) => {
                self.ready.extend(batch.items);
                if batch.done {
                    self.open = None;
                }
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.open = None;
                // Mostly the host has closed it with the error; not where it could not keep what was drawn.
                waits::stream_close(id);
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
            waits::stream_close(id);
        }
    }
}
