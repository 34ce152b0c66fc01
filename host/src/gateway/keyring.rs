//! Who is let in, which can change while the host runs.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::keys::{Keys, TokenName};
use super::scope::{Scope, Scopes};
use super::token::{Token, TokenHash};

/// The tokens that let clients in, for as long as they are in it. Clones are the same keyring.
///
/// A token that is taken out is refused from the next request on. A request that was let in goes on to its end, but
/// for a stream, which ends.
#[derive(Clone)]
pub struct Keyring(Arc<watch::Sender<Keys>>);

impl Keyring {
    /// A keyring with these tokens.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        Self(Arc::new(watch::Sender::new(keys)))
    }

    /// Lets in who has one of these tokens, from now on, and nobody else.
    pub fn replace(&self, keys: Keys) {
        self.0.send_replace(keys);
    }

    /// The tokens of now.
    #[must_use]
    pub fn keys(&self) -> Keys {
        self.0.borrow().clone()
    }

    /// Whose token this is. A longer one than there are costs nothing.
    pub(super) fn holder(&self, given: &[u8]) -> Option<Holder> {
        if given.len() > Token::LENGTH_MAX {
            return None;
        }
        let hash = TokenHash::of(given);
        let keys = self.0.borrow();
        let (name, key) = keys.find(&hash)?;
        Some(Holder { name: name.clone(), scopes: key.scopes, hash, keyring: self.clone() })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.borrow().iter().map(|(name, _)| name)).finish()
    }
}

/// Who has shown a token, and what that allowed when it was shown.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) name: TokenName,
    pub(super) scopes: Scopes,
    hash: TokenHash,
    keyring: Keyring,
}

impl Holder {
    /// Waits until the token no longer has this scope.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn loses(&self, scope: Scope) {
        let mut keys = self.keyring.0.subscribe();
        let lost = |keys: &Keys| !keys.find(&self.hash).is_some_and(|(_, key)| key.scopes.contains(scope));
        if keys.wait_for(lost).await.is_err() {
            // Not while this holds the keyring.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::gateway::keys::Key;

    fn keys(token: &str, scopes: &[Scope]) -> Keys {
        let mut keys = Keys::default();
        let scopes = Scopes::new(scopes.iter().copied()).unwrap();
        keys.insert("ci".parse().unwrap(), Key { sha256: TokenHash::of(token.as_bytes()), scopes }).unwrap();
        keys
    }

    #[test]
    fn a_holder_loses_a_scope_when_its_token_does() {
        let keyring = Keyring::new(keys("abc", &[Scope::Read, Scope::Send]));
        assert!(keyring.holder(b"abd").is_none());
        assert!(keyring.holder(&[b'x'; Token::LENGTH_MAX + 1]).is_none());
        let holder = keyring.holder(b"abc").unwrap();
        assert_eq!(holder.name.as_str(), "ci");
        keyring.replace(keys("abc", &[Scope::Send]));
        assert_eq!(holder.loses(Scope::Send).now_or_never(), None);
        assert_eq!(holder.loses(Scope::Read).now_or_never(), Some(()));
        // Another token of the same name.
        keyring.replace(keys("abd", &[Scope::Send]));
        assert_eq!(holder.loses(Scope::Send).now_or_never(), Some(()));
        assert!(keyring.holder(b"abc").is_none());
    }

    #[test]
    fn a_keyring_shows_names_alone() {
        assert_eq!(format!("{:?}", Keyring::new(keys("abc", &[Scope::Send]))), "[TokenName(\"ci\")]");
    }
}
