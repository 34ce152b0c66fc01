//! Where the messages of a bare loop come from.

use std::collections::BTreeMap;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use pulsing_work::work::{Message, Work, pack};
use pulsing_work::{Encoding, Payload};
use tokio::sync::{mpsc, oneshot};

/// Gives a guest its work, beside the ends of what its handlers wait for.
pub(super) trait Feed: Send + 'static {
    /// This call was answered.
    fn ended(&mut self, call: u64) -> wasmtime::Result<()>;

    /// The next packed list.
    fn poll_list(&mut self, context: &mut Context<'_>) -> Poll<wasmtime::Result<Vec<u8>>>;
}

/// The same message again and again, one in each list, until the time is over; once at least.
pub(super) struct Repeated {
    body: Bytes,
    took: Histogram<u64>,
    time: Duration,
    since: Instant,
    begun: Option<Instant>,
}

impl Repeated {
    pub(super) fn new(body: Bytes, time: Duration) -> anyhow::Result<Self> {
        Ok(Self { body, took: Histogram::new(3)?, time, since: Instant::now(), begun: None })
    }

    /// How long it was from each message to the next, in nanoseconds.
    pub(super) const fn took(&self) -> &Histogram<u64> {
        &self.took
    }

    /// When the last answer came.
    pub(super) const fn answered(&self) -> Option<Instant> {
        self.begun
    }

    /// Ends one message and begins the next, unless the time is over.
    fn goes_on(&mut self) -> wasmtime::Result<bool> {
        let now = Instant::now();
        let Some(begun) = self.begun.replace(now) else { return Ok(true) };
        self.took.record(u64::try_from((now - begun).as_nanos())?)?;
        Ok(now - self.since < self.time)
    }
}

impl Feed for Repeated {
    fn ended(&mut self, _: u64) -> wasmtime::Result<()> {
        Ok(())
    }

    fn poll_list(&mut self, _: &mut Context<'_>) -> Poll<wasmtime::Result<Vec<u8>>> {
        let work = if self.goes_on()? { echo(1, &self.body) } else { Work::Stop };
        Poll::Ready(Ok(pack(&[work])?))
    }
}

/// So many handlers that wait at once: one list with all of them.
pub(super) struct Naps {
    args: String,
    begun: Option<Instant>,
    left: usize,
    took: Option<Duration>,
}

impl Naps {
    pub(super) fn new(count: usize, nap: Duration) -> Self {
        Self { args: format!("[{}]", nap.as_millis()), begun: None, left: count, took: None }
    }

    /// How long it took until all have returned.
    pub(super) const fn took(&self) -> Option<Duration> {
        self.took
    }

    fn begin(&mut self) -> wasmtime::Result<Vec<u8>> {
        self.begun = Some(Instant::now());
        let args = Payload { encoding: Encoding::Json, body: self.args.as_bytes() };
        let calls = 1..=u64::try_from(self.left)?;
        let naps: Vec<_> = calls.map(|call| ask(call, "nap", args)).collect();
        Ok(pack(&naps)?)
    }
}

impl Feed for Naps {
    fn ended(&mut self, _: u64) -> wasmtime::Result<()> {
        self.left = self.left.saturating_sub(1);
        Ok(())
    }

    fn poll_list(&mut self, _: &mut Context<'_>) -> Poll<wasmtime::Result<Vec<u8>>> {
        let Some(begun) = self.begun else { return Poll::Ready(self.begin()) };
        // It is woken by the ends of their waits.
        if self.left > 0 {
            return Poll::Pending;
        }
        self.took = Some(begun.elapsed());
        Poll::Ready(Ok(pack(&[Work::Stop])?))
    }
}

/// Whatever comes through a channel, for as long as somebody may send.
pub(super) struct Served {
    body: Bytes,
    asks: mpsc::Receiver<oneshot::Sender<()>>,
    open: BTreeMap<u64, oneshot::Sender<()>>,
    calls: u64,
}

impl Served {
    pub(super) fn new(body: Bytes, asks: mpsc::Receiver<oneshot::Sender<()>>) -> Self {
        Self { body, asks, open: BTreeMap::new(), calls: 0 }
    }
}

impl Feed for Served {
    fn ended(&mut self, call: u64) -> wasmtime::Result<()> {
        let answer = self.open.remove(&call);
        let answer = answer.ok_or_else(|| wasmtime::format_err!("nobody has asked for call {call}"))?;
        // Whoever asked waits for it.
        let _gone = answer.send(());
        Ok(())
    }

    fn poll_list(&mut self, context: &mut Context<'_>) -> Poll<wasmtime::Result<Vec<u8>>> {
        let Some(answer) = ready!(self.asks.poll_recv(context)) else {
            return Poll::Ready(Ok(pack(&[Work::Stop])?));
        };
        self.calls += 1;
        self.open.insert(self.calls, answer);
        Poll::Ready(Ok(pack(&[echo(self.calls, &self.body)])?))
    }
}

fn echo(call: u64, body: &[u8]) -> Work<'_> {
    ask(call, "echo", Payload { encoding: Encoding::Bytes, body })
}

fn ask<'a>(call: u64, method: &'a str, args: Payload<'a>) -> Work<'a> {
    Work::Ask(Message { call, method, args, idempotency_key: None, resume_after: None, remaining_ms: None })
}
