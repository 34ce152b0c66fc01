//! The runtime of an actor whose handlers overlap: the exports of the world `resident-overlapping`.
//!
//! The host sees one call of `run`. The handlers are tasks of an executor in here ([`tasks`](crate::tasks)): what they
//! wait for has begun at the host, which says with the work that it is over ([`wait`](crate::wait)).

mod job;
mod open;
mod worker;

use std::cell::RefCell;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use self::job::{Job, TASKS};
use self::worker::Worker;
use crate::actor::{self, OverlappingActor};
use crate::bindings::overlapping::exports::pulsing::actor::resident_async_actor::Guest;
use crate::bindings::types::{ActorError, StartOptions};
use crate::bindings::waits;
use crate::call::Host;
use crate::describe::describe;
use crate::pull::{Imports, Pull};
use crate::wait::Wait;
use crate::{Call, wire};

/// What the component of actor `A` exports.
pub struct Export<A>(PhantomData<A>);

static HOST: Host =
    Host { is_cancelled: waits::is_cancelled, caller: waits::caller, context: waits::context };

thread_local! {
    static WORKER: RefCell<Worker> = const { RefCell::new(Worker::new()) };
}

impl<A: OverlappingActor> Guest for Export<A> {
    fn describe() -> String {
        describe::<A>()
    }

    fn start(options: StartOptions) -> Result<(), ActorError> {
        if A::MAY_PASSIVATE {
            waits::may_passivate();
        }
        start::<A>(options, &mut Imports)
    }

    fn run() {
        serve::<A>(&mut Imports);
    }
}

/// Makes the first state, which may take its time.
///
/// # Errors
///
/// What `#[start]` says.
pub fn start<A: OverlappingActor>(options: StartOptions, host: &mut impl Pull) -> Result<(), ActorError> {
    let hook = A::start(actor::begin(options));
    let state = WORKER.with_borrow_mut(|worker| worker.complete(hook, host))?;
    actor::install(state);
    Ok(())
}

/// Works until the host says that it is enough.
///
/// # Panics
///
/// Where the actor was not started, and where work comes in an order that no host has.
pub fn serve<A: OverlappingActor>(host: &mut impl Pull) {
    WORKER.with_borrow_mut(|worker| worker.run::<A>(host));
}

/// Waits, while other handlers run.
///
/// For methods that are `async` or stream; [`blocking::sleep`](crate::blocking::sleep) is for all others. Whole
/// milliseconds, rounded up.
///
/// # Cancel safety
///
/// Dropping the future ends the wait. The SDK does so when the call is told to stop.
pub async fn sleep(duration: Duration) {
    Wait::new(waits::sleep(wire::milliseconds(duration)), drop).await;
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
    let _task = TASKS.with(|tasks| tasks.add(Job::Beside(Call::none().scoped(Box::pin(work)))));
}
