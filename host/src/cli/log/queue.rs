//! Lines that wait to be written, by a thread of its own.
//!
//! `tracing-appender` has one such queue, and prints to stdout where nobody reads it; here the host's own lines go before
//! those that actors and clients cause, and what is lost is counted and said. Bounded by [`LINES_WAITING_MAX`] lines and
//! [`BYTES_WAITING_MAX`] bytes of each kind: lines over that are lost.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::LogFormat;

/// How many lines of each kind wait.
const LINES_WAITING_MAX: usize = 4096;
/// How many bytes of each kind wait.
const BYTES_WAITING_MAX: usize = 16 << 20;
/// How often it is said at most how many lines were lost, while others wait.
const LOST_SAID_EVERY: Duration = Duration::from_secs(1);
/// How long the end waits for what is still to be written.
const END_MAX: Duration = Duration::from_secs(1);

/// Whose line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The host's own.
    Host,
    /// One that an actor or a client causes.
    Caused,
}

/// Lines that wait to be written.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    host: Lines,
    caused: Lines,
    /// When it was last said how many were lost.
    lost_said: Option<Instant>,
    /// Nobody adds any more.
    ends: bool,
    /// All is written, after that.
    has_ended: bool,
}

#[derive(Default)]
struct Lines {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    lost: u64,
}

/// Lines that were lost because they came faster than they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Lost {
    pub(super) host: u64,
    pub(super) caused: u64,
}

/// What there is to write.
enum Next {
    Line(Vec<u8>),
    Lost(Lost),
    End,
}

/// Writes what waits when it is dropped, for [`END_MAX`].
#[must_use = "the log ends with it"]
pub(in crate::cli) struct Guard {
    queue: Arc<Queue>,
}

impl Lines {
    fn push(&mut self, line: &[u8]) {
        let bytes = self.bytes.saturating_add(line.len());
        if self.lines.len() >= LINES_WAITING_MAX || bytes > BYTES_WAITING_MAX {
            self.lost = self.lost.saturating_add(1);
            return;
        }
        self.bytes = bytes;
        self.lines.push_back(line.to_vec());
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let line = self.lines.pop_front()?;
        self.bytes = self.bytes.saturating_sub(line.len());
        Some(line)
    }
}

impl Waiting {
    fn next(&mut self) -> Option<Next> {
        // Said before the next line, but not before each: a reader that is too slow would read of little else.
        let lost = Lost { host: self.host.lost, caused: self.caused.lost };
        let is_due = self.lost_said.is_none_or(|said| said.elapsed() >= LOST_SAID_EVERY);
        let nothing_waits = self.host.lines.is_empty() && self.caused.lines.is_empty();
        if lost != Lost::default() && (is_due || nothing_waits) {
            (self.host.lost, self.caused.lost) = (0, 0);
            self.lost_said = Some(Instant::now());
            return Some(Next::Lost(lost));
        }
        let line = self.host.pop().or_else(|| self.caused.pop()).map(Next::Line);
        line.or_else(|| self.ends.then_some(Next::End))
    }
}

impl Queue {
    /// A queue with the thread that writes it to `out`. Goes on when nobody reads that.
    pub(super) fn start(
        format: LogFormat,
        mut out: impl Write + Send + 'static,
    ) -> std::io::Result<(Arc<Self>, Guard)> {
        let queue = Arc::new(Self::default());
        let written = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("pulsing-log".to_owned());
        thread.spawn(move || {
            loop {
                let line = match written.next() {
                    Next::Line(line) => line,
                    Next::Lost(lost) => format.lost(lost).into_bytes(),
                    Next::End => break,
                };
                // Whoever does not read it has no log.
                drop(out.write_all(&line));
            }
            written.lock().has_ended = true;
            written.changed.notify_all();
        })?;
        Ok((Arc::clone(&queue), Guard { queue }))
    }

    /// Adds a line; loses it where too many wait.
    pub(super) fn push(&self, kind: Kind, line: &[u8]) {
        let mut waiting = self.lock();
        match kind {
            Kind::Host => waiting.host.push(line),
            Kind::Caused => waiting.caused.push(line),
        }
        drop(waiting);
        self.changed.notify_all();
    }

    /// Takes all that waits, as nobody writes it.
    #[cfg(test)]
    pub(super) fn take_all(&self) -> Vec<Vec<u8>> {
        let mut waiting = self.lock();
        let Waiting { host, caused, .. } = &mut *waiting;
        host.lines.drain(..).chain(caused.lines.drain(..)).collect()
    }

    fn next(&self) -> Next {
        let mut waiting = self.lock();
        loop {
            if let Some(next) = waiting.next() {
                return next;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        waiting.ends = true;
        self.queue.changed.notify_all();
        let is_writing = |waiting: &mut Waiting| !waiting.has_ended;
        drop(self.queue.changed.wait_timeout_while(waiting, END_MAX, is_writing));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Hands over each line once it is asked for.
    struct Slow {
        go: mpsc::Receiver<()>,
        lines: mpsc::Sender<String>,
    }

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.go.recv().unwrap();
            self.lines.send(String::from_utf8(line.to_vec()).unwrap()).unwrap();
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_hosts_lines_go_first_and_what_is_lost_is_counted_and_said() {
        let (go, asked) = mpsc::channel();
        let (sender, lines) = mpsc::channel();
        let (queue, guard) = Queue::start(LogFormat::Text, Slow { go: asked, lines: sender }).unwrap();
        let next = || {
            go.send(()).unwrap();
            lines.recv().unwrap()
        };
        queue.push(Kind::Caused, b"first\n");
        assert_eq!(next(), "first\n");
        (0..LINES_WAITING_MAX + 7).for_each(|n| queue.push(Kind::Caused, format!("caused {n}\n").as_bytes()));
        queue.push(Kind::Host, b"host\n");
        // The thread may hold one line already, and says what was lost before all others.
        let mut said: Vec<String> = (0..3).map(|_| next()).collect();
        said.retain(|line| line != "caused 0\n");
        assert!(said[0].contains("lines were lost") && said[0].contains("host=0 caused="), "{said:?}");
        let lost: usize = said[0].trim_end().rsplit_once('=').unwrap().1.parse().unwrap();
        assert_eq!(said[1], "host\n");
        let mut kept = said[2..].len() + 4 - said.len();
        kept -= 1;
        while kept + lost < LINES_WAITING_MAX + 7 {
            assert!(next().starts_with("caused "));
            kept += 1;
        }
        (0..4).for_each(|_| go.send(()).unwrap());
        drop(guard);
        assert_eq!(lines.iter().count(), 0, "nothing else comes");
    }

    #[test]
    fn a_line_that_is_too_long_for_what_waits_is_lost() {
        let mut lines = Lines::default();
        lines.push(&vec![0; BYTES_WAITING_MAX]);
        lines.push(b"x");
        assert_eq!((lines.lines.len(), lines.lost), (1, 1));
        lines.pop();
        lines.push(b"x");
        assert_eq!((lines.lines.len(), lines.bytes, lines.lost), (1, 1, 1));
    }
}
