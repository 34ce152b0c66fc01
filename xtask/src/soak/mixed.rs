//! All kinds of work at once, for minutes: does a host keep something of what it has done?
//!
//! | kind | what one is |
//! |---|---|
//! | asks | of a serial and an overlapping actor in turn, 100 on each connection |
//! | tells | each on a connection of its own |
//! | streams | read to the end, and left in the middle, in turn |
//! | crashes | of an actor that restarts |
//! | wakes | of an actor that was passivated meanwhile |
//! | unread | a response of 1 MB that its client never reads; 32 are open, the oldest goes |
//! | half heads | of requests; 32 are open, the oldest goes |
//! | probes | of the host's health and metrics |
//!
//! Each has a thread and goes on whatever becomes of one: of the errors, what an actor that crashes has is meant. In the
//! median of the last minute the host may hold a fifth more than in that of the second; the first fills caches. Bounds: the
//! minutes asked for, and [`ASK_BOUND`] for one piece of work.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{ASK_BOUND, EVERY, address, binary, held_bytes};
use crate::demo::host::{RunningHost, guest};
use crate::process;
use crate::tree::Tree;

const ACTORS: [&str; 5] = ["counter", "echo", "echo-overlapping", "ledger", "rogue"];
/// How many samples are a minute.
const MINUTE: usize = 6;
/// What the host may hold at the end, of what it held after a minute.
const GROWTH_MAX: f64 = 1.2;
/// How many connections of a kind are open that are of no use.
const IDLE: usize = 32;
const ASKS_PER_CONNECTION: usize = 100;
/// Between two pieces of work that are dear: a crash, a wake, a connection of no use.
const PAUSE: Duration = Duration::from_millis(50);
/// After it the actor has been passivated, which takes half as long again at most.
const PASSIVE_AFTER: Duration = Duration::from_millis(400);
type Work = fn(&mut Client) -> Result<()>;
const KINDS: [(&str, Work); 8] = [
    ("asks", asks),
    ("tells", tells),
    ("streams", streams),
    ("crashes", crashes),
    ("wakes", wakes),
    ("unread", unread),
    ("half heads", half_heads),
    ("probes", probes),
];

/// Runs for so many minutes, three at least.
///
/// # Errors
///
/// When the host grows, or work of a kind comes to a halt.
pub(crate) fn run(tree: &Tree, minutes: u32, debug: bool) -> Result<()> {
    ensure!(minutes >= 3, "the second minute is compared with the last: name three or more");
    let binary = binary(tree, debug)?;
    let config = tree.target.join("soak.toml");
    std::fs::write(&config, configuration(tree)).context("cannot write the configuration")?;
    let host = RunningHost::configured(tree, &binary, &config, &ACTORS)?;
    let load = Load::begin(host.url())?;
    let end = Instant::now() + Duration::from_secs(60) * minutes;
    let (mut held, mut done) = (Vec::new(), load.done());
    while Instant::now() < end {
        process::pause(EVERY);
        held.push(held_bytes(&host)?);
        let now = load.done();
        println!("{}", line(&held, &done, &now));
        load.check(&done, &now)?;
        done = now;
    }
    load.end();
    check(&held)?;
    host.stop()
}

fn configuration(tree: &Tree) -> String {
    let actor = |name: &&str| {
        format!(
            "[actors.{name}]\ncomponent = {:?}\nlimits = {{ passivate_after = \"{}ms\" }}\n\
             restart = {{ policy = \"always\", max_restarts = 1000000, min_backoff = \"1ms\", \
             max_backoff = \"10ms\", quarantine_after = 0 }}\n",
            guest(tree, name).display().to_string(),
            PASSIVE_AFTER.as_millis(),
        )
    };
    ACTORS.iter().map(actor).collect()
}

fn line(held: &[u64], before: &[u64], now: &[u64]) -> String {
    let held_kib = held.last().map_or(0, |bytes| bytes >> 10);
    let done = KINDS.iter().zip(before.iter().zip(now));
    let done: Vec<_> = done.map(|((kind, _), (before, now))| format!("{kind} {}", now - before)).collect();
    format!("{:>4}  host {held_kib:>7} KiB  {}", held.len(), done.join("  "))
}

