//! The secret that lets a client in.
//!
//! Read from a file, on both sides; never shown, never logged. Compared in constant time.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::files::{self, LastLink};

/// The secret that lets a client in. Cheap to clone.
#[derive(Clone)]
pub struct Token(Arc<str>);

/// Why there is no token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// Its file cannot be read.
    #[error("the token file {} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Its file holds something else.
    #[error(
        "the token file {} must hold one line of {} to {} letters, digits and other visible ASCII characters",
        path.display(), Token::LENGTH_MIN, Token::LENGTH_MAX
    )]
    Unfit {
        /// The file.
        path: PathBuf,
    },
}

impl Token {
    /// The fewest characters: fewer can be guessed.
    pub const LENGTH_MIN: usize = 16;
    /// The most characters: more do not fit a header that every server takes.
    pub const LENGTH_MAX: usize = 512;

    /// Takes a text that can be a token.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (Self::LENGTH_MIN..=Self::LENGTH_MAX).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        (fits && plain).then(|| Self(text.into()))
    }

    /// Reads a file that holds a token, and white space around it at most.
    ///
    /// # Errors
    ///
    /// [`TokenError`] names the file, and does not show what is in it.
    ///
    /// # Blocking
    ///
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        const FILE_MAX_BYTES: u64 = 4096;
        let mut text = String::new();
        files::open(path, LastLink::Followed)
            .and_then(|file| file.take(FILE_MAX_BYTES).read_to_string(&mut text))
            .map_err(|error| TokenError::Unreadable { path: path.to_owned(), error })?;
        Self::new(text.trim()).ok_or_else(|| TokenError::Unfit { path: path.to_owned() })
    }

    /// Whether `given` is this token. Takes the same time wherever the two differ.
    #[must_use]
    pub fn matches(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }

    /// The secret itself, for the header of a client.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn a_token_is_read_without_the_white_space_around_it() {
        let token = Token::read(file(" correct-horse-battery\n").path()).unwrap();
        assert!(token.matches(b"correct-horse-battery"));
        assert!(!token.matches(b"correct-horse-batterz"));
        assert!(!token.matches(b"correct"));
        assert!(!token.matches(b""));
    }

    #[test]
    fn a_file_without_a_token_is_refused_and_not_shown() {
        for text in ["", "short", "two words that are long enough", "ümläuts-are-not-ascii-at-all"] {
            let error = Token::read(file(text).path()).unwrap_err().to_string();
            assert!(error.contains("must hold one line of 16 to 512"), "{error}");
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
        let error = Token::read(Path::new("/nowhere/token")).unwrap_err().to_string();
        assert!(error.starts_with("the token file /nowhere/token cannot be read"), "{error}");
    }

    #[test]
    fn a_token_does_not_show_itself() {
        let token = Token::new("correct-horse-battery").unwrap();
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
}
