//! What `#[actor]` implements: the seam between generated code and the two runtimes.

use std::cell::RefCell;
use std::thread::LocalKey;

use futures::future::LocalBoxFuture;

use crate::answer::{Items, Outcome, Source};
use crate::bindings::types::{Payload, StartOptions};
use crate::describe::{Method, Restart};
use crate::error::ErrorKind;
use crate::life::Life;
use crate::nearest::nearest;
use crate::{Error, This};

/// Where generated code keeps the one actor of a component.
pub type ActorCell<A> = RefCell<Option<This<A>>>;

/// What both kinds of actor have.
pub trait Actor: Sized + 'static {
    /// The place of this type's one instance.
    fn cell() -> &'static LocalKey<ActorCell<Self>>;

    /// Whether its memory may be lost whenever it has nothing to do.
    const MAY_PASSIVATE: bool;

    /// How it wants to be restarted, if it says so.
    const RESTART: Option<Restart>;

    /// Its methods.
    fn methods() -> Vec<Method>;
}

/// An actor whose handlers run one at a time.
pub trait SerialActor: Actor {
    /// Makes the first state.
    ///
    /// # Errors
    ///
    /// Whatever `#[start]` says, or a configuration that does not fit it.
    fn start(config: Payload) -> Result<Self, Error>;

    /// Runs one handler to its end; none where there is no such method.
    fn handle(this: &This<Self>, method: &str, args: Payload) -> Option<Result<Outcome<Items>, Error>>;

    /// The last thing it does.
    fn stop(this: &This<Self>);
}

/// An actor whose handlers overlap.
pub trait OverlappingActor: Actor {
    /// Makes the first state.
    fn start(config: Payload) -> LocalBoxFuture<'static, Result<Self, Error>>;

    /// Begins one handler; none where there is no such method.
    fn handle(this: &This<Self>, method: &str, args: Payload) -> Option<Handling>;

    /// The last thing it does.
    fn stop(this: &This<Self>) -> LocalBoxFuture<'static, ()>;
}

/// A handler that has begun.
pub enum Handling {
    /// It is over.
    Done(Result<Outcome<Source>, Error>),
    /// It has not been polled yet.
    Waits(LocalBoxFuture<'static, Result<Outcome<Source>, Error>>),
}

pub(crate) fn begin(options: StartOptions) -> Payload {
    Life::begin(options.name, options.key, options.generation);
    options.config
}

pub(crate) fn install<A: Actor>(state: A) {
    A::cell().set(Some(This::new(state)));
}

/// Gives the actor up: its state is dropped with the last handler that holds it.
pub(crate) fn remove<A: Actor>() -> Option<This<A>> {
    A::cell().take()
}

/// The actor between its start and its stop.
pub(crate) fn this<A: Actor>() -> This<A> {
    A::cell().with_borrow(Clone::clone).expect("`run` comes after `start`, and before the stop is done")
}

pub(crate) fn unknown_method<A: Actor>(method: &str) -> Error {
    let methods = A::methods();
    let nearest = nearest(method, methods.iter().map(|method| method.name)).map(str::to_owned);
    ErrorKind::Unsupported { operation: method.to_owned(), nearest }.into()
}

/// A `tell` of a method that streams: nobody would read it.
pub(crate) fn told_a_stream() -> Error {
    Error::unsupported("tell of a method that streams")
}
