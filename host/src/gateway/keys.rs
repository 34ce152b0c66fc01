//! The tokens that a host knows: of each a name, a hash and scopes. As a file:
//!
//! ```toml
//! [tokens.ci]
//! sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
//! scopes = ["read", "send"]
//! ```
//!
//! No secret is in it. Bounded by [`Keys::TOKENS_MAX`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use thiserror::Error;

use super::scope::Scopes;
use super::token::{Token, TokenHash};
use crate::id::is_name;
use crate::text::{one_line, printable};

/// The most bytes that a file of tokens has.
pub(super) const FILE_MAX_BYTES: u64 = 1 << 20;
/// How much is said of what is wrong with one.
const MESSAGE_MAX_CHARS: usize = 500;

/// What a token is called in the log: 1 to 64 letters, digits, `-`, `_` or `.`, the first a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenName(Arc<str>);

/// Why a text is no name of a token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{}` cannot name a token: use 1 to 64 letters, digits, `-`, `_` or `.`, the first a letter or a digit",
    printable(.0, 64)
)]
pub struct InvalidTokenName(String);

impl TokenName {
    /// The one of a host's only token. No other can have it, since a name begins with a letter or a digit.
    fn of_only_token() -> Self {
        Self("@token-file".into())
    }

    /// The name, as senders of messages are told apart by it.
    pub(super) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenName {
    type Err = InvalidTokenName;

    fn from_str(name: &str) -> Result<Self, InvalidTokenName> {
        if is_name(name) { Ok(Self(name.into())) } else { Err(InvalidTokenName(name.to_owned())) }
    }
}

impl TryFrom<String> for TokenName {
    type Error = InvalidTokenName;

    fn try_from(name: String) -> Result<Self, InvalidTokenName> {
        name.parse()
    }
}

impl From<TokenName> for String {
    fn from(name: TokenName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// What it is known by.
    pub sha256: TokenHash,
    /// What its holder may do.
    pub scopes: Scopes,
}

/// The tokens that a host knows. None: nobody may send requests.
#[derive(Debug, Clone, Default)]
pub struct Keys(Vec<(TokenName, Key)>);

/// Why a set of tokens is none. One line, without anything secret.
#[derive(Debug, Error)]
pub enum KeysError {
    /// Its file cannot be read.
    #[error("the tokens file {} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It is no TOML, or says what cannot be said.
    #[error("{}:{line}: {message}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What and what instead.
        message: String,
    },
    /// The file is a secret, and not the hashes of some.
    #[error("{} holds a token, not the hashes of tokens: is it the file of a single token?", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
    },
    /// A name is taken.
    #[error("there is a token `{name}` already: remove it first, or choose another name")]
    NameTaken {
        /// The name.
        name: TokenName,
    },
    /// The log would not say which of the two it was.
    #[error("`{name}` and `{other}` are the same token")]
    SameToken {
        /// The name.
        name: TokenName,
        /// Who has the token already.
        other: TokenName,
    },
    /// Every request looks through all of them.
    #[error("there are more than {} tokens", Keys::TOKENS_MAX)]
    TooMany,
}

/// What a file of tokens says.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    #[serde(default)]
    tokens: BTreeMap<TokenName, Key>,
}

impl Keys {
    /// The most tokens: every request is compared with each, some 20 ns for one.
    pub const TOKENS_MAX: usize = 1000;

    /// Adds a token.
    ///
    /// # Errors
    ///
    /// [`KeysError::NameTaken`], [`KeysError::SameToken`] and [`KeysError::TooMany`]; then nothing is added.
    pub fn insert(&mut self, name: TokenName, key: Key) -> Result<(), KeysError> {
        if self.0.iter().any(|(other, _)| *other == name) {
            return Err(KeysError::NameTaken { name });
        }
        if let Some((other, _)) = self.find(&key.sha256) {
            return Err(KeysError::SameToken { name, other: other.clone() });
        }
        if self.0.len() >= Self::TOKENS_MAX {
            return Err(KeysError::TooMany);
        }
        self.0.push((name, key));
        Ok(())
    }

    /// Adds the one token of a host that does not tell its clients apart, with all scopes.
    ///
    /// # Errors
    ///
    /// As [`Self::insert`].
    pub fn insert_only(&mut self, token: &Token) -> Result<(), KeysError> {
        self.insert(TokenName::of_only_token(), Key { sha256: token.hash(), scopes: Scopes::all() })
    }

    /// Each token.
    pub fn iter(&self) -> impl Iterator<Item = (&TokenName, &Key)> {
        self.0.iter().map(|(name, key)| (name, key))
    }

    /// Reads what a file says. An empty one holds no tokens.
    ///
    /// # Errors
    ///
    /// [`KeysError`] names the file and the line; a secret that was put there by mistake is not shown.
    pub fn parse(text: &str, path: &Path) -> Result<Self, KeysError> {
        let wrong = |line, message| KeysError::Wrong { path: path.to_owned(), line, message };
        let file: KeysFile = toml::from_str(text).map_err(|error| {
            // What is wrong with a secret could show a part of it.
            if Token::new(text.trim()).is_some_and(|token| !token.expose().starts_with('[')) {
                return KeysError::Secret { path: path.to_owned() };
            }
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            wrong(before.matches('\n').count() + 1, one_line(error.message(), MESSAGE_MAX_CHARS))
        })?;
        let mut keys = Self::default();
        for (name, key) in file.tokens {
            keys.insert(name, key).map_err(|error| wrong(1, error.to_string()))?;
        }
        Ok(keys)
    }

