//! Encryption of connections: TLS 1.2 and 1.3, with a certificate that can change while the gateway runs.
//!
//! Only the host shows a certificate; clients show tokens. A handshake is a part of its connection: bounded by
//! `HANDSHAKE_TIMEOUT`, and one that fails ends that connection alone. What is left unencrypted: nothing.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{Error, InconsistentKeys, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::follow::Followed;
use crate::files;

/// How long a client has for its part of the handshake: as for the head of a request, which it comes before.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of a file with certificates, or with a key.
const FILE_MAX_BYTES: u64 = 1 << 20;
/// What clients that can speak other protocols are told to speak (RFC 7301).
const ALPN: &[u8] = b"http/1.1";

/// The certificate that a gateway shows, and its key. Clones are the same one.
#[derive(Clone)]
pub struct Tls(Arc<watch::Sender<Arc<ServerConfig>>>);

/// Why there is no encryption.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TlsError {
    /// What should hold certificates holds none.
    #[error("has no certificate: a line `-----BEGIN CERTIFICATE-----` begins one{}", if *.is_key { "; this is a private key" } else { "" })]
    NoCertificate {
        /// Whether there is a key instead.
        is_key: bool,
    },
    /// What should be a certificate is none.
    #[error("has a certificate that cannot be read: {0}")]
    WrongCertificate(String),
    /// What should hold a key holds none.
    #[error("has no private key that can be read: a line `-----BEGIN PRIVATE KEY-----` begins one, without a password{}", if *.is_certificate { "; this is a certificate" } else { "" })]
    NoKey {
        /// Whether there is a certificate instead.
        is_certificate: bool,
    },
    /// The key is of a kind that is not known.
    #[error("has a private key that cannot be used: {0}")]
    WrongKey(String),
    /// The certificate is that of another key.
    #[error("has a private key that is not the one of the certificate")]
    OtherKey,
}

impl TlsError {
    /// Whether the key is to be replaced, and not the certificate.
    #[must_use]
    pub fn is_of_key(&self) -> bool {
        match self {
            Self::NoCertificate { .. } | Self::WrongCertificate(_) => false,
            Self::NoKey { .. } | Self::WrongKey(_) | Self::OtherKey => true,
        }
    }
}

impl Tls {
    /// Encrypts with a certificate, followed by those that vouch for it, and its key, both in PEM.
    ///
    /// # Errors
    ///
    /// [`TlsError`] says which of the two is wrong. Dates and names are not looked at: clients do.
    pub fn new(certificate: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(watch::Sender::new(config(certificate, key)?))))
    }

    /// Shows another certificate, to all clients that connect from now on.
    ///
    /// # Errors
    ///
    /// As of [`Self::new`]; then nothing changes.
    pub fn replace(&self, certificate: &[u8], key: &[u8]) -> Result<(), TlsError> {
        self.0.send_replace(config(certificate, key)?);
        Ok(())
    }

    /// Makes an encrypted connection of a plain one, if its client does its part. Has no bound of its own.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.0.borrow()));
        acceptor.accept(stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}

fn config(certificate: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(certificate)?;
    let provider = Arc::new(ring::default_provider());
    let certified = certified_key(chain, private_key(key)?, &provider)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the suites of TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| TlsError::WrongCertificate(error.to_string()))?;
    if all.is_empty() {
        return Err(TlsError::NoCertificate { is_key: PrivateKeyDer::from_pem_slice(pem).is_ok() });
    }
    Ok(all)
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    let is_certificate = || CertificateDer::from_pem_slice(pem).is_ok();
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::NoKey { is_certificate: is_certificate() })
}

fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let key = provider.key_provider.load_private_key(key);
    let key = key.map_err(|error| TlsError::WrongKey(error.to_string()))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        // Of a key that does not tell its public half, the first handshake would.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(Error::InconsistentKeys(_)) => Err(TlsError::OtherKey),
        Err(error) => Err(TlsError::WrongCertificate(error.to_string())),
    }
}

/// What is wrong with the files of a certificate and its key. One line.
#[derive(Debug, Error)]
pub enum TlsFilesError {
    /// One cannot be read.
    #[error("the file {} for TLS cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// One does not hold what it should.
    #[error("{} {error}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: TlsError,
    },
}

/// The files of a certificate and its key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key, without a password.
    pub key: PathBuf,
}

