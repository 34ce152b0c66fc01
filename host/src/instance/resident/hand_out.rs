//! From the host's work to the packed list that `next` returns, and the decision of `step`.

use std::task::{Context, Poll, ready};

use pulsing_work::TooLong;
use pulsing_work::work::{Message, Work as Packed, WorkList, pack};

use super::Residence;
use crate::dispatch::{Begun, Shown, Work, WorkKind};
use crate::id::CallId;
use crate::instance::bindings::resident::pulsing::actor::work::Verdict;
use crate::instance::convert::millis;
use crate::instance::pending_waits::Ends;
use crate::instance::store::Guest;
use crate::stream::NUMBER_MAX;
use crate::wire::{Encoding, Lane};

/// How much work on streams there is in a list beside the first: messages come after it.
const MORE_STREAM_WORK_MAX: usize = 7;

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
    let mut list = List::One(&work);
    if is_message(&work) {
        let ahead = guest.context.ahead(|shown| list.push(&pack_shown(&shown)));
        if matches!(work, Work::Tell(_)) {
            list.begin_with_row(guest.residence.begin_row(&guest.context, &ahead));
        }
        guest.residence.set_ahead(ahead);
    }
    Poll::Ready(list.finish())
}

fn poll_overlapping(guest: &mut Guest, context: &mut Context<'_>) -> Poll<wasmtime::Result<Vec<u8>>> {
    let Ends { waits: ended, waited } =
        guest.waits.as_mut().map(|waits| waits.poll_ended(context)).unwrap_or_default();
    let life = &guest.context;
    if waited {
        life.waits();
    }
    if !guest.residence.is_working() {
        return if ended.is_empty() { Poll::Pending } else { Poll::Ready(packed(&ended, &[], &[]).finish()) };
    }
    // Also where waits have ended: a guest for which some wait is always over would otherwise get no other work.
    let mut works = Vec::new();
    if let Poll::Ready(work) = life.poll_next(context) {
        works.push(work);
    }
    // After that look, which is woken for those that come later.
    let cancelled = life.take_cancelled();
    if works.is_empty() && ended.is_empty() && cancelled.is_empty() {
        return Poll::Pending;
    }
    life.goes_on();
    if let [end @ (Work::Stop | Work::Leave)] = works.as_slice() {
        let _nothing_runs = begun(&mut guest.residence, end);
        guest.waits.iter_mut().for_each(|waits| waits.tell_again(&ended));
        return Poll::Ready(List::One(end).finish());
    }
    if let [Work::Draw { .. } | Work::Close { .. }] = works.as_slice() {
        works.extend(std::iter::from_fn(|| life.stream_work()).take(MORE_STREAM_WORK_MAX));
    }
    let mut list = packed(&ended, &cancelled, &works);
    let ahead = life.ahead(|shown| list.push(&pack_shown(&shown)));
    let list = list.finish();
    for work in &works {
        let _several = begun(&mut guest.residence, work);
    }
    guest.residence.set_ahead(ahead);
    Poll::Ready(list)
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

/// The list that is to be handed out.
enum List<'a> {
    /// The common case: it is written at once.
    One(&'a Work),
    Several(WorkList, Result<(), TooLong>),
}

impl List<'_> {
    /// Has the first of the list and so `more` tells behind it be a row.
    fn begin_with_row(&mut self, more: usize) {
        if more > 0
            && let Self::Several(list, _) = self
        {
            list.begin_with_row(u8::try_from(more + 1).unwrap_or(0));
        }
    }

    fn push(&mut self, work: &Packed<'_>) {
        if let Self::One(first) = self {
            let mut list = WorkList::default();
            let pushed = list.push(&pack_work(first));
            *self = Self::Several(list, pushed);
        }
        if let Self::Several(list, pushed) = self {
            *pushed = pushed.and_then(|()| list.push(work));
        }
    }

    fn finish(self) -> wasmtime::Result<Vec<u8>> {
        Ok(match self {
            Self::One(work) => pack(&[pack_work(work)])?,
            Self::Several(list, pushed) => {
                pushed?;
                list.finish()?
            }
        })
    }
}

/// A message that was begun comes first; others come after all else.
fn packed<'a>(ended: &[u64], cancelled: &[CallId], works: &'a [Work]) -> List<'a> {
    if let ([], [], [work]) = (ended, cancelled, works) {
        return List::One(work);
    }
    let mut list = List::Several(WorkList::default(), Ok(()));
    works.iter().filter(|work| is_message(work)).for_each(|work| list.push(&pack_work(work)));
    ended.iter().for_each(|wait| list.push(&Packed::Ended { wait: *wait }));
    cancelled.iter().for_each(|call| list.push(&Packed::Cancel { call: call.0 }));
    works.iter().filter(|work| !is_message(work)).for_each(|work| list.push(&pack_work(work)));
    list
}

fn is_message(work: &Work) -> bool {
    matches!(work, Work::Ask(_) | Work::Tell(_))
}

fn pack_work(work: &Work) -> Packed<'_> {
    match work {
        Work::Ask(job) | Work::Tell(job) => pack_shown(&Shown {
            call: job.call,
            message: &job.message,
            is_ask: matches!(work, Work::Ask(_)),
            remaining: job.remaining,
        }),
        Work::Draw { call, stream, max_items } => {
            Packed::Draw { call: call.0, stream: stream.0, max_items: *max_items }
        }
        Work::Close { call, stream } => Packed::Close { call: call.0, stream: stream.0 },
        Work::Leave => Packed::Leave,
        Work::Stop => Packed::Stop,
    }
}

fn pack_shown<'a>(shown: &Shown<'a>) -> Packed<'a> {
    let Shown { call, message, is_ask, remaining } = *shown;
    let encoding = match message.args.encoding {
        Encoding::Json => pulsing_work::Encoding::Json,
        Encoding::Bytes => pulsing_work::Encoding::Bytes,
    };
    let packed = Message {
        call: call.0,
        method: &message.method,
        args: pulsing_work::Payload { encoding, body: &message.args.body },
        idempotency_key: message.idempotency_key.as_deref(),
        resume_after: message.resume_after.map(|number| number.min(NUMBER_MAX)),
        remaining_ms: remaining.map(millis),
    };
    if is_ask { Packed::Ask(packed) } else { Packed::Tell(packed) }
}

/// Decides on the next message of the list.
pub(super) fn begin_ahead(guest: &mut Guest) -> wasmtime::Result<Verdict> {
    let Guest { residence, context, current, .. } = guest;
    let ahead = residence.take_ahead()?;
    Ok(match context.begin_ahead(&ahead) {
        Begun::Yes => {
            residence.begin(ahead.call, if ahead.is_ask { WorkKind::Ask } else { WorkKind::Tell });
            if residence.lane() == Lane::Serial {
                *current = ahead.call;
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