/// Compares the last minute with the second.
fn check(held: &[u64]) -> Result<()> {
    let [_first, second, .., last] = *held.chunks_exact(MINUTE).map(median).collect::<Vec<_>>() else {
        return Ok(());
    };
    #[expect(clippy::cast_precision_loss, reason = "no host holds 2^53 bytes")]
    let growth = last as f64 / second as f64;
    println!("the last minute's median is {growth:.3} of the second's: {last} and {second} bytes");
    ensure!(growth <= GROWTH_MAX, "the host grew from {second} to {last} bytes, by more than {GROWTH_MAX}");
    Ok(())
}

fn median(held: &[u64]) -> u64 {
    let mut sorted = held.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

/// Threads that work until they are told to end.
struct Load {
    ended: Arc<AtomicBool>,
    done: Vec<Arc<AtomicU64>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn begin(url: &str) -> Result<Self> {
        let address = address(url)?;
        let mut load = Self { ended: Arc::default(), done: Vec::new(), threads: Vec::new() };
        for (_, work) in KINDS {
            let (done, ended) = (Arc::<AtomicU64>::default(), Arc::clone(&load.ended));
            load.done.push(Arc::clone(&done));
            let mut client = Client { address: address.to_owned(), turn: 0, idle: VecDeque::new() };
            load.threads.push(std::thread::spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    client.turn += 1;
                    match work(&mut client) {
                        Ok(()) => drop(done.fetch_add(1, Ordering::Relaxed)),
                        // The next may do better; that none does is seen by who counts.
                        Err(_error) => process::pause(PAUSE),
                    }
                }
            }));
        }
        Ok(load)
    }

    fn done(&self) -> Vec<u64> {
        self.done.iter().map(|done| done.load(Ordering::Relaxed)).collect()
    }

    fn check(&self, before: &[u64], now: &[u64]) -> Result<()> {
        for ((kind, _), (before, now)) in KINDS.iter().zip(before.iter().zip(now)) {
            ensure!(now > before, "no {kind} for {} s", EVERY.as_secs());
        }
        Ok(())
    }

    fn end(self) {
        self.ended.store(true, Ordering::Relaxed);
        // One that panicked has counted nothing since.
        self.threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}

/// Who does one kind of work.
struct Client {
    address: String,
    /// Which piece of work this is.
    turn: u64,
    /// Connections of no use, the oldest first.
    idle: VecDeque<TcpStream>,
}

impl Client {
    fn connect(&self) -> Result<TcpStream> {
        let connection = TcpStream::connect(&self.address)?;
        connection.set_read_timeout(Some(ASK_BOUND))?;
        connection.set_write_timeout(Some(ASK_BOUND))?;
        Ok(connection)
    }

    fn request(&self, verb: &str, path: &str, body: &str) -> Result<TcpStream> {
        let mut connection = self.connect()?;
        connection.write_all(head(verb, path, body, "close").as_bytes())?;
        Ok(connection)
    }

    /// A request on a connection of its own, and its status.
    fn status(&self, verb: &str, path: &str, body: &str) -> Result<u16> {
        let mut answer = String::new();
        self.request(verb, path, body)?.read_to_string(&mut answer)?;
        answer.get(9..12).context("an answer without a status")?.parse().context("no status")
    }

    /// Keeps a connection that is of no use, and lets go of the oldest.
    fn keep(&mut self, connection: TcpStream) {
        self.idle.push_back(connection);
        if self.idle.len() > IDLE {
            drop(self.idle.pop_front());
        }
    }
}

