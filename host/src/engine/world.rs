//! The worlds of the contract: what a component exports decides which engine runs it, and how the host gives it work.

use crate::wire::Lane;

/// The world of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// Each message is a call, one after another.
    Serial,
    /// Each message is a call, several at once.
    Overlapping,
    /// It stays in one call and pulls its work, one message after another.
    Resident,
    /// The same, and it runs several handlers at once by itself.
    ResidentOverlapping,
}

impl World {
    /// All of them. Of those whose exports a component has, it is of the first in this order.
    pub(crate) const ALL: [Self; 4] =
        [Self::ResidentOverlapping, Self::Resident, Self::Overlapping, Self::Serial];

    /// How the handlers of an actor of this world share its instance.
    #[must_use]
    pub const fn lane(self) -> Lane {
        match self {
            Self::Serial | Self::Resident => Lane::Serial,
            Self::Overlapping | Self::ResidentOverlapping => Lane::Overlapping,
        }
    }

    /// Whether the engine runs several calls of one instance at once, which makes each call dearer.
    #[must_use]
    pub const fn calls_overlap(self) -> bool {
        match self {
            Self::Overlapping => true,
            Self::Serial | Self::Resident | Self::ResidentOverlapping => false,
        }
    }

    /// The interface that its components export, with its version.
    pub(crate) const fn export(self) -> &'static str {
        match self {
            Self::Serial => "pulsing:actor/actor@0.2.0",
            Self::Overlapping => "pulsing:actor/async-actor@0.2.0",
            Self::Resident => "pulsing:actor/resident-actor@0.2.0",
            Self::ResidentOverlapping => "pulsing:actor/resident-async-actor@0.2.0",
        }
    }

    /// The word for it on the command line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Overlapping => "overlapping",
            Self::Resident => "resident",
            Self::ResidentOverlapping => "resident-overlapping",
        }
    }
}
