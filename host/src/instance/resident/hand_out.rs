//! From the host's work to the packed list that `next` returns, and the decision of `step`.

use std::task::{Context, Poll, ready};

use pulsing_work::work::{Message, Work as Packed, pack};

use super::Residence;
use crate::dispatch::{Ahead, Begun, Job, LifeContext, Work, WorkKind};
use crate::id::CallId;
use crate::instance::bindings::resident::pulsing::actor::work::Verdict;
use crate::instance::convert::millis;
use crate::instance::store::Guest;
use crate::stream::NUMBER_MAX;
use crate::wire::{Encoding, Lane};

/// Waits for work, and packs it.
pub(super) fn poll_list(guest: &mut Guest, context: &mut Context<'_>) -> Poll<wasmtime::Result<Vec<u8>>> {
    match guest.residence.lane() {
        Lane::Serial if guest.residence.is_working() => poll_serial(guest, context),
        // There is nothing that it could wait for within `start`, and after a stop.
        Lane::Serial => Poll::Pending,
        Lane::Overlapping => poll_overlapping(guest, context),
    }
}

fn poll_serial(guest: &mut Guest, context: &mut Context<'_>) -> Poll<wasmtime::Result<Vec<u8>>> {
    let work = ready!(guest.context.poll_next(context));
    guest.current = begun(&mut guest.residence, &work);
    let is_message = matches!(work, Work::Ask(_) | Work::Tell(_));
    let ahead = if is_message { guest.context.ahead() } else { Vec::new() };
    let list = packed(&[], &[], &[work], &ahead);
    guest.residence.set_ahead(ahead);
    Poll::Ready(list)
}

fn poll_overlapping(guest: &mut Guest, context: &mut Context<'_>) -> Poll<wasmtime::Result<Vec<u8>>> {
    let ended = guest.waits.as_mut().map(|waits| waits.poll_ended(context)).unwrap_or_default();
    if !guest.residence.is_working() {
        return if ended.is_empty() { Poll::Pending } else { Poll::Ready(packed(&ended, &[], &[], &[])) };
    }
    let life = &guest.context;
    // A guest for which some wait is always over would otherwise never hear of it.
    if let Some(stop) = (!ended.is_empty()).then(|| life.stop_due()).flatten() {
        let _nothing_runs = begun(&mut guest.residence, &stop);
        guest.waits.iter_mut().for_each(|waits| waits.tell_again(&ended));
        return Poll::Ready(packed(&[], &[], &[stop], &[]));
    }
    let mut cancelled = life.take_cancelled();
    let mut works = Vec::new();
    if ended.is_empty() && cancelled.is_empty() {
        match life.poll_next(context) {
            Poll::Ready(work) => works.push(work),
            Poll::Pending => {
                // What came since the look above has woken nobody.
                cancelled = life.take_cancelled();
                if cancelled.is_empty() {
                    return Poll::Pending;
                }
            }
        }
    }
    life.goes_on();
    let comes_alone = works.iter().any(|work| matches!(work, Work::Stop | Work::Leave));
    let ahead = if comes_alone { Vec::new() } else { more_work(life, &mut works) };
    for work in &works {
        let _several = begun(&mut guest.residence, work);
    }
    let list = packed(&ended, &cancelled, &works, &ahead);
    guest.residence.set_ahead(ahead);
    Poll::Ready(list)
}

/// What else there is to do at once. A message that was begun stays the first.
fn more_work(life: &LifeContext, works: &mut Vec<Work>) -> Vec<Ahead> {
    if !works.iter().any(|work| matches!(work, Work::Ask(_) | Work::Tell(_))) {
        works.extend(std::iter::from_fn(|| life.stream_work()));
    }
    life.ahead()
}

/// Notes that the guest has this work in hand from now on. Returns the call that it is a part of.
fn begun(residence: &mut Residence, work: &Work) -> CallId {
    let (call, kind) = match work {
        Work::Ask(job) => (job.call, WorkKind::Ask),
        Work::Tell(job) => (job.call, WorkKind::Tell),
        Work::Draw { call, .. } => (*call, WorkKind::Draw),
        Work::Close { call, .. } => (*call, WorkKind::Close),
        Work::Leave => {
            residence.leave();
            return CallId::NONE;
        }
        Work::Stop => {
            residence.stop();
            return CallId::NONE;
        }
    };
    residence.begin(call, kind);
    call
}

fn packed(ended: &[u64], cancelled: &[CallId], works: &[Work], ahead: &[Ahead]) -> wasmtime::Result<Vec<u8>> {
    let packed = match (ended, cancelled, works, ahead) {
        // The common case: without a list of its own.
        ([], [], [work], []) => pack(&[pack_work(work)]),
        _several => {
            let ended = ended.iter().map(|wait| Packed::Ended { wait: *wait });
            let cancelled = cancelled.iter().map(|call| Packed::Cancel { call: call.0 });
            let works = works.iter().map(pack_work);
            let ahead = ahead.iter().map(|ahead| pack_message(&ahead.job, ahead.is_ask));
            pack(&ended.chain(cancelled).chain(works).chain(ahead).collect::<Vec<_>>())
        }
    };
    Ok(packed?)
}

fn pack_work(work: &Work) -> Packed<'_> {
    match work {
        Work::Ask(job) => pack_message(job, true),
        Work::Tell(job) => pack_message(job, false),
        Work::Draw { call, stream, max_items } => {
            Packed::Draw { call: call.0, stream: stream.0, max_items: *max_items }
        }
        Work::Close { call, stream } => Packed::Close { call: call.0, stream: stream.0 },
        Work::Leave => Packed::Leave,
        Work::Stop => Packed::Stop,
    }
}

fn pack_message(job: &Job, is_ask: bool) -> Packed<'_> {
    let message = &*job.message;
    let encoding = match message.args.encoding {
        Encoding::Json => pulsing_work::Encoding::Json,
        Encoding::Bytes => pulsing_work::Encoding::Bytes,
    };
    let packed = Message {
        call: job.call.0,
        method: &message.method,
        args: pulsing_work::Payload { encoding, body: &message.args.body },
        idempotency_key: message.idempotency_key.as_deref(),
        resume_after: message.resume_after.map(|number| number.min(NUMBER_MAX)),
        remaining_ms: job.remaining.map(millis),
    };
    if is_ask { Packed::Ask(packed) } else { Packed::Tell(packed) }
}

/// Decides on the next message of the list.
pub(super) fn begin_ahead(guest: &mut Guest) -> wasmtime::Result<Verdict> {
    let Guest { residence, context, current, .. } = guest;
    let ahead = residence.take_ahead()?;
    // The message before it was handled, or waits.
    context.waits();
    Ok(match context.begin_ahead(&ahead) {
        Begun::Yes => {
            residence.begin(ahead.job.call, if ahead.is_ask { WorkKind::Ask } else { WorkKind::Tell });
            if residence.lane() == Lane::Serial {
                *current = ahead.job.call;
            }
            Verdict::GoOn
        }
        Begun::Gone => Verdict::Skip,
        Begun::GivenBack => {
            residence.forget_ahead();
            Verdict::GiveBack
        }
    })
}
