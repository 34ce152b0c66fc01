//! A life whose handlers run one at a time: one call into the guest after another, each to its end.
//!
//! The futures of calls are never dropped half-way but with the whole store: a dropped call poisons it.

use wasmtime::Store;

use super::bindings::serial::exports::pulsing::actor::actor::Guest as Exports;
use super::bindings::serial::{Serial, SerialPre};
use super::convert::{batch_in, birth_out, error_in, job_out, reply_in};
use super::store::{Guest, Household, SLICE_TICKS, admit, new_store};
use super::trap::exit_reason;
use crate::dispatch::LifeContext;
use crate::dispatch::{Birth, Description, Work};
use crate::exit::{ExitReason, TEXT_MAX_BYTES};
use crate::id::CallId;

/// Lives one life of a serial actor.
pub(super) async fn live(
    pre: &SerialPre<Guest>,
    household: &Household,
    birth: Birth,
    context: LifeContext,
) -> ExitReason {
    let mut store = new_store(pre.engine(), household, context.clone());
    match work(household, pre, &mut store, birth, &context).await {
        Ok(exit) => exit,
        Err(trap) => exit_reason(&trap, store.data()),
    }
}

/// Asks a new instance what it says of itself.
pub(super) async fn describe(
    pre: &SerialPre<Guest>,
    household: &Household,
    context: LifeContext,
) -> Result<Description, String> {
    let mut store = new_store(pre.engine(), household, context);
    let described = async {
        admit(&mut store, household)?;
        let instance: Serial = pre.instantiate_async(&mut store).await?;
        instance.pulsing_actor_actor().call_describe(&mut store).await
    };
    match described.await {
        Ok(description) => Description::parse(&description).map_err(|error| error.to_string()),
        Err(trap) => Err(exit_reason(&trap, store.data()).report()),
    }
}

/// Works until there is a stop, or a trap.
async fn work(
    household: &Household,
    pre: &SerialPre<Guest>,
    store: &mut Store<Guest>,
    birth: Birth,
    context: &LifeContext,
) -> wasmtime::Result<ExitReason> {
    admit(store, household)?;
    let instance: Serial = pre.instantiate_async(&mut *store).await?;
    let actor = instance.pulsing_actor_actor();
    let max_bytes = context.limits().message_max_bytes();
    let description = match household.description(actor.call_describe(&mut *store)).await? {
        Ok(description) => description,
        Err(exit) => return Ok(exit),
    };
    if let Err(error) = actor.call_start(&mut *store, &birth_out(birth.clone())).await? {
        return Ok(ExitReason::start_failed(&error_in(error, max_bytes.min(TEXT_MAX_BYTES))));
    }
    store.data_mut().limiter.begin_work();
    context.ready(&birth, description);
    loop {
        let work = context.next().await;
        if context.begins_turn() {
            store.set_epoch_deadline(SLICE_TICKS);
        }
        if let Work::Stop = work {
            store.data_mut().current = CallId::NONE;
            actor.call_stop(&mut *store).await?;
            return Ok(ExitReason::Stopped);
        }
        carry_out(actor, store, context, work, max_bytes).await?;
    }
}

/// Carries out one piece of work, and hands in what came of it.
async fn carry_out(
    actor: &Exports,
    store: &mut Store<Guest>,
    context: &LifeContext,
    work: Work,
    max_bytes: usize,
) -> wasmtime::Result<()> {
    match work {
        Work::Ask(job) => {
            store.data_mut().current = job.call;
            let result = actor.call_handle(store, &job_out(&job)).await?;
            context.handled(job.call, result.map(reply_in).map_err(|error| error_in(error, max_bytes)));
        }
        Work::Tell(job) => {
            store.data_mut().current = job.call;
            let result = actor.call_tell(store, &job_out(&job)).await?;
            context.told(job.call, result.map_err(|error| error_in(error, max_bytes)));
        }
        Work::Draw { call, stream, max_items } => {
            store.data_mut().current = call;
            let result = actor.call_stream_next(store, stream.0, max_items).await?;
            context.drawn(call, result.map(batch_in).map_err(|error| error_in(error, max_bytes)));
        }
        Work::Close { call, stream } => {
            store.data_mut().current = call;
            actor.call_stream_close(store, stream.0).await?;
            context.closed(call);
        }
        // Between two calls nothing of the actor is on the stack.
        Work::Leave => context.rests(),
        Work::Stop => {}
    }
    Ok(())
}
