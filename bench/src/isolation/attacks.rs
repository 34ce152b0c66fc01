//! What clients notice of guests and clients that attack: a healthy actor is asked, the host's health is asked for, and a
//! loop is asked for longer than it may take, all over HTTP.
//!
//! Asks come by one connection, as those of a client that stays; questions about health by one each, as those of a probe. Two
//! threads outside the host send them, so that neither waits for the other.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytesize::ByteSize;
use hdrhistogram::Histogram;
use pulsing_host::gateway::front::Front;
use pulsing_host::gateway::{Gateway, Options as GatewayOptions};
use pulsing_host::{ActorRef, DirGrant, Message, Payload, RestartPolicy, SendOptions};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{Neighbours, Options, PATIENCE, PAUSE, ended, micros, start};
use crate::Bench;
use crate::rows::{Goal, Row};

/// What a guest does again and again, which guest, by which method, with which arguments.
const BY_GUESTS: [(&str, &str, &str, &str); 8] = [
    ("110 MiB for a log at once", "glutton", "shout", "[115343360, true]"),
    ("110 MiB for a log in lines", "rogue", "chatter", "[110000]"),
    ("64 MiB of random bytes at once", "glutton", "dice", "[67108864, true]"),
    ("1 MiB of random bytes, the most", "glutton", "dice", "[1048576, true]"),
    // A write of as much ends the life, so that the next one's memory is untouched again.
    ("200 MiB of memory filled at once", "glutton", "pour", r#"["file", 209715200]"#),
    ("64 KiB for a file, the most", "glutton", "write_at", r#"["file", 0, 65536]"#),
    ("4 Mi things waited for at once", "glutton", "stare", "[4194304]"),
    ("2,048 things waited for, the most", "glutton", "stare", "[2048]"),
];
/// How many clients ask for an answer that they do not read.
const UNREAD: usize = 400;
const UNREAD_BYTES: usize = 4_000_000;
/// The timeout of an ask of a loop.
const LOOP_TIMEOUT: Duration = Duration::from_millis(500);
/// What a question may take beside half more than alone.
const SLACK_US: f64 = 1000.0;

/// Serves the host, and measures it beside each attack.
pub(super) async fn rows(bench: &Bench, options: &Options) -> Result<Vec<Row>> {
    let gateway = GatewayOptions::new("127.0.0.1:0".parse()?);
    let gateway = Gateway::bind(gateway, bench.host.registry().clone()).await?.with_front(Front::new()?)?;
    let address = gateway.local_addr();
    let serving = tokio::spawn(gateway.serve(std::future::pending()));
    round(address, Duration::from_secs(1)).await?;
    let mut rows = Vec::new();
    for (what, guest, method, args) in BY_GUESTS {
        let attack = Attack::ByGuests { guest, method, args };
        rows.extend(beside(bench, options, address, what, &attack).await?);
    }
    rows.extend(
        beside(bench, options, address, "400 answers of 4 MB that nobody reads", &Attack::Unread).await?,
    );
    serving.abort();
    Ok(rows)
}

enum Attack {
    ByGuests { guest: &'static str, method: &'static str, args: &'static str },
    Unread,
}

async fn beside(
    bench: &Bench,
    options: &Options,
    address: SocketAddr,
    what: &str,
    attack: &Attack,
) -> Result<Vec<Row>> {
    let time = Duration::from_secs(options.round_secs);
    let (mut pairs, mut late) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let alone = round(address, time).await?;
        let alone_late = late_answer(bench, address).await?;
        let attackers = Attackers::start(bench, options, address, attack).await?;
        pairs.push((round(address, time).await?, alone));
        late.push((late_answer(bench, address).await?, alone_late));
        attackers.end().await;
    }
    let mut rows = rows_of(&format!("ask beside {what}"), &pairs, |took| &took.asks);
    rows.extend(rows_of(&format!("health beside {what}"), &pairs, |took| &took.health));
    let name = format!("answer after a timeout of 500 ms beside {what}, late by");
    rows.push(Row::beside(&name, "us", "alone", &late, None));
    Ok(rows)
}

fn rows_of(name: &str, pairs: &[(Took, Took)], of: fn(&Took) -> &Histogram<u64>) -> Vec<Row> {
    let at = |quantile| {
        let pair =
            move |(beside, alone): &(Took, Took)| (micros(of(beside), quantile), micros(of(alone), quantile));
        pairs.iter().map(pair).collect::<Vec<_>>()
    };
    let p99: Vec<_> = at(0.99).iter().map(|(beside, alone)| (*beside, 1.5 * alone + SLACK_US)).collect();
    vec![
        Row::beside(&format!("{name}, p50"), "us", "alone", &at(0.5), None),
        Row::beside(&format!("{name}, p99"), "us", "1.5 × alone + 1 ms", &p99, Some(Goal::AtMost(1.0))),
        Row::beside(&format!("{name}, longest"), "us", "alone", &at(1.0), None),
    ]
}

/// How long questions took, in nanoseconds.
struct Took {
    asks: Histogram<u64>,
    health: Histogram<u64>,
}

async fn round(address: SocketAddr, time: Duration) -> Result<Took> {
    let ask = move |client: &reqwest::Client| {
        client.post(format!("http://{address}/v1/actors/healthy/ask/increment")).body("[1]")
    };
    let health = move |client: &reqwest::Client| client.get(format!("http://{address}/healthz"));
    let asking = tokio::task::spawn_blocking(move || questions(time, ask));
    let probing = tokio::task::spawn_blocking(move || questions(time, health));
    let (asks, health) = tokio::try_join!(asking, probing).context("an asking thread ended")?;
    Ok(Took { asks: asks?, health: health? })
}

/// Asks for so long, on this thread, with a pause between two questions.
fn questions(
    time: Duration,
    question: impl Fn(&reqwest::Client) -> reqwest::RequestBuilder,
) -> Result<Histogram<u64>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let mut took = Histogram::<u64>::new(3)?;
    let end = Instant::now() + time;
    while Instant::now() < end {
        thread::park_timeout(PAUSE);
        let begun = Instant::now();
        let answered = async { question(&client).send().await?.error_for_status()?.bytes().await };
        runtime.block_on(answered)?;
        took.record(u64::try_from(begun.elapsed().as_nanos())?)?;
    }
    Ok(took)
}

/// By how much an answer is late that comes because an ask has taken as long as it may, in microseconds.
async fn late_answer(bench: &Bench, address: SocketAddr) -> Result<f64> {
    let mut spec = bench.spec("rogue", "loop")?;
    spec.restart.policy = RestartPolicy::Never;
    let actor = start(bench, spec).await?;
    let late = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let ask = client
            .post(format!("http://{address}/v1/actors/loop/ask/spin"))
            .header("Pulsing-Timeout-Ms", LOOP_TIMEOUT.as_millis().to_string());
        let begun = Instant::now();
        let status = runtime.block_on(ask.send())?.status();
        ensure!(status == 504, "a loop without an end has answered {status}");
        Ok(begun.elapsed().saturating_sub(LOOP_TIMEOUT).as_secs_f64() * 1e6)
    });
    let late = late.await.context("the asking thread ended")??;
    ended(&actor).await?;
    Ok(late)
}

