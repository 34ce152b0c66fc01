//! TLS of the gateway: what clients accept as a certificate, what comes of a wrong one, and of clients that do not do
//! their part.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pulsing_tests::guest_file;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, crypto::ring,
};

use crate::program::{Left, RunningHost, run, text, wait_until};
use crate::{PATIENCE, bounded};

/// The files of a certificate and its key, in a folder of their own.
struct Files {
    folder: TempDir,
}

/// A certificate for the loopback address, and its key.
fn pair(name: &str, expired: bool) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

impl Files {
    fn new((certificate, key): &(String, String)) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(files.certificate(), certificate).unwrap();
        std::fs::write(files.key(), key).unwrap();
        files
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Has a file hold this, all at once.
    fn write(&self, file: &Path, text: &str) {
        let staged = self.folder.path().join("staged");
        std::fs::write(&staged, text).unwrap();
        std::fs::rename(&staged, file).unwrap();
    }

    /// A file that is none of the two.
    fn other(&self, text: &str) -> PathBuf {
        let file = self.folder.path().join("other");
        std::fs::write(&file, text).unwrap();
        file
    }

    fn args(&self) -> Vec<String> {
        let (certificate, key) = (self.certificate(), self.key());
        ["--tls-cert", text(&certificate), "--tls-key", text(&key)].map(str::to_owned).into()
    }

    fn host(&self, guest: &str) -> RunningHost {
        let guest = guest_file(guest).unwrap();
        let own = self.args();
        let mut args = vec![text(&guest)];
        args.extend(own.iter().map(String::as_str));
        let host = RunningHost::start(&args, 1);
        assert!(host.url.starts_with("https://127.0.0.1:"), "{}", host.url);
        host
    }
}

fn address(host: &RunningHost) -> &str {
    host.url.split_once("://").unwrap().1
}

/// Asks the counter, with only this certificate to vouch for the host.
fn ask(host: &RunningHost, roots: &Path) -> Left {
    host.client(&["ask", "counter", "get", "--ca-cert", text(roots)])
}

#[test]
fn a_client_speaks_only_to_a_host_that_somebody_vouches_for() {
    let files = Files::new(&pair("127.0.0.1", false));
    let host = files.host("counter");
    assert_eq!(ask(&host, &files.certificate()).stdout, "0\n");
    // Nobody that the system knows, or somebody else.
    let says = ["does not prove who it is", "--ca-cert"];
    host.client(&["ask", "counter", "get"]).assert_failed(8, &says);
    let other = files.other(&pair("127.0.0.1", false).0);
    ask(&host, &other).assert_failed(8, &says);
    ask(&host, &files.key()).assert_failed(2, &["has no certificate"]);
    ask(&host, Path::new("/nowhere")).assert_failed(2, &["--ca-cert /nowhere"]);
    // By another name than the certificate's.
    let host = Files::new(&pair("elsewhere.example", false));
    let running = host.host("counter");
    ask(&running, &host.certificate()).assert_failed(8, &says);
}

#[test]
fn a_stream_and_a_long_answer_come_through_whole() {
    let files = Files::new(&pair("127.0.0.1", false));
    let host = files.host("rogue");
    let roots = files.certificate();
    let items = host.client(&["stream", "rogue", "numbers", "[2000]", "--ca-cert", text(&roots)]).stdout;
    assert!(items.lines().map(|line| line.parse::<u64>().unwrap()).eq(1..=2000));
    let answer = host.client(&["ask", "rogue", "answer", "[3000000]", "--ca-cert", text(&roots)]).stdout;
    assert_eq!(answer.len(), "\"\"\n".len() + 3_000_000);
}

#[test]
fn each_mistake_is_told_in_one_line_at_the_start() {
    let (good, other) = (pair("127.0.0.1", false), pair("127.0.0.1", false));
    let guest = guest_file("counter").unwrap();
    let files = Files::new(&good);
    let (certificate, key) = (files.certificate(), files.key());
    let with = |certificate: &Path, key: &Path| {
        let tls = ["--tls-cert", text(certificate), "--tls-key", text(key)];
        run(&[["run", text(&guest), "--listen", "127.0.0.1:0"].as_slice(), &tls].concat())
    };
    let nowhere = Path::new("/nowhere.pem");
    with(nowhere, &key).assert_failed(2, &["/nowhere.pem", "cannot be read"]);
    with(&certificate, nowhere).assert_failed(2, &["/nowhere.pem", "cannot be read"]);
    with(&key, &certificate).assert_failed(2, &["key.pem has no certificate", "this is a private key"]);
    with(&certificate, &certificate)
        .assert_failed(2, &["cert.pem has no private key", "this is a certificate"]);
    with(&certificate, &files.other(&other.1))
        .assert_failed(2, &["other has a private key that is not the one of the certificate"]);
    with(&files.other(""), &key).assert_failed(2, &["other has no certificate"]);
    with(&files.other(&good.0[..good.0.len() / 2]), &key)
        .assert_failed(2, &["other has a certificate that cannot be read"]);
    let half = |option: &str, file: &Path, says: &str| {
        run(&["run", text(&guest), "--listen", "127.0.0.1:0", option, text(file)]).assert_failed(2, &[says]);
    };
    half("--tls-cert", &certificate, "--tls-cert needs --tls-key");
    half("--tls-key", &key, "--tls-key needs --tls-cert");
}

