//! Where a resident guest stands, so that it can be held to the rules of `work`.
//!
//! | stage | `next` returns | `step` | `run` may return |
//! |---|---|---|---|
//! | starting | the ends of waits | a trap | – |
//! | working | work | while the list has messages | a trap |
//! | leaving | a trap | a trap | and is called again |
//! | stopping | the ends of waits | a trap | and the life has stopped |

use std::collections::VecDeque;

use super::rows::Rows;
use crate::dispatch::{Ahead, LifeContext, WorkKind};
use crate::id::CallId;
use crate::wire::Lane;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Starting,
    Working,
    Leaving,
    Stopping,
}

/// What a resident guest has been given, and has yet to hand in.
pub(in crate::instance) struct Residence {
    lane: Lane,
    stage: Stage,
    /// In a serial actor: the work that runs.
    in_hand: Option<(CallId, WorkKind)>,
    /// The messages of the list that have not begun.
    ahead: VecDeque<Ahead>,
    /// In a serial actor.
    rows: Rows,
}

impl Residence {
    pub(in crate::instance) const fn new(lane: Lane) -> Self {
        Self { lane, stage: Stage::Starting, in_hand: None, ahead: VecDeque::new(), rows: Rows::new() }
    }

    pub(super) fn lane(&self) -> Lane {
        self.lane
    }

    /// The guest has started.
    pub(super) fn begin_work(&mut self, context: &LifeContext) {
        self.stage = Stage::Working;
        context.takes_several();
        if self.lane == Lane::Overlapping {
            context.keep_cancelled();
        }
    }

    /// Whether messages and streams are to be handed out.
    pub(super) fn is_working(&self) -> bool {
        self.stage == Stage::Working
    }

    /// `run` has returned. Returns whether that is the end.
    pub(super) fn returned(&mut self) -> wasmtime::Result<bool> {
        match self.stage {
            Stage::Stopping => Ok(true),
            Stage::Leaving => {
                self.stage = Stage::Working;
                Ok(false)
            }
            Stage::Starting | Stage::Working => wasmtime::bail!("`run` returned, and was not told to"),
        }
    }

    pub(super) fn leave(&mut self) {
        self.stage = Stage::Leaving;
    }

    pub(super) fn stop(&mut self) {
        self.stage = Stage::Stopping;
    }

    /// Begins a piece of work of a serial actor, whose outcome must come before the next.
    pub(super) fn begin(&mut self, call: CallId, kind: WorkKind) {
        if self.lane == Lane::Serial {
            self.in_hand = Some((call, kind));
        }
    }

    /// The kind of the work that an outcome is for, of those `kinds`, if the guest has such in hand.
    pub(super) fn end(
        &mut self,
        context: &LifeContext,
        call: CallId,
        kinds: &[WorkKind],
    ) -> wasmtime::Result<WorkKind> {
        let kind = match self.lane {
            Lane::Serial => self.in_hand.take_if(|(in_hand, kind)| *in_hand == call && kinds.contains(kind)),
            Lane::Overlapping => {
                let kind = kinds.iter().find(|kind| context.has_in_hand(call, **kind));
                kind.map(|kind| (call, *kind))
            }
        };
        let Some((_, kind)) = kind else {
            wasmtime::bail!("it handed in an outcome of what it was not given, or of another kind of work");
        };
        Ok(kind)
    }

    /// Before `next`: nothing of a serial actor may be left undone.
    pub(super) fn check_next(&mut self) -> wasmtime::Result<()> {
        self.ahead.clear();
        self.rows.end();
        if self.stage == Stage::Leaving {
            wasmtime::bail!("it called `next` where it was told to leave");
        }
        self.check_done()
    }

    /// The next message of the list.
    pub(super) fn take_ahead(&mut self) -> wasmtime::Result<Ahead> {
        self.rows.end();
        self.check_done()?;
        let ahead = self.ahead.pop_front();
        ahead.ok_or_else(|| wasmtime::format_err!("it called `step` more often than it was given messages"))
    }

    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    pub(super) fn rows_mut(&mut self) -> &mut Rows {
        &mut self.rows
    }

    /// Makes a row of what is ahead of a tell that has begun. Returns how many tells of that it has.
    pub(super) fn begin_row(&mut self, context: &LifeContext, ahead: &[Ahead]) -> usize {
        if context.may_have_rows() { self.rows.begin(ahead) } else { 0 }
    }

    /// The counter of the row says this now. Returns the call that is in hand since; none where that is the same as before.
    ///
    /// # Errors
    ///
    /// As of [`Rows::gone_on`].
    pub(super) fn gone_on(
        &mut self,
        context: &LifeContext,
        counted: u32,
    ) -> wasmtime::Result<Option<CallId>> {
        let more = self.rows.gone_on(counted)?;
        let Some(ended) = more.checked_sub(1) else { return Ok(None) };
        let begins = self.ahead.get(ended).map(|ahead| ahead.call);
        let in_hand = std::mem::replace(&mut self.in_hand, begins.map(|call| (call, WorkKind::Tell)));
        let ended = in_hand
            .map(|(call, _)| call)
            .into_iter()
            .chain(self.ahead.drain(..ended).map(|ahead| ahead.call));
        context.went_on(ended, begins);
        self.ahead.pop_front();
        Ok(begins)
    }

    pub(super) fn set_ahead(&mut self, ahead: Vec<Ahead>) {
        self.ahead = ahead.into();
    }

    pub(super) fn forget_ahead(&mut self) {
        self.ahead.clear();
    }

    fn check_done(&self) -> wasmtime::Result<()> {
        if self.in_hand.is_some() {
            wasmtime::bail!("it wants more work, and has not handed in what came of the last");
        }
        Ok(())
    }
}