    /// The token with this hash. Takes the same time whichever it is, and if it is none.
    pub(super) fn find(&self, hash: &TokenHash) -> Option<(&TokenName, &Key)> {
        let mut found = u32::MAX;
        for (index, (_, key)) in (0..).zip(&self.0) {
            found.conditional_assign(&index, key.sha256.ct_eq(hash));
        }
        let (name, key) = self.0.get(usize::try_from(found).ok()?)?;
        Some((name, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::scope::Scope;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn parse(text: &str) -> Result<Keys, String> {
        Keys::parse(text, Path::new("tokens.toml")).map_err(|error| error.to_string())
    }

    fn key(token: &str) -> Key {
        Key { sha256: TokenHash::of(token.as_bytes()), scopes: Scopes::all() }
    }

    #[test]
    fn a_file_says_who_may_do_what() {
        let keys = parse(&format!(
            "# ours\n[tokens.ci]\nsha256 = \"{ABC}\"\nscopes = [\"send\", \"read\", \"send\"]\n"
        ))
        .unwrap();
        let (name, key) = keys.find(&TokenHash::of(b"abc")).unwrap();
        assert_eq!(name.as_str(), "ci");
        assert_eq!(key.scopes.iter().collect::<Vec<_>>(), [Scope::Read, Scope::Send]);
        assert!(keys.find(&TokenHash::of(b"abd")).is_none());
        assert_eq!(parse("").unwrap().iter().count(), 0);
        let short = format!("tokens={{ci={{sha256=\"{ABC}\",scopes=[\"read\"]}}}}");
        assert_eq!(parse(&short).unwrap().iter().count(), 1);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_in_one_line() {
        let token = |rest: &str| format!("[tokens.ci]\n{rest}");
        for (text, says) in [
            (token(""), "tokens.toml:1: missing field `sha256`".to_owned()),
            (token("sha256 = \"12\"\n"), "tokens.toml:2: the hash of a token is 64 hex".to_owned()),
            (
                token(&format!("sha256 = \"{ABC}\"\nscopes = []")),
                "tokens.toml:3: a token has one scope or more".to_owned(),
            ),
            (
                token(&format!("sha256 = \"{ABC}\"\nscopes = [\"all\"]")),
                "tokens.toml:3: a scope is `read`, `send`, `control` or `deploy`".to_owned(),
            ),
            (
                token(&format!("sha256 = \"{ABC}\"\nscopes = [\"read\"]\nscope = 1")),
                "tokens.toml:4: unknown field `scope`".to_owned(),
            ),
            ("[tokens.\"a b\"]".to_owned(), "tokens.toml:1: `a b` cannot name a token".to_owned()),
            ("[tokens.\"@token-file\"]".to_owned(), "tokens.toml:1: `@token-file` cannot name".to_owned()),
            ("\n\n[tokens".to_owned(), "tokens.toml:3: ".to_owned()),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with(&says), "{text}: {error}");
            assert!(!error.contains(char::is_control), "{error:?}");
        }
        let key = format!("sha256 = \"{ABC}\"\nscopes = [\"read\"]\n");
        let error = parse(&format!("[tokens.a]\n{key}[tokens.b]\n{key}")).unwrap_err();
        assert_eq!(error, "tokens.toml:1: `b` and `a` are the same token");
    }

    #[test]
    fn a_secret_in_the_place_of_hashes_is_not_shown() {
        for secret in
            ["pht_c2VjcmV0c2VjcmV0c2VjcmV0", "c2VjcmV0c2VjcmV0c2VjcmV0==", "secret=\"secretsecret\""]
        {
            let error = parse(&format!("{secret}\n")).unwrap_err();
            assert_eq!(
                error,
                "tokens.toml holds a token, not the hashes of tokens: is it the file of a single token?"
            );
        }
    }

    #[test]
    fn names_tokens_and_their_number_are_checked() {
        let mut keys = Keys::default();
        for number in 0..Keys::TOKENS_MAX {
            let name = format!("t{number}").parse().unwrap();
            keys.insert(name, key(&number.to_string())).unwrap();
        }
        let found = |number: usize| {
            let (name, _) = keys.find(&TokenHash::of(number.to_string().as_bytes()))?;
            Some(name.to_string())
        };
        for number in [0, 1, 999] {
            assert_eq!(found(number), Some(format!("t{number}")));
        }
        assert_eq!(found(1000), None);
        let mut insert = |name: &str, token: &str| keys.insert(name.parse().unwrap(), key(token));
        assert!(matches!(insert("new", "x"), Err(KeysError::TooMany)));
        assert!(matches!(insert("t5", "x"), Err(KeysError::NameTaken { .. })));
        let Err(KeysError::SameToken { other, .. }) = insert("new", "7") else { panic!("it is there") };
        assert_eq!(other.as_str(), "t7");
    }
}
