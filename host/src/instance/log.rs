//! A guest's stdout and stderr, as lines of the host's log.
//!
//! Bounded by [`LINE_MAX_BYTES`] for a line that has no end yet, by [`LAST_WORDS_MAX_BYTES`] for what is
//! kept to explain a trap, and by the actor's `log_max` for what is logged in a second: lines over that are left out,
//! and it is said how many. Nothing here waits: a guest cannot be slowed by its log, nor slow others.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::id::ActorId;
use crate::text::printable;

/// Longer lines are cut into several.
const LINE_MAX_BYTES: usize = 4096;
/// How much of the end of stderr is kept.
const LAST_WORDS_MAX_BYTES: usize = 1024;
/// What stands around a line in the log: its time, level and actor.
const LINE_OVERHEAD_BYTES: usize = 128;
/// How much a guest may write at once.
const WRITE_MAX_BYTES: usize = 64 * 1024;

/// Which of a guest's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Stdout,
    Stderr,
}

/// One of a guest's outputs. Clones write to the same place.
#[derive(Clone)]
pub(super) struct LogPipe {
    log: Arc<Log>,
}

struct Log {
    actor: ActorId,
    output: Output,
    text: Mutex<Text>,
}

struct Text {
    allowance: Allowance,
    /// The line that has no end yet.
    line: Vec<u8>,
    /// The last lines, without their ends.
    last_words: Vec<u8>,
}

impl LogPipe {
    /// A pipe that logs at most `max_bytes` in a second.
    pub(super) fn new(actor: ActorId, output: Output, max_bytes: usize) -> Self {
        let allowance = Allowance::new(max_bytes, Instant::now());
        let text = Text { allowance, line: Vec::new(), last_words: Vec::new() };
        Self { log: Arc::new(Log { actor, output, text: Mutex::new(text) }) }
    }

    /// The last lines that were written, one after the other.
    pub(super) fn last_words(&self) -> String {
        let text = self.log.lock();
        let words = [text.last_words.as_slice(), text.line.as_slice()].concat();
        String::from_utf8_lossy(&words).into_owned()
    }

    /// Writes a line, or several: as much of them as may be written at once.
    pub(super) fn write_line(&self, text: &str) {
        self.append(text.as_bytes().get(..WRITE_MAX_BYTES).unwrap_or(text.as_bytes()));
        self.append(b"\n");
    }

    fn append(&self, bytes: &[u8]) {
        self.log.append(bytes, Instant::now());
    }
}