#[test]
fn an_expired_certificate_is_replaced_while_the_host_runs_and_a_wrong_one_is_not_taken() {
    let files = Files::new(&pair("127.0.0.1", true));
    let guest = guest_file("counter").unwrap();
    let own = files.args();
    let args: Vec<_> = [text(&guest)].into_iter().chain(own.iter().map(String::as_str)).collect();
    let (host, log) = RunningHost::start_with_log(&args, 1);
    ask(&host, &files.certificate()).assert_failed(8, &["xpired"]);
    let (new, other) = (pair("127.0.0.1", false), pair("127.0.0.1", false));
    // One after the other: between the two they do not belong together.
    files.write(&files.certificate(), &new.0);
    files.write(&files.key(), &new.1);
    wait_until(|| ask(&host, &files.certificate()).code == Some(0));
    let roots = files.other(&new.0);
    // What was said between the two came before.
    wait_until(|| log.count("the certificate has been read again") == 1);
    let mut refused = log.count("the certificate stays as it is");
    // The key in its place, half of it, that of another key.
    for wrong in [new.1.as_str(), &new.0[..100], "", &other.0] {
        files.write(&files.certificate(), wrong);
        refused += 1;
        wait_until(|| log.count("the certificate stays as it is") == refused);
        assert_eq!(ask(&host, &roots).stdout, "0\n");
    }
    std::fs::remove_file(files.key()).unwrap();
    wait_until(|| log.count("the certificate stays as it is") == refused + 1);
    assert_eq!(ask(&host, &roots).stdout, "0\n");
    files.write(&files.key(), &other.1);
    let roots = files.other(&other.0);
    wait_until(|| ask(&host, &roots).code == Some(0));
}

#[test]
fn who_does_not_speak_tls_gets_nothing_and_disturbs_nobody() {
    let files = Files::new(&pair("127.0.0.1", false));
    let host = files.host("counter");
    for sent in [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".as_slice(),
        b"\x16\x03\x01\xff\xff\x01\x00",
        &[0; 4096],
        &[0xff; 70_000],
    ] {
        let mut connection = TcpStream::connect(address(&host)).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        // It may be closed before all is written.
        let _ = connection.write_all(sent);
        let _ = connection.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP") && answer.len() < 100, "{answer:?}");
    }
    assert_eq!(ask(&host, &files.certificate()).stdout, "0\n");
    // Each the other's language.
    let url = host.url.replace("https://", "http://");
    run(&["ls", "--host", &url]).assert_failed(8, &["127.0.0.1"]);
    let plain = RunningHost::start(&[text(&guest_file("counter").unwrap())], 1);
    let url = plain.url.replace("http://", "https://");
    run(&["ls", "--host", &url]).assert_failed(8, &["does not speak TLS"]);
}

#[test]
fn half_a_handshake_on_many_connections_stops_nobody_and_not_the_end() {
    const CONNECTIONS: usize = 300;
    let files = Files::new(&pair("127.0.0.1", false));
    let mut host = files.host("counter");
    let held: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let mut connection = TcpStream::connect(address(&host)).unwrap();
            // The head of a record that does not come, or nothing at all.
            if number % 2 == 0 {
                connection.write_all(b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03").unwrap();
            }
            connection
        })
        .collect();
    assert_eq!(ask(&host, &files.certificate()).stdout, "0\n");
    host.signal("TERM");
    assert_eq!(host.wait(), Some(0));
    drop(held);
}

/// A handshake with the host, in this version, with these protocols: what was agreed on.
async fn handshake(
    host: &RunningHost,
    roots: &Path,
    version: &'static SupportedProtocolVersion,
    protocols: &[&[u8]],
) -> std::io::Result<(Option<ProtocolVersion>, Option<Vec<u8>>)> {
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_file(roots).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let stream = tokio::net::TcpStream::connect(address(host)).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let (_, agreed) = stream.get_ref();
    Ok((agreed.protocol_version(), agreed.alpn_protocol().map(<[u8]>::to_vec)))
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken_and_http_1_1_alone_within() {
    let files = Files::new(&pair("127.0.0.1", false));
    let host = files.host("counter");
    let roots = files.certificate();
    let h1 = b"http/1.1".to_vec();
    for (version, number) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let agreed = bounded(handshake(&host, &roots, version, &[b"h2", b"http/1.1"])).await.unwrap();
        assert_eq!(agreed, (Some(number), Some(h1.clone())));
        let agreed = bounded(handshake(&host, &roots, version, &[])).await.unwrap();
        assert_eq!(agreed, (Some(number), None));
        assert!(bounded(handshake(&host, &roots, version, &[b"h2"])).await.is_err());
    }
}

#[test]
fn a_configuration_file_names_tokens_and_certificate_seen_from_its_folder() {
    let files = Files::new(&pair("127.0.0.1", false));
    let tokens = files.folder.path().join("tokens.toml");
    let made = run(&["token", "new", "ci", "--scope", "send", "--tokens", text(&tokens)]).stdout;
    let secret = files.folder.path().join("secret");
    std::fs::write(&secret, made).unwrap();
    let guest = guest_file("counter").unwrap();
    let config = files.other(&format!(
        "tokens = \"tokens.toml\"\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n\
         [actors.counter]\ncomponent = {guest:?}\n"
    ));
    let host = RunningHost::start(&["--config", text(&config)], 1);
    let roots = files.certificate();
    let client = |verb: &[&str]| {
        host.client(&[verb, &["--ca-cert", text(&roots), "--token-file", text(&secret)]].concat())
    };
    assert_eq!(client(&["ask", "counter", "get"]).stdout, "0\n");
    client(&["stop", "counter"]).assert_failed(7, &["the token `ci` does not have the scope `control`"]);
}
