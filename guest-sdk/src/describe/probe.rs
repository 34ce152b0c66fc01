//! Finding out at compile time what is known of a type, by method resolution: the first trait that fits is picked.
//!
//! | generated code writes | picks |
//! |---|---|
//! | `(&Probe::<T>::new()).ok()` | of a `Result` its value, whatever alias it hides behind; else `T` itself |
//! | `(&&&Probe::<T>::new()).items()` | the items of an iterator or a stream |
//! | `(&&&Probe::<T>::new()).schema()` | what writes the type's schema, if it has one |

use std::marker::PhantomData;

use futures::Stream;
use schemars::JsonSchema;

use super::PlainType;
use super::schema::{Schema, WriteSchema};

/// Stands for a type, of which no value is needed.
pub struct Probe<T>(PhantomData<fn() -> T>);

impl<T> Probe<T> {
    /// See the module.
    #[expect(clippy::new_without_default, reason = "only generated code calls it")]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

/// The type is a `Result`.
pub trait MightFail {
    /// Its value's type.
    type Value;

    /// See the module.
    fn ok(&self) -> Probe<Self::Value>;
}

impl<T, E> MightFail for Probe<Result<T, E>> {
    type Value = T;

    fn ok(&self) -> Probe<T> {
        Probe::new()
    }
}

/// The type is no `Result`.
pub trait NeverFails {
    /// The type itself.
    type Value;

    /// See the module.
    fn ok(&self) -> Probe<Self::Value>;
}

impl<T> NeverFails for &Probe<T> {
    type Value = T;

    fn ok(&self) -> Probe<T> {
        Probe::new()
    }
}

/// The type is an iterator.
pub trait Iterates {
    /// What it iterates over.
    type Item;

    /// See the module.
    fn items(&self) -> Probe<Self::Item>;
}

impl<I: Iterator> Iterates for &&Probe<I> {
    type Item = I::Item;

    fn items(&self) -> Probe<I::Item> {
        Probe::new()
    }
}

/// The type is a stream.
pub trait Streams {
    /// What it streams.
    type Item;

    /// See the module.
    fn items(&self) -> Probe<Self::Item>;
}

impl<S: Stream> Streams for &Probe<S> {
    type Item = S::Item;

    fn items(&self) -> Probe<S::Item> {
        Probe::new()
    }
}

/// Stands for the items of a type that has none: the compiler says elsewhere what is wrong with it.
pub struct Unknown;

/// The type is neither an iterator nor a stream.
pub trait NoItems {
    /// See the module.
    fn items(&self) -> Probe<Unknown>;
}

impl<T> NoItems for Probe<T> {
    fn items(&self) -> Probe<Unknown> {
        Probe::new()
    }
}

/// The type is a number, a string, or made of such.
pub trait PlainSchema {
    /// See the module.
    fn schema(&self) -> Option<WriteSchema>;
}

impl<T: PlainType> PlainSchema for &&Probe<T> {
    fn schema(&self) -> Option<WriteSchema> {
        Some(|schema| T::write(&mut schema.text, false))
    }
}

/// The type derives its schema.
pub trait DerivedSchema {
    /// See the module.
    fn schema(&self) -> Option<WriteSchema>;
}

impl<T: JsonSchema> DerivedSchema for &Probe<T> {
    fn schema(&self) -> Option<WriteSchema> {
        Some(Schema::derived::<T>)
    }
}

/// Nothing is known of the type.
pub trait NoSchema {
    /// See the module.
    fn schema(&self) -> Option<WriteSchema>;
}

impl<T> NoSchema for Probe<T> {
    fn schema(&self) -> Option<WriteSchema> {
        None
    }
}
