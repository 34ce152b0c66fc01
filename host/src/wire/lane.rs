//! How an actor's handlers share its instance.

/// How an actor's handlers share its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// One handler runs from start to end before the next.
    Serial,
    /// While a handler waits, others run.
    Overlapping,
}

impl Lane {
    /// The word for it in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Overlapping => "overlapping",
        }
    }
}
