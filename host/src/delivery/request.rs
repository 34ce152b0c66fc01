//! An ask, a tell or a stream that is about to be sent, with its options.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::reference::{ActorRef, SendOptions};
use super::retry::{Retry, new_key};
use crate::call::{WhenFull, WhenRestarting};
use crate::stream::{NUMBER_MAX, StreamReader};
use crate::wire::{CallError, ContextError, Message, Payload, RuntimeError, RuntimeErrorKind};

/// A message that is sent when this is awaited. What comes of it depends on the `Pattern`:
/// [`Ask`], [`Open`] or [`Tell`].
#[must_use = "a request is sent only when it is awaited"]
pub struct Request<Pattern> {
    to: ActorRef,
    /// Shared with nobody before it is sent. Behind a pointer, because each future around it would hold a copy of its own.
    message: Result<Arc<Message>, RuntimeError>,
    options: SendOptions,
    retry: Option<Retry>,
    pattern: PhantomData<fn() -> Pattern>,
}

/// A request that waits for an answer, and reads it as an `R`.
pub struct Ask<R>(PhantomData<fn() -> R>);

/// A request that waits for a stream to begin.
pub struct Open(());

/// A request that waits until its message is in the mailbox.
pub struct Tell(());

impl<Pattern> Request<Pattern> {
    pub(super) fn new(to: ActorRef, method: &str, args: &(impl Serialize + ?Sized)) -> Self {
        let message = Payload::from_value(args).map(|args| Arc::new(Message::new(method, args)));
        let message = message.map_err(|error| internal(format!("the arguments have no JSON form: {error}")));
        Self { to, message, options: SendOptions::default(), retry: None, pattern: PhantomData }
    }

    fn message_mut(&mut self) -> Option<&mut Message> {
        self.message.as_mut().ok().map(Arc::make_mut)
    }

    /// How long to wait for the answer, or for the stream to begin.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Names the message, so that an actor can tell a repeated one.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        if let Some(message) = self.message_mut() {
            message.idempotency_key = Some(key.into());
        }
        self
    }

    /// Adds an entry to what goes along with the call, and with every message that is sent from within it; or another
    /// value, where there is one of this name.
    ///
    /// # Errors
    ///
    /// [`ContextError`] where no [`Context`](crate::wire::Context) can have the entry: no message is sent, and no
    /// other try helps.
    pub fn context(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, ContextError> {
        if let Some(message) = self.message_mut() {
            message.context = message.context.with(name, value)?;
        }
        Ok(self)
    }

    /// Takes a stream up again after the item with this number. Above 2^53-1, the largest, it is that.
    pub fn resume_after(mut self, number: u64) -> Self {
        if let Some(message) = self.message_mut() {
            message.resume_after = Some(number.min(NUMBER_MAX));
        }
        self
    }

    /// Fails at once where the mailbox is full or the actor is between two lives, instead of waiting.
    pub fn fail_fast(mut self) -> Self {
        self.options.when_full = WhenFull::Reject;
        self.options.when_restarting = WhenRestarting::Reject;
        self
    }
}

impl<R> Request<Ask<R>> {
    /// Tries again where that may help, each time with the same idempotency key: one is made where none is given.
    /// The timeout is that of each try.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        if let Some(message) = self.message_mut() {
            message.idempotency_key.get_or_insert_with(new_key);
        }
        self
    }

    /// Waits for the answer, over all tries.
    async fn answer(self) -> Result<Payload, CallError> {
        let Self { to, message, options, retry, .. } = self;
        let message = message?;
        match retry {
            None => to.ask_shared(message, options).await,
            Some(retry) => retry.run(|| to.ask_shared(Arc::clone(&message), options.clone())).await,
        }
    }
}

impl<R: DeserializeOwned + 'static> IntoFuture for Request<Ask<R>> {
    type Output = Result<R, CallError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move {
            let value = self.answer().await?.to_value();
            Ok(value
                .map_err(|error| internal(format!("the answer is not of the type asked for: {error}")))?)
        }
        .boxed()
    }
}

impl IntoFuture for Request<Open> {
    type Output = Result<StreamReader, CallError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move { self.to.stream_shared(self.message?, self.options).await }.boxed()
    }
}

impl IntoFuture for Request<Tell> {
    type Output = Result<(), RuntimeError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move { self.to.tell_message(Arc::unwrap_or_clone(self.message?), self.options).await }.boxed()
    }
}

fn internal(message: String) -> RuntimeError {
    RuntimeError::new(RuntimeErrorKind::Internal, message)
}
