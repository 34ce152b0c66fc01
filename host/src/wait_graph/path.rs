//! The calls that a message is a part of, as names and numbers.

use std::fmt;
use std::sync::Arc;

use super::WaitGraph;
use crate::id::{ActorId, CallId};
use crate::wire::{Lane, RuntimeError, RuntimeErrorKind};

/// How many calls may be nested.
pub(super) const DEPTH_MAX: u32 = 1024;

/// The most actors that an error names.
const NAMED_MAX: usize = 8;

/// The call that a message is sent from, the call that that one was sent from, and so on. Empty for a message from
/// outside. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct CallPath {
    nearest: Option<Arc<Step>>,
}

/// One call on a path.
struct Step {
    actor: ActorId,
    lane: Lane,
    call: CallId,
    /// How many calls there are from here to outside, this one included.
    depth: u32,
    outer: CallPath,
}

impl fmt::Debug for CallPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.steps().map(|step| &step.actor)).finish()
    }
}

impl CallPath {
    /// This path, and then `call` of `actor`.
    pub(super) fn extended(self, actor: ActorId, lane: Lane, call: CallId) -> Self {
        let depth = self.depth().saturating_add(1);
        Self { nearest: Some(Arc::new(Step { actor, lane, call, depth, outer: self })) }
    }

    /// Whether the message comes from no actor.
    pub(crate) fn is_outside(&self) -> bool {
        self.nearest.is_none()
    }

    /// Who sends, where that is a serial actor.
    pub(super) fn serial_sender(&self) -> Option<&ActorId> {
        let step = self.nearest.as_ref()?;
        match step.lane {
            Lane::Serial => Some(&step.actor),
            Lane::Overlapping => None,
        }
    }

    fn depth(&self) -> u32 {
        self.nearest.as_ref().map_or(0, |step| step.depth)
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        std::iter::successors(self.nearest.as_deref(), |step| step.outer.nearest.as_deref())
    }

    /// Refuses a message whose answer would need a handler of `target` that waits for this very answer.
    ///
    /// # Errors
    ///
    /// `deadlock`, with the names on the path.
    pub(crate) fn check(&self, target: &Target<'_>, graph: &WaitGraph) -> Result<(), RuntimeError> {
        if self.depth() > DEPTH_MAX {
            let text = format!("the ask would stand upon {DEPTH_MAX} others: {}", self.to(target.id));
            return Err(RuntimeError::new(RuntimeErrorKind::Deadlock, text));
        }
        let holds = match target.lane {
            Lane::Serial => self.is_waited_for_by(target.id, graph),
            Lane::Overlapping => self.fills(target),
        };
        if holds { Err(self.deadlock(target.id)) } else { Ok(()) }
    }

    /// Whether a serial `target` waits, at this moment, for the actor that it sent something on this path.
    pub(crate) fn is_waited_for_by(&self, target: &ActorId, graph: &WaitGraph) -> bool {
        let mut next: Option<&Step> = None;
        for step in self.steps() {
            if step.actor == *target
                && let Some(next) = next
                && graph.waits_for(target).is_some_and(|waits_for| waits_for == next.actor)
            {
                return true;
            }
            next = Some(step);
        }
        false
    }

    /// Whether the handlers of an overlapping `target` that are on this path are all that it may run.
    fn fills(&self, target: &Target<'_>) -> bool {
        let own = || self.steps().filter(|step| step.actor == *target.id).map(|step| step.call);
        own().next().is_some() && (target.is_filled_by)(&mut own())
    }

    /// The error of a message to `target` that would wait for itself.
    pub(crate) fn deadlock(&self, target: &ActorId) -> RuntimeError {
        deadlock(&self.to(target))
    }

    /// The path of a message to `target`, from the last time that it was there.
    fn to(&self, target: &ActorId) -> String {
        let from_target = self.steps().position(|step| step.actor == *target);
        let length = from_target.map_or(usize::MAX, |position| position + 1);
        let backwards = self.steps().take(length).map(|step| step.actor.clone());
        let mut names: Vec<_> = std::iter::once(target.clone()).chain(backwards).collect();
        names.reverse();
        joined(&names)
    }
}

/// An actor that a message is for.
pub(crate) struct Target<'a> {
    pub(crate) id: &'a ActorId,
    pub(crate) lane: Lane,
    /// Whether these calls are as many as it may run at once, and all of them run.
    pub(crate) is_filled_by: &'a dyn Fn(&mut dyn Iterator<Item = CallId>) -> bool,
}

pub(super) fn deadlock(path: &str) -> RuntimeError {
    RuntimeError::new(RuntimeErrorKind::Deadlock, format!("the call would wait for itself: {path}"))
}

/// The names with arrows between them; of a long row only the ends.
pub(super) fn joined(names: &[ActorId]) -> String {
    let name = |name: &ActorId| format!("`{name}`");
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
    fn a_long_path_is_shown_by_its_ends() {
        let names: Vec<_> = (0..12).map(|n| n.to_string().parse().unwrap()).collect();
        assert_eq!(joined(&names[..2]), "`0` → `1`");
        assert_eq!(joined(&names), "`0` → `1` → `2` → `3` → (4 more) → `8` → `9` → `10` → `11`");
        assert_eq!(joined(&names[..8]).matches('→').count(), 7);
        assert_eq!(joined(&names[..5]).matches('→').count(), 4);
    }
}
