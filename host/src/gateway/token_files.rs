//! The files that say who is let in, read again when they change.

use std::path::{Path, PathBuf};

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
    followed: Followed,
    keyring: Keyring,
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
        let keys = self.read()?;
        Ok(Some(KeyringOfFiles { files: self, followed, keyring: Keyring::new(keys) }))
    }

    fn read(&self) -> Result<Keys, TokenFilesError> {
        let mut keys = self.tokens.as_deref().map(read_keys).transpose()?.unwrap_or_default();
        if let Some(file) = &self.token_file {
            keys.insert_only(&Token::read(file)?)?;
        }
        Ok(keys)
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

    /// Keeps the keyring as the files say, within a second of their last change. Files that cannot be read, or are
    /// wrong, change nothing, and are logged once. Does not return.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends it.
    pub async fn follow(self) {
        let Self { files, followed, keyring } = self;
        let reread = move || match files.read() {
            Ok(keys) => {
                let tokens = keys.iter().count();
                keyring.replace(keys);
                Ok(format!("the tokens have been read again: {tokens}"))
            }
            Err(error) => Err(format!("{error}; the tokens stay as they are")),
        };
        followed.follow(reread).await;
    }
}