/// Guests, or clients, that attack until they are ended.
struct Attackers {
    neighbours: Neighbours,
    /// What guests write to.
    folders: Vec<Folder>,
    /// Connections of clients that do not read.
    unread: Vec<TcpStream>,
}

impl Attackers {
    async fn start(bench: &Bench, options: &Options, address: SocketAddr, attack: &Attack) -> Result<Self> {
        let neighbours = Neighbours { actors: Vec::new(), provoking: JoinSet::new() };
        let mut attackers = Self { neighbours, folders: Vec::new(), unread: Vec::new() };
        match *attack {
            Attack::ByGuests { guest, method, args } => {
                for n in 0..options.attackers {
                    let actor = attackers.add(bench, options, guest, &format!("attacker-{n}")).await?;
                    attackers.neighbours.provoking.spawn(again(actor, method, args));
                }
            }
            Attack::Unread => {
                attackers.add(bench, options, "rogue", "answering").await?;
                for _ in 0..UNREAD {
                    attackers.unread.push(ask_and_read_nothing(address).await?);
                }
            }
        }
        Ok(attackers)
    }

    async fn add(&mut self, bench: &Bench, options: &Options, guest: &str, name: &str) -> Result<ActorRef> {
        let folder = Folder::new(name)?;
        let mut spec = bench.spec(guest, name)?;
        spec.limits.memory_max = ByteSize::mib(256);
        spec.grants.dirs =
            vec![DirGrant { host: folder.0.clone(), guest: "/data".to_owned(), read_only: false }];
        self.folders.push(folder);
        self.neighbours.add(bench, options, spec).await
    }

    async fn end(self) {
        let Self { neighbours, folders, unread } = self;
        neighbours.end().await;
        drop((folders, unread));
    }
}

/// Asks an actor the same for as long as there is one, whatever comes of it.
async fn again(actor: ActorRef, method: &'static str, args: &'static str) {
    while actor.status().await.is_ok_and(|status| !status.state.is_final()) {
        let message = Message::new(method, Payload::json(args));
        drop(actor.ask_message(message, SendOptions::default()).await);
    }
}

async fn ask_and_read_nothing(address: SocketAddr) -> Result<TcpStream> {
    let mut connection = TcpStream::connect(address).await?;
    let body = format!("[{UNREAD_BYTES}]");
    let head = "POST /v1/actors/answering/ask/answer HTTP/1.1\r\nHost: localhost\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    connection.write_all(request.as_bytes()).await?;
    Ok(connection)
}

/// A folder that is gone afterwards.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("pulsing-bench-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is in the system's folder for what may go.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
