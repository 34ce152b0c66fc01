//! From what a method returns to what the host gets, decided by type and not by how the type is spelt.
//!
//! Generated code writes `(&Answer::of(&value)).kind()`: method resolution finds [`FallibleKind`] for every
//! `Result`, whatever alias it hides behind, and [`PlainKind`] for the rest. The kind then converts the value.

use std::marker::PhantomData;

use futures::stream::{LocalBoxStream, Stream, StreamExt};

use crate::bindings::types::Payload;
use crate::{Call, Error, IntoPayload};

/// What a handler came to.
pub enum Outcome<S> {
    /// A value.
    Value(Payload),
    /// A stream that has just been opened.
    Stream(Opened<S>),
}

/// A stream that has just been opened.
pub struct Opened<S> {
    pub(crate) source: S,
    /// The method starts after [`Call::resume_after`](crate::Call::resume_after) by itself.
    pub(crate) resumes: bool,
}

impl<S> Opened<S> {
    /// How many items the reader already has and the method will make again.
    pub(crate) fn skip(&self, call: &Call) -> u64 {
        if self.resumes { 0 } else { call.resume_after().unwrap_or(0) }
    }
}

impl<S> Outcome<S> {
    /// A stream from `source`.
    pub fn stream(source: S, resumes: bool) -> Self {
        Self::Stream(Opened { source, resumes })
    }
}

/// One item of a stream: after an error there are no more.
pub(crate) type Item = Result<Payload, Error>;

/// A stream whose items are there when they are asked for.
pub type Items = Box<dyn Iterator<Item = Item>>;

/// A stream of an actor whose handlers overlap.
pub enum Source {
    /// Its items are there when they are asked for.
    Ready(Items),
    /// Its items may have to be waited for.
    Waits(LocalBoxStream<'static, Item>),
}

/// Stands for a type in method resolution.
pub struct Answer<T>(PhantomData<T>);

impl<T> Answer<T> {
    /// The type of a value.
    pub fn of(_: &T) -> Self {
        Self(PhantomData)
    }
}

impl<T> Answer<T> {
    /// The type of an iterator's items.
    pub fn of_items<I: Iterator<Item = T>>(_: &I) -> Self {
        Self(PhantomData)
    }

    /// The type of a stream's items.
    pub fn of_stream<S: Stream<Item = T>>(_: &S) -> Self {
        Self(PhantomData)
    }
}

/// Finds every `Result`.
pub trait Fallible {
    /// See the module.
    fn kind(&self) -> FallibleKind;
}

impl<T, E> Fallible for Answer<Result<T, E>> {
    fn kind(&self) -> FallibleKind {
        FallibleKind
    }
}

/// Finds the rest.
pub trait Plain {
    /// See the module.
    fn kind(&self) -> PlainKind;
}

impl<T> Plain for &Answer<T> {
    fn kind(&self) -> PlainKind {
        PlainKind
    }
}

/// Converts a `Result`.
pub struct FallibleKind;

/// Converts what cannot fail.
pub struct PlainKind;

/// What a method's error must be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a method's error",
    label = "a method's error converts into `pulsing_guest::Error`",
    note = "every `std::error::Error` does; for other types, write `impl From<{Self}> for pulsing_guest::Error`"
)]
pub trait MethodError {
    #[doc(hidden)]
    fn into_error(self) -> Error;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Error>> MethodError for E {
    fn into_error(self) -> Error {
        self.into()
    }
}

/// What a `#[tell]` answers.
#[diagnostic::on_unimplemented(
    message = "a `#[tell]` method answers nothing, not `{Self}`",
    note = "return nothing or a `Result<(), _>`, or take the `#[tell]` away"
)]
pub trait Nothing {}

impl Nothing for () {}

impl FallibleKind {
    /// The answer to an ask.
    pub fn value<S, T: IntoPayload, E: MethodError>(self, answer: Result<T, E>) -> Result<Outcome<S>, Error> {
        answer.map_err(E::into_error)?.into_payload().map(Outcome::Value)
    }

    /// The answer to a tell, for a caller that asked nevertheless.
    pub fn nothing<S, T: Nothing, E: MethodError>(self, answer: Result<T, E>) -> Result<Outcome<S>, Error> {
        answer.map_err(E::into_error)?;
        PlainKind.nothing(())
    }

