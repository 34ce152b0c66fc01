//! What an event makes of an actor's status. Pure; the one place that decides it.
//!
//! | event | from | to |
//! |---|---|---|
//! | `Ready` | `starting` | `running` |
//! | `StopRequested` | `starting`, `running` | `stopping` |
//! | `Ended`, then restart | `starting`, `running` | `restarting` |
//! | `Ended`, then rest | `starting`, `running` | `passive` |
//! | `Ended`, then stop | `starting`, `running`, `stopping` | `stopped` |
//! | `Ended`, then fail | `starting`, `running`, `stopping` | `failed` |
//! | `Withdrawn` | `restarting`, `passive` | `stopped` |
//! | `Began` | `restarting`, `passive`, `stopped`, `failed` | `starting` |
//! | `HostGone` | all but the final ones | `stopped` |
//!
//! These change nothing: `Ready` in `stopping` and, from a life in its last slice whose host is gone, in the final states;
//! `StopRequested` in `stopping`; `HostGone` in the final states. Any other pair cannot happen: a life runs in `starting`,
//! `running` and `stopping`, and in no other state.

use std::time::Duration;

use super::{State, Status};
use crate::exit::ExitReason;

/// What happens to an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The life has started.
    Ready,
    /// Somebody wants the actor to stop, while a life runs.
    StopRequested,
    /// The life has ended.
    Ended {
        /// How.
        exit: ExitReason,
        /// What follows.
        then: Then,
    },
    /// Somebody wants the actor to stop, between two lives: the life that was to come ends before it begins.
    Withdrawn,
    /// The next life begins.
    Began,
    /// The host goes away, and the actor with it.
    HostGone,
}

/// What follows the end of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Another life, after this delay.
    Restart(Duration),
    /// Another life, with the next message.
    Rest,
    /// Nothing, in good order.
    Stop,
    /// Nothing, because of a failure.
    Fail,
}

/// The status after `event`; none where that cannot happen in this state.
#[must_use]
pub(crate) fn next(status: &Status, event: Event) -> Option<Status> {
    use State::{Failed, Passive, Restarting, Running, Starting, Stopped, Stopping};
    let same = status.clone();
    let state = status.state;
    Some(match event {
        Event::Ready => match state {
            Starting => Status { state: Running, ..same },
            Stopping | Stopped | Failed => same,
            Running | Restarting | Passive => return None,
        },
        Event::StopRequested => match state {
            Starting | Running | Stopping => Status { state: Stopping, ..same },
            Restarting | Passive | Stopped | Failed => return None,
        },
        Event::Ended { exit, then } => ended(same, exit, then)?,
        Event::Withdrawn => match state {
            Restarting | Passive => {
                Status { state: Stopped, generation: status.generation.next(), backoff: None, ..same }
            }
            Starting | Running | Stopping | Stopped | Failed => return None,
        },
        Event::Began => match state {
            Restarting | Passive | Stopped | Failed => {
                Status { state: Starting, generation: status.generation.next(), backoff: None, ..same }
            }
            Starting | Running | Stopping => return None,
        },
        Event::HostGone => match state {
            Stopped | Failed => same,
            Starting | Running | Restarting | Passive | Stopping => {
                Status { state: Stopped, last_exit: Some(ExitReason::Killed), ..same }
            }
        },
    })
}

fn ended(status: Status, exit: ExitReason, then: Then) -> Option<Status> {
    let state = match (status.state, then) {
        (State::Starting | State::Running, Then::Restart(_)) => State::Restarting,
        (State::Starting | State::Running, Then::Rest) => State::Passive,
        (State::Starting | State::Running | State::Stopping, Then::Stop) => State::Stopped,
        (State::Starting | State::Running | State::Stopping, Then::Fail) => State::Failed,
        (State::Stopping, Then::Restart(_))
        | (State::Stopping, Then::Rest)
        | (State::Restarting | State::Passive | State::Stopped | State::Failed, _) => return None,
    };
    let (restarts, backoff) = match then {
        Then::Restart(after) => (status.restarts.saturating_add(1), Some(after)),
        Then::Rest | Then::Stop | Then::Fail => (status.restarts, None),
    };
    Some(Status { state, restarts, backoff, last_exit: Some(exit), ..status })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Generation;

    const STATES: [State; 7] = [
        State::Starting,
        State::Running,
        State::Restarting,
        State::Passive,
        State::Stopping,
        State::Stopped,
        State::Failed,
    ];

    fn status(state: State) -> Status {
        Status { state, ..Status::default() }
    }

    fn ended(then: Then) -> Event {
        Event::Ended { exit: ExitReason::Stopped, then }
    }

    /// Where each event leads from each of [`STATES`], in one letter: `-` where it cannot happen.
    #[test]
    fn every_event_leads_from_every_state_where_the_table_says() {
        let letter = |state: State| match state {
            State::Starting => 's',
            State::Running => 'r',
            State::Restarting => 'b',
            State::Passive => 'p',
            State::Stopping => 'd',
            State::Stopped => 'S',
            State::Failed => 'F',
        };
        for (event, expected) in [
            (Event::Ready, "r---dSF"),
            (Event::StopRequested, "dd--d--"),
            (ended(Then::Restart(Duration::ZERO)), "bb-----"),
            (ended(Then::Rest), "pp-----"),
            (ended(Then::Stop), "SS--S--"),
            (ended(Then::Fail), "FF--F--"),
            (Event::Withdrawn, "--SS---"),
            (Event::Began, "--ss-ss"),
            (Event::HostGone, "SSSSSSF"),
        ] {
            let reached = STATES.map(|state| next(&status(state), event.clone()).map(|status| status.state));
            let reached: String = reached.into_iter().map(|state| state.map_or('-', letter)).collect();
            assert_eq!(reached, expected, "{event:?}");
        }
    }

    #[test]
    fn a_restart_counts_and_shows_its_delay_until_the_next_life_begins() {
        let running = status(State::Running);
        let after = Duration::from_secs(3);
        let exit = ExitReason::Killed;
        let event = Event::Ended { exit: exit.clone(), then: Then::Restart(after) };
        let restarting = next(&running, event).unwrap();
        assert_eq!((restarting.restarts, restarting.backoff), (1, Some(after)));
        assert_eq!((restarting.generation, &restarting.last_exit), (Generation(0), &Some(exit)));
        let next_life = next(&restarting, Event::Began).unwrap();
        assert_eq!((next_life.generation, next_life.backoff), (Generation(1), None));
        let withdrawn = next(&restarting, Event::Withdrawn).unwrap();
        assert_eq!((withdrawn.generation, withdrawn.backoff), (Generation(1), None));
    }

    #[test]
    fn a_life_that_ends_for_want_of_work_is_no_restart() {
        let passive = next(&status(State::Running), ended(Then::Rest)).unwrap();
        assert_eq!((passive.restarts, passive.generation), (0, Generation(0)));
    }
}
