//! Write an actor for pulsing-host in Rust: a type with methods, compiled to a WebAssembly component.
//!
//! ```standalone_crate
//! use std::time::Duration;
//!
//! use pulsing_guest::{Error, Stream, This, sleep, stream};
//!
//! #[derive(Default)]
//! struct Kitchen {
//!     served: u64,
//! }
//!
//! #[pulsing_guest::actor]
//! impl Kitchen {
//!     /// How many meals have been served.
//!     fn served(&self) -> u64 {
//!         self.served
//!     }
//!
//!     /// Cooks a meal: others are cooked meanwhile.
//!     async fn cook(this: This<Self>, meal: String, minutes: Option<u64>) -> Result<String, Error> {
//!         if meal == "stone soup" {
//!             return Err(Error::business(404, "out of stones"));
//!         }
//!         sleep(Duration::from_secs(60 * minutes.unwrap_or(10))).await;
//!         this.with(|state| state.served += 1);
//!         Ok(format!("one {meal}"))
//!     }
//!
//!     /// Serves course after course, as they are ready.
//!     fn menu(_this: This<Self>, courses: Vec<String>) -> impl Stream<Item = String> {
//!         stream! {
//!             for course in courses {
//!                 sleep(Duration::from_secs(600)).await;
//!                 yield course;
//!             }
//!         }
//!     }
//!
//!     /// Nobody waits for this to be done.
//!     #[tell]
//!     fn complain(&mut self, about: String) {
//!         eprintln!("somebody did not like the {about}");
//!     }
//! }
//! ```
//!
//! The crate has `crate-type = ["cdylib"]` and is built with `cargo build --release --target wasm32-wasip2`. The
//! component holds one actor, and the name that it is reached under comes from the host.
//!
//! # Methods
//!
//! | method | handles a message |
//! |---|---|
//! | `fn m(&self, …) -> T`, `fn m(&mut self, …) -> T` | in one step |
//! | `async fn m(this: This<Self>, …) -> T` | overlapping with others at its `.await`s |
//! | `fn m(this: This<Self>, …) -> impl Stream<Item = T>` | by making items, which may wait, as they are asked for |
//! | `fn m(&self, …) -> impl Iterator<Item = T>` | by making items as they are asked for |
//! | `#[tell] fn m(&mut self, …)`, also `async` | without an answer |
//!
//! Every function of the `impl` block with a receiver is a method, public or not. `#[skip]` keeps one out, and so
//! does an `impl` block of its own. Functions without a receiver are left alone. The doc comment and the types of
//! the arguments become the actor's description, which people and programs can ask the host for.
//!
//! *Arguments* are owned and [`Deserialize`](serde::Deserialize). They come by name from a JSON object or by
//! position from a JSON array. An `Option` may be left out. What does not fit is refused with a business error, code
//! 400, that names the argument. A type that derives [`schemars::JsonSchema`] is described in full; one that does
//! not may be anything.
//!
//! *Answers* and items are [`Serialize`](serde::Serialize) or a `Result` of such with any error that converts into
//! [`Error`]. An item that is an error ends its stream. They are described as arguments are, where they have a schema.
//!
//! *Bytes* that are not JSON: a method may take one [`Bytes`] and nothing else, and answer or stream them.
//!
//! # Waiting
//!
//! An actor with an `async` method or an `impl Stream` is *overlapping*: while one handler waits, others run. Its
//! state is lent by [`This::with`], one closure at a time, so nothing can hold on to it over an `.await`. All other
//! actors are *serial*, which makes a message cheaper: one handler runs from start to end before the next, and to
//! wait in one, see [`blocking`]. `#[actor(overlapping)]` and `#[actor(serial)]` say it where signatures do not.
//!
//! A handler whose caller is gone or out of time is told to stop: where it waits, it is dropped there, destructors
//! and all. One that computes for long looks at [`Call::is_cancelled`] now and then.
//!
//! [`spawn`] begins work that goes on beside the handlers.
//!
//! `#[actor(may_passivate)]` says that the actor's memory may be lost whenever it has nothing to do: a host that is told
//! to (`passivate_after`) then ends it with `#[stop]`, and begins it again with the next message.
//!
//! What waits for anything but the host freezes the whole actor: `std::thread::sleep`, blocking reads.
//!
//! # Streams
//!
//! A stream makes an item only when the reader has room for it, and is dropped when the reader goes away. Its items
//! cannot borrow from `&self`; with `this: This<Self>` they can use the state. [`stream!`] and [`try_stream!`] turn
//! code with `yield` into a stream.
//!
//! A reader that lost its connection takes a stream up again after the last item that it has: the SDK calls the
//! method anew and skips that many items. A method that can do better is marked `#[stream(resumes)]` and starts
//! after [`Call::resume_after`] by itself. `#[stream]` alone says that a type with a name is a stream: an
//! [`Iterator`] in a serial actor, a [`Stream`] in an overlapping one.
//!
//! # Beginning and end
//!
//! An actor begins as its [`Default`], or as what its `#[start]` makes of its configuration, and does so again after
//! each restart. A panic ends the life, and so does an [`Error::restart`]. A `#[start]` that returns a business error is
//! final, since the next life would be given the same; after any other error the host tries again.
//!
//! `#[actor(restart = "on_failure", max_restarts = 5, min_backoff_ms = 100, max_backoff_ms = 30_000)]` says how the actor
//! wants to be restarted: after which ends of a life (`never`, `on_failure` or `always`), how often within the host's
//! restart window, and with which delays. Each may be left out. What the operator sets takes precedence; this host shows
//! it and does not apply it yet.
//!
//! ```standalone_crate
//! use pulsing_guest::{Error, serde};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(crate = "pulsing_guest::serde")]
//! struct Config {
//!     limit: u64,
//! }
//!
//! struct Quota {
//!     left: u64,
//! }
//!
//! #[pulsing_guest::actor]
//! impl Quota {
//!     #[start]
//!     fn new(config: Config) -> Result<Self, Error> {
//!         Ok(Self { left: config.limit })
//!     }
//!
//!     fn take(&mut self, n: u64) -> Result<u64, Error> {
//!         self.left = self.left.checked_sub(n).ok_or_else(|| Error::business(429, "used up"))?;
//!         Ok(self.left)
//!     }
//!
//!     #[stop]
//!     fn end(&mut self) {
//!         eprintln!("{} left over", self.left);
//!     }
//! }
//! ```
//!
//! # Other actors
//!
//! [`ActorRef`] asks, tells and streams; its [`CallError`] passes through `?` in its class. What is left of the
//! current call's time goes along, and so does its context, such as the identifiers of a trace: see [`Call::context`].
//! [`Call::caller`] is the actor that sent a message. [`Retry`] tries again what may be tried again, with the same idempotency key; the
//! actor asked knows a repeated message by that: see [`Dedup`]. An ask that would wait for itself fails at once with
//! `deadlock`. [`ActorRef::watch`] tells of every end of another actor's lives.
//!
//! # Other machines
//!
//! [`http`] is a client for hosts that were granted to the actor, in actors whose handlers overlap.
//!
//! # One dependency
//!
//! [`serde`], [`schemars`] and [`futures`] are at hand under this crate's name. Their derives need to be told:
//! `#[serde(crate = "pulsing_guest::serde")]`, `#[schemars(crate = "pulsing_guest::schemars")]`. A crate that
//! depends on `serde` itself needs neither this crate's nor the attribute.

mod actor;
mod answer;
mod args;
mod bindings;
pub mod blocking;
mod call;
mod config;
mod dedup;
mod describe;
mod done;
mod error;
pub mod http;
mod life;
mod nearest;
mod overlapping;
mod payload;
mod peer;
mod pull;
mod retry;
mod rows;
mod serial;
mod stream;
mod tasks;
mod this;
mod wait;
mod wire;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use async_stream::{stream, try_stream};
pub use futures::{self, Stream};
pub use pulsing_guest_macros::actor;
pub use schemars;
pub use serde;

pub use call::Call;
pub use dedup::Dedup;
pub use error::{Error, ErrorKind};
pub use life::Life;
pub use overlapping::{sleep, spawn};
pub use payload::{Bytes, FromPayload, IntoPayload};
pub use peer::overlapping::{ActorRef, PeerStream};
pub use peer::{CallError, IntoArgs, LifeEnd, RuntimeError, RuntimeErrorKind};
pub use retry::{Retry, Retryable};
pub use this::This;
