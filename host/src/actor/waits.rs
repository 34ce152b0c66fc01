//! Who waits for whom, so that a call that would wait for itself is refused at once.
//!
//! A message carries its [`Origin`]: the call that it is sent from, the call that that one was sent from, and so
//! on. Two findings refuse a message:
//!
//! | finding | holds for |
//! |---|---|
//! | the actor that it is for waits on this very way, or is full of calls on it | actors of both lanes |
//! | serial actors wait for each other in a ring | calls that do not know of each other |
//!
//! What is refused would have waited until somebody's time was up. Rings over overlapping actors whose calls do
//! not know of each other are not found: such a handler may have other ways to go on. Bounded: a way has at most
//! `HOPS_MAX` calls.

use std::fmt;
use std::ptr;
use std::sync::{Arc, PoisonError, Weak};

use super::behavior::Lane;
use super::core::Core;
use super::desk::Desk;
use crate::error::{RuntimeError, RuntimeErrorKind};
use crate::id::{ActorName, CallId};

/// How many calls may stand one upon the other.
const HOPS_MAX: u32 = 1024;

/// The most actors that an error names.
const NAMED_MAX: usize = 8;

/// From which call of which actor a message is sent. By default from none: it comes from outside.
#[derive(Clone, Default)]
pub struct Origin {
    sender: Option<Arc<Sender>>,
}

struct Sender {
    actor: Weak<Core>,
    name: ActorName,
    lane: Lane,
    call: CallId,
    /// How many calls there are from here to outside, this one included.
    hops: u32,
    origin: Origin,
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.senders().map(|sender| &sender.name)).finish()
    }
}

impl Origin {
    fn senders(&self) -> impl Iterator<Item = &Sender> {
        std::iter::successors(self.sender.as_deref(), |sender| sender.origin.sender.as_deref())
    }

    /// Refuses a message to `target` whose answer would need a handler that waits for this very answer.
    pub(super) fn check(&self, target: &Core) -> Result<(), RuntimeError> {
        let Some(sender) = &self.sender else { return Ok(()) };
        if sender.hops > HOPS_MAX {
            let text = format!("the ask would stand upon {HOPS_MAX} others: {}", self.way(target));
            return Err(RuntimeError::new(RuntimeErrorKind::Deadlock, text));
        }
        let holds = match target.lane {
            Lane::Serial => self.is_waited_for_by(target),
            Lane::Overlapping => self.fills(target),
        };
        if holds { Err(deadlock(&self.way(target))) } else { Ok(()) }
    }

    /// Whether a serial `target` waits, at this moment, for the actor that it sent something on this way.
    fn is_waited_for_by(&self, target: &Core) -> bool {
        let mut next: Option<&Sender> = None;
        for sender in self.senders() {
            if ptr::eq(sender.actor.as_ptr(), target)
                && let (Some(waits_for), Some(next)) = (target.waits_for(), next)
                && ptr::eq(Arc::as_ptr(&waits_for), next.actor.as_ptr())
            {
                return true;
            }
            next = Some(sender);
        }
        false
    }

    /// Whether the handlers of an overlapping `target` that are on this way are all that it may run.
    fn fills(&self, target: &Core) -> bool {
        let own = || self.senders().filter(|sender| ptr::eq(sender.actor.as_ptr(), target));
        if own().next().is_none() {
            return false;
        }
        let capacity = target.limits.max_in_flight.get();
        let schedule = target.schedule();
        own().filter(|sender| schedule.is_handling(sender.call)).take(capacity).count() == capacity
    }

    /// Whether the message comes from no actor.
    pub(super) fn is_outside(&self) -> bool {
        self.sender.is_none()
    }

    /// Who sends; none from outside.
    pub(super) fn sender_name(&self) -> Option<ActorName> {
        self.sender.as_ref().map(|sender| sender.name.clone())
    }

    /// The way of a message to `target`, from the last time that it was there.
    fn way(&self, target: &Core) -> String {
        let from_target = self.senders().position(|sender| ptr::eq(sender.actor.as_ptr(), target));
        let length = from_target.map_or(usize::MAX, |position| position + 1);
        let backwards = self.senders().take(length).map(|sender| sender.name.clone());
        let mut names: Vec<_> = std::iter::once(target.name.clone()).chain(backwards).collect();
        names.reverse();
        shown(&names)
    }

