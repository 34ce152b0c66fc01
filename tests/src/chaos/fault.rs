//! Every fault there is a guest for, and the actor that has it.
//!
//! A fault is brought about by what reaches it: a message, a stream, a stop, or a new life. Its actor has limits
//! that are soon reached, so that a fault costs no more than a fraction of a second of one core.

use std::time::Duration;

use anyhow::Result;
use bytesize::ByteSize;
use pulsing_host::{ActorSpec, RestartPolicy};

/// What the exports of the guest `saboteur` all do.
const OF_EVERY_EXPORT: [&str; 6] = ["trap", "loop", "sleep", "flood", "recurse", "grow"];
const EXPORTS: [(&str, Reach); 7] = [
    ("describe", Reach::Life),
    ("start", Reach::Life),
    ("handle", Reach::Ask("x", "")),
    ("tell", Reach::Tell("x")),
    ("stream-next", Reach::Stream("stream", "")),
    ("stream-close", Reach::Stream("stream", "")),
    ("stop", Reach::Stop),
];
/// What one export does, and those of guests that are told by their messages.
const MORE: [(&str, &str, Reach); 31] = [
    ("saboteur", "describe:no-json", Reach::Life),
    ("saboteur", "describe:wrong-type", Reach::Life),
    ("saboteur", "describe:large", Reach::Life),
    ("saboteur", "describe:long", Reach::Life),
    ("saboteur", "handle:control-error", Reach::Ask("x", "")),
    ("saboteur", "stream-next:line-breaks", Reach::Stream("stream", "")),
    ("saboteur", "handle:huge", Reach::Ask("x", "")),
    ("saboteur", "handle:gigabyte", Reach::Ask("x", "")),
    ("saboteur", "handle:long-error", Reach::Ask("x", "")),
    ("saboteur", "handle:ask-nobody", Reach::Ask("x", "")),
    ("saboteur", "handle:bad-handles", Reach::Ask("x", "")),
    ("saboteur", "stream-next:too-many", Reach::Stream("stream", "")),
    ("saboteur", "stream-next:too-many-and-done", Reach::Stream("stream", "")),
    ("saboteur", "stream-next:none", Reach::Stream("stream", "")),
    ("saboteur", "stream-next:huge-item", Reach::Stream("stream", "")),
    ("saboteur", "stream-next:huge-batch", Reach::Stream("stream", "")),
    ("saboteur", "stream-next:endless", Reach::Stream("stream", "")),
    ("rogue", "method:exit", Reach::Ask("exit", "[3]")),
    ("rogue", "method:panic", Reach::Ask("panic", "")),
    ("rogue", "method:loop", Reach::Ask("spin", "")),
    ("rogue", "method:loop-told", Reach::Tell("spin")),
    ("rogue", "method:flood", Reach::Ask("chatter", "[2000]")),
    ("rogue", "method:flood-mailbox", Reach::Ask("flood", r#"["rogue-method-flood-mailbox",1000]"#)),
    ("rogue", "method:restart-me", Reach::Ask("fail", r#"["restart"]"#)),
    ("rogue", "method:errors", Reach::Ask("fail", r#"["business"]"#)),
    ("waiter", "method:panic", Reach::Ask("panic", "[5]")),
    ("waiter", "method:loop", Reach::Ask("spin", "")),
    ("waiter", "method:endless", Reach::Stream("numbers", "[1]")),
    ("waiter", "method:sleep", Reach::Ask("nap", "[3600000]")),
    ("ledger", "method:trap", Reach::Ask("crash", "[0,0]")),
    ("ledger", "method:stream-fails", Reach::Stream("count", r#"[40,0,"fatal"]"#)),
];

const BRIEFLY: Duration = Duration::from_millis(100);

/// What brings a fault about. Arguments are JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// An ask of this method.
    Ask(&'static str, &'static str),
    /// A tell.
    Tell(&'static str),
    /// A stream that is begun, and dropped after some items.
    Stream(&'static str, &'static str),
    /// A stop in good order.
    Stop,
    /// A new life.
    Life,
}

/// One way to misbehave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The guest that can.
    pub(super) guest: &'static str,
    /// Where it does it.
    pub(super) place: &'static str,
    /// What it does: the kind that a report counts.
    pub(super) kind: &'static str,
    /// What makes it do it.
    pub(super) reach: Reach,
}

/// All faults, always in the same order.
#[must_use]
pub(super) fn all() -> Vec<Fault> {
    let of_every_export = EXPORTS.into_iter().flat_map(|(place, reach)| {
        OF_EVERY_EXPORT.into_iter().map(move |kind| Fault { guest: "saboteur", place, kind, reach })
    });
    let more = MORE.into_iter().map(|(guest, fault, reach)| {
        let (place, kind) = fault.split_once(':').unwrap_or(("method", fault));
        Fault { guest, place, kind, reach }
    });
    of_every_export.chain(more).collect()
}

impl Fault {
    /// The name of the actor that has it.
    #[must_use]
    pub(super) fn actor(&self) -> String {
        format!("{}-{}-{}", self.guest, self.place, self.kind)
    }

    /// The actor that has it.
    ///
    /// # Errors
    ///
    /// Where the guest was not built.
    pub(super) fn spec(&self) -> Result<ActorSpec> {
        let mut spec = crate::spec(self.guest)?;
        spec.id = self.actor().parse()?;
        spec.grants.env = [("FAULT".to_owned(), format!("{}:{}", self.place, self.kind))].into();
        // Itself: for the one that fills its own mailbox.
        spec.grants.ask = vec![spec.id.clone()];
        spec.restart.policy = RestartPolicy::OnFailure;
        spec.restart.max_restarts = 3;
        spec.restart.min_backoff = Some(Duration::from_millis(1));
        spec.restart.max_backoff = Duration::from_millis(20);
        self.set_limits(&mut spec);
        Ok(spec)
    }

    fn set_limits(&self, spec: &mut ActorSpec) {
        let limits = &mut spec.limits;
        limits.ask_timeout = BRIEFLY * 3;
        limits.grace = BRIEFLY;
        limits.stop_timeout = BRIEFLY * 3;
        limits.handler_max_cpu = BRIEFLY * 3;
        limits.stream_idle = BRIEFLY * 5;
        // Of the others, a start is not to fail because the machine has much to do.
        limits.start_timeout = if self.reach == Reach::Life { BRIEFLY * 3 } else { Duration::from_secs(10) };
        // Little, where it is what the guest goes for. What is huge has 64 MiB, and is copied.
        limits.memory_max = match self.kind {
            "grow" => ByteSize::mib(16),
            "gigabyte" => ByteSize::gib(2),
            _ => ByteSize::mib(256),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_fault_has_an_actor_of_its_own() {
        let names: BTreeSet<_> = all().iter().map(Fault::actor).collect();
        assert_eq!(names.len(), all().len());
        assert!(names.iter().all(|name| pulsing_host::ActorName::new(name).is_ok()), "{names:?}");
    }

    #[test]
    fn every_fault_of_the_saboteur_is_provoked() {
        let guest = include_str!("../../guests/saboteur/src/lib.rs");
        let kinds: BTreeSet<_> = all().iter().map(|fault| fault.kind).collect();
        let arms = guest.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => "));
        // The one arm that is no fault: a method.
        let missing: Vec<_> =
            arms.map(|(kind, _)| kind).filter(|kind| !kinds.contains(kind) && *kind != "stream").collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
