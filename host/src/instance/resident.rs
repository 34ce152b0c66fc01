//! A life that stays in one call, `run`, from its start to its end, and pulls its work from there.
//!
//! | import | does | waits |
//! |---|---|---|
//! | `next` | takes what came of the work, and returns more | until there is work |
//! | `step` | takes what came of the work, and begins the next message of the list | never |
//! | `count-in` | takes note of where the guest counts tells that it begins without a `step` | never |
//!
//! The life's future is that one call: it is never dropped but with the whole store.

mod counter;
mod hand_in;
mod hand_out;
mod residence;
mod rows;

use wasmtime::component::{ComponentExportIndex, Instance, InstancePre, Linker, WasmList};
use wasmtime::{AsContextMut, Store, StoreContextMut};

use self::hand_in::hand_in;
pub(super) use self::residence::Residence;
use super::bindings::resident::pulsing::actor::work::Verdict;
use super::bindings::types::{ActorError, StartOptions};
use super::convert::{birth_out, error_in};
use super::store::{Guest, Household, SLICE_TICKS, admit, new_store};
use super::trap::exit_reason;
use crate::dispatch::{Birth, Description, LifeContext};
use crate::engine::World;
use crate::exit::{ExitReason, TEXT_MAX_BYTES};
use crate::wire::Lane;

/// The interface of [`add_to_linker`].
pub(super) const WORK: &str = "pulsing:actor/work@0.2.0";

/// A resident component, ready for instances.
pub(super) struct ResidentPre {
    pre: InstancePre<Guest>,
    lane: Lane,
    describe: ComponentExportIndex,
    start: ComponentExportIndex,
    run: ComponentExportIndex,
}

impl ResidentPre {
    /// # Errors
    ///
    /// Where the component's exports are not those of its world.
    pub(super) fn new(pre: InstancePre<Guest>, world: World) -> wasmtime::Result<Self> {
        let component = pre.component();
        let actor = component.get_export_index(None, world.export());
        let export = |name: &str| {
            let index = actor.as_ref().and_then(|actor| component.get_export_index(Some(actor), name));
            index.ok_or_else(|| wasmtime::format_err!("`{}` has no function `{name}`", world.export()))
        };
        let (describe, start, run) = (export("describe")?, export("start")?, export("run")?);
        Ok(Self { lane: world.lane(), describe, start, run, pre })
    }

    pub(super) fn lane(&self) -> Lane {
        self.lane
    }

    fn new_store(&self, household: &Household, context: LifeContext) -> Store<Guest> {
        let mut store = new_store(self.pre.engine(), household, context);
        store.data_mut().residence = Residence::new(self.lane);
        store
    }

    async fn describe(&self, store: &mut Store<Guest>, instance: &Instance) -> wasmtime::Result<String> {
        let describe = instance.get_typed_func::<(), (String,)>(&mut *store, self.describe)?;
        describe.call_async(store, ()).await.map(|(description,)| description)
    }
}

/// Lives one life of a resident actor.
pub(super) async fn live(
    pre: &ResidentPre,
    household: &Household,
    birth: Birth,
    context: LifeContext,
) -> ExitReason {
    let mut store = pre.new_store(household, context.clone());
    if pre.lane == Lane::Serial {
        counter::follow_always(&mut store);
    }
    match work(household, pre, &mut store, birth, &context).await {
        Ok(exit) => exit,
        Err(trap) => {
            // However it may have counted: it is ended already.
            let _is_right = counter::follow(&mut store.as_context_mut());
            exit_reason(&trap, store.data())
        }
    }
}

/// Asks a new instance what it says of itself.
pub(super) async fn describe(
    pre: &ResidentPre,
    household: &Household,
    context: LifeContext,
) -> Result<Description, String> {
    let mut store = pre.new_store(household, context);
    let described = async {
        admit(&mut store, household)?;
        let instance = pre.pre.instantiate_async(&mut store).await?;
        pre.describe(&mut store, &instance).await
    };
    match described.await {
        Ok(description) => Description::parse(&description).map_err(|error| error.to_string()),
        Err(trap) => Err(exit_reason(&trap, store.data()).report()),
    }
}

/// Works until there is a stop, or a trap.
async fn work(
    household: &Household,
    pre: &ResidentPre,
    store: &mut Store<Guest>,
    birth: Birth,
    context: &LifeContext,
) -> wasmtime::Result<ExitReason> {
    type Start = (StartOptions,);
    type Started = (Result<(), ActorError>,);
    admit(store, household)?;
    let instance = pre.pre.instantiate_async(&mut *store).await?;
    let description = match household.description(pre.describe(store, &instance)).await? {
        Ok(description) => description,
        Err(exit) => return Ok(exit),
    };
    let start = instance.get_typed_func::<Start, Started>(&mut *store, pre.start)?;
    let (started,) = start.call_async(&mut *store, (birth_out(birth.clone()),)).await?;
    if let Err(error) = started {
        let max_bytes = context.limits().message_max_bytes().min(TEXT_MAX_BYTES);
        return Ok(ExitReason::start_failed(&error_in(error, max_bytes)));
    }
    let run = instance.get_typed_func::<(), ()>(&mut *store, pre.run)?;
    store.data_mut().limiter.begin_work();
    store.data_mut().residence.begin_work(context);
    context.ready(&birth, description);
    loop {
        run.call_async(&mut *store, ()).await?;
        if store.data_mut().residence.returned()? {
            return Ok(ExitReason::Stopped);
        }
        context.rests();
    }
}

/// Offers `work`. By hand, and not by the generated code: lists are read where the guest has them.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut work = linker.instance(WORK)?;
    work.func_wrap_async("next", |store, (done,): (WasmList<u8>,)| Box::new(next(store, done)))?;
    work.func_wrap("step", |store, (done,): (WasmList<u8>,)| step(store, &done).map(|verdict| (verdict,)))?;
    work.func_wrap("count-in", |store, (counter,): (WasmList<u8>,)| counter::count_in(store, counter))
}

async fn next(mut store: StoreContextMut<'_, Guest>, done: WasmList<u8>) -> wasmtime::Result<(Vec<u8>,)> {
    hand_in(&mut store, &done)?;
    store.data_mut().residence.check_next()?;
    // Whatever was begun has ended, or waits for something in the guest: it is not to blame for what others do.
    store.data().context.awaits();
    let list = std::future::poll_fn(|context| hand_out::poll_list(store.data_mut(), context)).await?;
    counter::begin(&mut store);
    if store.data().context.begins_turn() {
        store.set_epoch_deadline(SLICE_TICKS);
    }
    Ok((list,))
}

fn step(mut store: StoreContextMut<'_, Guest>, done: &WasmList<u8>) -> wasmtime::Result<Verdict> {
    hand_in(&mut store, done)?;
    hand_out::begin_ahead(store.data_mut())
}
