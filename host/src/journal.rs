//! The lines of the log that somebody else than the operator can cause: what guests write, how their lives go, what becomes
//! of messages, which commands clients send.
//!
//! Every such line goes through here, by an [`Account`]: that of its *cause*. An actor has one account for all its lives,
//! for what it writes, for what the host says of it, and for what its messages do to others; all clients together have one.
//! A test of the tree sees to it that no other room writes such lines.
//!
//! Bounded by the account's allowance, in bytes a second: lines over that are left out, counted, and the count is said, by
//! the next line, by [`Journal::say_left_out`] once a second, and when the account goes. What an actor writes leaves a
//! quarter of the allowance to what the host says of it. Nothing here waits: nobody is slowed by the log, or slows others.

mod allowance;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use self::allowance::{Allowance, Share};
use crate::exit::ExitReason;
use crate::id::{ActorId, Generation};
use crate::text::printable;

/// What all clients together may have logged in a second: as much as an actor, if nobody says.
const CLIENTS_MAX_BYTES: usize = 256 << 10;
/// What stands around the texts of a line: its time, level, target, and the names of its fields.
const LINE_OVERHEAD_BYTES: usize = 256;
/// What the span of a request adds to a line: the gateway bounds it to half of this, and JSON has it twice.
const SPAN_BYTES: usize = 1536;
/// How much of a text is logged.
const TEXT_MAX_CHARS: usize = 4096;
/// How much of a name, a method or a reason is logged.
const WORD_MAX_CHARS: usize = 500;

/// Who causes lines in one host's log.
pub(crate) struct Journal {
    clients: Arc<Account>,
    actors: Mutex<Actors>,
}

#[derive(Default)]
struct Actors {
    accounts: BTreeMap<ActorId, Weak<Account>>,
    /// How many there are when those that are gone are looked for.
    prune_at: usize,
}

/// One cause of lines, and what it may still cause.
pub(crate) struct Account {
    cause: Cause,
    allowance: Mutex<Allowance>,
}

/// Who causes lines.
enum Cause {
    /// An actor, by its name as it is shown.
    Actor(String),
    Clients,
}

