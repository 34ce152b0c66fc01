//! The ceilings of one actor, and of a host. All can be set, none is infinite.

pub(crate) mod written;

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

/// What happens to a message that comes while the mailbox is full, or while its sender has its share of the mailbox: three
/// quarters, where the sender is alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// Its sender waits for room. Whoever has fewest messages in the mailbox gets it first; of several, whoever came first.
    #[default]
    Wait,
    /// Its sender gets `mailbox-full` at once.
    Reject,
    /// Of its sender's messages, the one that waits longest gives way, and fails with `mailbox-full`. Where the sender has none,
    /// it is the one that waits longest of all; where none is among the 64 that wait longest, the new message.
    DropOldest,
    /// The new message is dropped: an ask gets `mailbox-full`, a tell is taken as sent.
    DropNewest,
}

/// The ceilings of one actor.
///
/// The defaults suit a service of short messages on one machine. In a configuration file times are texts such
/// as `"1s"` or `"5min"`, or numbers of seconds, sizes such as `"256MiB"`, or numbers of bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How many messages wait in the mailbox.
    pub mailbox_messages: NonZeroUsize,
    /// What happens when the mailbox is full.
    pub overflow: Overflow,
    /// How many handlers of an overlapping actor run at once; a serial actor runs one.
    pub max_in_flight: NonZeroUsize,
    /// How many streams the actor keeps open at once.
    pub open_streams: NonZeroUsize,
    /// How many exchanges of HTTP the actor has open at once.
    pub http_requests: NonZeroUsize,
    /// How many files and folders all lives of the actor have open at once, beside the granted folders themselves.
    pub open_files: NonZeroUsize,
    /// The most bytes that all lives of the actor write to granted folders, together with those by which they make files
    /// longer, and 4 KiB for each file, folder and link that they make. Deleting gives nothing back.
    pub disk_max: ByteSize,
    /// The most bytes of the arguments of a message, of an answer, and of an item of a stream.
    #[serde(deserialize_with = "written::de_some_size")]
    pub message_max: ByteSize,
    /// The most bytes of one life: of all its linear memories and tables, and of what the host keeps for its instances and for
    /// what it waits for.
    #[serde(deserialize_with = "written::de_some_size")]
    pub memory_max: ByteSize,
    /// The most bytes that the host keeps for the actor beside its memory: of messages that the gateway reads, of those
    /// in its mailbox and in flight, of items of its streams that wait, and of its own messages and requests on their
    /// way; each of the four by itself.
    pub kept_max: ByteSize,
    /// How much the actor may have logged in a second, over all its lives: what it writes, and what the host has to say
    /// because of it. Lines over that are left out, and counted.
    pub log_max: ByteSize,
    /// How many items of a stream wait for its reader.
    pub stream_buffer: NonZeroU32,
    /// After how long without a draw by its reader a stream is ended.
    #[serde(deserialize_with = "written::de_some_time")]
    pub stream_idle: Duration,
    /// How long an ask waits that names no timeout.
    #[serde(deserialize_with = "written::de_some_time")]
    pub ask_timeout: Duration,
    /// How long a handler has to return after it was told to stop, before its actor's life is ended.
    #[serde(deserialize_with = "written::de_time")]
    pub grace: Duration,
    /// How long a life has to become ready: instantiation, `describe` and `start` together.
    #[serde(deserialize_with = "written::de_some_time")]
    pub start_timeout: Duration,
    /// How long a stop takes at most: what is in the mailbox, what is in flight and `stop` together.
    #[serde(deserialize_with = "written::de_time")]
    pub stop_timeout: Duration,
    /// After how long without anything to do an actor that lets that happen gives up its instance, and its memory with
    /// it, until the next message; never, where it is none.
    #[serde(deserialize_with = "written::de_maybe_time")]
    pub passivate_after: Option<Duration>,
    /// How long a life computes without waiting or ending a piece of work, before it is ended.
    #[serde(deserialize_with = "written::de_some_time")]
    pub handler_max_cpu: Duration,
    /// How many dead letters are kept, the newest.
    pub dead_letters: usize,
    /// How many answers are kept by idempotency key; 0 for none.
    pub reply_cache: usize,
    /// How long they are kept.
    #[serde(deserialize_with = "written::de_time")]
    pub reply_cache_age: Duration,
    /// How many bytes they take together.
    pub reply_cache_max: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        const fn count(n: usize) -> NonZeroUsize {
            NonZeroUsize::new(n).expect("counts here are not zero")
        }
        Self {
            mailbox_messages: count(256),
            overflow: Overflow::Wait,
            max_in_flight: count(1024),
            open_streams: count(1024),
            http_requests: count(256),
            open_files: count(128),
            disk_max: ByteSize::gib(16),
            message_max: ByteSize::mib(4),
            memory_max: ByteSize::mib(256),
            kept_max: ByteSize::mib(64),
            log_max: ByteSize::kib(256),
            stream_buffer: const { NonZeroU32::new(32).expect("32 is not zero") },
            stream_idle: Duration::from_secs(5 * 60),
            ask_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(1),
            start_timeout: Duration::from_secs(10),
            stop_timeout: Duration::from_secs(30),
            passivate_after: None,
            handler_max_cpu: Duration::from_secs(30),
            dead_letters: 100,
            reply_cache: 0,
            reply_cache_age: Duration::from_secs(5 * 60),
            reply_cache_max: ByteSize::mib(16),
        }
    }
}

