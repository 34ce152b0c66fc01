//! Over real sockets: connections, their bounds and their ends.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::delivery::ActorSnapshot;

/// No wait in these tests is longer, unless something is wrong.
const BOUND: Duration = Duration::from_secs(60);

struct Server {
    double: Double,
    address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        Self::start_with(anywhere()).await
    }

    async fn start_with(options: Options) -> Self {
        let double = Double::spawn();
        double.actor.ready().await.unwrap();
        let gateway = Gateway::bind(options, double.registry()).await.unwrap();
        let (address, (shutdown, asked)) = (gateway.local_addr(), oneshot::channel());
        let task = tokio::spawn(gateway.serve(async move { drop(asked.await) }));
        Self { double, address, shutdown, task }
    }

    async fn connect(&self, sent: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        connection.write_all(sent.as_bytes()).await.unwrap();
        connection
    }

    async fn until(&self, wanted: impl Fn(&ActorSnapshot) -> bool) {
        super::until(async || wanted(&self.double.actor.snapshot().await.unwrap())).await;
    }
}

fn anywhere() -> Options {
    Options::new("127.0.0.1:0".parse().unwrap())
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST /v1/actors/double/{path} HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What comes until the server closes the connection.
async fn rest(mut connection: TcpStream) -> String {
    let mut text = Vec::new();
    tokio::time::timeout(BOUND, connection.read_to_end(&mut text)).await.unwrap().unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_ends_it() {
    let server = Server::start().await;
    let mut connection = server.connect(&post("stream/count", "[1]")).await;
    server.until(|seen| seen.streams == 1).await;
    let mut head = [0; 15];
    connection.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    drop(connection);
    server.until(|seen| seen.streams == 0 && seen.in_flight == 0).await;
}

#[tokio::test]
async fn a_client_that_leaves_an_ask_cancels_it() {
    let server = Server::start().await;
    let connection = server.connect(&post("ask/wait", "")).await;
    server.until(|seen| seen.in_flight == 1).await;
    drop(connection);
    server.until(|seen| seen.in_flight == 0).await;
}

#[tokio::test]
async fn at_the_end_what_is_under_way_is_answered_and_nobody_else_let_in() {
    let server = Server::start().await;
    let connection = server.connect(&post("ask/wait", "")).await;
    server.until(|seen| seen.in_flight == 1).await;
    server.shutdown.send(()).unwrap();
    let closed = async { while TcpStream::connect(server.address).await.is_ok() {} };
    tokio::time::timeout(BOUND, closed).await.unwrap();
    assert!(!server.task.is_finished());
    server.double.actor.kill().await.unwrap();
    assert!(rest(connection).await.starts_with("HTTP/1.1 500"));
    tokio::time::timeout(BOUND, server.task).await.unwrap().unwrap();
}

// On the paused clock, time jumps to the next deadline when nothing else happens.

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_no_request_is_let_go() {
    let server = Server::start().await;
    assert_eq!(rest(server.connect("").await).await, "");
    assert_eq!(rest(server.connect("POST /v1/actors HTTP/1.1\r\nHost:").await).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up() {
    let server = Server::start().await;
    let request = post("ask/echo", "[12345]");
    let answer = rest(server.connect(&request[..request.len() - 1]).await).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("did not come within 30 s"), "{answer}");
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let server = Server::start().await;
    let head = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    let mut connection = server.connect("").await;
    // The server may answer, and close, before all is written.
    let _ = connection.write_all(head.as_bytes()).await;
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431", "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn an_address_that_cannot_be_had_says_why() {
    let server = Server::start().await;
    let refused = |listen: SocketAddr| async move {
        Gateway::bind(Options::new(listen), Arc::default()).await.map(|_| ()).unwrap_err().to_string()
    };
    let error = refused(server.address).await;
    assert!(error.ends_with(": the port is in use; choose another, or 0 for a free one"), "{error}");
    assert!(error.contains(&server.address.to_string()), "{error}");
    for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let error = refused(open.parse().unwrap()).await;
        assert!(error.contains("needs a token; or listen on 127.0.0.1"), "{error}");
    }
    let tokens = Some(Keyring::new(Keys::default()));
    let options = Options { tokens, ..Options::new("0.0.0.0:0".parse().unwrap()) };
    assert!(Gateway::bind(options, Arc::default()).await.is_ok());
}

#[tokio::test]
async fn a_body_that_never_has_room_is_refused_before_it_is_read() {
    let server = Server::start_with(Options { memory_max: ByteSize::kib(64), ..anywhere() }).await;
    let head = "POST /v1/actors/double/ask/echo HTTP/1.1\r\nHost: x.localhost\r\n";
    // Neither is sent to its end.
    let declared = format!("{head}Content-Length: 100000\r\n\r\n");
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\nea60\r\n{}\r\n", " ".repeat(60_000));
    for sent in [declared, chunked] {
        let mut connection = server.connect(&sent).await;
        let mut status = [0; 12];
        tokio::time::timeout(BOUND, connection.read_exact(&mut status)).await.unwrap().unwrap();
        assert_eq!(&status, b"HTTP/1.1 413");
    }
}

#[tokio::test]
async fn health_is_served_without_room_and_places_and_without_a_host() {
    let connections_max = NonZeroUsize::MIN;
    let options = Options { memory_max: ByteSize::b(0), connections_max, ..anywhere() };
    let server = Server::start_with(options).await;
    let _takes_the_place = server.connect(&post("ask/wait", "")).await;
    server.until(|seen| seen.in_flight == 1).await;
    let mut refused = [0; 12];
    server.connect(&post("ask/wait", "")).await.read_exact(&mut refused).await.unwrap();
    assert_eq!(&refused, b"HTTP/1.1 503");
    for head in ["HTTP/1.0\r\n\r\n", "HTTP/1.1\r\nHost: x.localhost\r\nConnection: close\r\n\r\n"] {
        let answer = rest(server.connect(&format!("GET /healthz {head}")).await).await;
        assert!(answer.contains(" 200 OK\r\n") && answer.ends_with(r#"{"status":"ok"}"#), "{answer}");
    }
}
