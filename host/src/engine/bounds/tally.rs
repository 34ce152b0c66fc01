//! How much there is of something that has a bound, and what becomes of a component that is beyond one.

use crate::engine::error::LoadError;

/// What a component has at most of something.
#[derive(Debug)]
pub(super) struct Bound {
    /// In words, in the plural.
    pub(super) what: &'static str,
    pub(super) max: u64,
}

/// More of something than a component may have.
#[derive(Debug)]
pub(in crate::engine) struct Excess {
    what: &'static str,
    max: u64,
    /// At least.
    found: u64,
}

/// Why a component is not compiled.
#[derive(Debug)]
pub(in crate::engine) enum Fault {
    Malformed(wasmparser::Error),
    Excess(Excess),
}

impl Fault {
    /// What this means for a component called `name`.
    pub(in crate::engine) fn of(self, name: &str) -> LoadError {
        let name = name.to_owned();
        match self {
            Self::Malformed(error) => LoadError::Malformed { name, error: error.to_string() },
            Self::Excess(Excess { what, max, found }) => LoadError::TooCostly { name, what, found, max },
        }
    }
}

impl From<wasmparser::Error> for Fault {
    fn from(error: wasmparser::Error) -> Self {
        Self::Malformed(error)
    }
}

impl From<Excess> for Fault {
    fn from(excess: Excess) -> Self {
        Self::Excess(excess)
    }
}

/// How much of something there is so far.
#[derive(Debug)]
pub(in crate::engine) struct Count {
    pub(super) what: &'static str,
    pub(super) max: u64,
    pub(super) found: u64,
}

impl Count {
    pub(super) const fn of(bound: &'static Bound) -> Self {
        Self { what: bound.what, max: bound.max, found: 0 }
    }

    /// There may be so many times as much.
    pub(super) fn times(self, times: u64) -> Self {
        Self { max: self.max.saturating_mul(times), ..self }
    }

    pub(in crate::engine) fn add(&mut self, more: impl Into<u64>) -> Result<(), Excess> {
        self.found = self.found.saturating_add(more.into());
        self.check(self.found)
    }

    /// That there are so many at once somewhere.
    pub(super) fn reach(&mut self, found: u64) -> Result<(), Excess> {
        self.found = self.found.max(found);
        self.check(found)
    }

    fn check(&self, found: u64) -> Result<(), Excess> {
        let Self { what, max, .. } = *self;
        if found > max { Err(Excess { what, max, found }) } else { Ok(()) }
    }
}