/// A line.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry<'a> {
    /// What a guest wrote.
    Output { output: Output, text: &'a str },
    /// A life has started.
    Running { generation: Generation },
    /// A life has ended.
    Ended { generation: Generation, exit: &'a ExitReason, next: Next },
    /// An actor's message came to nothing: it was for `actor`.
    DeadLetter { actor: &'a ActorId, method: &'a str, reason: &'a str },
    /// A client that may do so, who is named, sends a request by which an actor is controlled or code is changed.
    Command { who: &'a str, scope: &'a str, verb: &'a str, path: &'a str },
    /// Something that the operator should know of what the actor does, in the host's words.
    Note { text: &'a str },
}

/// Which of a guest's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

/// What follows the end of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another, after a delay.
    Restart(Duration),
    /// None, because of a failure.
    Fail,
    /// None, or one when there is work.
    Rest,
}

impl Default for Journal {
    fn default() -> Self {
        Self { clients: Account::new(Cause::Clients, CLIENTS_MAX_BYTES), actors: Mutex::default() }
    }
}

impl Journal {
    /// Opens the account of an actor: it may have `max_bytes` logged in a second.
    pub(crate) fn open(&self, id: ActorId, max_bytes: usize) -> Arc<Account> {
        /// So many that are gone may be kept in mind.
        const SLACK: usize = 64;
        let account = Account::new(Cause::Actor(shown(&id)), max_bytes);
        let mut actors = self.actors();
        if actors.accounts.len() >= actors.prune_at {
            actors.accounts.retain(|_, account| account.strong_count() > 0);
            actors.prune_at = actors.accounts.len().saturating_mul(2).saturating_add(SLACK);
        }
        actors.accounts.insert(id, Arc::downgrade(&account));
        account
    }

    /// The account of whoever sent a message: an actor, or none. One that is gone has left it to the clients.
    pub(crate) fn of_sender(&self, sender: Option<&ActorId>) -> Arc<Account> {
        let account = sender.and_then(|id| self.actors().accounts.get(id).and_then(Weak::upgrade));
        account.unwrap_or_else(|| Arc::clone(&self.clients))
    }

    /// Says for each cause how many of its lines were left out since that was said last.
    pub(crate) fn say_left_out(&self) {
        let accounts: Vec<_> = self.actors().accounts.values().filter_map(Weak::upgrade).collect();
        accounts.iter().chain([&self.clients]).for_each(|account| account.say_left_out());
    }

    fn actors(&self) -> MutexGuard<'_, Actors> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn new(cause: Cause, max_bytes: usize) -> Arc<Self> {
        let allowance = Mutex::new(Allowance::new(max_bytes, Instant::now()));
        Arc::new(Self { cause, allowance })
    }

    /// Logs a line, unless its cause has no allowance left for it.
    pub(crate) fn write(&self, entry: Entry<'_>) {
        let now = Instant::now();
        match self.take_room(entry, now) {
            Some(line) => {
                let due = self.allowance().due(now);
                self.say(due);
                self.emit(entry, &line);
            }
            None => self.allowance().leave_out(),
        }
    }

    /// The line of an entry, or a shorter one that will do, where there is an allowance for it.
    fn take_room(&self, entry: Entry<'_>, now: Instant) -> Option<Line> {
        let share = entry.share();
        // A flood is not even looked at.
        if !self.allowance().has_room(entry.least_bytes(), share, now) {
            return None;
        }
        let line = Line::of(entry);
        if self.allowance().take(self.cost(&line), share, now) {
            return Some(line);
        }
        let brief = line.brief(entry)?;
        self.allowance().take(self.cost(&brief), share, now).then_some(brief)
    }

    /// Says how many lines were left out, if any were.
    fn say_left_out(&self) {
        let left_out = self.allowance().left_out(Instant::now());
        self.say(left_out);
    }

    fn say(&self, left_out: u64) {
        if left_out == 0 {
            return;
        }
        self.allowance().charge(self.cost(&Line::default()));
        match &self.cause {
            Cause::Actor(actor) => {
                tracing::warn!(actor, left_out, "lines of the log that the actor caused are left out");
            }
            Cause::Clients => tracing::warn!(left_out, "lines of the log that clients caused are left out"),
        }
    }

    /// How many bytes a line takes in the log, at most.
    fn cost(&self, line: &Line) -> usize {
        let name = match &self.cause {
            Cause::Actor(name) => quoted_bytes(name),
            Cause::Clients => 0,
        };
        let span = if tracing::Span::current().is_none() { 0 } else { SPAN_BYTES };
        let texts = line.texts.iter().map(|text| quoted_bytes(text)).fold(0, usize::saturating_add);
        (LINE_OVERHEAD_BYTES + span).saturating_add(name).saturating_add(texts)
    }

    /// What a line would be charged with.
    #[cfg(test)]
    pub(crate) fn charged(&self, entry: Entry<'_>) -> usize {
        self.cost(&Line::of(entry))
    }

    fn emit(&self, entry: Entry<'_>, line: &Line) {
        let Line { texts: [text, more, last] } = line;
        let actor = match &self.cause {
            Cause::Actor(name) => Some(name.as_str()),
            Cause::Clients => None,
        };
        match entry {
            Entry::Output { output: Output::Stdout, .. } => tracing::info!(target: "guest", actor, "{text}"),
            Entry::Output { output: Output::Stderr, .. } => tracing::warn!(target: "guest", actor, "{text}"),
            Entry::Running { generation } => tracing::info!(actor, %generation, "running"),
            Entry::Ended { generation, next, .. } => {
                let (words, backtrace) = (present(more), present(last));
                match next {
                    Next::Restart(after) => {
                        tracing::warn!(actor, %generation, ?after, words, backtrace, "{text}; restarting");
                    }
                    Next::Fail => {
                        tracing::error!(actor, %generation, words, backtrace, "{text}; it is not restarted");
                    }
                    Next::Rest => tracing::info!(actor, %generation, words, "{text}"),
                }
            }
            Entry::DeadLetter { .. } => {
                let (method, reason, to) = (text.as_str(), more.as_str(), last.as_str());
                tracing::warn!(actor = to, from = actor, method, reason, "dead letter");
            }
            Entry::Command { .. } => tracing::info!(actor, who = more.as_str(), scope = %last, "{text}"),
            Entry::Note { .. } => tracing::warn!(actor, "{text}"),
        }
    }

    fn allowance(&self) -> MutexGuard<'_, Allowance> {
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Account {
    /// The last that were left out.
    fn drop(&mut self) {
        self.say_left_out();
    }
}

/// The texts of a line, as they are written: on one line, and escaped.
#[derive(Default)]
struct Line {
    texts: [String; 3],
}

impl Line {
    fn of(entry: Entry<'_>) -> Self {
        let word = |text: &str| printable(text, WORD_MAX_CHARS);
        let none = String::new;
        let texts = match entry {
            Entry::Output { text, .. } => [printable(text, TEXT_MAX_CHARS), none(), none()],
            Entry::Running { .. } => Default::default(),
            Entry::Ended { exit, .. } => {
                let frames = exit.backtrace().unwrap_or_default().replace('\n', "; ");
                let words = word(exit.words().for_operator());
                [word(&exit.in_host_words()), words, printable(&frames, TEXT_MAX_CHARS)]
            }
            Entry::DeadLetter { actor, method, reason } => [word(method), word(reason), shown(actor)],
            Entry::Command { who, scope, verb, path } => {
                [format!("{} {}", word(verb), word(path)), word(who), word(scope)]
            }
            Entry::Note { text } => [word(text), none(), none()],
        };
        Self { texts }
    }
}

impl Line {
    /// The same without what an actor wrote, where that is not what it is about: `inspect` has it.
    fn brief(self, entry: Entry<'_>) -> Option<Self> {
        let Self { texts: [text, _words, _backtrace] } = self;
        match entry {
            Entry::Ended { .. } => Some(Self { texts: [text, String::new(), String::new()] }),
            Entry::Output { .. }
            | Entry::Running { .. }
            | Entry::DeadLetter { .. }
            | Entry::Command { .. }
            | Entry::Note { .. } => None,
        }
    }
}

impl Entry<'_> {
    /// How many bytes it takes at least.
    fn least_bytes(self) -> usize {
        let text = match self {
            Entry::Output { text, .. } => text.len().min(TEXT_MAX_CHARS),
            Entry::Running { .. }
            | Entry::Ended { .. }
            | Entry::DeadLetter { .. }
            | Entry::Command { .. }
            | Entry::Note { .. } => 0,
        };
        LINE_OVERHEAD_BYTES.saturating_add(text)
    }

    /// Which part of the allowance it may use up.
    fn share(self) -> Share {
        match self {
            Entry::Output { .. } | Entry::DeadLetter { .. } => Share::ThreeQuarters,
            Entry::Running { .. } | Entry::Ended { .. } | Entry::Command { .. } | Entry::Note { .. } => {
                Share::Whole
            }
        }
    }
}

/// A name as it stands in the log.
fn shown(id: &ActorId) -> String {
    printable(id.as_str(), WORD_MAX_CHARS)
}

/// A field that is left out where it is empty.
fn present(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// How many bytes a text takes in quotes.
fn quoted_bytes(text: &str) -> usize {
    let escaped = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    text.len().saturating_add(escaped)
}
