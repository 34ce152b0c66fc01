//! Clients of the gateway that mean no good, or go away in the midst of it, and one that does: whatever the others do, it
//! gets its answers.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::acts::bounded;
use super::world::{WEB, WITNESS, World};

/// The most that a client reads of one answer: those that are looked at are short.
const ANSWER_MAX_BYTES: u64 = 64 << 10;
/// How many requests a client sends at once without reading an answer.
const PIPELINED: usize = 32;
/// How many bytes of a head come one by one.
const TRICKLED: usize = 10;
/// How long it is from one of them to the next.
const TRICKLE: Duration = Duration::from_millis(20);

/// What a client does that means no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Misuse {
    /// Sends a part of a head, and no more.
    HalfHead,
    /// Sends a head byte by byte, and no end of it.
    Trickle,
    /// Sends a part of a body, and no more.
    HalfBody,
    /// Sends no HTTP.
    Garbage,
    /// Sends a head that is larger than may be.
    LongHead,
    /// Sends a body that is larger than may be.
    LongBody,
    /// Sends two `Host` headers.
    TwoHosts,
    /// Names a host that somebody else can point here.
    OtherHost,
    /// Is a page from elsewhere that stops an actor.
    ForeignPage,
    /// Is a page without an origin that stops an actor.
    HiddenPage,
    /// Opens a stream without an end, and reads nothing.
    Unread,
    /// Asks for something that takes its time, and resets the connection.
    Reset,
    /// Sends many requests at once, and reads nothing for a while.
    Pipelined,
    /// Asks an actor that is not there.
    NoActor,
    /// Sends arguments that are no JSON.
    NoJson,
}

impl Misuse {
    /// All of them.
    pub(super) const ALL: [Self; 15] = [
        Self::HalfHead,
        Self::Trickle,
        Self::HalfBody,
        Self::Garbage,
        Self::LongHead,
        Self::LongBody,
        Self::TwoHosts,
        Self::OtherHost,
        Self::ForeignPage,
        Self::HiddenPage,
        Self::Unread,
        Self::Reset,
        Self::Pipelined,
        Self::NoActor,
        Self::NoJson,
    ];

    /// The word for it in reports.
    #[must_use]
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::HalfHead => "half-head",
            Self::Trickle => "trickle",
            Self::HalfBody => "half-body",
            Self::Garbage => "garbage",
            Self::LongHead => "long-head",
            Self::LongBody => "long-body",
            Self::TwoHosts => "two-hosts",
            Self::OtherHost => "other-host",
            Self::ForeignPage => "foreign-page",
            Self::HiddenPage => "hidden-page",
            Self::Unread => "unread",
            Self::Reset => "reset",
            Self::Pipelined => "pipelined",
            Self::NoActor => "no-actor",
            Self::NoJson => "no-json",
        }
    }

    /// What is sent at once.
    fn bytes(self) -> Vec<u8> {
        let stop_from = |origin: &str| {
            let more = format!("Origin: {origin}\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n");
            post(&format!("{WEB}/stop"), &more, "")
        };
        match self {
            Self::HalfHead | Self::Trickle => b"POST /v1/actors/web/ask/get HTTP/1.1\r\nHost: loc".to_vec(),
            Self::HalfBody => post(&format!("{WEB}/ask/get"), "Content-Length: 4096\r\n", "[1,"),
            Self::Garbage => vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, b'\r', b'\n', b'\r', b'\n'],
            Self::LongHead => {
                post(&format!("{WEB}/ask/get"), &format!("X: {}\r\n", "x".repeat(40 << 10)), "")
            }
            Self::LongBody => post(&format!("{WEB}/ask/get"), "Content-Length: 1099511627776\r\n", "["),
            Self::TwoHosts => b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: 127.0.0.1\r\n\r\n".to_vec(),
            Self::OtherHost => b"GET /v1/actors HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_vec(),
            Self::ForeignPage => stop_from("http://localhost:3000"),
            Self::HiddenPage => stop_from("null"),
            Self::Unread => {
                post(&format!("{WITNESS}/stream/items"), "Content-Length: 24\r\n", "[1,1,9007199254740991,0]")
            }
            Self::Reset => post(&format!("{WITNESS}/ask/nap"), "Content-Length: 8\r\n", "[1,1,50]"),
            Self::Pipelined => b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(PIPELINED),
            Self::NoActor => post("nobody/ask/get", "Content-Length: 0\r\n", ""),
            Self::NoJson => post(&format!("{WEB}/ask/increment"), "Content-Length: 3\r\n", "[1,"),
        }
    }

    /// The status of the answer, where there must be one. None: whatever comes, or nothing.
    fn status(self) -> Option<&'static [u16]> {
        match self {
            Self::TwoHosts => Some(&[400]),
            Self::OtherHost | Self::ForeignPage | Self::HiddenPage => Some(&[403]),
            Self::LongHead => Some(&[431]),
            Self::LongBody => Some(&[413]),
            Self::NoActor => Some(&[404]),
            Self::NoJson => Some(&[400]),
            Self::Pipelined => Some(&[200]),
            Self::HalfHead | Self::Trickle | Self::HalfBody | Self::Garbage | Self::Unread | Self::Reset => {
                None
            }
        }
    }
}

