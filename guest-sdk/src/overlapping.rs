//! The runtime of an actor whose handlers overlap: the exports of the world `overlapping`.

use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use crate::actor::{self, Handling, OverlappingActor};
use crate::answer::{Opened, Outcome, Source};
use crate::bindings::overlapping::exports::pulsing::actor::async_actor::Guest;
use crate::bindings::overlapping::pulsing::actor::async_system;
use crate::bindings::types::{ActorError, Message, Reply, StartOptions, StreamBatch};
use crate::call::Host;
use crate::cancel::{Cancelled, unless_cancelled};
use crate::describe::describe;
use crate::stream::{Pump, ReadyStream, Table, WaitingStream};
use crate::{Call, Error, wire};

/// What the component of actor `A` exports.
pub struct Export<A>(PhantomData<A>);

const HOST: Host = Host {
    is_cancelled: async_system::is_cancelled,
    caller: async_system::caller,
    context: async_system::context,
};

enum OpenStream {
    Ready(ReadyStream),
    Waiting(WaitingStream),
}

impl OpenStream {
    fn close(self) {
        match self {
            Self::Ready(stream) => drop(stream),
            Self::Waiting(stream) => stream.close(),
        }
    }
}

thread_local! {
    static STREAMS: Table<OpenStream> = const { Table::new() };
}

impl<A: OverlappingActor> Guest for Export<A> {
    fn describe() -> String {
        describe::<A>()
    }

    async fn start(options: StartOptions) -> Result<(), ActorError> {
        if A::MAY_PASSIVATE {
            async_system::may_passivate();
        }
        actor::install(A::start(actor::begin(options)).await?);
        Ok(())
    }

    async fn handle(mut message: Message) -> Result<Reply, ActorError> {
        let call = Call::new(&mut message, HOST);
        Ok(match run::<A>(call.clone(), message).await? {
            Outcome::Value(payload) => Reply::Value(payload),
            Outcome::Stream(opened) => Reply::Stream(open(opened, call)),
        })
    }

    async fn tell(mut message: Message) -> Result<(), ActorError> {
        let call = Call::new(&mut message, HOST);
        match run::<A>(call, message).await? {
            Outcome::Value(_) => Ok(()),
            Outcome::Stream(_) => Err(actor::told_a_stream().into()),
        }
    }

    async fn stream_next(stream: u64, max_items: u32) -> Result<StreamBatch, ActorError> {
        let drawn = draw(stream, max_items).await;
        STREAMS.with(|streams| streams.settle(stream, drawn)).map_err(Into::into)
    }

    fn stream_close(stream: u64) {
        if let Some(stream) = STREAMS.with(|streams| streams.remove(stream)) {
            stream.close();
        }
    }

    async fn stop() {
        STREAMS.with(Table::remove_all).for_each(OpenStream::close);
        if let Some(this) = actor::remove::<A>() {
            A::stop(&this).await;
        }
    }
}

async fn run<A: OverlappingActor>(mut call: Call, message: Message) -> Result<Outcome<Source>, Error> {
    let this = actor::this::<A>()?;
    match call.scope(|| A::handle(&this, &message.method, message.args)) {
        Some(Handling::Done(outcome)) => outcome,
        Some(Handling::Waits(work)) => {
            let cancelled = cancelled(&call);
            unless_cancelled(call.scoped(work), cancelled).await?
        }
        None => Err(actor::unknown_method::<A>(message.method)),
    }
}

fn cancelled(call: &Call) -> Cancelled {
    Cancelled::new(call.id(), |call, word| {
        // Detached: see `cancel`.
        drop(wit_bindgen::spawn_local(async move {
            async_system::cancelled(call).await;
            word.give();
        }));
    })
}

fn open(opened: Opened<Source>, call: Call) -> u64 {
    let skip = opened.skip(&call);
    let stream = match opened.source {
        Source::Ready(items) => OpenStream::Ready(ReadyStream::new(items, call, skip)),
        Source::Waits(source) => {
            let stream = WaitingStream::new(source, skip);
            let cancelled = cancelled(&call);
            wit_bindgen::spawn_local(Pump::new(stream.clone(), call, cancelled));
            OpenStream::Waiting(stream)
        }
    };
    STREAMS.with(|streams| streams.insert(stream))
}

/// What a draw found, before it waits.
enum Draw {
    Over(Result<StreamBatch, Error>),
    Waits(WaitingStream),
}

async fn draw(stream: u64, max_items: u32) -> Result<StreamBatch, Error> {
    let draw = STREAMS.with(|streams| {
        streams.with(stream, |open| match open {
            OpenStream::Ready(open) => Draw::Over(open.draw(max_items)),
            OpenStream::Waiting(open) => Draw::Waits(open.clone()),
        })
    })?;
    match draw {
        Draw::Over(drawn) => drawn,
        Draw::Waits(stream) => stream.draw(max_items).await,
    }
}

/// Waits, while other handlers run.
///
/// For methods that are `async` or stream; [`blocking::sleep`](crate::blocking::sleep) is for all others. Whole
/// milliseconds, rounded up.
///
/// # Cancel safety
///
/// Dropping the future ends the wait. The SDK does so when the call is told to stop.
pub fn sleep(duration: Duration) -> impl Future<Output = ()> {
    async_system::sleep(Call::NO_ID, wire::milliseconds(duration))
}

/// Begins work that nobody waits for: it goes on beside the handlers, after this one has answered too, and ends with
/// this life of the actor.
///
/// It is a part of no call: it has no deadline, and what it asks of other actors is not cancelled with the caller of
/// the handler that began it. A panic in it ends the life. For overlapping actors.
///
/// ```no_run
/// # use pulsing_guest::{This, sleep, spawn};
/// # use std::time::Duration;
/// # #[derive(Default)]
/// # struct Cache { entries: Vec<u64> }
/// # fn example(this: This<Cache>) {
/// spawn(async move {
///     loop {
///         sleep(Duration::from_secs(60)).await;
///         this.with(|state| state.entries.clear());
///     }
/// });
/// # }
/// ```
pub fn spawn(work: impl Future<Output = ()> + 'static) {
    // Detached: the life is what ends it.
    drop(wit_bindgen::spawn_local(Call::none().scoped(Box::pin(work))));
}
