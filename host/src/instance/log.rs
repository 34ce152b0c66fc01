//! A guest's stdout and stderr, as lines of the host's log.
//!
//! Bounded by [`LINE_MAX_BYTES`] for a line that has no end yet, by [`LAST_WORDS_MAX_BYTES`] for what is kept to explain a
//! trap, and by the actor's account in the journal for what is logged. Nothing here waits: a guest cannot be slowed by its
//! log, nor slow others.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::journal::{Account, Entry, Output};

/// Longer lines are cut into several.
const LINE_MAX_BYTES: usize = 4096;
/// How much of the end of stderr is kept.
const LAST_WORDS_MAX_BYTES: usize = 1024;
/// How much a guest may write at once: lines of one character take some 50 ns each.
const WRITE_MAX_BYTES: usize = 32 << 10;

/// One of a guest's outputs. Clones write to the same place.
#[derive(Clone)]
pub(super) struct LogPipe {
    log: Arc<Log>,
}

struct Log {
    account: Arc<Account>,
    output: Output,
    text: Mutex<Text>,
}

#[derive(Default)]
struct Text {
    /// The line that has no end yet.
    line: Vec<u8>,
    /// The last lines, without their ends.
    last_words: Vec<u8>,
}

impl LogPipe {
    /// A pipe for what the actor with this account writes.
    pub(super) fn new(account: Arc<Account>, output: Output) -> Self {
        Self { log: Arc::new(Log { account, output, text: Mutex::default() }) }
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
        self.log.append(bytes);
    }
}

impl Log {
    fn append(&self, bytes: &[u8]) {
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
                    self.take(&mut text, &line);
                }
            }
        }
    }

    fn take(&self, text: &mut Text, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let shown = String::from_utf8_lossy(line);
        self.account.write(Entry::Output { output: self.output, text: shown.trim_end() });
        text.keep(line);
    }

    fn lock(&self) -> MutexGuard<'_, Text> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Log {
    /// A line that the guest did not end.
    fn drop(&mut self) {
        let mut text = self.lock();
        let line = std::mem::take(&mut text.line);
        self.take(&mut text, &line);
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
    use crate::journal::Journal;

    #[test]
    fn a_line_without_an_end_is_cut_and_the_last_words_are_kept() {
        let pipe = LogPipe::new(Journal::default().open("a".parse().unwrap(), 1 << 20), Output::Stderr);
        pipe.append(&vec![b'x'; 10 * LINE_MAX_BYTES + 1]);
        assert_eq!(pipe.log.lock().line.len(), 1);
        assert_eq!(pipe.log.lock().last_words.len(), LAST_WORDS_MAX_BYTES);
        pipe.append(b"\nthe end\nand");
        assert!(pipe.last_words().ends_with("x\nthe end\nand"), "{}", pipe.last_words());
    }
}
