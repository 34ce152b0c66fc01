//! The secret that lets a client in, and its hash, by which it is known.
//!
//! A secret is read from a file, on both sides, or made here; it is never shown, never logged. The host compares
//! hashes alone, in constant time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

use crate::files;

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
    /// What tokens that were made here begin with, so that people and scanners know one where they see it.
    pub const PREFIX: &str = "pht_";
    /// How many random bytes a token has that is made here.
    const RANDOM_BYTES: usize = 32;

    /// Takes a text that can be a token.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (Self::LENGTH_MIN..=Self::LENGTH_MAX).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        (fits && plain).then(|| Self(text.into()))
    }

    /// Makes a token of 256 random bits.
    #[must_use]
    pub fn random() -> Self {
        let bytes: [u8; Self::RANDOM_BYTES] = rand::random();
        Self(format!("{}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(bytes)).into())
    }

    /// Reads a file that holds a token, and white space around it at most.
    ///
    /// # Errors
    ///
    /// [`TokenError`] names the file, and does not show what is in it.
    ///
    /// # Blocking
    ///
    /// Reads a file; what is no plain file is not waited for.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        const FILE_MAX_BYTES: u64 = 4096;
        let bytes = files::read(path, FILE_MAX_BYTES)
            .map_err(|error| TokenError::Unreadable { path: path.to_owned(), error: error.into() })?;
        let token = std::str::from_utf8(&bytes).ok().and_then(|text| Self::new(text.trim()));
        token.ok_or_else(|| TokenError::Unfit { path: path.to_owned() })
    }

    /// What the host knows the token by.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.0.as_bytes())
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

/// The SHA-256 of a token.
///
/// A fast hash is enough, since what is hashed cannot be guessed: a token that the host makes has 256 random bits. A slow
/// one (as for passwords, which people choose) would be work that anybody may cause with a wrong token.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash([u8; 32]);

/// Why a text is no hash.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the hash of a token is 64 hexadecimal digits")]
pub struct InvalidTokenHash;

impl TokenHash {
    pub(super) fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }
}

impl ConstantTimeEq for TokenHash {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for TokenHash {
    type Err = InvalidTokenHash;

    fn from_str(text: &str) -> Result<Self, InvalidTokenHash> {
        let mut hash = [0; 32];
        if text.len() != 2 * hash.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidTokenHash);
        }
        for (index, byte) in hash.iter_mut().enumerate() {
            let digits = text.get(2 * index..2 * index + 2).ok_or(InvalidTokenHash)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| InvalidTokenHash)?;
        }
        Ok(Self(hash))
    }
}

impl TryFrom<String> for TokenHash {
    type Error = InvalidTokenHash;

    fn try_from(text: String) -> Result<Self, InvalidTokenHash> {
        text.parse()
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        hash.to_string()
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
        assert_eq!(token.expose(), "correct-horse-battery");
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

    #[test]
    fn a_token_that_is_made_has_256_bits_that_no_other_has() {
        let (one, other) = (Token::random(), Token::random());
        let bytes = |token: &Token| URL_SAFE_NO_PAD.decode(token.expose().strip_prefix("pht_").unwrap());
        assert_eq!(bytes(&one).unwrap().len(), 32);
        assert_ne!(bytes(&one), bytes(&other));
        assert!(Token::new(one.expose()).is_some());
    }

    #[test]
    fn a_hash_is_that_of_sha256sum_and_is_read_again() {
        // FIPS 180-4, "abc".
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hash = TokenHash::of(b"abc");
        assert_eq!(hash.to_string(), abc);
        assert!(bool::from(hash.ct_eq(&abc.to_uppercase().parse().unwrap())));
        assert!(!bool::from(hash.ct_eq(&TokenHash::of(b"abd"))));
        for wrong in ["", "ba78", &"g".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
            assert!(wrong.parse::<TokenHash>().is_err(), "{wrong}");
        }
    }
}
