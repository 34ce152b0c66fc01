//! A gateway whose connections come by a thread of their own, over real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::delivery::ActorSnapshot;
use crate::gateway::front::Front;

/// No wait in these tests is longer, unless something is wrong.
const BOUND: Duration = Duration::from_secs(20);
const THREADS: usize = 2;
const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A server whose guests and requests share two threads.
struct Server {
    home: Runtime,
    double: Double,
    address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Server {
    fn start() -> Self {
        let home = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().unwrap();
        let (double, gateway) = home.block_on(async {
            let double = Double::spawn();
            double.actor.ready().await.unwrap();
            let options = Options::new("127.0.0.1:0".parse().unwrap());
            let gateway = Gateway::bind(options, double.registry()).await.unwrap();
            (double, gateway.with_front(Front::new().unwrap()).unwrap())
        });
        let (address, (shutdown, asked)) = (gateway.local_addr(), oneshot::channel());
        let serving = home.spawn(gateway.serve(async move { drop(asked.await) }));
        Self { home, double, address, shutdown: Some(shutdown), serving }
    }

    fn send(&self, sent: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.address).unwrap();
        connection.set_read_timeout(Some(BOUND)).unwrap();
        connection.write_all(sent.as_bytes()).unwrap();
        connection
    }

    fn until(&self, wanted: impl Fn(&ActorSnapshot) -> bool) {
        self.home.block_on(until(async || wanted(&self.double.actor.snapshot().await.unwrap())));
    }

    /// Holds every thread until the answer is dropped, as guests do that fill their memory.
    fn hold(&self) -> Vec<mpsc::SyncSender<()>> {
        let (held, is_held) = mpsc::sync_channel(THREADS);
        let hold = || {
            let (let_go, holds) = mpsc::sync_channel::<()>(0);
            let held = held.clone();
            self.home.spawn(async move {
                held.send(()).unwrap();
                let _ = holds.recv();
            });
            let_go
        };
        let holding = (0..THREADS).map(|_| hold()).collect();
        (0..THREADS).for_each(|_| is_held.recv_timeout(BOUND).unwrap());
        holding
    }
}

fn echo(body: &str, more: &str) -> String {
    let length = body.len();
    format!(
        "POST /v1/actors/double/ask/echo HTTP/1.1\r\nHost: localhost\r\n{more}Content-Length: {length}\r\n\r\n{body}"
    )
}

/// What comes until the server closes the connection.
fn rest(mut connection: TcpStream) -> String {
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn health_is_told_while_every_thread_that_polls_guests_is_held() {
    let server = Server::start();
    let holding = server.hold();
    let asking = server.send(&echo("[7]", "Connection: close\r\n"));
    for _ in 0..3 {
        let answer = rest(server.send(HEALTH));
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        assert!(answer.ends_with(r#"{"status":"ok"}"#), "{answer}");
    }
    // Another request had its first request read, and waits.
    drop(holding);
    let answer = rest(asking);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("[7]"), "{answer}");
}

#[test]
fn what_was_read_before_a_connection_changes_its_threads_is_read_there() {
    let server = Server::start();
    let long = format!("[{:?}]", "x".repeat(200_000));
    let in_one_go = echo("[1]", "") + HEALTH + &echo(&long, "") + &echo("[3]", "Connection: close\r\n");
    let answered = rest(server.send(&in_one_go));
    assert_eq!(answered.matches("HTTP/1.1 200 OK").count(), 4, "{answered}");
    assert!(answered.contains(&long) && answered.ends_with("[3]"));
    let mut slow = server.send("");
    slow.set_nodelay(true).unwrap();
    for byte in echo("[4]", "Connection: close\r\n").bytes() {
        slow.write_all(&[byte]).unwrap();
    }
    assert!(rest(slow).ends_with("[4]"));
    let refused = rest(server.send("GET /healthz HTTP/9\r\n\r\n"));
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
}

#[test]
fn at_the_end_connections_are_closed_on_both_sides_of_it() {
    let mut server = Server::start();
    let mut idle = server.send("");
    let asked = server.send(&echo("[1]", ""));
    let waiting = server.send(&echo("", "").replace("echo", "wait"));
    server.until(|seen| seen.in_flight == 1);
    drop(server.shutdown.take());
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    assert!(rest(asked).ends_with("[1]"));
    assert!(!server.serving.is_finished());
    server.home.block_on(server.double.actor.kill()).unwrap();
    assert!(rest(waiting).starts_with("HTTP/1.1 500"));
    server.home.block_on(async { tokio::time::timeout(BOUND, server.serving).await.unwrap().unwrap() });
    assert!(TcpStream::connect(server.address).is_err());
}

#[test]
fn a_gateway_that_is_dropped_ends_what_is_under_way() {
    let server = Server::start();
    let mut waiting = server.send(&echo("", "").replace("echo", "wait"));
    server.until(|seen| seen.in_flight == 1);
    server.serving.abort();
    assert!(matches!(waiting.read(&mut [0]), Ok(0) | Err(_)));
    server.until(|seen| seen.in_flight == 0);
}
