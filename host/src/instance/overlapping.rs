//! A life whose handlers overlap: the whole of it is one `run_concurrent`, in which calls come and go.
//!
//! Sources, in the order in which they are looked at: calls that end, and work that comes. While the guest
//! computes, neither is looked at; the supervisor outside still is. A trap in one call ends all calls of the
//! life: wasmtime lets none go on.

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use wasmtime::AsContextMut;
use wasmtime::component::Accessor;

use super::bindings::overlapping::exports::pulsing::actor::async_actor::Guest as Exports;
use super::bindings::overlapping::{Overlapping, OverlappingPre};
use super::convert::{batch_in, birth_out, error_in, job_out, reply_in};
use super::store::{Guest, Household, SLICE_TICKS, admit, new_store};
use super::trap::exit_reason;
use crate::dispatch::LifeContext;
use crate::dispatch::{Birth, Description, Work};
use crate::exit::{ExitReason, TEXT_MAX_BYTES};

/// Lives one life of an overlapping actor.
pub(super) async fn live(
    pre: &OverlappingPre<Guest>,
    household: &Household,
    birth: Birth,
    context: LifeContext,
) -> ExitReason {
    let mut store = new_store(pre.engine(), household, context.clone());
    let made: wasmtime::Result<Overlapping> = async {
        admit(&mut store, household)?;
        pre.instantiate_async(&mut store).await
    }
    .await;
    let instance = match made {
        Ok(instance) => instance,
        Err(trap) => return exit_reason(&trap, store.data()),
    };
    let actor = instance.pulsing_actor_async_actor();
    let exit =
        store.run_concurrent(async |accessor| work(household, actor, accessor, birth, &context).await).await;
    match exit.and_then(|exit| exit) {
        Ok(exit) => exit,
        Err(trap) => exit_reason(&trap, store.data()),
    }
}

/// Asks a new instance what it says of itself.
pub(super) async fn describe(
    pre: &OverlappingPre<Guest>,
    household: &Household,
    context: LifeContext,
) -> Result<Description, String> {
    let mut store = new_store(pre.engine(), household, context);
    let described = async {
        admit(&mut store, household)?;
        let instance: Overlapping = pre.instantiate_async(&mut store).await?;
        let actor = instance.pulsing_actor_async_actor();
        store.run_concurrent(async |accessor| actor.call_describe(accessor).await).await?
    };
    match described.await {
        Ok(description) => Description::parse(&description).map_err(|error| error.to_string()),
        Err(trap) => Err(exit_reason(&trap, store.data()).report()),
    }
}

/// Works until there is a stop, or a trap.
async fn work(
    household: &Household,
    actor: &Exports,
    accessor: &Accessor<Guest>,
    birth: Birth,
    context: &LifeContext,
) -> wasmtime::Result<ExitReason> {
    let description = match household.description(actor.call_describe(accessor)).await? {
        Ok(description) => description,
        Err(exit) => return Ok(exit),
    };
    if let Err(error) = actor.call_start(accessor, birth_out(birth.clone())).await? {
        let error = error_in(error, context.limits().message_max_bytes().min(TEXT_MAX_BYTES));
        return Ok(ExitReason::start_failed(&error));
    }
    accessor.with(|mut store| store.get().limiter.begin_work());
    context.ready(&birth, description);
    let mut running: FuturesUnordered<BoxFuture<'_, wasmtime::Result<()>>> = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some(ended) = running.next(), if !running.is_empty() => ended?,
            work = context.next() => {
                if context.begins_turn() {
                    accessor.with(|mut store| store.as_context_mut().set_epoch_deadline(SLICE_TICKS));
                }
                if let Work::Stop = work {
                    actor.call_stop(accessor).await?;
                    return Ok(ExitReason::Stopped);
                }
                running.push(Box::pin(carry_out(actor, accessor, context, work)));
            }
        }
    }
}

/// Carries out one piece of work, and hands in what came of it.
async fn carry_out(
    actor: &Exports,
    accessor: &Accessor<Guest>,
    context: &LifeContext,
    work: Work,
) -> wasmtime::Result<()> {
    let bounded = |error| error_in(error, context.limits().message_max_bytes());
    match work {
        Work::Ask(job) => {
            let result = actor.call_handle(accessor, job_out(&job)).await?;
            context.handled(job.call, result.map(reply_in).map_err(bounded));
        }
        Work::Tell(job) => {
            let result = actor.call_tell(accessor, job_out(&job)).await?;
            context.told(job.call, result.map_err(bounded));
        }
        Work::Draw { call, stream, max_items } => {
            let result = actor.call_stream_next(accessor, stream.0, max_items).await?;
            context.drawn(call, result.map(batch_in).map_err(bounded));
        }
        Work::Close { call, stream } => {
            actor.call_stream_close(accessor, stream.0).await?;
            context.closed(call);
        }
        // Between two calls nothing of the actor is on the stack.
        Work::Leave => context.rests(),
        Work::Stop => {}
    }
    Ok(())
}
