//! Reads an endless stream of a guest at full speed for minutes, and watches the memory of host and guest.
//!
//! The first samples are not compared: caches and buffers fill. From then on neither may grow by more than its
//! margin. Bounds: the minutes asked for, and for each question to the host [`ASK_BOUND`]. The host ends with the
//! task, and the reader with the host.

pub(crate) mod mixed;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::build;
use crate::demo::host::RunningHost;
use crate::guests;
use crate::process;
use crate::tree::Tree;

const GUEST: &str = "ledger";
/// Counts to 2^53 - 1, which takes longer than anybody waits.
const REQUEST_BODY: &str = "[9007199254740991,0,null]";
const EVERY: Duration = Duration::from_secs(10);
/// How many samples fill caches and buffers, and are not compared.
const WARM_UP_SAMPLES: usize = 2;
/// What allocators keep back by themselves; a host that kept its items would pass it within a minute.
const HOST_MARGIN_BYTES: u64 = 16 << 20;
/// One page of linear memory.
const GUEST_MARGIN_BYTES: u64 = 64 << 10;
const ASK_BOUND: Duration = Duration::from_secs(30);

/// What was measured at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    host_bytes: u64,
    guest_bytes: u64,
    /// Bytes of the stream that the reader has got so far.
    read_bytes: u64,
}

/// Runs for so many minutes.
///
/// # Errors
///
/// When the host or the guest grows, or the stream ends or comes to a halt.
pub(crate) fn run(tree: &Tree, minutes: u32, debug: bool) -> Result<()> {
    let binary = binary(tree, debug)?;
    let host = RunningHost::start(tree, &binary, &[GUEST])?;
    let read_bytes = read_in_background(host.url())?;
    println!("each margin counts from sample {WARM_UP_SAMPLES} on: {HOST_MARGIN_BYTES} bytes for the host,");
    println!("{GUEST_MARGIN_BYTES} for the guest");
    let end = Instant::now() + Duration::from_secs(60) * minutes;
    let mut samples = Vec::new();
    while Instant::now() < end {
        process::pause(EVERY);
        let sample = measure(&host, &binary, &read_bytes)?;
        println!("{}", line(samples.len(), &samples, sample));
        samples.push(sample);
        check(&samples)?;
    }
    host.stop()
}

fn binary(tree: &Tree, debug: bool) -> Result<std::path::PathBuf> {
    if !debug {
        build::build(tree)?;
        return Ok(tree.host_binary());
    }
    guests::build(tree)?;
    build::debug_host(tree)
}

/// Opens the stream and reads it as fast as it comes; answers how many bytes that were, so far.
fn read_in_background(url: &str) -> Result<Arc<AtomicU64>> {
    let address = address(url)?;
    let mut connection = TcpStream::connect(address).context("cannot reach the host")?;
    let length = REQUEST_BODY.len();
    write!(
        connection,
        "POST /v1/actors/{GUEST}/stream/count HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{REQUEST_BODY}"
    )?;
    let read_bytes = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&read_bytes);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        // Until the host ends, or fails: then nothing more is counted, and the next sample says so.
        while let Ok(count @ 1..) = connection.read(&mut buffer) {
            counted.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        }
    });
    Ok(read_bytes)
}

/// Where a host listens.
fn address(url: &str) -> Result<&str> {
    url.strip_prefix("http://").context("the host's address is not http")
}

/// What `inspect` says, as far as it is wanted here.
#[derive(Deserialize)]
struct Inspection {
    memory_bytes: u64,
}

fn measure(host: &RunningHost, binary: &Path, read_bytes: &AtomicU64) -> Result<Sample> {
    let inspected =
        process::answer(Command::new(binary).args(["inspect", GUEST, "--host", host.url()]), ASK_BOUND)?;
    let inspection: Inspection = serde_json::from_str(&inspected).context("cannot read an inspection")?;
    Ok(Sample {
        host_bytes: held_bytes(host)?,
        guest_bytes: inspection.memory_bytes,
        read_bytes: read_bytes.load(Ordering::Relaxed),
    })
}