fn head(verb: &str, path: &str, body: &str, connection: &str) -> String {
    let length = body.len();
    format!(
        "{verb} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn asks(client: &mut Client) -> Result<()> {
    let mut connection = BufReader::new(client.connect()?);
    let actor = if client.turn.is_multiple_of(2) { "rogue/ask/count" } else { "echo-overlapping/ask/told" };
    let ask = head("POST", &format!("/v1/actors/{actor}"), "", "keep-alive");
    for _ in 0..ASKS_PER_CONNECTION {
        connection.get_mut().write_all(ask.as_bytes())?;
        ensure!(read_answer(&mut connection)?.starts_with("HTTP/1.1 200"), "an ask was refused");
    }
    Ok(())
}

/// Reads one response of those on a connection. Returns its head.
fn read_answer(connection: &mut impl BufRead) -> Result<String> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let begun = head.len();
        ensure!(connection.read_line(&mut head)? > 0, "the connection was closed");
        let line = head.get(begun..).unwrap_or_default();
        if let Some(bytes) = line.strip_prefix("content-length: ") {
            length = bytes.trim().parse()?;
        }
        if line == "\r\n" {
            connection.read_exact(&mut vec![0; length])?;
            return Ok(head);
        }
    }
}

fn tells(client: &mut Client) -> Result<()> {
    let status = client.status("POST", "/v1/actors/rogue/tell/count", "")?;
    ensure!(status == 202, "a tell got {status}");
    Ok(())
}

fn streams(client: &mut Client) -> Result<()> {
    let is_read = client.turn.is_multiple_of(2);
    let last = if is_read { "1000" } else { "9007199254740991" };
    let body = format!("[{last},0,null]");
    let mut events = client.request("POST", "/v1/actors/ledger/stream/count", &body)?;
    if is_read {
        let mut text = String::new();
        events.read_to_string(&mut text)?;
        ensure!(text.contains("event: done"), "a stream broke off");
    } else {
        events.read_exact(&mut vec![0; 64 << 10])?;
    }
    Ok(())
}

fn crashes(client: &mut Client) -> Result<()> {
    process::pause(PAUSE);
    let status = client.status("POST", "/v1/actors/counter/ask/crash", "")?;
    ensure!(status == 500, "a crash got {status}");
    Ok(())
}

fn wakes(client: &mut Client) -> Result<()> {
    process::pause(PASSIVE_AFTER * 2);
    let status = client.status("POST", "/v1/actors/echo/ask/told", "")?;
    ensure!(status == 200, "an actor that slept got {status}");
    Ok(())
}

fn unread(client: &mut Client) -> Result<()> {
    process::pause(PAUSE);
    let connection = client.request("POST", "/v1/actors/rogue/ask/answer", "[1000000]")?;
    client.keep(connection);
    Ok(())
}

fn half_heads(client: &mut Client) -> Result<()> {
    process::pause(PAUSE);
    let mut connection = client.connect()?;
    connection.write_all(b"POST /v1/actors/counter/ask/incre")?;
    client.keep(connection);
    Ok(())
}

fn probes(client: &mut Client) -> Result<()> {
    process::pause(PAUSE);
    let path = if client.turn.is_multiple_of(2) { "/healthz" } else { "/metrics" };
    let status = client.status("GET", path, "")?;
    ensure!(status == 200, "{path} got {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_that_of_the_last_minute_over_the_second() {
        let minutes = |of: &[u64]| of.iter().flat_map(|bytes| [*bytes; MINUTE]).collect::<Vec<_>>();
        check(&[]).unwrap();
        check(&minutes(&[1, 100])).unwrap();
        check(&minutes(&[1, 100, 300, 120])).unwrap();
        assert!(check(&minutes(&[100, 100, 121])).unwrap_err().to_string().contains("grew"));
        // One sample is a matter of when it was taken.
        let mut peak = minutes(&[1, 100, 100]);
        *peak.last_mut().unwrap() = 1000;
        check(&peak).unwrap();
    }

    #[test]
    fn responses_on_one_connection_are_told_apart() {
        let mut two = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n7HTTP/1.1 202 Accepted\r\n\r\n".as_bytes();
        assert!(read_answer(&mut two).unwrap().starts_with("HTTP/1.1 200"));
        assert!(read_answer(&mut two).unwrap().starts_with("HTTP/1.1 202"));
        assert!(read_answer(&mut two).is_err());
    }
}
