//! What a token lets its holder do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A kind of request that a token may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// To look: lists, actors, dead letters, metrics.
    Read,
    /// To send messages: asks, tells and streams.
    Send,
    /// To stop and restart actors, and to send dead letters again.
    Control,
    /// To add and to replace code. No route needs it yet.
    Deploy,
}

/// Why a text is no scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a scope is `read`, `send`, `control` or `deploy`")]
pub struct InvalidScope;

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Send, Self::Control, Self::Deploy];

    /// Its place in a set.
    const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The word for it, in files and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Send => "send",
            Self::Control => "control",
            Self::Deploy => "deploy",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(word: &str) -> Result<Self, InvalidScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word).ok_or(InvalidScope)
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidScope;

    fn try_from(word: String) -> Result<Self, InvalidScope> {
        word.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.as_str().to_owned()
    }
}

/// Scopes, each once. Those of a token are one or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct Scopes(u8);

/// Why there is no set of scopes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a token has one scope or more: `read`, `send`, `control`, `deploy`")]
pub struct NoScopes;

impl Scopes {
    /// What a program of this machine may do where the host has no token.
    pub(super) const LOCAL: Self = Self(Scope::Read.bit() | Scope::Send.bit() | Scope::Control.bit());

    /// Takes scopes, if there are any.
    ///
    /// # Errors
    ///
    /// [`NoScopes`]: a token that allows nothing is a mistake.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Result<Self, NoScopes> {
        match scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()) {
            0 => Err(NoScopes),
            bits => Ok(Self(bits)),
        }
    }

    /// Every scope, of today and of later versions.
    #[must_use]
    pub fn all() -> Self {
        Self(Scope::ALL.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }

    /// Whether this scope is one of them.
    #[must_use]
    pub fn contains(&self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Each of them, in the order of [`Scope::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        let scopes = *self;
        Scope::ALL.into_iter().filter(move |scope| scopes.contains(*scope))
    }
}

impl TryFrom<Vec<Scope>> for Scopes {
    type Error = NoScopes;

    fn try_from(scopes: Vec<Scope>) -> Result<Self, NoScopes> {
        Self::new(scopes)
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_one_of_four_words() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        for wrong in ["", "Read", "read ", "admin", "*"] {
            assert_eq!(wrong.parse::<Scope>(), Err(InvalidScope), "{wrong}");
        }
    }

    #[test]
    fn who_has_no_token_may_not_deploy() {
        let allowed: Vec<_> = Scopes::LOCAL.iter().collect();
        assert_eq!(allowed, [Scope::Read, Scope::Send, Scope::Control]);
        assert_eq!(Scopes::all().iter().collect::<Vec<_>>(), Scope::ALL);
        assert_eq!(Scopes::new([]), Err(NoScopes));
    }
}
