//! Requests to a host as bytes, each over a connection of its own.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::program::RunningHost;

/// Where a host listens.
pub(super) fn address(host: &RunningHost) -> &str {
    host.url.strip_prefix("http://").unwrap()
}

/// Opens a connection, and sends this.
pub(super) fn send(host: &RunningHost, bytes: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address(host)).unwrap();
    connection.set_read_timeout(Some(crate::PATIENCE)).unwrap();
    connection.write_all(bytes.as_bytes()).unwrap();
    connection
}

/// Sends a request, with all that its head needs but for the end, and returns the whole answer.
pub(super) fn exchange(host: &RunningHost, head: &str) -> String {
    answer(send(host, &format!("{head}\r\nConnection: close\r\n\r\n")))
}

/// What comes until the host closes the connection.
pub(super) fn answer(mut connection: TcpStream) -> String {
    let mut bytes = Vec::new();
    connection.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The status of an answer; 0 where there is none.
pub(super) fn status(answer: &str) -> u16 {
    answer.get("HTTP/1.1 ".len()..).and_then(|rest| rest.get(..3)).map_or(0, |code| code.parse().unwrap())
}