impl Limits {
    /// [`Self::message_max`] as a length.
    #[must_use]
    pub fn message_max_bytes(&self) -> usize {
        usize::try_from(self.message_max.as_u64()).unwrap_or(usize::MAX)
    }

    /// [`Self::kept_max`] as a length; room for one message at least.
    #[must_use]
    pub fn kept_max_bytes(&self) -> usize {
        /// What stands around a message, and more.
        const OVERHEAD_BYTES: usize = 4096;
        let wanted = usize::try_from(self.kept_max.as_u64()).unwrap_or(usize::MAX);
        wanted.max(self.message_max_bytes().saturating_add(OVERHEAD_BYTES))
    }

    /// [`Self::log_max`] as a length.
    #[must_use]
    pub(crate) fn log_max_bytes(&self) -> usize {
        usize::try_from(self.log_max.as_u64()).unwrap_or(usize::MAX)
    }

    /// [`Self::memory_max`] as a length.
    #[must_use]
    pub fn memory_max_bytes(&self) -> usize {
        usize::try_from(self.memory_max.as_u64()).unwrap_or(usize::MAX)
    }

    /// [`Self::disk_max`] as a length.
    #[must_use]
    pub(crate) fn disk_max_bytes(&self) -> usize {
        usize::try_from(self.disk_max.as_u64()).unwrap_or(usize::MAX)
    }
}

/// The ceilings of a host, for all its actors together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostLimits {
    /// The most bytes that all lives have together, each counted as for its own `memory_max`; none for three quarters of what the
    /// machine, or the container, has.
    #[serde(deserialize_with = "written::de_maybe_some_size")]
    pub memory_max: Option<ByteSize>,
    /// How many actors there are; none for 10,000. One that has ended gives way to a new one.
    pub actors: Option<NonZeroUsize>,
    /// How many files and folders all actors have open at once; none for half of what the process may have.
    pub open_files: Option<NonZeroUsize>,
    /// The most bytes that compiling a component takes; none for 2 GiB. Where the host has a compiler.
    #[serde(deserialize_with = "written::de_maybe_some_size")]
    pub compile_memory_max: Option<ByteSize>,
    /// How long compiling a component takes at most, and how long it computes; none for 10 minutes. Where the host has a
    /// compiler.
    #[serde(deserialize_with = "written::de_maybe_some_time")]
    pub compile_time_max: Option<Duration>,
}

/// What the compiler may take for one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// The most bytes that it can write to.
    pub memory_max: ByteSize,
    /// How long it takes, and how long it computes on all processors together.
    pub time_max: Duration,
}

impl HostLimits {
    /// [`Self::memory_max`] as a length.
    ///
    /// # Blocking
    ///
    /// Asks the system where nothing is set.
    #[must_use]
    pub fn memory_max_bytes(&self) -> usize {
        let bytes = self.memory_max.map_or_else(memory_default_bytes, |max| max.as_u64());
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// [`Self::actors`] as a number.
    #[must_use]
    pub fn actors_max(&self) -> usize {
        const DEFAULT: usize = 10_000;
        self.actors.map_or(DEFAULT, NonZeroUsize::get)
    }

    /// [`Self::open_files`] as a number. The rest is for connections, and for the host itself.
    ///
    /// # Blocking
    ///
    /// Asks the system where nothing is set.
    #[must_use]
    pub fn open_files_max(&self) -> usize {
        self.open_files.map_or_else(open_files_default, NonZeroUsize::get)
    }

    /// What the compiler may take for one component. The largest that guest tools make today takes 0.4 GiB, and computes
    /// for 20 s.
    #[must_use]
    pub fn compile(&self) -> CompileLimits {
        const MEMORY_DEFAULT: ByteSize = ByteSize::gib(2);
        const TIME_DEFAULT: Duration = Duration::from_secs(10 * 60);
        CompileLimits {
            memory_max: self.compile_memory_max.unwrap_or(MEMORY_DEFAULT),
            time_max: self.compile_time_max.unwrap_or(TIME_DEFAULT),
        }
    }
}

/// The rest is for the host itself: compiled code, mailboxes, and what the system needs.
fn memory_default_bytes() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let total = system.cgroup_limits().map_or(system.total_memory(), |container| container.total_memory);
    total / 4 * 3
}

fn open_files_default() -> usize {
    let of_process = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    of_process.map_or(usize::MAX, |files| usize::try_from(files / 2).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_nobody_set_limits_for_has_some() {
        let max = HostLimits::default().memory_max_bytes();
        assert!((1 << 20..usize::MAX / 2).contains(&max), "{max}");
        let files = HostLimits::default().open_files_max();
        assert!((1..usize::MAX).contains(&files), "{files}");
        let set = HostLimits {
            open_files: NonZeroUsize::new(7),
            memory_max: Some(ByteSize::mib(1)),
            actors: NonZeroUsize::new(3),
            compile_memory_max: Some(ByteSize::mib(64)),
            compile_time_max: Some(Duration::from_secs(5)),
        };
        assert_eq!((set.memory_max_bytes(), set.actors_max(), set.open_files_max()), (1 << 20, 3, 7));
        let (compile, default) = (set.compile(), HostLimits::default().compile());
        assert_eq!((compile.memory_max, compile.time_max), (ByteSize::mib(64), Duration::from_secs(5)));
        assert_eq!((default.memory_max, default.time_max), (ByteSize::gib(2), Duration::from_secs(600)));
    }
}
