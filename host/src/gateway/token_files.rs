//! The files that say who is let in, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use thiserror::Error;

use super::follow::Followed;
use super::keyring::Keyring;
use super::keys::{FILE_MAX_BYTES, Keys, KeysError};
use super::token::{Token, TokenError};
use crate::files;

/// What is wrong with the files. One line, without anything secret.
#[derive(Debug, Error)]
pub enum TokenFilesError {
    /// With the one of a single token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// With the one of many.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// The files that say who is let in.
#[derive(Debug, Clone, Default)]
pub struct TokenFiles {
    /// A file with the hashes of tokens: [`Keys::parse`].
    pub tokens: Option<PathBuf>,
    /// A file with one token itself, which has all scopes.
    pub token_file: Option<PathBuf>,
}

/// The keyring of files, and what is needed to notice their changes.
#[derive(Debug)]
pub struct KeyringOfFiles {
    files: TokenFiles,
    read: Read,
    followed: Followed,
    keyring: Keyring,
}

/// What the files held when each could last be read.
#[derive(Debug, Clone, Default)]
struct Read {
    keys: Keys,
    only: Option<Token>,
}

impl Read {
    fn all(&self) -> Result<Keys, KeysError> {
        let mut keys = self.keys.clone();
        self.only.iter().try_for_each(|token| keys.insert_only(token))?;
        Ok(keys)
    }
}

impl TokenFiles {
    /// Reads the files. None where there are none.
    ///
    /// # Errors
    ///
    /// [`TokenFilesError`] names the file.
    ///
    /// # Blocking
    ///
    /// Reads files; what is no plain file is not waited for.
    pub fn open(self) -> Result<Option<KeyringOfFiles>, TokenFilesError> {
        let followed = Followed::new(self.tokens.iter().chain(&self.token_file).cloned());
        if self.tokens.is_none() && self.token_file.is_none() {
            return Ok(None);
        }
        let mut read = Read::default();
        self.read(&mut read).into_iter().try_for_each(Err::<(), _>)?;
        let keyring = Keyring::new(read.all()?);
        Ok(Some(KeyringOfFiles { files: self, read, followed, keyring }))
    }

    /// Reads each file for itself: what is wrong with one must not keep a token of the other valid. Returns what is wrong.
    fn read(&self, read: &mut Read) -> Vec<TokenFilesError> {
        let mut wrong = Vec::new();
        match self.tokens.as_deref().map(read_keys) {
            None => {}
            Some(Ok(keys)) => read.keys = keys,
            Some(Err(error)) => wrong.push(error.into()),
        }
        match self.token_file.as_deref().map(Token::read) {
            None => {}
            Some(Ok(token)) => read.only = Some(token),
            Some(Err(error)) => wrong.push(error.into()),
        }
        wrong
    }
}

/// Reads a file with the hashes of tokens.
///
/// # Errors
///
/// [`KeysError`] names the file.
///
/// # Blocking
///
/// Reads a file; what is no plain file is not waited for.
pub fn read_keys(path: &Path) -> Result<Keys, KeysError> {
    Keys::parse(&read_text(path)?, path)
}

pub(crate) fn read_text(path: &Path) -> Result<String, KeysError> {
    files::read_text(path, FILE_MAX_BYTES)
        .map_err(|error| KeysError::Unreadable { path: path.to_owned(), error: error.into() })
}

impl KeyringOfFiles {
    /// What lets in whom the files say.
    #[must_use]
    pub fn keyring(&self) -> Keyring {
        self.keyring.clone()
    }

    /// Keeps the keyring as the files say, within a second of their last change. A file that cannot be read, or is wrong,
    /// changes nothing of its own, and is logged once. Does not return.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends it.
    pub async fn follow(self) {
        let Self { files, read, followed, keyring } = self;
        let read = Mutex::new(read);
        let reread = move || {
            let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
            let wrong = files.read(&mut read);
            let keys = read.all().map_err(|error| format!("{error}; the tokens stay as they are"))?;
            let tokens = keys.iter().count();
            keyring.replace(keys);
            match wrong.first() {
                None => Ok(format!("the tokens have been read again: {tokens}")),
                Some(error) => Err(format!("{error}; the tokens stay as they are there")),
            }
        };
        followed.follow(reread).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_keeps_no_token_of_the_other_valid() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, token_file) = (folder.path().join("tokens.toml"), folder.path().join("token"));
        let line = format!("[tokens.ci]\nsha256 = \"{}\"\nscopes = [\"send\"]\n", "ab".repeat(32));
        std::fs::write(&tokens, line).unwrap();
        std::fs::write(&token_file, "correct-horse-battery").unwrap();
        let files = TokenFiles { tokens: Some(tokens.clone()), token_file: Some(token_file.clone()) };
        let mut read = Read::default();
        let names = |read: &Read| -> Vec<String> {
            read.all().unwrap().iter().map(|(name, _)| name.to_string()).collect()
        };
        assert!(files.read(&mut read).is_empty());
        assert_eq!(names(&read), ["ci", "@token-file"]);
        std::fs::remove_file(&token_file).unwrap();
        std::fs::write(&tokens, "").unwrap();
        assert_eq!(files.read(&mut read).len(), 1);
        assert_eq!(names(&read), ["@token-file"], "the one whose file says nothing");
        std::fs::write(&token_file, "another-horse-battery").unwrap();
        std::fs::remove_file(&tokens).unwrap();
        assert_eq!(files.read(&mut read).len(), 1);
        assert_eq!(read.only.as_ref().map(Token::expose), Some("another-horse-battery"));
        assert!(files.open().is_err(), "at the start both are needed");
    }
}
