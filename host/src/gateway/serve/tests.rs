//! What a connection tells of itself, through the server library.

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

use super::*;
use crate::gateway::keys::Keys;
use crate::gateway::problem::Refusal;

/// More than a pipe of these tests and the server's own buffer hold.
const LARGE_BYTES: usize = 1 << 20;
const GET: &str = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";

/// A server of one request at a time.
struct Server {
    places: Arc<Places>,
    served: Arc<Served>,
}

impl Server {
    fn new() -> Self {
        Self::for_those_with(None)
    }

    fn for_those_with(tokens: Option<Keyring>) -> Self {
        let router = Router::new()
            .route("/large", get(async || "x".repeat(LARGE_BYTES)))
            .route("/list", get(async || "x".repeat(LARGE_BYTES)))
            .route("/length", post(async |body: String| body.len().to_string()))
            .route("/refused", post(async || axum::http::StatusCode::FORBIDDEN));
        let busy = Router::new().fallback(async || Refusal::busy());
        let purpose = |_method: &Method, path: &str| match path {
            "/large" | "/length" | "/refused" => Purpose::Message,
            _other => Purpose::Operation,
        };
        let served = Served {
            router,
            busy,
            tokens,
            tls: None,
            requests_max: 1,
            room: Room::new(ROOM_DEFAULT_BYTES),
            purpose,
        };
        Self { places: Places::new(1), served: Arc::new(served) }
    }

    async fn connect(&self, sent: &str) -> (DuplexStream, JoinHandle<()>) {
        let (mut client, stream) = tokio::io::duplex(1 << 10);
        let seat = self.places.take().await;
        let serving = seated(stream, Arc::clone(&self.served), CancellationToken::new(), seat);
        let task = tokio::task::spawn_local(serving);
        client.write_all(sent.as_bytes()).await.unwrap();
        (client, task)
    }
}

async fn status(client: &mut DuplexStream) -> String {
    let mut line = [0; 12];
    client.read_exact(&mut line).await.unwrap();
    String::from_utf8(line.to_vec()).unwrap()
}

async fn rest(client: &mut DuplexStream) -> String {
    let mut text = Vec::new();
    client.read_to_end(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

/// Runs a test whose connections need not be sent between threads.
async fn locally(test: impl Future<Output = ()>) {
    tokio::task::LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_answer_nobody_reads_gives_way() {
    locally(async {
        let server = Server::new();
        let (mut unread, first) = server.connect(GET).await;
        assert_eq!(status(&mut unread).await, "HTTP/1.1 200");
        let (mut refused, second) = server.connect(GET).await;
        assert_eq!(status(&mut refused).await, "HTTP/1.1 503");
        assert!(!first.is_finished());
        tokio::time::sleep(Duration::from_secs(11)).await;
        let (mut other, third) = server.connect(GET).await;
        assert_eq!(status(&mut other).await, "HTTP/1.1 200");
        first.await.unwrap();
        drop((refused, other));
        second.await.unwrap();
        third.await.unwrap();
        assert!(rest(&mut unread).await.len() < LARGE_BYTES, "it was broken off");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_body_does_not_come_gives_way() {
    locally(async {
        let server = Server::new();
        let head = "POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
        let (mut slow, first) = server.connect(&format!("{head}1234")).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (mut other, _second) = server.connect(&format!("{head}12345")).await;
        assert_eq!(status(&mut other).await, "HTTP/1.1 200");
        first.await.unwrap();
        assert_eq!(rest(&mut slow).await, "");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn requests_in_one_go_are_served_one_after_the_other() {
    locally(async {
        let server = Server::new();
        let request = "POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n";
        let last = format!("{request}Connection: close\r\n\r\n12");
        let (mut client, _task) = server.connect(&(format!("{request}\r\n12").repeat(2) + &last)).await;
        let answered = rest(&mut client).await;
        assert_eq!(answered.matches("HTTP/1.1 200 OK").count(), 3, "{answered}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_waits_for_its_next_request_is_none_of_those_that_are_served() {
    locally(async {
        let server = Server::new();
        let request = "POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n12";
        let (mut one, _task) = server.connect("").await;
        let (mut other, _task) = server.connect("").await;
        for _ in 0..3 {
            for client in [&mut one, &mut other] {
                client.write_all(request.as_bytes()).await.unwrap();
                assert_eq!(status(client).await, "HTTP/1.1 200");
                let mut rest = Vec::new();
                while !rest.ends_with(b"\r\n\r\n2") {
                    rest.push(client.read_u8().await.unwrap());
                }
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_wants_is_read_so_that_the_answer_is() {
    locally(async {
        let server = Server::new();
        let length = 64 * BUFFER_MAX_BYTES;
        let head = format!("POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        let (mut client, _task) = server.connect(&head).await;
        client.write_all(&vec![b'x'; length]).await.unwrap();
        let answered = rest(&mut client).await;
        assert!(
            answered.starts_with("HTTP/1.1 403") && answered.contains("connection: close\r\n"),
            "{answered}"
        );
        // One that does not go on is waited for, and not for ever.
        let (mut client, task) = server.connect(&head).await;
        task.await.unwrap();
        assert!(rest(&mut client).await.starts_with("HTTP/1.1 403"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn operators_whose_answers_nobody_reads_give_way_to_operators() {
    const LIST: &str = "GET /list HTTP/1.1\r\nHost: x\r\n\r\n";
    locally(async {
        let server = Server::new();
        let mut unread = Vec::new();
        for _ in 0..33 {
            let (mut client, task) = server.connect(LIST).await;
            assert_eq!(status(&mut client).await, "HTTP/1.1 200");
            unread.push((client, task));
        }
        let (mut refused, _task) = server.connect(LIST).await;
        assert_eq!(status(&mut refused).await, "HTTP/1.1 503");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (mut served, _task) = server.connect(LIST).await;
        assert_eq!(status(&mut served).await, "HTTP/1.1 200");
        let (_, oldest) = unread.remove(1);
        oldest.await.unwrap();
        assert!(unread.iter().all(|(_, task)| !task.is_finished()));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stranger_has_one_answer_and_takes_no_place() {
    locally(async {
        let server = Server::for_those_with(Some(Keyring::new(Keys::default())));
        for _ in 0..3 {
            let (client, _task) = server.connect(GET).await;
            // It leaves its answer unread.
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(server.places.is_free(), "one that its sender may not make is counted");
            drop(client);
        }
        let twice = "GET /refused HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
        let (mut client, task) = server.connect(&twice).await;
        let answered = rest(&mut client).await;
        assert_eq!(answered.matches("HTTP/1.1 ").count(), 1, "{answered}");
        assert!(answered.contains("connection: close\r\n"), "{answered}");
        task.await.unwrap();
    })
    .await;
}