    /// A value for further use: an actor's first state, a stream.
    pub fn unwrapped<T, E: MethodError>(self, answer: Result<T, E>) -> Result<T, Error> {
        answer.map_err(E::into_error)
    }

    /// Items that may fail.
    pub fn items<T, E, I>(self, items: I) -> Items
    where
        T: IntoPayload + 'static,
        E: MethodError + 'static,
        I: Iterator<Item = Result<T, E>> + 'static,
    {
        Box::new(items.map(|item| item.map_err(E::into_error)?.into_payload()))
    }

    /// Items that may fail, and may have to be waited for.
    pub fn stream<T, E, S>(self, stream: S) -> LocalBoxStream<'static, Item>
    where
        T: IntoPayload + 'static,
        E: MethodError + 'static,
        S: Stream<Item = Result<T, E>> + 'static,
    {
        stream.map(|item| item.map_err(E::into_error)?.into_payload()).boxed_local()
    }
}

impl PlainKind {
    /// The answer to an ask.
    pub fn value<S, T: IntoPayload>(self, answer: T) -> Result<Outcome<S>, Error> {
        answer.into_payload().map(Outcome::Value)
    }

    /// The answer to a tell, for a caller that asked nevertheless.
    pub fn nothing<S, T: Nothing>(self, _: T) -> Result<Outcome<S>, Error> {
        self.value(())
    }

    /// A value for further use: an actor's first state, a stream.
    pub fn unwrapped<T>(self, answer: T) -> Result<T, Error> {
        Ok(answer)
    }

    /// Items that do not fail.
    pub fn items<T: IntoPayload + 'static, I: Iterator<Item = T> + 'static>(self, items: I) -> Items {
        Box::new(items.map(IntoPayload::into_payload))
    }

    /// Items that do not fail, and may have to be waited for.
    pub fn stream<T, S>(self, stream: S) -> LocalBoxStream<'static, Item>
    where
        T: IntoPayload + 'static,
        S: Stream<Item = T> + 'static,
    {
        stream.map(IntoPayload::into_payload).boxed_local()
    }
}

#[cfg(test)]
#[expect(clippy::needless_borrow, reason = "as generated code has it, where it is needed for some types")]
mod tests {
    use super::*;
    use crate::Bytes;
    use crate::bindings::types::Encoding;

    type Hidden<T> = Result<T, std::num::ParseIntError>;

    fn value(outcome: Result<Outcome<Items>, Error>) -> Result<(Encoding, String), Error> {
        match outcome? {
            Outcome::Value(payload) => {
                Ok((payload.encoding, String::from_utf8_lossy(&payload.body).into_owned()))
            }
            Outcome::Stream(_) => Err(Error::fatal("a stream")),
        }
    }

    #[test]
    fn a_result_is_seen_through_an_alias() {
        let answer: Hidden<i64> = "7".parse();
        assert_eq!(value((&Answer::of(&answer)).kind().value(answer)), Ok((Encoding::Json, "7".into())));
        let answer: Hidden<i64> = "x".parse();
        let error = Error::system("invalid digit found in string");
        assert_eq!(value((&Answer::of(&answer)).kind().value(answer)), Err(error));
    }

    #[test]
    fn plain_values_nothing_and_bytes_are_answers_too() {
        let answer = Some("a");
        assert_eq!(value((&Answer::of(&answer)).kind().value(answer)), Ok((Encoding::Json, "\"a\"".into())));
        assert_eq!(value((&Answer::of(&())).kind().value(())), Ok((Encoding::Json, "null".into())));
        let answer = Bytes(b"raw".to_vec());
        assert_eq!(value((&Answer::of(&answer)).kind().value(answer)), Ok((Encoding::Bytes, "raw".into())));
    }

    #[test]
    fn items_that_are_results_fail_in_mid_stream() {
        let items = ["1", "x"].into_iter().map(str::parse::<i64>);
        let items: Vec<_> = (&Answer::of_items(&items)).kind().items(items).collect();
        assert_eq!(items[0].as_ref().unwrap().body, b"1");
        assert_eq!(items[1].as_ref().unwrap_err(), &Error::system("invalid digit found in string"));
    }
}
