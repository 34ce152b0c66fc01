//! What is asked for over HTTP: asks and tells of another process, measured here, and echoes.
//!
//! Nothing panics here: RUSM waits without end for the response of a handler that crashed.

use std::time::Instant;

use rusm_rs::http::{Params, Request, Response};
use rusm_rs::{Pid, me, receive_bytes, receive_bytes_timeout, send_bytes, whereis};

const BODY: [u8; 16] = [7; 16];

/// The other process. A listener of RUSM may take requests before that has registered.
fn echo() -> Pid {
    loop {
        match whereis("bench-echo") {
            Some(echo) => return echo,
            None => drop(receive_bytes_timeout(1)),
        }
    }
}

/// A message that is replied to.
fn question(what: u8, body: &[u8]) -> Vec<u8> {
    [&[what][..], &me().0.to_le_bytes(), body].concat()
}

fn ask(echo: Pid, question: &[u8]) -> Vec<u8> {
    send_bytes(echo, question);
    receive_bytes()
}

/// How often `echo` was told something.
fn told(echo: Pid) -> Option<u64> {
    Some(u64::from_le_bytes(ask(echo, &question(b'q', &[])).try_into().ok()?))
}

/// The nanoseconds that each of `count` took, if all of them did what they are for.
fn each(params: &Params, work: impl FnOnce(Pid, u64) -> bool) -> Response {
    let Some(count) = params.get("count").and_then(|count| count.parse().ok()) else {
        return Response::new(400, "that is no number");
    };
    let echo = echo();
    let begun = Instant::now();
    let worked = work(echo, count);
    let nanos = begun.elapsed().as_nanos() as f64 / count as f64;
    if worked { Response::text(nanos.to_string()) } else { Response::new(500, "messages were lost") }
}

#[rusm_rs::handlers]
pub mod meter {
    use super::*;

    /// Asks so often, one after the other.
    pub fn ask(_: Request, params: Params) -> Response {
        each(&params, |echo, count| {
            let question = question(b'a', &BODY);
            (0..count).all(|_| super::ask(echo, &question) == BODY)
        })
    }

    /// Tells so often, until all of it is handled.
    pub fn tell(_: Request, params: Params) -> Response {
        each(&params, |echo, count| {
            let Some(before) = told(echo) else { return false };
            let message = [&b"t"[..], &BODY].concat();
            for _ in 0..count {
                send_bytes(echo, &message);
            }
            told(echo) == Some(before + count)
        })
    }

    /// Responds by itself.
    pub fn alone(request: Request, _: Params) -> Response {
        Response::new(200, request.body)
    }

    /// Responds with what the other process replies.
    pub fn echo(request: Request, _: Params) -> Response {
        Response::new(200, super::ask(super::echo(), &question(b'a', &request.body)))
    }
}
