//! The runtime of an actor whose handlers run one at a time: the exports of the world `serial`.

use std::marker::PhantomData;

use crate::actor::{self, SerialActor};
use crate::answer::{Opened, Outcome};
use crate::bindings::serial::exports::pulsing::actor::actor::Guest;
use crate::bindings::serial::pulsing::actor::system;
use crate::bindings::types::{ActorError, Message, Reply, StartOptions, StreamBatch};
use crate::call::Host;
use crate::describe::describe;
use crate::stream::{ReadyStream, Table};
use crate::{Call, Error, answer::Items};

/// What the component of actor `A` exports.
pub struct Export<A>(PhantomData<A>);

const HOST: Host =
    Host { is_cancelled: system::is_cancelled, caller: system::caller, context: system::context };

thread_local! {
    static STREAMS: Table<ReadyStream> = const { Table::new() };
}

impl<A: SerialActor> Guest for Export<A> {
    fn describe() -> String {
        describe::<A>()
    }

    fn start(options: StartOptions) -> Result<(), ActorError> {
        if A::MAY_PASSIVATE {
            system::may_passivate();
        }
        actor::install(A::start(actor::begin(options))?);
        Ok(())
    }

    fn handle(mut message: Message) -> Result<Reply, ActorError> {
        let mut call = Call::new(&mut message, HOST);
        Ok(match run::<A>(&mut call, message)? {
            Outcome::Value(payload) => Reply::Value(payload),
            Outcome::Stream(opened) => Reply::Stream(open(opened, call)),
        })
    }

    fn tell(mut message: Message) -> Result<(), ActorError> {
        let mut call = Call::new(&mut message, HOST);
        match run::<A>(&mut call, message)? {
            Outcome::Value(_) => Ok(()),
            Outcome::Stream(_) => Err(actor::told_a_stream().into()),
        }
    }

    fn stream_next(stream: u64, max_items: u32) -> Result<StreamBatch, ActorError> {
        STREAMS.with(|streams| {
            let drawn = streams.with(stream, |open| open.draw(max_items)).flatten();
            streams.settle(stream, drawn).map_err(Into::into)
        })
    }

    fn stream_close(stream: u64) {
        drop(STREAMS.with(|streams| streams.remove(stream)));
    }

    fn stop() {
        drop(STREAMS.with(Table::remove_all));
        if let Some(this) = actor::remove::<A>() {
            A::stop(&this);
        }
    }
}

fn run<A: SerialActor>(call: &mut Call, message: Message) -> Result<Outcome<Items>, Error> {
    let this = actor::this::<A>()?;
    match call.scope(|| A::handle(&this, &message.method, message.args)) {
        Some(outcome) => outcome,
        None => Err(actor::unknown_method::<A>(message.method)),
    }
}

fn open(opened: Opened<Items>, call: Call) -> u64 {
    let skip = opened.skip(&call);
    STREAMS.with(|streams| streams.insert(ReadyStream::new(opened.source, call, skip)))
}
