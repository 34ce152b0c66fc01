//! The runtime of an actor whose handlers run one at a time: the exports of the world `resident`.
//!
//! The actor stays in `run` and pulls. What a message costs is counted in allocations: the list that it comes in
//! becomes its arguments, and the method's name, and the outcomes go where those of the last message went.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use pulsing_work::work::Work;

use crate::actor::{self, SerialActor};
use crate::answer::{Items, Opened, Outcome};
use crate::bindings::serial::exports::pulsing::actor::resident_actor::Guest;
use crate::bindings::types::{ActorError, Payload, StartOptions};
use crate::bindings::{Verdict, system};
use crate::call::Host;
use crate::describe::describe;
use crate::done::Done;
use crate::pull::{Imports, Letter, Pull, entry, unpack};
use crate::stream::{ReadyStream, Table};
use crate::{Call, This, rows};

/// What the component of actor `A` exports.
pub struct Export<A>(PhantomData<A>);

static HOST: Host =
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

    fn run() {
        serve::<A>(&mut Imports);
    }
}

/// Works until the host says that it is enough.
///
/// # Panics
///
/// Where the actor was not started, and where work comes that no serial actor gets.
pub fn serve<A: SerialActor>(host: &mut impl Pull) {
    let this = actor::this::<A>();
    host.count_in(rows::counter());
    let mut worker = Worker { this, done: Done::new(), method: String::new() };
    loop {
        let list = worker.done.hand_in(|done| host.next(done));
        if worker.list(list, host).is_break() {
            return;
        }
    }
}

struct Worker<A> {
    this: This<A>,
    done: Done,
    /// The method of the message in hand.
    method: String,
}

impl<A: SerialActor> Worker<A> {
    /// Does what a list says. Break is the end of `run`.
    fn list(&mut self, mut list: Vec<u8>, host: &mut impl Pull) -> ControlFlow<()> {
        if let Some(letter) = Letter::only(&mut list, &HOST, &mut self.method) {
            self.handle(letter, list, false);
            return ControlFlow::Continue(());
        }
        let mut works = unpack(&list);
        // How many tells of the list's row have not begun, and whether the next begins without a step. The first has begun.
        let (mut row, mut goes_on, mut is_first) = (works.row(), false, true);
        while let Some(work) = entry(&mut works) {
            let (Work::Ask(message) | Work::Tell(message)) = work else { return self.other(&work) };
            if goes_on {
                rows::go_on();
            }
            let has_begun = is_first || goes_on;
            match if has_begun { Verdict::GoOn } else { self.done.hand_in(|done| host.step(done)) } {
                Verdict::GoOn => {
                    let is_tell = matches!(work, Work::Tell(_));
                    let letter = Letter::open(&message, is_tell, &HOST, &mut self.method);
                    row = row.saturating_sub(1);
                    goes_on = self.handle(letter, message.args.body.to_vec(), row > 0);
                }
                Verdict::Skip => goes_on = false,
                Verdict::GiveBack => break,
            }
            if !goes_on {
                row = 0;
            }
            is_first = false;
        }
        ControlFlow::Continue(())
    }

    /// Runs a handler. Returns whether the actor goes on to the next tell without a step: it `may`, and this one was a tell
    /// that has ended well and has not waited.
    fn handle(&mut self, letter: Letter, body: Vec<u8>, may: bool) -> bool {
        let Letter { mut call, is_tell, encoding } = letter;
        let Self { this, done, method } = self;
        let handled = call.scope(|| A::handle(this, method, Payload { encoding, body }));
        let outcome = handled.unwrap_or_else(|| Err(actor::unknown_method::<A>(method)));
        let has_waited = rows::has_waited();
        if may && is_tell && !has_waited && matches!(outcome, Ok(Outcome::Value(_))) {
            return true;
        }
        done.handled(call, is_tell, outcome, open_stream);
        false
    }

    /// Work that is no message.
    fn other(&mut self, work: &Work<'_>) -> ControlFlow<()> {
        match *work {
            Work::Draw { call, stream, max_items } => self.draw(call, stream, max_items),
            Work::Close { call, stream } => {
                drop(STREAMS.with(|streams| streams.remove(stream)));
                self.done.closed(call);
            }
            Work::Stop => {
                self.stop();
                return ControlFlow::Break(());
            }
            Work::Leave => return ControlFlow::Break(()),
            Work::Ask(_) | Work::Tell(_) | Work::Cancel { .. } | Work::Ended { .. } => {
                unreachable!("the host gives a serial actor work of another kind")
            }
        }
        ControlFlow::Continue(())
    }

    fn draw(&mut self, call: u64, stream: u64, max_items: u32) {
        let drawn = STREAMS.with(|streams| {
            let drawn = streams.with(stream, |open| open.draw(max_items)).flatten();
            streams.settle(stream, drawn)
        });
        self.done.drawn(call, drawn);
    }

    fn stop(&self) {
        drop(STREAMS.with(Table::remove_all));
        drop(actor::remove::<A>());
        A::stop(&self.this);
    }
}

fn open_stream(opened: Opened<Items>, call: Call) -> u64 {
    let skip = opened.skip(&call);
    STREAMS.with(|streams| streams.insert(ReadyStream::new(opened.source, call, skip)))
}
