//! From the packed outcomes of a guest to what the host does with them. Everything in them is checked: a guest that breaks
//! a rule of `work` ends its life.

use bytes::Bytes;
use pulsing_work::Payload as Packed;
use pulsing_work::outcome::{End, Error, Items, Outcome, unpack};
use wasmtime::StoreContextMut;
use wasmtime::component::WasmList;

use crate::dispatch::{Drawn, LifeContext, Reply, WorkKind};
use crate::id::{CallId, StreamId};
use crate::instance::convert::bounded_error;
use crate::instance::store::{Guest, handover_max_bytes};
use crate::limits::Limits;
use crate::wire::{ActorError, Encoding, Lane, Payload};

/// Up to this size, the items of a batch are copied at once, and keep each other.
const SHARED_MAX_BYTES: usize = 16 << 10;

/// Takes what came of the guest's work.
pub(super) fn hand_in(store: &mut StoreContextMut<'_, Guest>, done: &WasmList<u8>) -> wasmtime::Result<()> {
    // The list is read in the guest's memory, and so the state that it is checked against must be elsewhere meanwhile.
    let nobody = super::Residence::new(store.data().residence.lane());
    let mut residence = std::mem::replace(&mut store.data_mut().residence, nobody);
    let handed_in = hand_in_all(&mut residence, &store.data().context, done.as_le_slice(&*store));
    store.data_mut().residence = residence;
    handed_in
}

fn hand_in_all(residence: &mut super::Residence, context: &LifeContext, done: &[u8]) -> wasmtime::Result<()> {
    if done.len() > handover_max_bytes(context.limits()) {
        wasmtime::bail!("it handed in {} bytes at once, more than it may", done.len());
    }
    for outcome in unpack(done)? {
        let Outcome { call, end } = outcome?;
        let call = CallId(call);
        match end {
            End::Value(value) => {
                residence.end(context, call, &[WorkKind::Ask])?;
                context.handled(call, Ok(Reply::Value(payload(value))));
            }
            End::Stream(stream) => {
                residence.end(context, call, &[WorkKind::Ask])?;
                context.handled(call, Ok(Reply::Stream(StreamId(stream))));
            }
            End::Told => {
                residence.end(context, call, &[WorkKind::Tell])?;
                context.told(call, Ok(()));
            }
            End::Items { items, done } => {
                residence.end(context, call, &[WorkKind::Draw])?;
                context.drawn(call, Ok(Drawn { items: payloads(items, context.limits()), done }));
            }
            End::Closed => {
                // Where handlers overlap, a draw that was under way may have ended the stream before its close.
                if residence.lane() == Lane::Serial || context.is_in_flight(call) {
                    residence.end(context, call, &[WorkKind::Close])?;
                    context.closed(call);
                }
            }
            End::Error(error) => {
                let kind = residence.end(context, call, &[WorkKind::Ask, WorkKind::Tell, WorkKind::Draw])?;
                fail(context, call, kind, error_in(error, context));
            }
        }
    }
    Ok(())
}

fn fail(context: &LifeContext, call: CallId, kind: WorkKind, error: ActorError) {
    match kind {
        WorkKind::Ask => context.handled(call, Err(error)),
        WorkKind::Tell => context.told(call, Err(error)),
        WorkKind::Draw => context.drawn(call, Err(error)),
        // It cannot fail.
        WorkKind::Close => context.closed(call),
    }
}

fn encoding(encoding: pulsing_work::Encoding) -> Encoding {
    match encoding {
        pulsing_work::Encoding::Json => Encoding::Json,
        pulsing_work::Encoding::Bytes => Encoding::Bytes,
    }
}

fn payload(packed: Packed<'_>) -> Payload {
    Payload { encoding: encoding(packed.encoding), body: Bytes::copy_from_slice(packed.body) }
}

/// The items of a draw. Where there are more than any draw asks for, one more than that: it is refused for their number,
/// whatever that is, and they take no memory until then.
fn payloads(items: Items<'_>, limits: &Limits) -> Vec<Payload> {
    let asked_max = usize::try_from(limits.stream_buffer.get()).unwrap_or(usize::MAX);
    let packed: Vec<_> = items.take(asked_max.saturating_add(1)).collect();
    let bytes: usize = packed.iter().map(|packed| packed.body.len()).sum();
    if packed.len() < 2 || bytes > SHARED_MAX_BYTES {
        return packed.iter().copied().map(payload).collect();
    }
    let mut all = Bytes::from(packed.iter().map(|packed| packed.body).collect::<Vec<_>>().concat());
    let body = |packed: &Packed<'_>| all.split_to(packed.body.len());
    let bodies: Vec<_> = packed.iter().map(body).collect();
    let item = |(packed, body): (&Packed<'_>, Bytes)| Payload { encoding: encoding(packed.encoding), body };
    packed.iter().zip(bodies).map(item).collect()
}

fn error_in(error: Error<'_>, context: &LifeContext) -> ActorError {
    let error = match error {
        Error::Business { code, message, details } => {
            let details = details.map(str::to_owned);
            ActorError::Business { code, message: message.to_owned(), details }
        }
        Error::System { message, recoverable, restart } => {
            ActorError::System { message: message.to_owned(), recoverable, restart }
        }
        Error::Timeout { operation, duration_ms } => ActorError::Timeout {
            operation: operation.to_owned(),
            duration: std::time::Duration::from_millis(duration_ms),
        },
        Error::Unsupported { operation, nearest } => {
            ActorError::Unsupported { operation: operation.to_owned(), nearest: nearest.map(str::to_owned) }
        }
        Error::Cancelled => ActorError::Cancelled,
    };
    bounded_error(error, context.limits().message_max_bytes())
}