/// The resident memory of a host.
fn held_bytes(host: &RunningHost) -> Result<u64> {
    let status = format!("/proc/{}/status", host.id());
    let status = std::fs::read_to_string(&status).with_context(|| format!("cannot read {status}"))?;
    resident_bytes(&status).context("the system does not say what the host holds")
}

/// The resident memory, in Linux' words about a process.
fn resident_bytes(status: &str) -> Option<u64> {
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    kib.parse::<u64>().ok()?.checked_mul(1024)
}

fn line(number: usize, before: &[Sample], sample: Sample) -> String {
    let Sample { host_bytes, guest_bytes, read_bytes } = sample;
    let fresh = read_bytes.saturating_sub(before.last().map_or(0, |last| last.read_bytes));
    format!(
        "{number:>4}  host {:>7} KiB  guest {:>6} KiB  read {:>6} MiB in all, {:>4} MiB since",
        host_bytes >> 10,
        guest_bytes >> 10,
        read_bytes >> 20,
        fresh >> 20
    )
}

/// Compares the last sample with the first one after the warm-up.
fn check(samples: &[Sample]) -> Result<()> {
    let Some((last, before)) = samples.split_last() else { return Ok(()) };
    let read_before = before.last().map_or(0, |sample| sample.read_bytes);
    ensure!(last.read_bytes > read_before, "nothing came for {} s: the stream has ended", EVERY.as_secs());
    let Some(first) = before.get(WARM_UP_SAMPLES) else { return Ok(()) };
    for (who, then, now, margin) in [
        ("host", first.host_bytes, last.host_bytes, HOST_MARGIN_BYTES),
        ("guest", first.guest_bytes, last.guest_bytes, GUEST_MARGIN_BYTES),
    ] {
        if now > then.saturating_add(margin) {
            bail!("the {who} grew from {then} to {now} bytes, more than {margin}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(host_bytes: u64, guest_bytes: u64, read_bytes: u64) -> Sample {
        Sample { host_bytes, guest_bytes, read_bytes }
    }

    #[test]
    fn resident_memory_is_read_out_of_a_status() {
        let status = "Name:\tpulsing-host\nVmPeak:\t  99 kB\nVmRSS:\t   12345 kB\nThreads:\t7\n";
        assert_eq!(resident_bytes(status), Some(12345 << 10));
        assert_eq!(resident_bytes("Name:\tzombie\n"), None);
    }

    #[test]
    fn growth_counts_from_the_end_of_the_warm_up() {
        let flat = |read| sample(50 << 20, 1 << 20, read);
        let warm_up = [sample(10 << 20, 1 << 16, 1), sample(40 << 20, 1 << 20, 2), flat(3), flat(4)];
        check(&[]).unwrap();
        for end in 1..=warm_up.len() {
            check(&warm_up[..end]).unwrap();
        }
        let host = check(&[&warm_up[..], &[sample((66 << 20) + 1, 1 << 20, 5)]].concat()).unwrap_err();
        assert!(host.to_string().starts_with("the host grew"), "{host}");
        let guest = check(&[&warm_up[..], &[sample(50 << 20, 2 << 20, 5)]].concat()).unwrap_err();
        assert!(guest.to_string().starts_with("the guest grew"), "{guest}");
        check(&[&warm_up[..], &[sample(66 << 20, (1 << 20) + (1 << 16), 5)]].concat()).unwrap();
    }

    #[test]
    fn a_stream_that_has_come_to_a_halt_is_a_failure() {
        let error = check(&[sample(1, 1, 7), sample(1, 1, 7)]).unwrap_err();
        assert!(error.to_string().contains("the stream has ended"), "{error}");
        assert!(check(&[sample(1, 1, 0)]).is_err());
    }

    #[test]
    fn a_line_says_what_came_since_the_last_one() {
        let text = line(3, &[sample(0, 0, 1 << 20)], sample(2048, 1024, 3 << 20));
        assert_eq!(text, "   3  host       2 KiB  guest      1 KiB  read      3 MiB in all,    2 MiB since");
    }
}
