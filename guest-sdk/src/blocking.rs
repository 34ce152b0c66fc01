//! Waiting in a serial actor, whose handlers run one at a time: the whole actor waits.
//!
//! Not for actors with `async` methods: a component that uses both kinds of waiting is refused when it is
//! loaded.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::time::Duration;

use crate::bindings::system;
use crate::bindings::types::Payload;
use crate::peer::{CallError, DRAW_ITEMS, IntoArgs, LifeEnd, Options, answer};
use crate::{Call, FromPayload, Retry, rows, wire};

/// Waits, and the actor with it. Whole milliseconds, rounded up.
///
/// Cut short when the call is told to stop: see [`Call::is_cancelled`].
pub fn sleep(duration: Duration) {
    rows::waits();
    system::sleep(wire::milliseconds(duration));
}

/// Another actor, by its name.
///
/// Making one costs nothing and does not look whether the actor is there: that shows with the first message.
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
    pub fn ask<R: FromPayload>(&self, method: &str, args: impl IntoArgs) -> Result<R, CallError> {
        let (args, options) = (args.into_args()?, self.options.for_call());
        let ask = || {
            rows::waits();
            let asked = system::ask(Call::current_id(), &self.name, method, &args, &options);
            answer(asked.map_err(wire::call_error)?)
        };
        self.options.retry.map_or_else(ask, |retry| retry.run_blocking(ask))
    }

    /// Puts a message into the actor's mailbox, waiting for room where it is full.
    ///
    /// # Errors
    ///
    /// [`CallError::Runtime`] where that is not possible. What the handler says reaches nobody.
    pub fn tell(&self, method: &str, args: impl IntoArgs) -> Result<(), CallError> {
        let key = self.options.idempotency_key.as_deref();
        rows::waits();
        system::tell(&self.name, method, &args.into_args()?, key).map_err(wire::runtime_error)
    }

    /// Opens a stream.
    ///
    /// # Errors
    ///
    /// [`CallError`]; so does each item, after which there are no more.
    pub fn stream<T: FromPayload>(
        &self,
        method: &str,
        args: impl IntoArgs,
    ) -> Result<PeerStream<T>, CallError> {
        self.open(method, args.into_args()?, None)
    }

    /// Takes a stream up again after its item number `after`, counted from 1.
    ///
    /// # Errors
    ///
    /// As [`stream`](Self::stream).
    pub fn resume<T: FromPayload>(
        &self,
        method: &str,
        args: impl IntoArgs,
        after: u64,
    ) -> Result<PeerStream<T>, CallError> {
        self.open(method, args.into_args()?, Some(after))
    }

    /// Is told of every end of the actor's lives from now on, each once.
    ///
    /// # Errors
    ///
    /// [`CallError`]; as an item, where more ends wait than the host keeps: watch anew.
    pub fn watch(&self) -> Result<PeerStream<LifeEnd>, CallError> {
        let id = system::watch(&self.name).map_err(wire::call_error)?;
        Ok(PeerStream { ready: VecDeque::new(), open: Some(id), items: PhantomData })
    }

    fn open<T>(&self, method: &str, args: Payload, after: Option<u64>) -> Result<PeerStream<T>, CallError> {
        let options = self.options.for_call();
        rows::waits();
        let opened = system::stream_open(Call::current_id(), &self.name, method, &args, after, &options);
        let id = opened.map_err(wire::call_error)?;
        Ok(PeerStream { ready: VecDeque::new(), open: Some(id), items: PhantomData })
    }
}

/// Another actor's stream. Dropping it tells that actor to stop.
#[derive(Debug)]
pub struct PeerStream<T> {
    ready: VecDeque<Payload>,
    /// None once the stream is over: the host has closed it with its last items, or with its error.
    open: Option<u64>,
    items: PhantomData<fn() -> T>,
}

impl<T: FromPayload> Iterator for PeerStream<T> {
    type Item = Result<T, CallError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(answer(item));
            }
            rows::waits();
            match system::stream_next(self.open?, DRAW_ITEMS) {
                Ok(batch) => {
                    self.ready.extend(batch.items);
                    if batch.done {
                        self.open = None;
                    }
                }
                Err(error) => {
                    self.open = None;
                    return Some(Err(wire::call_error(error)));
                }
            }
        }
    }
}

impl<T> Drop for PeerStream<T> {
    fn drop(&mut self) {
        if let Some(id) = self.open {
            system::stream_close(id);
        }
    }
}