/// A certificate of files, and what is needed to notice their changes.
#[derive(Debug)]
pub struct TlsOfFiles {
    files: TlsFiles,
    followed: Followed,
    tls: Tls,
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// [`TlsFilesError`] names the file.
    ///
    /// # Blocking
    ///
    /// Reads files; what is no plain file is not waited for.
    pub fn open(self) -> Result<TlsOfFiles, TlsFilesError> {
        let followed = Followed::new([self.certificate.clone(), self.key.clone()]);
        let (certificate, key) = self.read()?;
        let tls = Tls::new(&certificate, &key).map_err(|error| self.wrong(error))?;
        Ok(TlsOfFiles { files: self, followed, tls })
    }

    fn read(&self) -> Result<(Vec<u8>, Vec<u8>), TlsFilesError> {
        let read = |path: &PathBuf| {
            files::read(path, FILE_MAX_BYTES)
                .map_err(|error| TlsFilesError::Unreadable { path: path.clone(), error: error.into() })
        };
        Ok((read(&self.certificate)?, read(&self.key)?))
    }

    fn wrong(&self, error: TlsError) -> TlsFilesError {
        let path = if error.is_of_key() { &self.key } else { &self.certificate };
        TlsFilesError::Wrong { path: path.clone(), error }
    }

    fn reread(&self, tls: &Tls) -> Result<(), TlsFilesError> {
        let (certificate, key) = self.read()?;
        tls.replace(&certificate, &key).map_err(|error| self.wrong(error))
    }
}

impl TlsOfFiles {
    /// What shows the certificate that is in the files.
    #[must_use]
    pub fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Shows what the files hold, within a second of their last change. Files that cannot be read, or do not belong
    /// together, change nothing, and are logged once. Does not return.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends it.
    pub async fn follow(self) {
        let Self { files, followed, tls } = self;
        let reread = move || match files.reread(&tls) {
            Ok(()) => Ok("the certificate has been read again".to_owned()),
            Err(error) => Err(format!("{error}; the certificate stays as it is")),
        };
        followed.follow(reread).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_CERTIFICATE: TlsError = TlsError::NoCertificate { is_key: false };

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn error(certificate: &str, key: &str) -> Option<TlsError> {
        Tls::new(certificate.as_bytes(), key.as_bytes()).err()
    }

    #[test]
    fn each_mistake_has_its_own_error() {
        let ((certificate, key), (_, other)) = (pair(), pair());
        assert_eq!(error(&certificate, &key), None);
        assert_eq!(error(&format!("{key}{certificate}"), &format!("{certificate}{key}")), None, "one file");
        assert_eq!(error("", &key), Some(NO_CERTIFICATE));
        assert_eq!(error(&key, &certificate), Some(TlsError::NoCertificate { is_key: true }));
        assert_eq!(error(&certificate, ""), Some(TlsError::NoKey { is_certificate: false }));
        assert_eq!(error(&certificate, &certificate), Some(TlsError::NoKey { is_certificate: true }));
        assert_eq!(error(&certificate, &other), Some(TlsError::OtherKey));
        let half = &certificate[..certificate.len() / 2];
        assert!(matches!(error(half, &key), Some(TlsError::WrongCertificate(_))));
        assert!(matches!(error(&certificate, &key[..key.len() / 2]), Some(TlsError::NoKey { .. })));
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(error(nonsense, &key), Some(TlsError::WrongCertificate(_))));
        let nonsense = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(matches!(error(&certificate, nonsense), Some(TlsError::WrongKey(_))));
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let locked = error(&certificate, locked).unwrap();
        assert_eq!(locked, TlsError::NoKey { is_certificate: false });
        assert!(locked.to_string().contains("without a password"), "{locked}");
    }

    #[test]
    fn a_wrong_pair_replaces_nothing() {
        let ((certificate, key), (_, other)) = (pair(), pair());
        let tls = Tls::new(certificate.as_bytes(), key.as_bytes()).unwrap();
        let before = Arc::clone(&tls.0.borrow());
        assert_eq!(tls.replace(certificate.as_bytes(), other.as_bytes()), Err(TlsError::OtherKey));
        assert!(Arc::ptr_eq(&before, &tls.0.borrow()));
        tls.replace(certificate.as_bytes(), key.as_bytes()).unwrap();
        assert!(!Arc::ptr_eq(&before, &tls.0.borrow()));
    }
}