    /// Notes that the sender waits for `target`, until the result is dropped.
    ///
    /// # Errors
    ///
    /// `deadlock`, where `target` waits for the sender: only serial actors, which do nothing else meanwhile, count.
    /// Two that begin to wait for each other at the same moment may both be refused.
    pub(super) fn wait_for(&self, target: &Arc<Core>) -> Result<Option<Wait>, RuntimeError> {
        let serial = self.sender.as_ref().filter(|sender| sender.lane == Lane::Serial);
        let Some(sender) = serial.and_then(|sender| sender.actor.upgrade()) else { return Ok(None) };
        let before = sender.set_waits_for(Some(Arc::downgrade(target)));
        let wait = Wait { sender: Arc::clone(&sender), before };
        if let Some(names) = ring(&sender, target) {
            return Err(deadlock(&shown(&names)));
        }
        sender.refuse_upon_the_wait();
        Ok(Some(wait))
    }
}

/// A serial actor waits for another as long as this lives.
pub struct Wait {
    sender: Arc<Core>,
    /// What it waited for already: an ask that waits for room in the mailbox is two waits, one in the other.
    before: Option<Weak<Core>>,
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.sender.set_waits_for(self.before.take());
    }
}

/// The actors from `target` over `sender` back to `target`, where each waits for the next.
fn ring(sender: &Arc<Core>, target: &Arc<Core>) -> Option<Vec<ActorName>> {
    let mut names = Vec::new();
    let mut at = Some(Arc::clone(target));
    for _ in 0..HOPS_MAX {
        let actor = at?;
        names.push(actor.name.clone());
        if Arc::ptr_eq(&actor, sender) {
            names.push(target.name.clone());
            return Some(names);
        }
        at = actor.waits_for();
    }
    None
}

impl Core {
    /// Refuses what waits in the mailbox on the way over which this actor has begun to wait: it came while the actor
    /// did something else.
    fn refuse_upon_the_wait(&self) {
        let upon = self.mailbox.take_all(|envelope| envelope.origin.is_waited_for_by(self));
        for envelope in upon {
            let error = deadlock(&envelope.origin.way(self));
            envelope.answer(Err(error.into()));
        }
    }

    fn waits_for(&self) -> Option<Arc<Self>> {
        self.waits_for.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.upgrade()
    }

    /// Answers what it waited for before.
    fn set_waits_for(&self, target: Option<Weak<Self>>) -> Option<Weak<Self>> {
        std::mem::replace(&mut *self.waits_for.lock().unwrap_or_else(PoisonError::into_inner), target)
    }
}

impl Desk {
    /// The origin of what a handler sends from `call`.
    #[must_use]
    pub fn origin(&self, call: CallId) -> Origin {
        let core = self.core();
        let origin = core.schedule().origin(call);
        let hops = origin.sender.as_ref().map_or(0, |sender| sender.hops).saturating_add(1);
        let actor = Arc::downgrade(core);
        let sender = Sender { actor, name: core.name.clone(), lane: core.lane, call, hops, origin };
        Origin { sender: Some(Arc::new(sender)) }
    }
}

fn deadlock(way: &str) -> RuntimeError {
    RuntimeError::new(RuntimeErrorKind::Deadlock, format!("the call would wait for itself: {way}"))
}

/// The names with arrows between them, of a long row only the ends.
fn shown(names: &[ActorName]) -> String {
    let name = |name: &ActorName| format!("`{name}`");
    let left_out = names.len().saturating_sub(NAMED_MAX);
    let mut parts: Vec<_> = names.iter().take(NAMED_MAX / 2).map(name).collect();
    if left_out > 0 {
        parts.push(format!("({left_out} more)"));
    }
    parts.extend(names.iter().skip(left_out + NAMED_MAX / 2).map(name));
    parts.join(" → ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_way_is_shown_by_its_ends() {
        let names: Vec<_> = (0..12).map(|n| ActorName::new(&n.to_string()).unwrap()).collect();
        assert_eq!(shown(&names[..2]), "`0` → `1`");
        assert_eq!(shown(&names), "`0` → `1` → `2` → `3` → (4 more) → `8` → `9` → `10` → `11`");
        assert_eq!(shown(&names[..8]).matches('→').count(), 7);
        assert_eq!(shown(&names[..5]).matches('→').count(), 4);
    }
}
