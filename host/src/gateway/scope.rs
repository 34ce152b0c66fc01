//! What a token lets its holder do.

use std::collections::BTreeSet;
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeSet<Scope>", into = "BTreeSet<Scope>")]
pub struct Scopes(BTreeSet<Scope>);

/// Why there is no set of scopes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a token has one scope or more: `read`, `send`, `control`, `deploy`")]
pub struct NoScopes;

impl Scopes {
    /// Takes scopes, if there are any.
    ///
    /// # Errors
    ///
    /// [`NoScopes`]: a token that allows nothing is a mistake.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Result<Self, NoScopes> {
        Self::try_from(scopes.into_iter().collect::<BTreeSet<_>>())
    }

    /// Every scope, of today and of later versions.
    #[must_use]
    pub fn all() -> Self {
        Self(Scope::ALL.into())
    }

    /// What a program of this machine may do where the host has no token.
    pub(super) fn local() -> Self {
        Self([Scope::Read, Scope::Send, Scope::Control].into())
    }

    /// Whether this scope is one of them.
    #[must_use]
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl TryFrom<BTreeSet<Scope>> for Scopes {
    type Error = NoScopes;

    fn try_from(scopes: BTreeSet<Scope>) -> Result<Self, NoScopes> {
        if scopes.is_empty() { Err(NoScopes) } else { Ok(Self(scopes)) }
    }
}

impl From<Scopes> for BTreeSet<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.0
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
        let allowed: Vec<_> = Scopes::local().iter().collect();
        assert_eq!(allowed, [Scope::Read, Scope::Send, Scope::Control]);
        assert_eq!(Scopes::all().iter().collect::<Vec<_>>(), Scope::ALL);
        assert_eq!(Scopes::new([]), Err(NoScopes));
    }
}