impl Log {
    fn append(&self, bytes: &[u8], now: Instant) {
        let mut text = self.lock();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let mut rest = piece;
            while !rest.is_empty() {
                let room = LINE_MAX_BYTES.saturating_sub(text.line.len()).min(rest.len());
                let (taken, left) = rest.split_at(room);
                text.line.extend_from_slice(taken);
                rest = left;
                if text.line.ends_with(b"\n") || text.line.len() >= LINE_MAX_BYTES {
                    let line = std::mem::take(&mut text.line);
                    self.take(&mut text, &line, now);
                }
            }
        }
    }

    /// Logs a line, unless that were too much.
    fn take(&self, text: &mut Text, line: &[u8], now: Instant) {
        if line.trim_ascii().is_empty() {
            return;
        }
        if let Some(left_out) = text.allowance.take(logged_bytes(line), now) {
            self.say_left_out(left_out);
            self.write(line);
        }
        text.keep(line);
    }

    fn say_left_out(&self, lines: u64) {
        if lines > 0 {
            tracing::warn!(actor = %self.actor, left_out = lines, "lines of the actor's output are left out");
        }
    }

    fn write(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        // Escaped, since it goes to a person's terminal.
        match self.output {
            Output::Stdout => {
                tracing::info!(target: "guest", actor = %self.actor, "{}", printable(line, LINE_MAX_BYTES))
            }
            Output::Stderr => {
                tracing::warn!(target: "guest", actor = %self.actor, "{}", printable(line, LINE_MAX_BYTES))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Text> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Log {
    /// A line that the guest did not end, and what was left out since the last line.
    fn drop(&mut self) {
        let mut text = self.lock();
        let line = std::mem::take(&mut text.line);
        if !line.is_empty() {
            self.take(&mut text, &line, Instant::now());
        }
        let left_out = text.allowance.left_out;
        drop(text);
        self.say_left_out(left_out);
    }
}

/// About how long a line is in the log, where control characters are escaped.
fn logged_bytes(line: &[u8]) -> usize {
    const ESCAPED_BYTES: usize = 6;
    let escaped = line.iter().filter(|byte| byte.is_ascii_control()).count();
    line.len().saturating_add(escaped * ESCAPED_BYTES).saturating_add(LINE_OVERHEAD_BYTES)
}

/// How much may be logged: so many bytes a second, and as many at once.
struct Allowance {
    bytes_a_second: usize,
    left: usize,
    at: Instant,
    left_out: u64,
}

impl Allowance {
    fn new(bytes_a_second: usize, now: Instant) -> Self {
        Self { bytes_a_second, left: bytes_a_second, at: now, left_out: 0 }
    }

    /// Takes a line's bytes. Returns how many lines were left out before it; none where it is left out too.
    fn take(&mut self, bytes: usize, now: Instant) -> Option<u64> {
        let millis = usize::try_from(now.duration_since(self.at).as_millis()).unwrap_or(usize::MAX);
        let earned = self.bytes_a_second.saturating_mul(millis) / 1000;
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(self.bytes_a_second);
            self.at = now;
        }
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Some(std::mem::take(&mut self.left_out))
            }
            None => {
                self.left_out += 1;
                None
            }
        }
    }
}

impl Text {
    fn keep(&mut self, line: &[u8]) {
        self.last_words.extend_from_slice(line);
        let surplus = self.last_words.len().saturating_sub(LAST_WORDS_MAX_BYTES);
        self.last_words.drain(..surplus);
    }
}

impl IsTerminal for LogPipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogPipe {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for LogPipe {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.append(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_MAX_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogPipe {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LogPipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.append(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_an_end_is_cut_and_the_last_words_are_kept() {
        let pipe = LogPipe::new("a".parse().unwrap(), Output::Stderr, 1 << 20);
        pipe.append(&vec![b'x'; 10 * LINE_MAX_BYTES + 1]);
        assert_eq!(pipe.log.lock().line.len(), 1);
        assert_eq!(pipe.log.lock().last_words.len(), LAST_WORDS_MAX_BYTES);
        pipe.append(b"\nthe end\nand");
        assert!(pipe.last_words().ends_with("x\nthe end\nand"), "{}", pipe.last_words());
    }

    #[test]
    fn a_line_costs_what_it_takes_in_the_log() {
        assert_eq!(logged_bytes(b"abc"), 3 + LINE_OVERHEAD_BYTES);
        let bells = printable(&"\u{7}".repeat(100), 1000);
        assert!(logged_bytes(&[7; 100]) >= bells.len() + LINE_OVERHEAD_BYTES);
        let pipe = LogPipe::new("a".parse().unwrap(), Output::Stdout, 10 * LINE_OVERHEAD_BYTES);
        pipe.log.append(&b"x\n\n".repeat(50), Instant::now());
        assert_eq!(pipe.log.lock().allowance.left_out, 41, "short lines cost too, blank ones are none");
    }

    #[test]
    fn lines_over_the_allowance_are_left_out_and_counted() {
        let now = Instant::now();
        let mut allowance = Allowance::new(100, now);
        assert_eq!(allowance.take(60, now), Some(0));
        assert_eq!(allowance.take(60, now), None);
        assert_eq!(allowance.take(60, now), None);
        let later = now + std::time::Duration::from_millis(500);
        assert_eq!(allowance.take(60, later), Some(2));
        assert_eq!(allowance.take(60, later), None);
        let much_later = now + std::time::Duration::from_secs(3600);
        assert_eq!(allowance.take(100, much_later), Some(1));
        assert_eq!(allowance.take(1, much_later), None);
    }
}