/// A request of [`WEB`]'s host, as text.
fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("POST /v1/actors/{path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}").into_bytes()
}

/// Does it, holds on for so many ms, goes away, and sees that others are served meanwhile.
pub(super) async fn misuse(world: &World, misuse: Misuse, hold_ms: u64) {
    *world.tally.counts().clients.entry(misuse.as_str()).or_default() += 1;
    let what = || format!("the gateway: the end of the client `{}`", misuse.as_str());
    let held = async {
        let did = do_it(world.gateway, misuse, Duration::from_millis(hold_ms)).await;
        did.unwrap_or_else(|error| world.tally.find(format!("the client `{}`: {error:#}", misuse.as_str())));
    };
    bounded(world, what, held).await;
}

async fn do_it(gateway: SocketAddr, misuse: Misuse, hold: Duration) -> Result<()> {
    let mut stream = TcpStream::connect(gateway).await.context("cannot connect")?;
    let bytes = misuse.bytes();
    let (first, rest) =
        bytes.split_at(if misuse == Misuse::Trickle { bytes.len() - TRICKLED } else { bytes.len() });
    // The host may have closed already: that is for the answer to show, where there must be one.
    let _refused = stream.write_all(first).await;
    for byte in rest {
        tokio::time::sleep(TRICKLE).await;
        let _refused = stream.write_all(&[*byte]).await;
    }
    if let Some(wanted) = misuse.status() {
        let status = status(&read(&mut stream).await?)?;
        ensure!(wanted.contains(&status), "the status is {status}, not one of {wanted:?}");
    }
    tokio::time::sleep(hold).await;
    if misuse == Misuse::Reset {
        stream.set_zero_linger().context("cannot reset")?;
    }
    Ok(())
}

/// Adds one to what the actor [`WEB`] counts, and sees what it says. All its messages come this way, and all are awaited.
pub(super) async fn count(world: &World) {
    world.tally.counts().asks += 1;
    let what = || format!("{WEB}: the answer to a request");
    match bounded(world, what, ask(world.gateway, "increment", "[1]")).await {
        Some(Ok(value)) => {
            world.tally.answered::<()>(&Ok(()));
            if !world.web().insert(value) {
                world.tally.find(format!("{WEB}: {value} was returned twice"));
            }
        }
        Some(Err(error)) => world.tally.find(format!("{WEB}: {error:#}")),
        None => {}
    }
}

/// Compares what the actor [`WEB`] counts with what its clients were told.
pub(super) async fn check(world: &World) {
    let Some(value) = bounded(world, || format!("{WEB}: `get`"), ask(world.gateway, "get", "")).await else {
        return;
    };
    let told = world.web().clone();
    let expected: Vec<i64> = (1..).take(told.len()).collect();
    match value {
        Ok(value) if value == i64::try_from(told.len()).unwrap_or(-1) && told.iter().eq(&expected) => {}
        other => world.tally.find(format!("{WEB} is at {other:?}, and its clients were told {told:?}")),
    }
}

/// Asks over a connection of its own.
async fn ask(gateway: SocketAddr, method: &str, args: &str) -> Result<i64> {
    let mut stream = TcpStream::connect(gateway).await.context("cannot connect")?;
    let headers = format!("Connection: close\r\nContent-Length: {}\r\n", args.len());
    stream.write_all(&post(&format!("{WEB}/ask/{method}"), &headers, args)).await.context("cannot send")?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX_BYTES).read_to_string(&mut answer).await.context("cannot read")?;
    ensure!(status(answer.as_bytes())? == 200, "it answered {answer:?}");
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).context("there is no body")?;
    serde_json::from_str::<Value>(body)?.as_i64().context("the answer is no number")
}

/// What comes first.
async fn read(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut answer = vec![0; 1024];
    let length = stream.read(&mut answer).await.context("cannot read the answer")?;
    answer.truncate(length);
    Ok(answer)
}

fn status(answer: &[u8]) -> Result<u16> {
    let text = String::from_utf8_lossy(answer);
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    status.with_context(|| format!("the answer is {text:?}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_misuse_has_a_word_of_its_own() {
        let words: BTreeSet<_> = Misuse::ALL.into_iter().map(Misuse::as_str).collect();
        assert_eq!(words.len(), Misuse::ALL.len());
    }

    #[test]
    fn the_status_of_an_answer_is_read() {
        assert_eq!(status(b"HTTP/1.1 413 Payload Too Large\r\n").unwrap(), 413);
        assert!(status(b"").is_err() && status(b"HTTP/1.1 4").is_err() && status(b"SSH-2.0").is_err());
    }
}
